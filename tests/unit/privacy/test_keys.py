"""The key file: made once, for its owner alone, and never guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from medcli.errors import SetupError
from medcli.privacy import keys


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = keys.make(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.make(path) == keys.read(path) == key
    assert [one.name for one in tmp_path.iterdir()] == ["key"]
    assert keys.make(tmp_path / "other") != key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    keys.make(path)
    path.chmod(mode)
    with pytest.raises(SetupError, match="Others") as error:
        keys.read(path)
    assert "chmod 600" in error.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"medcli key 1\n", b"medcli key 1\nabc\n", b"medcli key 2\n" + b"0" * 64, b"\xff" * 80, b"0" * 64],
)
def test_a_damaged_key_is_an_error_that_does_not_quote_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SetupError, match="damaged") as error:
        keys.make(path)
    assert "000" not in f"{error.value}{error.value.hint}"
    assert path.read_bytes() == content


def test_a_missing_key_and_a_missing_folder_are_set_up_errors(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not exist"):
        keys.read(tmp_path / "key")
    with pytest.raises(SetupError, match="can't be written"):
        keys.make(tmp_path / "no" / "key")


def test_the_check_tells_keys_apart_and_is_no_part_of_them(tmp_path: Path) -> None:
    key = keys.make(tmp_path / "key")
    assert keys.check_of(key) == keys.check_of(key) != keys.check_of(bytes(32))
    assert keys.check_of(key) not in key.hex()

"""Spec fields, fingerprints, medcli.toml and secrets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from medcli import settings
from medcli.errors import SetupError, UsageError
from medcli.settings import option


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Spec:
    source: Path = option("Where from.", positional=True)
    retain: frozenset[str] = option("What to keep.", default=frozenset({"b", "a"}))
    shift: tuple[int, int] = option("Days.", default=(-5, 5))
    colour: Colour = option("Which.", default=Colour.RED)
    workers: int = option("How many.", default=1, shapes_product=False)
    note: str = "not an option"


def test_a_fingerprint_is_plain_sorted_and_leaves_out_how_a_run_is_driven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.fingerprint(Spec(Path("x"))) == {
        "source": str(tmp_path / "x"),
        "retain": ["a", "b"],
        "shift": [-5, 5],
        "colour": "red",
    }
    assert settings.fingerprint(Spec(Path("x"), workers=7)) == settings.fingerprint(Spec(tmp_path / "x"))
    assert list(settings.options_of(Spec)) == ["source", "retain", "shift", "colour", "workers"]


def test_a_field_without_a_default_is_required() -> None:
    with pytest.raises(TypeError):
        Spec()  # type: ignore[call-arg]


def test_medcli_toml_is_read_from_the_folder_or_from_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.load(tmp_path) == {}
    (tmp_path / "medcli.toml").write_text('[scrub]\ndate-shift = "1..2"\nretain = ["uids"]\n')
    assert settings.load(tmp_path) == {"scrub": {"date_shift": "1..2", "retain": ["uids"]}}
    other = tmp_path / "other.toml"
    other.write_text("[scrub]\nworkers = 3\n")
    monkeypatch.setenv("MEDCLI_CONFIG", str(other))
    assert settings.load(tmp_path) == {"scrub": {"workers": 3}}
    other.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        settings.load(tmp_path)


@pytest.mark.parametrize("text", ["workers = 3", "[scrub", "[scrub]\nx = 'M\\xfcller'\ny = \xff"])
def test_a_wrong_medcli_toml_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "medcli.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="settings file"):
        settings.load(tmp_path)


def test_secrets_come_from_the_environment_or_a_file_and_do_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match="No MEDCLI_API_KEY is set, and the endpoint needs it"):
        settings.secret("MEDCLI_API_KEY", "the endpoint")
    monkeypatch.setenv("MEDCLI_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SetupError, match="cannot be read"):
        settings.secret("MEDCLI_API_KEY", "the endpoint")
    (tmp_path / "key").write_text("sesame\n")
    assert settings.secret("MEDCLI_API_KEY", "the endpoint").reveal() == "sesame"
    monkeypatch.setenv("MEDCLI_API_KEY", "hunter2")
    secret = settings.secret("MEDCLI_API_KEY", "the endpoint")
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in f"{secret} {secret!r} {secret!s} {secret:>20} {[secret]}"

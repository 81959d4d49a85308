"""Whole or not at all, safe names, private folders."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli import files
from medcli.errors import InputError


def test_an_atomic_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "product"
    files.write(path, "first ü")
    with pytest.raises(TypeError), files.atomic(path) as stream:
        stream.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_text(encoding="utf-8") == "first ü"
    with files.atomic(path, sync=False) as stream:
        stream.write(b"second")
        assert path.read_bytes() != b"second"
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["product"]


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "a", b"")
        files.write(tmp_path / "b", b"", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(records=st.lists(json_values.filter(lambda value: value is not None)))
def test_json_lines_come_back_as_they_went(tmp_path_factory: pytest.TempPathFactory, records: list) -> None:
    path = tmp_path_factory.getbasetemp() / "records.jsonl"
    assert files.write_jsonl(path, records) == len(records)
    assert list(files.read_jsonl(path)) == records
    assert path.read_bytes().count(b"\n") == len(records)


def test_a_line_that_is_not_json_is_named_by_its_number_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"a": 1}\n\nM\xfcller\n')
    with pytest.raises(InputError, match="Line 3 ") as wrong:
        list(files.read_jsonl(path))
    assert "ller" not in wrong.value.message


def test_a_hash_is_the_same_of_bytes_and_of_a_file(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(content)
    assert (
        files.content_hash(tmp_path / "a")
        == files.content_hash(content)
        == hashlib.sha256(content).hexdigest()
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a\\..\\..\\x",
        "C:\\x",
        "c:x",
        "\\\\server\\share",
        "a\0b",
    ],
)
def test_names_that_lead_out_are_refused_unquoted(name: str) -> None:
    with pytest.raises(InputError) as refused:
        files.safe_relative(name)
    assert refused.value.message == "A file name leads outside its folder."


@given(st.text(max_size=20))
def test_a_safe_name_stays_inside(name: str) -> None:
    try:
        path = files.safe_relative(name)
    except InputError:
        return
    assert os.path.normpath(f"/inbox/{path}").startswith("/inbox/")


def test_private_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = files.private_folder(tmp_path / "a" / "b")
        (tmp_path / "open").mkdir(mode=0o755)
        files.private_folder(tmp_path / "open")
        (tmp_path / "loose").write_bytes(b"old")
        with files.open_private(folder / "key") as stream, files.open_private(tmp_path / "loose") as loose:
            stream.write(b"k")
            loose.write(b"new")
        with files.open_private(folder / "key", append=True) as stream:
            stream.write(b"ey")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (folder / "key", tmp_path / "loose")} == {0o600}
    assert ((folder / "key").read_bytes(), (tmp_path / "loose").read_bytes()) == (b"key", b"new")


def test_syncing_a_file_system_works_here(tmp_path: Path) -> None:
    files.sync_filesystem(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.sync_filesystem(tmp_path / "none")


@pytest.mark.parametrize(
    ("path", "network"),
    [
        ("/data/x", False),
        ("/data/share/x", True),
        ("/data/sharex", False),
        ("/data/share/disk/x", False),
        ("/data/my share/x", True),
        ("/data/ssh/x", True),
    ],
)
def test_network_file_systems_are_told_by_the_nearest_mount(
    path: str, network: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = (
        "/dev/vda / ext4 rw 0 0\nserver:/ /data/share nfs4 rw 0 0\n/dev/vdb /data/share/disk xfs rw 0 0\n"
        "//nas/x /data/my\\040share cifs rw 0 0\nhost: /data/ssh fuse.sshfs rw 0 0\nodd\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    assert files.is_network(Path(path)) is network


def test_without_a_table_of_mounts_a_disk_counts_as_local(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert files.is_network(Path("/x")) is False

"""What is found in sources, in which order, and what is left alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from medcli.errors import InputError
from medcli.privacy import sources
from medcli.privacy.sources import Found, Sources, Unusable, item_key, open_file, read_file

KEY = bytes(32)


def found(*paths: Path) -> list[tuple[str, str]]:
    return [(one.path, one.refused) for one in Sources(paths)]


def keys(*paths: Path) -> list[str]:
    held = Sources(paths)
    return [item_key(KEY, held.roots[one.root], one) for one in held]


def test_files_come_depth_first_in_the_order_of_names_whatever_they_are_called(tmp_path: Path) -> None:
    for name in ("b/2", "b/1.dcm", "a", "c.DICOM", "b/a/x", ".hidden", "b b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    names = [name for name, _ in found(tmp_path)]
    assert names == [".hidden", "a", "b/1.dcm", "b/2", "b/a/x", "b b", "c.DICOM"]


def test_links_and_special_files_are_named_and_not_opened(tmp_path: Path) -> None:
    inbox, outside = tmp_path / "inbox", tmp_path / "outside"
    inbox.mkdir()
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (inbox / "folder").symlink_to(outside)
    (inbox / "file").symlink_to(outside / "secret")
    (inbox / "loop").symlink_to(inbox)
    os.mkfifo(inbox / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(inbox / "socket"))
    listening.close()
    assert found(inbox) == [
        ("file", "symlink"),
        ("folder", "symlink"),
        ("loop", "symlink"),
        ("pipe", "special-file"),
        ("socket", "special-file"),
    ]


def test_a_link_that_the_user_names_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "one").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "link") == [("one", "")]


def test_a_folder_without_rights_is_one_refused_thing_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1", "b/2"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    real = os.scandir

    def guarded(path: str) -> object:
        if path.endswith("/a"):
            raise PermissionError(13, "denied", "Quittenbaum")
        return real(path)

    monkeypatch.setattr(sources.os, "scandir", guarded)
    assert found(tmp_path) == [("a", "unreadable"), ("b/2", "")]


def test_a_file_that_disappears_while_the_folder_is_read_has_a_reason(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).write_bytes(b"x")
    walk = iter(Sources((tmp_path,)))
    assert next(walk).path == "1"
    (tmp_path / "2").unlink()
    assert next(walk).refused == "disappeared"


def test_names_that_are_not_utf8_are_kept_to_the_byte(tmp_path: Path) -> None:
    name = os.fsdecode(b"M\xfcller")
    (tmp_path / name).write_bytes(b"x")
    assert found(tmp_path) == [(name, "")]
    assert len(keys(tmp_path)) == 1


def test_a_missing_and_a_closed_source_are_input_errors_that_name_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="Source 2 does not exist") as error:
        Sources((tmp_path, tmp_path / "Quittenbaum"))
    assert "Quittenbaum" not in f"{error.value}{error.value.hint}"
    monkeypatch.setattr(
        sources.os, "scandir", lambda path: (_ for _ in ()).throw(PermissionError(13, "denied", path))
    )
    with pytest.raises(InputError, match="Permission denied"):
        Sources((tmp_path,))


def test_keys_depend_on_path_size_and_time(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name in ("1", "2"):
        (inbox / name).write_bytes(b"x")
        os.utime(inbox / name, ns=(1, 1))
    before = keys(inbox)
    assert len(set(before)) == 2
    assert keys(inbox) == keys(inbox / "1") + keys(inbox / "2") == before
    os.utime(inbox / "1", ns=(2, 2))
    assert [old == new for old, new in zip(before, keys(inbox), strict=True)] == [False, True]
    (inbox / "2").write_bytes(b"xy")
    os.utime(inbox / "2", ns=(1, 1))
    assert not set(keys(inbox)) & set(before)


def test_sources_of_one_name_do_not_mix_together_or_apart(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "inbox").mkdir(parents=True)
        (tmp_path / parent / "inbox" / "1").write_bytes(b"x")
        os.utime(tmp_path / parent / "inbox" / "1", ns=(1, 1))
    both = keys(tmp_path / "a" / "inbox", tmp_path / "b" / "inbox")
    assert len(set(both)) == 2
    assert both == keys(tmp_path / "a" / "inbox") + keys(tmp_path / "b" / "inbox")


def test_many_files_are_found_in_flat_memory(tmp_path: Path) -> None:
    import tracemalloc

    for folder in range(20):
        (tmp_path / str(folder)).mkdir()
        for name in range(100):
            (tmp_path / str(folder) / str(name)).touch()
    tracemalloc.start()
    assert sum(1 for _ in Sources((tmp_path,))) == 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_a_file_that_changed_since_it_was_found_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    seen = next(iter(Sources((tmp_path,))))
    for content in (b"12345", b"123"):
        path.write_bytes(content)
        with pytest.raises(Unusable) as problem:
            _read(path, seen)
        assert problem.value.reason == "changed"
    path.write_bytes(b"4321")
    os.utime(path, ns=(5, 5))
    with pytest.raises(Unusable, match="changed"):
        _read(path, seen)
    os.utime(path, ns=(seen.mtime, seen.mtime))
    assert _read(path, seen) == b"4321"


def test_a_pipe_or_a_link_in_a_files_place_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/hostname")
    for name, reason in (("pipe", "changed"), ("link", "changed"), ("nothing", "disappeared")):
        with pytest.raises(Unusable, match=reason):
            open_file(str(tmp_path / name))


def _read(path: Path, seen: Found) -> bytes:
    descriptor = open_file(str(path))
    try:
        return read_file(descriptor, seen)
    finally:
        os.close(descriptor)

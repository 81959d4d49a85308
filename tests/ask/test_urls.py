"""Pictures in a store: the answers of a run on a folder, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import medcli
from medcli import storage
from medcli.models import registry
from tests.ask.inputs import mixed

_BACKENDS = dict(registry.BACKENDS)
from tests.ask import fake  # noqa: E402 - it puts itself into the table, where other tests of this process look

registry.BACKENDS.update(_BACKENDS)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def ask(folder: Path, images: object, output: str) -> int:
    return medcli.ask(
        questions=folder / "questions.jsonl", images=images, output=folder / output, model="m", load=fake.load
    ).exit_code  # type: ignore[operator]


def test_pictures_come_from_a_store(
    tmp_path: Path, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    mixed(tmp_path, 40, 6)
    (tmp_path / "images" / "3.png").unlink()
    for path in (tmp_path / "images").iterdir():
        memory.pipe_file(f"/bucket/images/{path.name}", path.read_bytes())
    assert ask(tmp_path, tmp_path / "images", "a.jsonl") == 5
    assert ask(tmp_path, "memory://bucket/images", "b.jsonl") == 5
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert b"image-missing" in (tmp_path / "b.jsonl").read_bytes()
    assert not (tmp_path / "b.jsonl.run" / "pictures").exists()
    with pytest.raises(medcli_error(), match="nothing at the URL"):
        ask(tmp_path, "memory://bucket/nowhere", "c.jsonl")


def medcli_error() -> type[Exception]:
    from medcli.errors import InputError

    return InputError


def test_a_store_that_fails_fails_rows_that_can_be_asked_again(
    tmp_path: Path, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    mixed(tmp_path, 10, 2)
    for path in (tmp_path / "images").iterdir():
        memory.pipe_file(f"/bucket/images/{path.name}", path.read_bytes())

    def broken(*_: object) -> None:
        raise storage.Unreachable("The store does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "borrowed", broken)
        assert ask(tmp_path, "memory://bucket/images", "a.jsonl") == 5
    assert b"images-unreachable" in (tmp_path / "a.jsonl").read_bytes()
    again = medcli.ask(
        questions=tmp_path / "questions.jsonl", images="memory://bucket/images", output=tmp_path / "a.jsonl",
        model="m", load=fake.load, retry_failed=True,
    )  # fmt: skip
    assert again.exit_code == 0

"""``medcli download`` into a store: the files and manifests of a download into a folder, and none left here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from medcli import storage
from medcli.errors import SetupError, UsageError
from tests.cli.test_scrub import run
from tests.data.bucket import Bucket, jpeg, serving
from tests.data.test_articles import put
from tests.data.test_images import llava


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        for pmcid in range(1, 5):
            found.article(pmcid, {1: {f"f{n}.jpg": jpeg(10 * pmcid + n) for n in range(2)}})
        yield found


def told(content: bytes) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in content.splitlines()]
    return [{name: value for name, value in line.items() if name != "time"} for line in found]


def images(folder: Path, bucket: Bucket, *more: object) -> tuple[int, str, str]:
    rows = [llava(pmcid, f"f{n}.jpg", f"fig-{pmcid}-{n}") for pmcid in range(1, 6) for n in range(2)]
    (folder / "list.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    options = ("--base-url", f"bucket={bucket.url}", "--timeout", "5")
    return run("download", "images", folder / "list.jsonl", *options, *map(str, more))


def test_figures_go_into_a_store(tmp_path: Path, bucket: Bucket, memory: fsspec.AbstractFileSystem) -> None:
    assert images(tmp_path, bucket, "--output", tmp_path / "out")[0] == 0
    code, _, err = images(tmp_path, bucket, "--output", "memory://b/pmc", "--state", tmp_path / "state")
    assert code == 0, err
    here = {path.name: path.read_bytes() for path in (tmp_path / "out" / "images").iterdir()}
    assert {name.rpartition("/")[2]: memory.cat_file(name) for name in memory.find("/b/pmc/images")} == here
    assert len(here) == 8
    for name in ("manifest.jsonl", "missing.jsonl"):
        assert told(memory.cat_file(f"/b/pmc/{name}")) == told((tmp_path / "out" / name).read_bytes())
    assert not list((tmp_path / "state" / "outgoing" / "images").iterdir())
    bucket.log.clear()
    assert images(tmp_path, bucket, "--output", "memory://b/pmc", "--state", tmp_path / "state")[0] == 0
    assert bucket.log == []


def test_shards_go_into_one_store_and_their_manifest_is_merged(
    tmp_path: Path, bucket: Bucket, memory: fsspec.AbstractFileSystem
) -> None:
    assert images(tmp_path, bucket, "--output", tmp_path / "out")[0] == 0
    for number in range(2):
        state = ("--output", "memory://b/pmc", "--state", tmp_path / f"s{number}", "--shard", f"{number}/2")
        assert images(tmp_path, bucket, *state)[0] == 0
    bucket.log.clear()
    states = (tmp_path / "s0", tmp_path / "s1")
    code, _, err = run("merge", *states, "--output", tmp_path / "elsewhere")
    assert code == 2
    assert "into a store are merged there" in err
    code, _, err = run("merge", *states, "--output", "memory://b/pmc", "--state", tmp_path / "all")
    assert code == 0, err
    assert bucket.log == []
    for name in ("manifest.jsonl", "missing.jsonl"):
        assert told(memory.cat_file(f"/b/pmc/{name}")) == told((tmp_path / "out" / name).read_bytes())


def test_articles_go_into_a_store(tmp_path: Path, bucket: Bucket, memory: fsspec.AbstractFileSystem) -> None:
    put(bucket, 1)
    (tmp_path / "numbers").write_text("PMC1\n")
    options = ("--pmcids", tmp_path / "numbers", "--base-url", f"bucket={bucket.url}", "--timeout", "5")
    assert run("download", "articles", *options, "--output", tmp_path / "out")[0] == 0
    more = ("--output", "memory://b/pmc", "--state", tmp_path / "state")
    code, _, err = run("download", "articles", *options, *more)
    assert code == 0, err
    for path in (
        one for one in (tmp_path / "out").rglob("*") if one.is_file() and ".medcli" not in one.parts
    ):
        name = f"/b/pmc/{path.relative_to(tmp_path / 'out')}"
        got = memory.cat_file(name)
        assert told(got) == told(path.read_bytes()) if path.suffix == ".jsonl" else got == path.read_bytes()


def test_a_store_that_takes_nothing_stops_the_run(
    tmp_path: Path, bucket: Bucket, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise storage.Unreachable("The store does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "put", broken)
        code, _, err = images(tmp_path, bucket, "--output", "memory://b/pmc", "--state", tmp_path / "state")
    assert code in (3, 5), err
    assert (
        images(
            tmp_path, bucket, "--output", "memory://b/pmc", "--state", tmp_path / "state", "--retry-failed"
        )[0]
        == 0
    )
    assert len(memory.find("/b/pmc/images")) == 8
    assert issubclass(storage.Unreachable, SetupError)


def test_what_a_store_does_not_go_with(tmp_path: Path, bucket: Bucket) -> None:
    assert "needs --state" in images(tmp_path, bucket, "--output", "memory://b/pmc")[2]
    more = ("--output", "memory://b/pmc", "--state", tmp_path / "s", "--export", "parquet")
    assert "--export needs" in images(tmp_path, bucket, *more)[2]
    assert "not a URL" in run("download", "dataset", "vqa-rad", "--output", "s3://b/x")[2]
    from medcli import download

    with pytest.raises(UsageError, match="prepared on this machine"):
        download("dataset", "vqa-rad", output="s3://b/x")

"""``medcli download --shard`` and ``medcli merge``: one download, and no request for what a shard has fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.data.articles.job import download_articles
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from tests.cli.test_scrub import run
from tests.data.bucket import Bucket, jpeg, serving
from tests.data.test_articles import put
from tests.data.test_images import llava


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        for pmcid in range(1, 8):
            found.article(pmcid, {1: {f"f{n}.jpg": jpeg(10 * pmcid + n) for n in range(3)}})
        yield found


def rows() -> list[dict[str, str]]:
    known = [llava(pmcid, f"f{n}.jpg", f"fig-{pmcid}-{n}") for pmcid in range(1, 8) for n in range(3)]
    return [*known, llava(9, "f.jpg", "gone"), {"id": "nothing"}, llava(2, "f1.jpg", "../out")]


def fetch(folder: Path, bucket: Bucket, name: str, **options: Any) -> int:
    path = folder / "list.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows()))
    options = {"timeout": 5.0, "base_url": (f"bucket={bucket.url}",)} | options
    return download_images(ImagesSpec(path, folder / name, **options)).exit_code


def told(folder: Path) -> dict[str, list[Any]]:
    """Manifests without the time of day, and the pictures' bytes."""

    def lines(path: Path) -> list[Any]:
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [{name: value for name, value in line.items() if name != "time"} for line in found]

    found = {path.name: lines(path) for path in sorted(folder.glob("*.jsonl"))}
    return found | {
        kind: [(path.name, path.read_bytes()) for path in sorted((folder / kind).iterdir())]
        for kind in ("images", "articles")
        if (folder / kind).exists()
    }


def test_shards_of_images_merge_to_one_download(tmp_path: Path, bucket: Bucket) -> None:
    assert fetch(tmp_path, bucket, "whole") == 5
    once = len(bucket.log)
    bucket.log.clear()
    for number in range(3):
        assert fetch(tmp_path, bucket, f"part{number}", shard=(number, 3)) in (0, 5)
    assert len(bucket.log) <= once + 3  # no article is asked for by two
    bucket.log.clear()
    parts = [tmp_path / f"part{number}" for number in (1, 2, 0)]
    code, _, err = run("merge", *parts, "--output", tmp_path / "all")
    assert code == 5, err
    assert told(tmp_path / "all") == told(tmp_path / "whole")
    assert len(told(tmp_path / "all")["images"]) == 21
    # neither a second merge nor the undivided command asks for anything that has its outcome
    assert run("merge", *parts, "--output", tmp_path / "all")[0] == 5
    assert fetch(tmp_path, bucket, "all") == 5
    assert bucket.log == []


def test_what_failed_in_a_shard_can_be_done_again_there(tmp_path: Path, bucket: Bucket) -> None:
    key = "PMC3.1/f0.jpg"
    kept = bucket.objects.pop(key)
    bucket.objects[key] = kept[:-1] + bytes([kept[-1] ^ 1])
    for number in range(2):
        fetch(tmp_path, bucket, f"part{number}", shard=(number, 2))
    parts = [tmp_path / "part0", tmp_path / "part1"]
    run("merge", *parts, "--output", tmp_path / "all")
    before = len(told(tmp_path / "all")["images"])
    bucket.objects[key] = kept
    for number in range(2):
        fetch(tmp_path, bucket, f"part{number}", shard=(number, 2), retry_failed=True)
    bucket.log.clear()
    run("merge", *parts, "--output", tmp_path / "all")
    assert len(told(tmp_path / "all")["images"]) == before + 1 == 21
    assert bucket.log == []


def test_merges_of_downloads_that_cannot_be_meant(tmp_path: Path, bucket: Bucket) -> None:
    for number in range(2):
        fetch(tmp_path, bucket, f"part{number}", shard=(number, 2))
    zero, one = tmp_path / "part0", tmp_path / "part1"

    def refused(*runs: Path, more: tuple[str, ...] = ()) -> str:
        code, _, err = run("merge", *runs, "--output", tmp_path / "all", *more)
        assert code in (2, 4), err
        return err

    assert "missing: 0/2" in refused(one)
    assert "Shard 0/2 stands twice" in refused(zero, zero)
    assert "--workers says nothing" in refused(zero, one, more=("--workers", "2"))
    fetch(tmp_path, bucket, "other", shard=(1, 2), license="commercial")
    assert "differ in: license" in refused(zero, tmp_path / "other")
    fetch(tmp_path, bucket, "shorter", shard=(1, 2), limit=3)
    assert "differ in: plan" in refused(zero, tmp_path / "shorter")
    next((one / "images").iterdir()).unlink()
    assert "Shard 1/2 has lost a file" in refused(zero, one)


def test_shards_of_articles_merge_to_one_download(tmp_path: Path, bucket: Bucket) -> None:
    for pmcid in (1, 2, 3, 5, 7):
        put(bucket, pmcid)
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("".join(f"PMC{number}\n" for number in (5, 3, 1, 2, 7, 99)))

    def fetch(name: str, **options: Any) -> int:
        wish = ArticlesSpec(
            tmp_path / name, numbers, base_url=(f"bucket={bucket.url}",), timeout=5.0, **options
        )
        return download_articles(wish).exit_code

    assert fetch("whole") == 0
    for number in range(2):
        assert fetch(f"part{number}", shard=(number, 2)) == 0
    bucket.log.clear()
    code, _, err = run("merge", tmp_path / "part0", tmp_path / "part1", "--output", tmp_path / "all")
    assert code == 0, err
    assert told(tmp_path / "all") == told(tmp_path / "whole")
    assert bucket.log == []
    with pytest.raises(Exception, match="not dealt out"):
        ArticlesSpec(tmp_path / "x", None, "query", "me@example.org", shard=(0, 2))

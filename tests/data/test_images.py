"""Figures from a bucket that is laid out as PubMed Central's and misbehaves: every row ends in one state."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from medcli.data.result import Result
from medcli.errors import InputError, SetupError, UsageError
from tests.data.bucket import Bucket, jpeg, png, serving


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        yield found


def fetch(folder: Path, bucket: Bucket, rows: list[Any], **options: Any) -> Result:
    path = folder / "list.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    options = {"timeout": 5.0, "base_url": (f"bucket={bucket.url}",)} | options
    return download_images(ImagesSpec(path, folder / "out", **options))


def llava(pmcid: int, file: str, name: str) -> dict[str, str]:
    url = f"https://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_package/5f/92/PMC{pmcid}.tar.gz"
    return {"pmc_tar_url": url, "image_file_path": f"PMC{pmcid}/{file}", "pair_id": name}


def lines(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "out" / name).read_text().splitlines()]
    assert len({row["id"] for row in rows if row["id"]}) == len([row for row in rows if row["id"]])
    return {row["id"]: row for row in rows}


def states(folder: Path) -> dict[str, str]:
    there = dict.fromkeys(lines(folder, "manifest.jsonl"), "done")
    return there | {name: row["state"] for name, row in lines(folder, "missing.jsonl").items()}


def images(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out" / "images").iterdir()}


def test_each_way_to_find_a_file_and_each_state(tmp_path: Path, bucket: Bucket) -> None:
    a, b, c, d, e, f = (jpeg(number) for number in range(6))
    bucket.article(
        1, {1: {"old.jpg": a, "same.jpg": b}, 2: {"same.jpg": c, "Fig-2.JPG": d, "fig3.png": png(9)}}
    )
    bucket.article(
        2, {1: {"x.jpg": e, "bad.jpg": f, "hidden.jpg": a}}, wrong_md5=("bad.jpg",), unlisted=("hidden.jpg",)
    )
    bucket.article(3, {1: {"r.jpg": a}}, retracted=True)
    bucket.article(4, {1: {"n.jpg": a}}, license="CC BY-NC")
    bucket.article(5, {1: {"m.jpg": a}}, open_access=False)
    bucket.article(6, {1: {"t.jpg": b"no picture at all, but the right bytes"}})
    bucket.article(7, {1: {"u.jpg": e[: len(e) // 2]}})
    bucket.article(
        10, {1: {"other.jpg": b}}
    )  # must not be taken for an article that is not there: PMC1 and PMC10
    rows = [
        llava(1, "same.jpg", "newest"),
        llava(1, "fig-2.jpg", "case"),
        llava(1, "fig3", "stem"),
        llava(1, "old.jpg", "older"),
        llava(1, "never.jpg", "dropped"),
        {"pmcid": "PMC2", "file": "x.jpg", "id": "own"},
        {"pmcid": 2, "file": "bad.jpg", "id": "wrong"},
        {"pmcid": "2", "file": "hidden.jpg", "id": "guessed"},
        "ROCO_00002\twget ftp://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_package/5f/92/PMC2.tar.gz\tPMC2_x.jpg ",
        llava(3, "r.jpg", "retracted"),
        llava(4, "n.jpg", "license"),
        llava(5, "m.jpg", "closed"),
        llava(6, "t.jpg", "text"),
        llava(7, "u.jpg", "cut"),
        llava(8, "v.jpg", "no-article"),
        llava(2, "x.jpg", "../escape"),
        llava(1, "same.jpg", "newest"),
        llava(2, "x.jpg", "newest"),
        "{not json",
        {"id": "nothing"},
    ]
    result = fetch(tmp_path, bucket, rows, license="commercial")
    assert result.exit_code == 5
    assert images(tmp_path) == {
        "newest.jpg": c, "case.jpg": d, "stem.png": png(9), "older.jpg": a, "own.jpg": e, "guessed.jpg": a,
        "ROCO_00002.jpg": e,
    }  # fmt: skip
    assert states(tmp_path) == dict.fromkeys(
        ["newest", "case", "stem", "older", "own", "guessed", "ROCO_00002"], "done"
    ) | {
        "dropped": "gone",
        "no-article": "gone",
        "wrong": "mismatch",
        "retracted": "retracted",
        "license": "license-blocked",
        "closed": "license-blocked",
        "text": "failed",
        "cut": "failed",
        "../escape": "failed",
        "": "failed",
        "nothing": "failed",
    } | {"newest": "failed"}  # fmt: skip - the second figure of that name
    manifest = lines(tmp_path, "manifest.jsonl")
    assert {row["match"] for row in manifest.values()} == {"exact", "case", "stem", "older", "guessed"}
    assert manifest["older"]["key"] == "PMC1.1/old.jpg"
    assert (manifest["older"]["version"], manifest["older"]["license"]) == (1, "CC BY")
    assert manifest["newest"]["md5"] == hashlib.md5(c).hexdigest()
    assert manifest["newest"]["pmid"] == "10001"
    assert result.facts["doubled"] == 1
    assert result.facts["done"] + result.facts["skipped"] + result.facts["failed"] == len(rows) - 1
    assert len(bucket.asked("metadata/PMC1.2.json")) == 1
    assert len(bucket.asked("prefix=PMC1.&")) == 1
    assert len(bucket.asked("metadata/PMC1.1.json")) == 1
    assert {row["cause"] for row in lines(tmp_path, "missing.jsonl").values()} >= {
        "same-id", "bad-id", "bad-row", "not-a-picture", "does-not-decode",
    }  # fmt: skip


def test_a_rerun_asks_for_nothing_and_says_the_same(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {f"{n}.jpg": jpeg(n) for n in range(5)}})
    rows = [llava(1, f"{n}.jpg", f"id{n}") for n in range(6)]
    first = fetch(tmp_path, bucket, rows)
    asked, manifest = len(bucket.log), (tmp_path / "out" / "manifest.jsonl").read_bytes()
    second = fetch(tmp_path, bucket, rows)
    assert len(bucket.log) == asked
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == manifest
    assert first.facts["kinds"] == second.facts["kinds"] == {"done": 5, "gone": 1}
    fetch(tmp_path, bucket, [*rows, llava(1, "0.jpg", "more")])
    assert [one.path for one in bucket.log[asked:]] == [
        "/?list-type=2&prefix=PMC1.&delimiter=/", "/metadata/PMC1.1.json", "/PMC1.1/0.jpg"
    ]  # fmt: skip


def test_files_on_the_disk_are_taken_over_by_their_md5(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {f"{n}.jpg": jpeg(n) for n in range(4)}})
    rows = [llava(1, f"{n}.jpg", f"id{n}") for n in range(4)]
    fetch(tmp_path, bucket, rows)
    (tmp_path / "out" / "images" / "id2.jpg").write_bytes(jpeg(77))
    bucket.log.clear()
    fetch(tmp_path, bucket, rows, restart=True)
    assert [one.path for one in bucket.asked(".jpg")] == ["/PMC1.1/2.jpg"]
    assert {row["from"] for row in lines(tmp_path, "manifest.jsonl").values()} == {"bucket", "disk"}


def test_other_bytes_than_an_earlier_manifest_are_told_of(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "x")])
    bucket.article(1, {2: {"a.jpg": jpeg(2)}})
    result = fetch(tmp_path, bucket, [llava(1, "a.jpg", "x")], restart=True)
    assert result.facts["changed"] == 1
    row = lines(tmp_path, "manifest.jsonl")["x"]
    assert row["changed_from"] == hashlib.md5(jpeg(1)).hexdigest()
    assert row["version"] == 2


MOODS = [
    "status:429,0", "status:503,0.2", "status:500", "reset", "truncate", "redirect", "short-length", "no-length", "drop",
    "other", "whole",
]  # fmt: skip


def test_right_files_arrive_whatever_the_server_does(tmp_path: Path, bucket: Bucket) -> None:
    count = 5 * len(MOODS)
    contents = {f"{n}.jpg": jpeg(n, 64) for n in range(count)}
    bucket.article(1, {1: contents})
    for number in range(count):
        bucket.moods[f"PMC1.1/{number}.jpg"] = [MOODS[number % len(MOODS)], MOODS[(number // 5) % len(MOODS)]]
    bucket.moods["list"] = ["status:503", "reset", "truncate"]
    bucket.moods["metadata/PMC1.1.json"] = ["status:500", "truncate"]
    result = fetch(tmp_path, bucket, [llava(1, f"{n}.jpg", f"{n}") for n in range(count)])
    assert result.facts["kinds"] == {"done": count}
    assert images(tmp_path) == contents
    assert max(Counter(one.path for one in bucket.asked("/PMC1.1/") if "moved" not in one.path).values()) <= 4


def test_a_body_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path, bucket: Bucket) -> None:
    content = jpeg(1, 400)
    bucket.article(1, {1: {"a.jpg": content, "b.jpg": content}})
    bucket.moods["PMC1.1/a.jpg"] = ["reset", "truncate"]
    bucket.moods["PMC1.1/b.jpg"] = ["reset", "whole"]
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a"), llava(1, "b.jpg", "b")])
    assert images(tmp_path) == {"a.jpg": content, "b.jpg": content}
    first, second, third = bucket.asked("a.jpg")
    starts = [int(one.range.removeprefix("bytes=").rstrip("-")) for one in (second, third)]
    assert first.range == ""
    assert 0 < starts[0] < starts[1] < len(content)
    assert second.if_range == f'"{hashlib.md5(content).hexdigest()}"'
    assert len(bucket.asked("b.jpg")) == 2  # the 200 to its range was taken from the start


def test_a_server_that_only_drips_is_left_and_asked_for_the_rest(tmp_path: Path, bucket: Bucket) -> None:
    content = jpeg(1, 64)
    bucket.article(1, {1: {"a.jpg": content}})
    bucket.moods["PMC1.1/a.jpg"] = ["drip:0.02", "drip:0.02"]
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")], timeout=0.4)
    assert images(tmp_path) == {"a.jpg": content}
    assert [bool(one.range) for one in bucket.asked("a.jpg")] == [False, True, True]


def test_a_busy_server_is_left_alone_as_long_as_it_says(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {f"{n}.jpg": jpeg(n) for n in range(60)}})
    bucket.moods["PMC1.1/7.jpg"] = ["status:429,2"]
    fetch(tmp_path, bucket, [llava(1, f"{n}.jpg", f"{n}") for n in range(60)])
    refused = next(one.at for one in bucket.asked("/7.jpg"))
    later = [one.at - refused for one in bucket.log if one.at > refused + 0.1]
    assert later
    assert min(later) >= 1.9
    assert len(bucket.asked("/7.jpg")) == 2


def test_there_is_no_storm_of_requests_when_a_server_fails(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {f"{n}.jpg": jpeg(n) for n in range(60)}})
    for number in range(0, 60, 5):
        bucket.moods[f"PMC1.1/{number}.jpg"] = ["status:503", "status:500"]
    fetch(tmp_path, bucket, [llava(1, f"{n}.jpg", f"{n}") for n in range(60)])
    assert states(tmp_path) == {f"{n}": "done" for n in range(60)}
    assert len(bucket.log) == 2 + 60 + 2 * 12
    begun = bucket.log[2].at
    assert (
        len([one for one in bucket.log if one.at < begun + 0.2]) < 30
    )  # the pace falls with the first refusals
    assert bucket.most_at_once <= 32


def test_a_server_that_fails_for_good_stops_the_run_and_fails_no_row(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {f"{n}.jpg": jpeg(n) for n in range(20)}})
    bucket.moods["*"] = ["status:403"] * 1000
    rows = [llava(1, f"{n}.jpg", f"{n}") for n in range(20)]
    with pytest.raises(SetupError, match="refused"):
        fetch(tmp_path, bucket, rows)
    bucket.moods.clear()
    assert fetch(tmp_path, bucket, rows).facts["kinds"] == {"done": 20}


def test_failed_rows_wait_for_retry_failed(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1), "b.jpg": jpeg(2)}}, wrong_md5=("b.jpg",))
    rows = [llava(1, "a.jpg", "a"), llava(1, "b.jpg", "b")]
    assert fetch(tmp_path, bucket, rows).facts["kinds"] == {"done": 1, "mismatch": 1}
    bucket.article(1, {1: {"a.jpg": jpeg(1), "b.jpg": jpeg(2)}})
    bucket.log.clear()
    assert fetch(tmp_path, bucket, rows).exit_code == 5
    assert bucket.log == []
    assert fetch(tmp_path, bucket, rows, retry_failed=True).facts["kinds"] == {"done": 2}
    assert bucket.asked("a.jpg") == []


def test_a_dry_run_counts_and_asks_nobody(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    rows = [llava(1, "a.jpg", "a"), llava(2, "b.jpg", "b"), llava(2, "c.jpg", "c")]
    facts = fetch(tmp_path, bucket, rows, dry_run=True).facts
    assert (facts["rows"], facts["articles"], facts["missing_files"], facts["missing_articles"]) == (
        3,
        2,
        3,
        2,
    )
    assert bucket.log == []
    fetch(tmp_path, bucket, rows[:1])
    facts = fetch(tmp_path, bucket, rows, dry_run=True).facts
    assert (facts["missing_files"], facts["missing_articles"]) == (2, 1)
    assert facts["missing_bytes_estimated"] > 0


def test_a_version_without_metadata_is_passed_over(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}, 2: {"a.jpg": jpeg(2)}})
    bucket.article(2, {1: {"b.jpg": jpeg(3)}})
    for name in ("PMC1.2", "PMC2.1"):
        del bucket.objects[f"metadata/{name}.json"], bucket.objects[f"{name}/{name}.json"]
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a"), llava(2, "b.jpg", "b")])
    assert images(tmp_path) == {"a.jpg": jpeg(1)}
    assert states(tmp_path) == {"a": "done", "b": "gone"}


def test_allowed_are_retracted_and_closed_articles_when_asked_for(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}}, retracted=True)
    bucket.article(2, {1: {"b.jpg": jpeg(2)}}, open_access=False, license=None)
    rows = [llava(1, "a.jpg", "a"), llava(2, "b.jpg", "b")]
    assert fetch(tmp_path, bucket, rows, allow=("retracted", "non-open")).facts["kinds"] == {"done": 2}


def test_wishes_that_contradict_a_run_are_refused(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")])
    with pytest.raises(UsageError, match="license"):
        fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")], license="commercial")
    with pytest.raises(UsageError):
        ImagesSpec(Path("l"), Path("o"), license="commercial", archives=Path("a"))


def test_a_list_without_rows_is_no_list(tmp_path: Path, bucket: Bucket) -> None:
    with pytest.raises(InputError):
        fetch(tmp_path, bucket, [])
    with pytest.raises(InputError):
        download_images(ImagesSpec(tmp_path / "none", tmp_path / "out"))


def test_a_full_disk_is_foreseen(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SetupError, match="96 kB are still to come"):
        fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")])
    assert bucket.log == []


def test_killed_at_any_moment_and_repeated_it_ends_with_the_same(tmp_path: Path, bucket: Bucket) -> None:
    count = 120
    contents = {f"{n}.jpg": jpeg(n, 48) for n in range(count)}
    bucket.article(1, {1: contents})
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(llava(1, f"{n}.jpg", f"{n}")) + "\n" for n in range(count)))
    command = [
        sys.executable,
        "-m",
        "medcli",
        "download",
        "images",
        str(path),
        "--output",
        str(tmp_path / "out"),
    ]
    command += ["--base-url", f"bucket={bucket.url}", "--bandwidth", "200k"]
    for wait in (0.5, 0.8):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            before = len(bucket.asked(".jpg"))
            deadline = time.monotonic() + 20
            while len(bucket.asked(".jpg")) < before + 20 and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(wait / 4)
            os.kill(running.pid, signal.SIGKILL)
    done = subprocess.run([*command[:-2], "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kinds"] == {"done": count}
    assert images(tmp_path) == contents
    asked = Counter(one.path for one in bucket.asked(".jpg"))
    assert sum(asked.values()) < 2 * count
    assert len(lines(tmp_path, "manifest.jsonl")) == count


@pytest.fixture
def two_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch as long lists are fetched on a machine with two processors."""
    monkeypatch.setattr("medcli.data.images.job._LONG", 10)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_several_processes_ask_no_more_than_one_would(
    tmp_path: Path, bucket: Bucket, two_loops: None
) -> None:
    contents = {}
    for pmcid in range(1, 41):
        files = {f"{pmcid}-{n}.jpg": jpeg(100 * pmcid + n) for n in range(5)}
        bucket.article(pmcid, {1: files})
        contents |= files
    rows = [llava(int(name.split("-")[0]), name, name.removesuffix(".jpg")) for name in contents]
    bucket.moods["metadata/PMC30.1.json"] = ["status:429,2"]
    result = fetch(tmp_path, bucket, rows, concurrency=8)
    assert result.facts["kinds"] == {"done": 200}
    assert images(tmp_path) == contents
    assert [
        json.loads(line)["id"] for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    ] == [row["pair_id"] for row in rows]
    assert len(bucket.log) == 200 + 2 * 40 + 1  # an article's metadata are read by one of them
    assert bucket.most_at_once <= 8
    refused = next(one.at for one in bucket.asked("metadata/PMC30.1.json"))
    assert min(one.at - refused for one in bucket.log if one.at > refused + 0.1) >= 1.9  # both rested
    fetch(tmp_path, bucket, rows, concurrency=8)
    assert len(bucket.log) == 281


def test_a_server_that_asks_for_hours_stops_the_run_at_once(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {f"{n}.jpg": jpeg(n) for n in range(60)}})
    bucket.moods["*"] = ["status:503,36000"] * 200
    begun = time.monotonic()
    with pytest.raises(SetupError, match="busy"):
        fetch(tmp_path, bucket, [llava(n, "0.jpg", f"{n}") for n in range(60)])
    assert time.monotonic() - begun < 10
    assert len(bucket.log) <= 32


def test_a_jpeg_is_called_damaged_exactly_where_a_whole_decoding_fails(tmp_path: Path) -> None:
    import io
    import random

    from PIL import Image

    from medcli.data.images.picture import check
    from medcli.errors import ItemFailed

    rng, verdicts = random.Random(3), Counter[bool]()
    source = Image.frombytes("RGB", (61, 47), rng.randbytes(61 * 47 * 3)).resize((150, 120))
    for mode in ("RGB", "L", "CMYK"):
        for progressive in (False, True):
            stream = io.BytesIO()
            source.convert(mode).save(stream, "JPEG", progressive=progressive)
            whole = stream.getvalue()
            for number in range(60):
                content = bytearray(whole[: rng.randrange(2, len(whole))] if number % 2 else whole)
                for _ in range(number % 7):
                    content[rng.randrange(len(content))] = rng.randrange(256)
                (tmp_path / "x").write_bytes(content)
                try:
                    with Image.open(io.BytesIO(content)) as picture:
                        picture.load()
                    sound = True
                except (OSError, SyntaxError, ValueError):
                    sound = False
                try:
                    check(tmp_path / "x")
                    told = True
                except ItemFailed:
                    told = False
                assert told == sound
                verdicts[sound] += 1
    assert min(verdicts.values()) > 50


@pytest.mark.slow
def test_several_processes_are_killed_with_their_driver_and_it_ends_with_the_same(
    tmp_path: Path, bucket: Bucket
) -> None:
    contents = {f"{n}.jpg": jpeg(n, 24) for n in range(2100)}
    for pmcid in range(21):
        names = [f"{n}.jpg" for n in range(100 * pmcid, 100 * pmcid + 100)]
        bucket.article(pmcid + 1, {1: {name: contents[name] for name in names}})
    path = tmp_path / "list.jsonl"
    path.write_text(
        "".join(json.dumps(llava(n // 100 + 1, f"{n}.jpg", f"{n}")) + "\n" for n in range(len(contents)))
    )
    command = [sys.executable, "-m", "medcli", "download", "images", str(path), "--output"]
    command += [str(tmp_path / "out"), "--base-url", f"bucket={bucket.url}", "--json"]
    for more in (100, 400, 600):
        before = len(bucket.asked(".jpg"))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            deadline = time.monotonic() + 60
            while len(bucket.asked(".jpg")) < before + more and time.monotonic() < deadline:
                time.sleep(0.005)
            os.kill(running.pid, signal.SIGKILL)
    time.sleep(1.0)
    quiet = len(bucket.log)
    time.sleep(0.5)
    assert len(bucket.log) == quiet  # nobody goes on without a driver
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kinds"] == {"done": len(contents)}
    assert images(tmp_path) == contents
    assert len(bucket.asked(".jpg")) < 2 * len(contents)
    assert not list((tmp_path / "out" / "images").glob("*.part"))

"""Lists, metadata, servers, packages and folders as an enemy, or an accident, would have them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from medcli.data.transfer.trouble import Again, raise_for
from medcli.errors import InputError, ItemFailed, SetupError
from medcli.jobs import lock
from tests.data.bucket import Bucket, jpeg, serving
from tests.data.test_images import fetch, images, lines, llava, states


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        yield found


def test_a_list_can_name_nothing_outside_and_break_nothing(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1), "A.JPG": jpeg(3), "w e?x=1&md5=%41#\u00fc.jpg": jpeg(4)}})
    sound = {
        "Case": "a.jpg", "case": "A.JPG", "e\u0301": "a.jpg", "\u00e9": "a.jpg", "a.part": "a.jpg", "-rf": "a.jpg",
        "con": "a.jpg", "weird": "w e?x=1&md5=%41#\u00fc.jpg",
    }  # fmt: skip
    rows: list[Any] = [{"pmcid": 1, "file": file, "id": name} for name, file in sound.items()]
    bad = ["../up", "/abs", "x" * 5000, "nul\0x", "\ud800", ".hidden", "a:b", "a\\b"]
    rows += [{"pmcid": 1, "file": "a.jpg", "id": name} for name in bad]
    strange = ["\ud800.jpg", "..", ".", "x" * 100_000, "", None]
    rows += [{"pmcid": 1, "file": file, "id": f"file{n}"} for n, file in enumerate(strange)]
    numbers = ["PMC99999999999", 10**30, -1, True, [1], None, {"a": 1}]
    rows += [{"pmcid": pmcid, "file": "a.jpg", "id": f"number{n}"} for n, pmcid in enumerate(numbers)]
    rows += [{"pmcid": 1, "file": "a.jpg", "id": name} for name in (1.5, None, [], {})]
    rows += ['{"id":"deep","file":' + "[" * 100_000 + "]" * 100_000 + "}", "[1, 2]", "null", '"text"']
    rows += [{"pmcid": 1, "file": "../../../etc/passwd", "id": "passwd"}]
    result = fetch(tmp_path, bucket, rows)
    assert result.exit_code == 5
    assert set(images(tmp_path)) == {f"{name}.jpg" for name in sound}
    assert images(tmp_path)["weird.jpg"] == jpeg(4)
    told = [json.loads(line) for line in (tmp_path / "out" / "missing.jsonl").read_text().splitlines()]
    assert len(told) + len(sound) == len(rows)
    assert {row["cause"] for row in told} == {"bad-id", "bad-row", "bad-json", "gone"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.jsonl", "out"]
    assert all("passwd" not in one.path or one.path == "/PMC1.1/passwd" for one in bucket.log)


def test_an_editors_mark_before_a_list_is_no_part_of_it(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    fetch(tmp_path, bucket, ["\ufeff" + json.dumps(llava(1, "a.jpg", "a"))])
    assert states(tmp_path) == {"a": "done"}


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (b"[" * 200_000 + b"]" * 200_000, "bad-metadata"),
        (b"<html>a portal</html>", "bad-metadata"),
        (b"[1]", "bad-metadata"),
        (gzip.compress(bytes(1000)), "bad-metadata"),
        ({"media_urls": ["s3://b/PMC1.1/\ud800/a.jpg"]}, "gone"),
        ({"license_code": "\ud800", "pmid": [1], "is_retracted": "no"}, "done"),
        (
            {"media_urls": [None, 1, {}, "s3://b/../../etc/passwd", "http://evil.example/PMC1.1/a.jpg"]},
            "done",
        ),
        ({"media_urls": "s3://b/a.jpg", "xml_url": None}, "done"),
    ],
)
def test_metadata_are_read_or_refused_whatever_they_are(
    tmp_path: Path, bucket: Bucket, facts: bytes | dict[str, Any], cause: str
) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    sound = {"is_pmc_openaccess": True, "is_retracted": False, "license_code": "CC BY", "media_urls": []}
    content = facts if isinstance(facts, bytes) else json.dumps(sound | facts).encode()
    bucket.objects["metadata/PMC1.1.json"] = content
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")])
    done, missing = lines(tmp_path, "manifest.jsonl"), lines(tmp_path, "missing.jsonl")
    assert (missing["a"]["cause"] if missing else "done") == cause
    assert len(done) + len(missing) == 1


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/PMC1.1/a.jpg", "http://[::1", ""]
)
def test_a_redirect_leads_to_no_file_and_to_no_end(tmp_path: Path, bucket: Bucket, place: str) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    bucket.moods["PMC1.1/a.jpg"] = [f"redirect:{place}"] * 40
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")])
    (row,) = lines(tmp_path, "missing.jsonl").values() or [{"cause": "done"}]
    assert row["cause"] == ("done" if place == "" else "refused")
    assert len(bucket.log) <= 10


def test_a_moment_to_come_back_counts_from_the_servers_own_clock() -> None:
    for headers, seconds in (
        (
            {"Retry-After": "Sat, 28 Nov 2026 17:00:10 GMT", "Date": "Sat, 28 Nov 2026 17:00:00 GMT"},
            10.0,
        ),
        ({"Retry-After": "5", "Date": "yesterday"}, 5.0),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, 0.0),
        ({"Retry-After": "soon"}, None),
    ):
        with pytest.raises(Again) as again:
            raise_for(503, headers)
        assert again.value.rest == seconds


def member(name: str, content: bytes = b"", **facts: Any) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.size = len(content)
    for key, value in facts.items():
        setattr(found, key, value)
    return found, content


def archived(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for found, content in members:
            archive.addfile(found, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), 1)


_A, _B = "PMC1/a.jpg", ("PMC1/b.jpg", jpeg(2))
_HOLES = {"GNU.sparse.map": "0,1,100000000000,1", "GNU.sparse.size": str(10**12)}
_LATER = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10**15)}


@pytest.mark.parametrize(
    ("content", "cause", "other"),
    [
        (archived(member(_A, type=tarfile.LNKTYPE, linkname="/etc/hostname"), member(*_B)), "gone", "done"),
        (archived(member(_A, type=tarfile.FIFOTYPE), member(*_B)), "gone", "done"),
        (archived(member(_A, jpeg(1), pax_headers=_HOLES), member(*_B)), "gone", "done"),
        (
            archived(member(_A, b"1\n0\n0\n".ljust(512, b"\0"), pax_headers=_LATER), member(*_B)),
            "gone",
            "done",
        ),
        (
            archived(member(_A, jpeg(1), pax_headers={"comment": "x" * (2 << 20)})),
            "bad-archive",
            "bad-archive",
        ),
        (gzip.compress(member(_A)[0].tobuf()[:124] + b"\xff" * 388), "bad-archive", "bad-archive"),
        (archived(member(_A, jpeg(1) + bytes(5000)), member(*_B)), "too-large", "done"),
        (archived(member(_A, jpeg(1)), member(*_B))[:400], "bad-archive", "bad-archive"),
        (b"no archive", "bad-archive", "bad-archive"),
        (b"", "bad-archive", "bad-archive"),
    ],
)
def test_a_package_gives_its_sound_members_and_takes_no_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, cause: str, other: str
) -> None:
    monkeypatch.setattr("medcli.data.images.packaged._LARGEST", 5000)
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "PMC1.tar.gz").write_bytes(content)
    rows = [llava(1, "a.jpg", "a"), llava(1, "b.jpg", "b")]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    download_images(ImagesSpec(tmp_path / "list.jsonl", tmp_path / "out", archives=tmp_path / "packages"))
    told = dict.fromkeys(lines(tmp_path, "manifest.jsonl"), "done")
    told |= {name: row["cause"] for name, row in lines(tmp_path, "missing.jsonl").items()}
    assert told == {"a": cause, "b": other}


def test_a_broken_manifest_of_before_costs_nothing(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1), "b.jpg": jpeg(2)}})
    rows = [llava(1, "a.jpg", "a"), llava(1, "b.jpg", "b")]
    fetch(tmp_path, bucket, rows)
    path = tmp_path / "out" / "manifest.jsonl"
    lying = json.loads(path.read_text().splitlines()[0]) | {"md5": "0" * 32}
    path.write_bytes(b'\xff\n{"id": [\n[1]\n' + json.dumps(lying).encode() + b"\n")
    result = fetch(tmp_path, bucket, rows, restart=True)
    assert result.facts["changed"] == 1
    assert [row.get("changed_from") for row in lines(tmp_path, "manifest.jsonl").values()] == ["0" * 32, None]


def test_a_damaged_ledger_is_called_so_and_set_aside_when_asked(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1)}})
    rows = [llava(1, "a.jpg", "a")]
    fetch(tmp_path, bucket, rows)
    for name in ("ledger", "plan"):
        (tmp_path / "out" / ".medcli" / "images" / f"{name}.sqlite").write_bytes(b"nonsense " * 1000)
    with pytest.raises(InputError, match="damaged"):
        fetch(tmp_path, bucket, rows)
    bucket.log.clear()
    assert fetch(tmp_path, bucket, rows, restart=True).facts["kinds"] == {"done": 1}
    assert bucket.asked(".jpg") == []


def test_another_list_does_not_replace_the_plan_of_a_run_that_goes_on(tmp_path: Path, bucket: Bucket) -> None:
    bucket.article(1, {1: {"a.jpg": jpeg(1), "b.jpg": jpeg(2)}})
    fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")])
    plan = tmp_path / "out" / ".medcli" / "images" / "plan.sqlite"
    before = plan.read_bytes()
    with lock.hold(plan.parent), pytest.raises(SetupError, match="Another run"):
        fetch(tmp_path, bucket, [llava(1, "b.jpg", "b")])
    assert plan.read_bytes() == before


@pytest.mark.parametrize("proxy", ["socks9://x:1", "ftp://x:1", "http://x:port", "http://"])
def test_a_proxy_that_is_none_is_named_and_not_quoted(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(SetupError, match="HTTPS_PROXY") as told:
        fetch(tmp_path, bucket, [llava(1, "a.jpg", "a")])
    assert proxy not in f"{told.value.message} {told.value.hint}"


def test_a_reason_that_helps_no_more_is_not_waited_for() -> None:
    with pytest.raises(ItemFailed) as failed:
        raise_for(451, {})
    assert (failed.value.kind, failed.value.stops) == ("refused", True)

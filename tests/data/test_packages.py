"""Figures out of old packages: streamed once, no further than needed, and nothing lands outside."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from tests.data.bucket import Bucket, jpeg, png, serving
from tests.data.test_images import images, lines, llava, states


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        yield found


def package(members: dict[str, bytes | str]) -> bytes:
    """A tar.gz; a text is a link's target."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def fetch(folder: Path, rows: list[Any], **options: Any) -> Any:
    import json

    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return download_images(ImagesSpec(path, folder / "out", **options))


def test_a_folder_of_packages(tmp_path: Path) -> None:
    folder = tmp_path / "archives" / "5f" / "92"
    folder.mkdir(parents=True)
    members = {
        "PMC1/a.gif": b"GIF89a" + bytes(50),
        "PMC1/a.jpg": jpeg(1),
        "PMC1/B.JPG": jpeg(2),
        "../../../escape.jpg": jpeg(3),
        "/absolute.jpg": jpeg(4),
        "PMC1/link.jpg": "/etc/hostname",
        "PMC1/only.png": png(5),
    }
    (folder / "PMC1.tar.gz").write_bytes(package(members))
    (tmp_path / "archives" / "PMC2.tar.gz").write_bytes(package({"PMC2/c.jpg": jpeg(6)})[:-30])
    (tmp_path / "archives" / "PMC4.tar.gz").write_bytes(b"no archive")
    rows = [
        llava(1, "a", "stem"),
        llava(1, "b.jpg", "case"),
        llava(1, "escape.jpg", "climbs"),
        llava(1, "absolute.jpg", "absolute"),
        llava(1, "link.jpg", "link"),
        llava(1, "only", "only"),
        llava(1, "a.jpg", "again"),
        llava(3, "d.jpg", "no-package"),
        llava(4, "e.jpg", "damaged"),
        llava(2, "c.jpg", "whole-member"),
    ]
    fetch(tmp_path, rows, archives=tmp_path / "archives")
    assert images(tmp_path) == {
        "stem.jpg": jpeg(1), "case.jpg": jpeg(2), "climbs.jpg": jpeg(3), "absolute.jpg": jpeg(4),
        "only.png": png(5), "again.jpg": jpeg(1), "whole-member.jpg": jpeg(6),
    }  # fmt: skip
    found = states(tmp_path)
    assert {name: found[name] for name in ("link", "no-package", "damaged")} == {
        "link": "gone", "no-package": "gone", "damaged": "failed",
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archives", "list.jsonl", "out"]
    assert lines(tmp_path, "manifest.jsonl")["case"]["key"] == "PMC1.tar.gz/b.jpg"


def test_one_figure_of_a_large_package_costs_little_more_than_itself(tmp_path: Path, bucket: Bucket) -> None:
    content = package(
        {"PMC1/a.jpg": jpeg(1, 200), "PMC1/rest.bin": os.urandom(20_000_000), "PMC1/b.jpg": jpeg(2)}
    )
    bucket.objects["5f/92/PMC1.tar.gz"] = content
    fetch(tmp_path, [llava(1, "a.jpg", "a")], base_url=(f"packages={bucket.url}",))
    assert images(tmp_path) == {"a.jpg": jpeg(1, 200)}
    assert sum(bucket.sent.values()) <= len(jpeg(1, 200)) + 2_000_000
    fetch(tmp_path, [llava(1, "a.jpg", "a"), llava(1, "b.jpg", "b")], base_url=(f"packages={bucket.url}",))
    assert images(tmp_path)["b.jpg"] == jpeg(2)
    assert len(bucket.asked("PMC1.tar.gz")) <= 3 + len(content) // 2**20


def test_a_mirror_that_breaks_off_or_has_no_ranges(tmp_path: Path, bucket: Bucket) -> None:
    members: dict[str, bytes | str] = {f"PMC1/{n}.jpg": jpeg(n, 500) for n in range(6)}
    bucket.objects["5f/92/PMC1.tar.gz"] = package(members)
    bucket.moods["5f/92/PMC1.tar.gz"] = ["reset", "status:503", "whole", "truncate", "whole"]
    rows = [llava(1, f"{n}.jpg", f"{n}") for n in range(6)] + [llava(2, "x.jpg", "x")]
    fetch(tmp_path, rows, base_url=(f"packages={bucket.url}",), timeout=5.0)
    assert images(tmp_path) == {f"{n}.jpg": jpeg(n, 500) for n in range(6)}
    assert states(tmp_path)["x"] == "gone"

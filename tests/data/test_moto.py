"""The same against moto's S3, an implementation that is not ours: listings, keys, ETags, ranges."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from tests.data.bucket import Bucket, jpeg
from tests.data.test_images import images, llava, states

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of moto and botocore
]


@pytest.fixture
def s3() -> Iterator[str]:
    """An address of moto's server with an empty bucket."""
    server = pytest.importorskip("moto.server", reason="pip install 'moto[s3,server]'").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    base = f"http://{host}:{port}/pmc-oa-opendata/"
    _put(base, b"")
    yield base
    server.stop()


def _put(url: str, content: bytes) -> None:
    request = urllib.request.Request(
        url, content, {"Content-Type": "image/jpeg", "x-amz-acl": "public-read"}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_figures_from_motos_bucket(tmp_path: Path, s3: str) -> None:
    made = Bucket()
    odd = "fig 1+2 (a)%20&é#.jpg"
    made.article(
        1,
        {1: {"old.jpg": jpeg(1)}, 2: {odd: jpeg(2)}, 10: {"new.jpg": jpeg(3), "bad.jpg": jpeg(4)}},
        wrong_md5=("bad.jpg",),
    )
    made.article(12, {1: {"other.jpg": jpeg(5), "hidden.jpg": jpeg(6)}}, unlisted=("hidden.jpg",))
    made.article(3, {1: {"r.jpg": jpeg(7)}}, retracted=True)
    for key, content in made.objects.items():
        _put(s3 + quote(key), content)
    rows = [
        llava(1, "new.jpg", "new"), llava(1, odd, "odd"), llava(1, "OLD", "old"), llava(1, "bad.jpg", "bad"),
        llava(12, "hidden.jpg", "hidden"), llava(3, "r.jpg", "r"), llava(2, "x.jpg", "x"), llava(12, "no.jpg", "no"),
    ]  # fmt: skip
    (tmp_path / "list").write_text("".join(json.dumps(row) + "\n" for row in rows))
    download_images(ImagesSpec(tmp_path / "list", tmp_path / "out", base_url=(f"bucket={s3}",)))
    assert images(tmp_path) == {
        "new.jpg": jpeg(3), "odd.jpg": jpeg(2), "old.jpg": jpeg(1), "hidden.jpg": jpeg(6)
    }  # fmt: skip
    found = states(tmp_path)
    assert {name: found[name] for name in ("bad", "r", "x", "no")} == {
        "bad": "mismatch", "r": "retracted", "x": "gone", "no": "gone"
    }  # fmt: skip
    assert hashlib.md5(jpeg(3)).hexdigest() in (tmp_path / "out" / "manifest.jsonl").read_text()

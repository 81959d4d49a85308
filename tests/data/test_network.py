"""Proxies and certificates of the environment, and the limit of bytes a second."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from medcli.errors import SetupError
from tests.data.bucket import Bucket, jpeg, serving
from tests.data.test_images import images, llava


class Relay:
    """A proxy on loopback, HTTP or SOCKS5 without a password, that leads every name to one port."""

    def __init__(self, kind: str, port: int) -> None:
        self.kind, self.port, self.seen = kind, port, list[str]()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        assert self._ready.wait(5)

    def _run(self) -> None:
        async def begin() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.own = server.sockets[0].getsockname()[1]

        self._loop.run_until_complete(begin())
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)
        if self.kind == "socks":
            await reader.readexactly((await reader.readexactly(2))[1])
            writer.write(b"\x05\x00")
            kind = (await reader.readexactly(4))[3]
            assert kind == 3  # a name: the proxy is to look it up
            name = await reader.readexactly((await reader.readexactly(1))[0] + 2)
            self.seen.append(name[:-2].decode())
            writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01")
        else:
            head = await reader.readuntil(b"\r\n")
            method, url, rest = head.split(b" ", 2)
            self.seen.append(url.decode())
            ours.write(b" ".join((method, b"/" + url.split(b"/", 3)[3], rest)))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, ask: bool) -> None:
            while block := await source.read(1 << 16):
                if ask and self.kind == "http":
                    block = block.replace(b"GET http://bucket.invalid", b"GET ")
                sink.write(block)
            sink.close()

        await asyncio.gather(
            pump(reader, ours, ask=True), pump(theirs, writer, ask=False), return_exceptions=True
        )


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        found.article(1, {1: {"a.jpg": jpeg(1)}})
        yield found


def fetch(folder: Path, base: str, **options: Any) -> Any:
    (folder / "list.jsonl").write_text(json.dumps(llava(1, "a.jpg", "a")) + "\n")
    spec = ImagesSpec(
        folder / "list.jsonl", folder / "out", base_url=(f"bucket={base}",), timeout=5.0, **options
    )
    return download_images(spec)


@pytest.mark.parametrize("kind", ["http", "socks"])
def test_a_proxy_of_the_environment_is_used(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "socks":
        pytest.importorskip("aiohttp_socks")
    relay = Relay(kind, int(bucket.url.rstrip("/").rpartition(":")[2]))
    if kind == "http":
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{relay.own}")
    else:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{relay.own}")
    fetch(tmp_path, "http://bucket.invalid/")
    assert images(tmp_path) == {"a.jpg": jpeg(1)}
    assert relay.seen
    assert all("bucket.invalid" in one for one in relay.seen)


def test_no_proxy_comes_between_us_and_this_machine(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    fetch(tmp_path, bucket.url)
    assert images(tmp_path) == {"a.jpg": jpeg(1)}


def test_a_bundle_of_certificates_of_the_environment_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    command += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with serving(Bucket(), context) as bucket:
        bucket.article(1, {1: {"a.jpg": jpeg(1)}})
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(SetupError, match="REQUESTS_CA_BUNDLE"):
            fetch(tmp_path, bucket.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
        fetch(tmp_path, bucket.url)
    assert images(tmp_path) == {"a.jpg": jpeg(1)}


def test_the_limit_of_bytes_a_second_holds(tmp_path: Path, bucket: Bucket) -> None:
    from medcli.data.options import rate

    content = jpeg(1, 300)
    bucket.article(1, {1: {"a.jpg": content}})
    begun = time.monotonic()
    fetch(tmp_path, bucket.url, bandwidth=rate("200k"))
    assert time.monotonic() - begun >= 0.8 * len(content) / 200_000

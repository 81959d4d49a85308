"""A bucket of pictures behind nginx, laid out as `pmc-oa-opendata` is; and a slow line before it.

Pictures are 400 distinct JPEGs of 30 to 300 kB under as many names as wanted (hard links). The slow line is a relay that
lets 50 MB/s through in all and holds each request back for 40 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

DISTINCT = 400
_RATE, _DELAY = 50e6, 0.040
_CONF = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  server {{
    listen 127.0.0.1:{port}; root {folder}/bucket;
    location = / {{ try_files /listing/$arg_prefix =404; }}
  }}
}}
"""


def make(folder: Path, count: int, per_article: int) -> int:
    """Fill a bucket; write `list.jsonl`, `urls.txt` and `curl.txt` (with URL still to be put in). Returns bytes."""
    bucket, source = folder / "bucket", folder / "pictures"
    for path in (bucket / "listing", bucket / "metadata", source, folder / "tmp"):
        path.mkdir(parents=True)
    rng = random.Random(5)
    kinds = []
    for number in range(DISTINCT):
        wanted = rng.randrange(32_000, 280_000)
        content = _jpeg(rng, wanted, 1.0)
        content = _jpeg(rng, wanted, (wanted / len(content)) ** 0.5)
        assert 30_000 <= len(content) <= 300_000, len(content)
        path = source / f"{number}.jpg"
        path.write_bytes(content)
        kinds.append((path, hashlib.md5(content).hexdigest(), len(content)))
    total = 0
    with (folder / "list.jsonl").open("w") as rows, (folder / "urls.txt").open("w") as urls:
        for first in range(0, count, per_article):
            pmcid = 1_000_000 + first
            name = f"PMC{pmcid}.1"
            (bucket / name).mkdir()
            media = []
            for number in range(first, min(count, first + per_article)):
                path, md5, size = kinds[number % DISTINCT]
                os.link(path, bucket / name / f"f{number}.jpg")
                total += size
                media.append(f"s3://pmc-oa-opendata/{name}/f{number}.jpg?md5={md5}")
                rows.write(json.dumps({"pmcid": pmcid, "file": f"f{number}.jpg", "id": f"{number}"}) + "\n")
                urls.write(f"{name}/f{number}.jpg\t{md5}\n")
            facts = {
                "is_pmc_openaccess": True,
                "is_retracted": False,
                "license_code": "CC BY",
                "media_urls": media,
            }
            (bucket / "metadata" / f"{name}.json").write_text(json.dumps(facts))
            (bucket / "listing" / f"PMC{pmcid}.").write_text(
                f"<ListBucketResult><CommonPrefixes><Prefix>{name}/</Prefix></CommonPrefixes></ListBucketResult>"
            )
    return total


def _jpeg(rng: random.Random, wanted: int, scale: float) -> bytes:
    """A JPEG of soft shapes and a little noise, about as long as wanted once the scale is right."""
    from PIL import Image

    side = int((wanted * 2.0) ** 0.5 * scale)
    noise = Image.frombytes("L", (side // 2, side // 2), rng.randbytes((side // 2) ** 2)).resize((side, side))
    tile = Image.frombytes("RGB", (side // 16, side // 16), rng.randbytes(3 * (side // 16) ** 2))
    picture = Image.blend(tile.resize((side, side), Image.Resampling.BICUBIC), noise.convert("RGB"), 0.15)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88)
    return stream.getvalue()


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Serve the bucket; its address."""
    port = _free_port()
    (folder / "nginx.conf").write_text(_CONF.format(folder=folder, port=port))
    if os.getuid() == 0:
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        raise SystemExit("nginx is needed: apt-get install nginx-light")
    command = [found, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    subprocess.run(command, check=True)  # it becomes a daemon, so that its time is nobody's whom we measure
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        subprocess.run([*command, "-s", "quit"], check=False)


@contextlib.contextmanager
def slow_line(url: str) -> Iterator[str]:
    """A relay to an address; its own address."""
    target, port = int(url.rstrip("/").rpartition(":")[2]), _free_port()
    start = f"{sys.executable} -m benchmarks.download_server {port} {target} > /dev/null 2>&1 & echo $!"
    told = subprocess.run(["sh", "-c", start], capture_output=True, text=True, check=True)
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.kill(int(told.stdout), signal.SIGTERM)


def _relay(port: int, target: int) -> None:
    paid = time.monotonic()

    async def up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(1 << 16):
            await asyncio.sleep(_DELAY)
            writer.write(block)
        writer.close()

    async def down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal paid
        while block := await reader.read(1 << 16):
            now = time.monotonic()
            paid = max(paid, now) + len(block) / _RATE
            if paid > now + 0.002:
                await asyncio.sleep(paid - now)
            writer.write(block)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            theirs, ours = await asyncio.open_connection("127.0.0.1", target)
            await asyncio.gather(up(reader, ours), down(theirs, writer))

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(main())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    _relay(int(sys.argv[1]), int(sys.argv[2]))

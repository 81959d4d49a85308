"""A server on loopback that is laid out as `pmc-oa-opendata` is, answers as S3 does, and misbehaves on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import re
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web

_PAGE = 2  # versions a listing's page holds


class Asked(NamedTuple):
    """A request: its path with the query, its Range, its If-Range, when it came."""

    path: str
    range: str
    if_range: str
    at: float
    host: str


class Bucket:
    """Objects by key, moods by key (one is used up by each request), and a log of what was asked."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.moods: defaultdict[str, list[str]] = defaultdict(list)
        self.log: list[Asked] = []
        self.most_at_once = 0
        self.url = ""
        self.etags = True
        self.sent: Counter[str] = Counter()
        self._flying = 0
        self._lock = threading.Lock()

    def asked(self, text: str = "") -> list[Asked]:
        return [one for one in self.log if text in one.path]

    def article(
        self,
        pmcid: int,
        versions: Mapping[int, Mapping[str, bytes]],
        *,
        license: str | None = "CC BY",  # noqa: A002 - as the option
        retracted: bool = False,
        open_access: bool = True,
        wrong_md5: tuple[str, ...] = (),
        unlisted: tuple[str, ...] = (),
    ) -> None:
        """Put an article there; files in `unlisted` are objects that the metadata do not name."""
        for version, files in versions.items():
            name = f"PMC{pmcid}.{version}"
            media = []
            for file, content in files.items():
                self.objects[f"{name}/{file}"] = content
                md5 = hashlib.md5(b"other" if file in wrong_md5 else content).hexdigest()
                if file not in unlisted:
                    media.append(f"s3://pmc-oa-opendata/{name}/{file}?md5={md5}")
            facts = {
                "pmcid": f"PMC{pmcid}",
                "version": version,
                "pmid": 10_000 + pmcid,
                "license_code": license,
                "is_retracted": retracted,
                "is_pmc_openaccess": open_access,
                "media_urls": media,
                "xml_url": f"s3://pmc-oa-opendata/{name}/{name}.xml?md5=",
            }
            content = json.dumps(facts).encode()
            self.objects[f"{name}/{name}.json"] = content
            self.objects[f"metadata/{name}.json"] = content

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        asked = Asked(
            request.raw_path,
            headers.get("Range", ""),
            headers.get("If-Range", ""),
            time.monotonic(),
            request.host,
        )
        with self._lock:
            self.log.append(asked)
            self._flying += 1
            self.most_at_once = max(self.most_at_once, self._flying)
        try:
            if "list-type" in request.query:
                mood = self._mood("list")
                return await self._trouble(request, mood) or self._listing(request)
            key = unquote(request.raw_path.partition("?")[0].lstrip("/"))
            return await self._object(request, key, self._mood(key))
        finally:
            with self._lock:
                self._flying -= 1

    def _mood(self, key: str) -> str:
        moods = self.moods[key] or self.moods["*"]
        return moods.pop(0) if moods else ""

    def _listing(self, request: web.Request) -> web.Response:
        prefix, token = request.query["prefix"], request.query.get("continuation-token", "")
        found = sorted({f"{key.split('/')[0]}/" for key in self.objects if key.startswith(prefix)})
        rest = [one for one in found if one > token]
        page, more = rest[:_PAGE], len(rest) > _PAGE
        parts = [f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in page]
        following = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{following}{''.join(parts)}</ListBucketResult>"
        )
        return web.Response(body=text.encode(), content_type="application/xml")

    async def _trouble(self, request: web.Request, mood: str) -> web.StreamResponse | None:
        """Moods that answer without an object."""
        name, _, value = mood.partition(":")
        if name == "status":
            status, _, after = value.partition(",")
            return web.Response(status=int(status), headers={"Retry-After": after} if after else {})
        if name == "redirect":
            return web.Response(status=302, headers={"Location": value or f"/moved{request.raw_path}"})
        if name == "hang":
            await asyncio.sleep(float(value))
            return web.Response(status=500)
        if name == "drop":
            assert request.transport
            request.transport.abort()
            return web.Response()
        return None

    async def _object(self, request: web.Request, key: str, mood: str) -> web.StreamResponse:
        trouble = await self._trouble(request, mood)
        if trouble is not None:
            return trouble
        content = self.objects.get(key.removeprefix("moved/"))
        if content is None:
            return web.Response(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")
        if mood == "other":
            content = bytes(len(content))
        tag = f'"{hashlib.md5(content).hexdigest()}"' if self.etags else ""
        status, start, stop = 200, 0, len(content)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if wanted and mood != "whole" and request.headers.get("If-Range", tag) == tag:
            start, stop = int(wanted[1]), min(len(content), int(wanted[2] or len(content)) + 1)
            status = 206
            if start >= len(content):
                return web.Response(status=416)
        headers = {"ETag": tag} if tag else {}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        length = stop - start
        if mood == "short-length":
            length //= 2
        response = web.StreamResponse(status=status, headers=headers)
        if mood != "no-length":
            response.content_length = length
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        return await self._body(request, response, content[start:stop][: length if mood else None], mood, key)

    async def _body(
        self, request: web.Request, response: web.StreamResponse, content: bytes, mood: str, key: str
    ) -> web.StreamResponse:
        assert request.transport
        name, _, value = mood.partition(":")
        half = len(content) // 2
        if name in ("reset", "truncate"):
            await response.write(content[:half])
            await asyncio.sleep(0.05)
            if name == "reset":
                request.transport.abort()
            else:
                request.transport.close()
            return response
        if name == "drip":
            with contextlib.suppress(ConnectionError):
                for number in range(len(content)):
                    await response.write(content[number : number + 1])
                    await asyncio.sleep(float(value))
            return response
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(content), 1 << 16):
                await response.write(content[start : start + (1 << 16)])
                self.sent[key] += len(content[start : start + (1 << 16)])
            await response.write_eof()
        return response


@contextlib.contextmanager
def serving(bucket: Any, context: ssl.SSLContext | None = None) -> Iterator[Any]:
    """Serve a bucket from a thread of its own; its address is in `bucket.url`."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def begin() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", bucket.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        bucket.url = f"http{'s' if context else ''}://127.0.0.1:{port}/"
        bucket.runner = runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(begin())
        loop.call_soon(ready.set)
        loop.run_forever()
        loop.run_until_complete(bucket.runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield bucket
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def jpeg(seed: int, size: int = 24) -> bytes:
    """A small JPEG whose bytes depend on the seed."""
    return _picture(seed, size, "JPEG")


def png(seed: int, size: int = 24) -> bytes:
    """A small PNG."""
    return _picture(seed, size, "PNG")


def _picture(seed: int, size: int, form: str) -> bytes:
    import random

    from PIL import Image

    stream = io.BytesIO()
    Image.frombytes("RGB", (size, size), random.Random(seed).randbytes(3 * size * size)).save(stream, form)
    return stream.getvalue()

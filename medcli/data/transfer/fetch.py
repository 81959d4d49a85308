"""Sending a request until it is answered, and a body until it is whole.

What a server's trouble costs: busy (429, 503, Retry-After) rests the whole host and costs patience; a failing, silent
or broken one costs an attempt, given back when bytes have come. A body that broke off goes on where it stopped, if
the server can tell that it is still the same (Range with If-Range, RFC 9110 13.1.5); a 200 in answer means: from the
start. A body that does not have the hash it should have is fetched anew, twice. Knows HTTP and hashes; refuses to
know what the files are.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from medcli.data.transfer.bandwidth import Bandwidth
from medcli.data.transfer.body import Body
from medcli.data.transfer.host import Host
from medcli.data.transfer.session import Sessions, origin_of
from medcli.data.transfer.settings import Transfer
from medcli.errors import ItemFailed
from medcli.pacing import retry_after

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

GONE = "gone"
MISMATCH = "mismatch"
UNREACHABLE = "unreachable"
UNTRUSTED = "certificate-not-trusted"
SILENT = "timeout"
SLOW = "too-slow"
CUT = "broke-off"
FAILING = "server-error"
BUSY = "busy"
REFUSED = "refused"
TOO_LARGE = "too-large"

_BUSY = frozenset({429, 503, 509, 529})
_FAILING = frozenset({408, 425, 500, 502, 504, 520, 521, 522, 523, 524})
_GONE = frozenset({404, 410})
_STOPPING = frozenset({UNREACHABLE, SILENT, FAILING, BUSY, REFUSED})
_LONGEST_PAUSE = 20.0
_SLOWEST = 200.0  # bytes a second
_BLOCK = 1 << 18
_MD5 = re.compile(r'"([0-9a-fA-F]{32})"')
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a file before it is fetched; empty and None where nothing is."""

    md5: str = ""
    sha256: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is known of a file afterwards."""

    size: int
    md5: str
    sha256: str
    tag: str


class _Again(Exception):
    """Send it again."""

    def __init__(self, kind: str, *, rest: float | None = None) -> None:
        super().__init__(kind)
        self.kind, self.rest = kind, rest


@dataclass(slots=True)
class _Patience:
    """What one request has cost so far."""

    spent: int = 0
    tries: int = 0
    waited: float = 0.0


class Fetcher:
    """Sends requests from one event loop; entered with ``async with``.

    Parameters
    ----------
    transfer : Transfer
        Limits.

    Attributes
    ----------
    requests, bytes : int
        What was sent for, and what came.
    """

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._hosts: dict[str, Host] = {}
        self._bandwidth = Bandwidth(transfer.bandwidth)
        self.requests = 0
        self.bytes = 0

    async def __aenter__(self) -> Self:
        self._sessions = Sessions(self._transfer.timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._sessions.close()

    def host(self, url: str) -> Host:
        """The pace of an address's host."""
        origin = origin_of(url)
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = Host(self._transfer.concurrency)
        return host

    async def read(
        self, url: str, *, most: int = 64 << 20, send: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return a small document.

        Parameters
        ----------
        url : str
            Its address.
        most : int
            Bytes that it may have.
        send : bytes
            Posted where there are any; else it is a GET.
        headers : mapping, optional
            Sent along.

        Raises
        ------
        ItemFailed
            ``gone`` for 404 and 410; else a reason code of this module.
        """

        async def attempt(_: _Patience) -> bytes:
            async with self._answer(url, dict(headers or {}), send) as response:
                self._check(response.status, response.headers)
                blocks, size = [], 0
                async for block in self._blocks(response):
                    size += len(block)
                    if size > most:
                        raise ItemFailed(TOO_LARGE)
                    blocks.append(block)
                return b"".join(blocks)

        return await self._persist(url, attempt)

    async def save(
        self,
        url: str,
        body: Body,
        wanted: Wanted,
        then: Callable[[Fetched], T],
        threads: Executor | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Fetch a file into an entered :class:`Body`, or what is missing of it, and verify it.

        Parameters
        ----------
        url : str
            Its address.
        body : Body
            Where it goes.
        wanted : Wanted
            What is known of it.
        then : callable
            What is done with it when it is right, in the thread that hashed it; its result is returned.
        threads : Executor, optional
            Where hashing and writing is done.
        headers : mapping, optional
            Sent along; another host that an answer leads to never sees an Authorization.

        Raises
        ------
        ItemFailed
            ``gone``; ``mismatch`` where size or hash stay wrong; else a reason code of this module.
        """
        loop = asyncio.get_running_loop()

        async def attempt(patience: _Patience) -> None:
            before = body.size
            try:
                async for _ in self._received(url, body, wanted, headers or {}):
                    await loop.run_in_executor(threads, body.flush)
            finally:
                if body.size > before:
                    patience.spent = 0

        def verify() -> T:
            md5, sha256 = body.digests()
            right = (
                body.size == (body.size if wanted.size is None else wanted.size)
                and md5 == (wanted.md5.lower() or _md5_of(body.tag) or md5)
                and sha256 == (wanted.sha256.lower() or sha256)
            )
            if not right:
                body.clear()
                raise _Again(MISMATCH)
            return then(Fetched(body.size, md5, sha256, body.tag))

        for last in (False, False, True):
            await self._persist(url, attempt)
            try:
                return await loop.run_in_executor(threads, verify)
            except _Again:
                if last:
                    raise ItemFailed(MISMATCH) from None
        raise AssertionError

    async def window(self, url: str, start: int, length: int, tag: str) -> tuple[bytes, int, str]:
        """Return bytes of a file from ``start``, at most ``length``, its whole size, and the server's name for it.

        A server without ranges is read up to the window's end and let go.

        Raises
        ------
        ItemFailed
            ``gone``; ``mismatch`` if the file is another than ``tag`` says; else a reason code of this module.
        """

        async def attempt(_: _Patience) -> tuple[bytes, int, str]:
            headers = {"Range": f"bytes={start}-{start + length - 1}"} | ({"If-Range": tag} if tag else {})
            async with self._answer(url, headers) as response:
                if response.status == 416:
                    return b"", start, tag
                self._check(response.status, response.headers)
                theirs = _tag(response.headers)
                if tag and theirs != tag:
                    raise ItemFailed(MISMATCH)
                whole = response.status == 200
                found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
                if not whole and (found is None or int(found[1]) != start):
                    raise _Again(CUT)
                skip, parts, size = start if whole else 0, [], 0
                async for block in self._blocks(response):
                    kept, skip = block[skip:], max(0, skip - len(block))
                    parts.append(kept)
                    size += len(kept)
                    if size >= length:
                        break
                total = response.headers.get("Content-Length", "") if whole else (found or "")[3]
                return b"".join(parts)[:length], int(total) if total.isdigit() else -1, theirs

        return await self._persist(url, attempt)

    async def _received(
        self, url: str, body: Body, wanted: Wanted, headers: Mapping[str, str]
    ) -> AsyncIterator[None]:
        """Get a body, or the rest of it; yield where it is time to write."""
        rest = {"Range": f"bytes={body.size}-", "If-Range": body.tag} if body.size and body.tag else {}
        if body.size and not rest:
            body.clear()
        async with self._answer(url, {**headers, **rest}) as response:
            if response.status in (412, 416) and rest:
                body.clear()
                raise _Again(CUT, rest=0.0)
            self._check(response.status, response.headers)
            if response.status == 200:
                if body.size:
                    body.clear()
            elif not _continues(response.headers, body.size):
                body.clear()
                raise _Again(CUT)
            length = response.content_length
            total = None if length is None else body.size + length
            if wanted.size is not None and total is not None and total != wanted.size:
                body.clear()
                raise _Again(CUT)
            body.expect(_tag(response.headers), total)
            async for block in self._blocks(response):
                if body.write(block):
                    yield

    async def _blocks(self, response: Any) -> Any:
        """Yield what comes; a server that only drips is cut off."""
        come, waited = 0, 0.0
        while True:
            begun = time.monotonic()
            block = await response.content.readany()
            waited += time.monotonic() - begun
            if not block:
                return
            come += len(block)
            self.bytes += len(block)
            if self._transfer.bandwidth:
                await self._bandwidth.take(len(block))
            yield block
            if waited > self._transfer.timeout:
                if come < _SLOWEST * waited:
                    raise _Again(SLOW)
                come, waited = 0, 0.0

    @contextlib.asynccontextmanager
    async def _answer(self, url: str, headers: dict[str, str], send: bytes = b"") -> Any:
        """Send; hand back the response, and turn every trouble on the way into a reason."""
        import aiohttp

        self.requests += 1
        try:
            async with self._sessions.request(url, headers, send) as response:
                if url.startswith("https:") and response.url.scheme != "https":
                    raise aiohttp.InvalidURL(response.url)  # noqa: TRY301 - one trouble among those below
                yield response
        except aiohttp.ClientSSLError:
            raise ItemFailed(UNTRUSTED, stops=True) from None
        except aiohttp.ClientConnectorError:
            raise _Again(UNREACHABLE) from None
        except TimeoutError:
            raise _Again(SILENT) from None
        except (aiohttp.TooManyRedirects, aiohttp.InvalidURL):
            raise ItemFailed(REFUSED, stops=True) from None
        except (aiohttp.ClientError, ConnectionError):
            raise _Again(CUT) from None
        except Exception as error:
            if not type(error).__module__.startswith(("python_socks", "aiohttp_socks")):
                raise
            raise _Again(UNREACHABLE) from None

    def _check(self, status: int, headers: Mapping[str, str]) -> None:
        """Pass over a good status; name the trouble of another."""
        if status in (200, 206):
            return
        if status in _GONE:
            raise ItemFailed(GONE)
        if status in _BUSY:
            raise _Again(BUSY, rest=retry_after(headers))
        if status in _FAILING:
            raise _Again(FAILING, rest=retry_after(headers))
        raise ItemFailed(REFUSED, stops=True)

    async def _persist(self, url: str, attempt: Callable[[_Patience], Awaitable[T]]) -> T:
        """Try until it is done or attempts and patience are at an end."""
        host, patience = self.host(url), _Patience()
        while True:
            try:
                async with host.turn():
                    result = await attempt(patience)
            except _Again as again:
                await self._pause(host, again, patience)
            except ItemFailed as failed:
                if failed.kind == GONE:
                    host.good()
                raise
            else:
                host.good()
                return result

    async def _pause(self, host: Host, again: _Again, patience: _Patience) -> None:
        """Wait as long as is fitting.

        Raises
        ------
        ItemFailed
            When attempts or patience are at an end.
        """
        limits = self._transfer
        patience.tries += 1
        patience.spent += again.kind != BUSY
        doubled = limits.pause * 2 ** min(patience.tries, 10)
        pause = random.uniform(0.0, min(_LONGEST_PAUSE, doubled))  # noqa: S311 - spreads load, guards nothing
        asked = again.rest or 0.0
        if again.kind == BUSY:
            host.bad(asked, busy=True)
            patience.waited += asked + pause
        elif again.kind != SLOW:
            host.bad(asked)
        if patience.spent >= limits.attempts or patience.waited > limits.patience:
            raise ItemFailed(again.kind, stops=again.kind in _STOPPING)
        await asyncio.sleep(asked + pause)


def _tag(headers: Mapping[str, str]) -> str:
    """The server's name for a version that If-Range may use: a strong ETag, else Last-Modified."""
    tag = headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified", "")


def _md5_of(tag: str) -> str:
    """The MD5 that an ETag is, as S3's of whole uploads; empty if it is something else."""
    found = _MD5.fullmatch(tag)
    return found[1].lower() if found else ""


def _continues(headers: Mapping[str, str], start: int) -> bool:
    found = _RANGE.fullmatch(headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == start

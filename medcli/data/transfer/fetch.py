"""Sending a request until it is answered, and a body until it is whole.

What a server's trouble costs: busy (429, 503, Retry-After) rests the whole host and costs patience; a failing, silent
or broken one costs an attempt, given back when bytes have come. A body that broke off goes on where it stopped, if
the server can tell that it is still the same (Range with If-Range, RFC 9110 13.1.5); a 200 in answer means: from the
start. A body that does not have the hash it should have is fetched anew, twice. Knows HTTP and hashes; refuses to
know what the files are.

Most files are short, and there are hundreds of thousands of them: what is done for each is written to cost little.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from medcli.data.transfer.bandwidth import Bandwidth
from medcli.data.transfer.board import Board
from medcli.data.transfer.body import Body
from medcli.data.transfer.host import Host, Impatient
from medcli.data.transfer.session import Sessions, origin_of
from medcli.data.transfer.settings import Transfer
from medcli.data.transfer.trouble import (
    BUSY,
    CUT,
    FAILING,
    GONE,
    MISMATCH,
    SLOW,
    STOPPING,
    TOO_LARGE,
    Again,
    again,
    raise_for,
)
from medcli.data.transfer.wire import Wire
from medcli.errors import ItemFailed

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["FAILING", "GONE", "MISMATCH", "Fetched", "Fetcher", "Wanted"]

T = TypeVar("T")

_LONGEST_PAUSE = 20.0
_SLOWEST = 200.0  # bytes a second
_SHORT = 1 << 19  # bytes that are hashed and written sooner than another thread has its turn
_DRAINED = 1 << 16  # bytes of an error's page that are read so that its connection can go on
_DOWNGRADED = 400  # a way that left https counts as an address that is refused
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
        self._board: Board | None = None
        self.requests = 0
        self.bytes = 0

    async def __aenter__(self) -> Self:
        if self._transfer.board:
            self._board = Board(self._transfer.board)
        self._sessions = Sessions(self._transfer.timeout, direct=not self._transfer.bandwidth)
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
            limits = self._transfer
            host = self._hosts[origin] = Host(
                limits.concurrency,
                beside=limits.beside,
                patience=limits.patience,
                board=self._board,
                name=origin,
            )
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
            ``gone`` for 404 and 410; else a reason code of :mod:`medcli.data.transfer.trouble`.
        """

        async def attempt(_: _Patience) -> bytes:
            response = await self._answer(url, headers or {}, send)
            try:
                blocks, size = [], 0
                async for block in self._blocks(response):
                    size += len(block)
                    if size > most:
                        raise ItemFailed(TOO_LARGE)
                    blocks.append(block)
            finally:
                response.close()  # does nothing to one that was read to its end
            return blocks[0] if len(blocks) == 1 else b"".join(blocks)

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
        quick: bool = False,
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
        quick : bool
            Whether ``then`` takes no longer than a thread's turn: then a short file is hashed and written on the spot.

        Raises
        ------
        ItemFailed
            ``gone``; ``mismatch`` where size or hash stay wrong; else a reason code of
            :mod:`medcli.data.transfer.trouble`.
        """
        loop = asyncio.get_running_loop()

        async def attempt(patience: _Patience) -> None:
            before = body.size
            try:
                await self._receive(url, body, wanted, headers or {}, threads, quick=quick)
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
                raise Again(MISMATCH)
            return then(Fetched(body.size, md5, sha256, body.tag))

        for last in (False, False, True):
            await self._persist(url, attempt)
            try:
                if quick and body.size < _SHORT:
                    return verify()
                return await loop.run_in_executor(threads, verify)
            except Again:
                if last:
                    raise ItemFailed(MISMATCH) from None
        raise AssertionError

    async def window(self, url: str, start: int, length: int, tag: str) -> tuple[bytes, int, str]:
        """Return bytes of a file from ``start``, at most ``length``, its whole size, and the server's name for it.

        A server without ranges is read up to the window's end and let go.

        Raises
        ------
        ItemFailed
            ``gone``; ``mismatch`` if the file is another than ``tag`` says; else a reason code of
            :mod:`medcli.data.transfer.trouble`.
        """

        async def attempt(_: _Patience) -> tuple[bytes, int, str]:
            headers = {"Range": f"bytes={start}-{start + length - 1}"} | ({"If-Range": tag} if tag else {})
            response = await self._answer(url, headers, allowed=(416,))
            try:
                return await self._window(response, start, length, tag)
            finally:
                response.close()

        return await self._persist(url, attempt)

    async def _window(self, response: Any, start: int, length: int, tag: str) -> tuple[bytes, int, str]:
        if response.status == 416:
            return b"", start, tag
        theirs = _tag(response.headers)
        if tag and theirs != tag:
            raise ItemFailed(MISMATCH)
        whole = response.status == 200
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not whole and (found is None or int(found[1]) != start):
            raise Again(CUT)
        skip, parts, size = start if whole else 0, [], 0
        async for block in self._blocks(response):
            kept, skip = block[skip:], max(0, skip - len(block))
            parts.append(kept)
            size += len(kept)
            if size >= length:
                break
        total = response.headers.get("Content-Length", "") if whole else (found or "")[3]
        return b"".join(parts)[:length], int(total) if total.isdigit() else -1, theirs

    async def _receive(
        self,
        url: str,
        body: Body,
        wanted: Wanted,
        headers: Mapping[str, str],
        threads: Executor | None,
        *,
        quick: bool,
    ) -> None:
        """Get a body, or the rest of it."""
        rest = {"Range": f"bytes={body.size}-", "If-Range": body.tag} if body.size and body.tag else {}
        if body.size and not rest:
            body.clear()
        response = await self._answer(url, {**headers, **rest}, allowed=(412, 416) if rest else ())
        try:
            if response.status in (412, 416):
                body.clear()
                raise Again(CUT, rest=0.0)
            if response.status == 200:
                if body.size:
                    body.clear()
            elif not _continues(response.headers, body.size):
                body.clear()
                raise Again(CUT)
            length = response.content_length
            total = None if length is None else body.size + length
            if wanted.size is not None and total is not None and total != wanted.size:
                body.clear()
                raise Again(CUT)
            body.expect(_tag(response.headers), total)
            if quick and isinstance(response, Wire) and (whole := response.whole()) is not None:
                self.bytes += len(whole)
                body.write(whole)
                body.flush()  # now, for the bytes are the connection's
                return
            async for block in self._blocks(response):
                if body.write(block):
                    await asyncio.get_running_loop().run_in_executor(threads, body.flush)
        finally:
            response.close()

    async def _blocks(self, response: Any) -> AsyncIterator[bytes]:
        """Yield what comes; a server that only drips is cut off."""
        content, timeout = response.content, self._transfer.timeout
        come, waited, begun = 0, 0.0, time.monotonic()
        while block := await content.readany():
            come += len(block)
            self.bytes += len(block)
            waited += time.monotonic() - begun
            if self._transfer.bandwidth:
                await self._bandwidth.take(len(block))
            yield block
            if waited > timeout:
                if come < _SLOWEST * waited:
                    raise Again(SLOW)
                come, waited = 0, 0.0
            begun = time.monotonic()

    async def _answer(
        self, url: str, headers: Mapping[str, str], send: bytes = b"", *, allowed: tuple[int, ...] = ()
    ) -> Any:
        """Send, and return the response; a status other than 200, 206 and those allowed is a trouble.

        A response that is not read to its end must be closed.
        """
        self.requests += 1
        response = await self._sessions.request(url, headers, send)
        try:
            if response.status not in (200, 206, *allowed):
                await _refuse(response)
            if url.startswith("https:") and _left_https(response):
                raise_for(_DOWNGRADED, {})
        except BaseException:
            response.close()
            raise
        return response

    async def _persist(self, url: str, attempt: Callable[[_Patience], Awaitable[T]]) -> T:
        """Try until it is done or attempts and patience are at an end."""
        host, patience = self.host(url), _Patience()
        while True:
            try:
                await host.enter()
            except Impatient:
                raise ItemFailed(BUSY, stops=True) from None
            try:
                result = await attempt(patience)
            except ItemFailed as failed:
                if failed.kind == GONE:
                    host.good()
                raise
            except Exception as error:  # noqa: BLE001 - raised again where it is none of the way's
                trouble = again(error)
            else:
                host.good()
                return result
            finally:
                host.leave()
            await self._pause(host, trouble, patience)

    async def _pause(self, host: Host, trouble: Again, patience: _Patience) -> None:
        """Wait as long as is fitting.

        Raises
        ------
        ItemFailed
            When attempts or patience are at an end.
        """
        limits = self._transfer
        patience.tries += 1
        patience.spent += trouble.kind != BUSY
        doubled = limits.pause * 2 ** min(patience.tries, 10)
        pause = random.uniform(0.0, min(_LONGEST_PAUSE, doubled))  # noqa: S311 - spreads load, guards nothing
        asked = trouble.rest or 0.0
        if trouble.kind == BUSY:
            host.bad(asked, busy=True)
            patience.waited += asked + pause
        elif trouble.kind != SLOW:
            host.bad(asked)
        if patience.spent >= limits.attempts or patience.waited > limits.patience:
            raise ItemFailed(trouble.kind, stops=trouble.kind in STOPPING)
        await asyncio.sleep(asked + pause)


def _left_https(response: Any) -> bool:
    """Whether redirects have led to plain HTTP; our own connections follow none."""
    return not isinstance(response, Wire) and response.url.scheme != "https"


async def _refuse(response: Any) -> None:
    """Read an error's page, if it is short, so that its connection can go on; raise what its status means."""
    page = response.content
    while page.total_bytes < _DRAINED and not page.at_eof():
        await page.readany()
    raise_for(response.status, response.headers)


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

"""A connection for files: GET, an answer whose end is known, the next GET, and next to nothing in between.

Two thirds of what a short file costs goes into a general HTTP client's objects. Files are the plainest case that HTTP
has, so they are asked for here (RFC 9112), and whatever is not plain is refused as :class:`Odd`, for the general client
to do: no length, much in chunks, a redirect. Knows sockets and the form of an answer; refuses to know what statuses mean.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import cast

from medcli.data.transfer.chunks import Chunks

_ROOM = (1 << 19) + (1 << 14)  # a short file and its head fit, and are then copied once
_LONGEST_HEAD = 1 << 16
_LONGEST_PAGE = 1 << 16  # bytes of an error's page that are waited for
_MOST_CHUNKED = 1 << 22
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]++:[^\r\n\0]*+)*+)"
)


class Odd(Exception):
    """An answer that the general client has to read."""


class Stale(ConnectionError):
    """A connection that had been kept was closed before the answer began."""


class Fields(dict[str, str]):
    """Header fields by their names in small letters; asked for in any."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """The value of a field."""
        return super().get(name.lower(), default)


def parse(head: bytes) -> tuple[int, bool, Fields]:
    """Read a head without its last empty line: the status, whether the connection stays, the fields.

    Raises
    ------
    ValueError
        If it is none, or gives two lengths.
    """
    found = _HEAD.fullmatch(head)
    if found is None:
        raise ValueError
    fields = Fields()
    for line in found[3].decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if fields.setdefault(name, value) != value and name in ("content-length", "transfer-encoding"):
            raise ValueError
    stays = found[1] == b"1" and "close" not in fields.get("Connection").lower()
    return int(found[2]), stays, fields


class Wire(asyncio.BufferedProtocol):
    """One connection; one exchange at a time, which is also its own answer.

    Parameters
    ----------
    loop : AbstractEventLoop
        It lives in.
    home : callable
        Called with a connection that has been used.

    Attributes
    ----------
    status, headers : int, Fields
        Of the answer; known after :meth:`ask`.
    content_length : int
        Bytes of the body.
    heard, come : float, int
        When bytes came last, by the loop's clock, and how many have come since somebody set it to 0.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, home: Callable[[Wire], None]) -> None:
        self._loop = loop
        self._home = home
        self._bytes = bytearray(_ROOM)
        self._room = memoryview(self._bytes)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._exchanges = 0
        self.status, self.headers, self.content_length, self.odd = 0, Fields(), 0, False
        self.heard, self.come = 0.0, 0
        self._begin = self._end = self._got = 0
        self._stays = True
        self._waits_for_head = self._paused = False
        self._chunks: Chunks | None = None

    # What an answer is asked for.

    @property
    def content(self) -> Wire:
        """The body; named as in the general client."""
        return self

    @property
    def total_bytes(self) -> int:
        """Bytes of the body so far."""
        return self._got

    def at_eof(self) -> bool:
        """Whether all of the body has come and was read."""
        return self._got == self.content_length and self._begin == self._end

    async def readany(self) -> bytes:
        """What has come, once it is all or the room is full; nothing at the end.

        Raises
        ------
        Exception
            What ended the connection, when all that came before was read.
        """
        while not self._ripe:
            await self._wait()
        block = bytes(self._room[self._begin : self._end])
        self._begin = self._end = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        if not block and self._error and self._got != self.content_length:
            raise self._error
        return block

    def whole(self) -> memoryview | None:
        """All of the body where it lies, if it has come in one piece; to be used before the connection is given back."""
        if not self._got == self.content_length == self._end - self._begin:
            return None
        body, self._begin = self._room[self._begin : self._end], self._end
        return body

    def close(self) -> None:
        """Give the connection back."""
        self._home(self)

    # The exchange.

    async def ask(self, request: bytes) -> None:
        """Send, and wait for the head of the answer, and for as much of its body as there is room for.

        Raises
        ------
        Odd, Stale, ConnectionError
            See there; for an answer that is none, as for a connection that broke off.
        """
        self._begin = self._end = self._got = self.content_length = self.come = 0
        self._waits_for_head, self.odd, self._chunks = True, False, None
        self._exchanges += 1
        self.heard = self._loop.time()
        if self._transport is not None:
            self._transport.write(request)
        while self._waits_for_head or not (self.odd or self._ripe):
            if self._error:  # while it waits for the head: later, the body is ripe
                reused = self._exchanges > 1 and not self._end and isinstance(self._error, ConnectionError)
                raise Stale if reused else self._error
            await self._wait()
        if self.odd:
            raise Odd

    @property
    def _ripe(self) -> bool:
        """Whether there is no use in waiting for more."""
        return self._got == self.content_length or self._end == _ROOM or self._error is not None

    @property
    def free(self) -> bool:
        """Whether another exchange can follow."""
        return self._stays and not self._error and self._transport is not None and self.at_eof()

    def fail(self, error: Exception) -> None:
        """End the connection; whoever waits for it is told why."""
        self._error = self._error or error
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def silent(self, since: float) -> bool:
        """Whether the server has sent nothing since then, though nobody kept it from sending."""
        return not self._paused and self.heard < since

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        del sizehint
        return self._room[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come."""
        self.heard = self._loop.time()
        self.come += nbytes
        seen, self._end = self._end, self._end + nbytes
        if self._waits_for_head:
            self._head(max(0, seen - 3))
        else:
            self._got += nbytes
        if self._waits_for_head or self._error:
            return
        if self._chunks is not None:
            self._unchunk(self._chunks)
            return
        if self._got > self.content_length:  # more than was promised: nobody knows of what
            self._end -= self._got - self.content_length
            self._got = self.content_length
            self._stays = False
        if self.odd or self._got == self.content_length:
            self._wake()
        elif self._end == _ROOM:
            assert self._transport is not None
            self._paused = True
            self._transport.pause_reading()
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._transport = None
        self._error = self._error or (exc if isinstance(exc, ConnectionError) else ConnectionResetError())
        self._wake()

    def _head(self, start: int) -> None:
        while True:
            stop = self._bytes.find(b"\r\n\r\n", start, self._end)
            if stop < 0:
                if self._end - self._begin > _LONGEST_HEAD:
                    self.fail(ConnectionAbortedError())
                return
            try:
                self.status, self._stays, self.headers = parse(bytes(self._room[self._begin : stop]))
                if self.status >= 200:
                    self._frame()
            except ValueError:
                self.fail(ConnectionAbortedError())
                return
            self._begin = start = stop + 4
            if self.status >= 200:  # before it, the server only says that it is at work
                break
        self._waits_for_head = False
        self._got = self._end - self._begin

    def _frame(self) -> None:
        """Find out how long the body is (RFC 9112 6.3)."""
        length, coding = self.headers.get("Content-Length"), self.headers.get("Transfer-Encoding").lower()
        if length and not (length.isascii() and length.isdigit() and len(length) < 19):
            raise ValueError
        plain = bool(length) and not coding
        self.odd = (self.status < 300 and not (plain or coding == "chunked")) or 300 <= self.status < 400
        self.content_length = int(length) if plain else 0
        if coding == "chunked" and not length and self.status != 204:
            self._chunks, self.content_length = Chunks(), -1
        elif not plain or (self.status >= 400 and self.content_length > _LONGEST_PAGE):
            self.content_length, self._stays = 0, False  # its page is not worth a word

    def _unchunk(self, chunks: Chunks) -> None:
        """Take what has come of a body in chunks; it counts when it is whole."""
        try:
            over = chunks.feed(self._room[self._begin : self._end])
        except ValueError:
            self.fail(ConnectionAbortedError())
            return
        self._end, self._got = self._begin, 0
        if over and len(chunks.content) <= _ROOM:
            self._room[: len(chunks.content)] = chunks.content
            self._begin, self._end = 0, len(chunks.content)
            self.content_length = self._got = self._end
            self._stays = self._stays and not chunks.beyond
            self._chunks = None
            self._wake()
        elif over or chunks.held > _MOST_CHUNKED:
            self.odd = True
            self._wake()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def head(fields: Mapping[str, str]) -> bytes:
    """Write header fields, each with its end.

    Raises
    ------
    Odd
        If something in them has no place in a head.
    """
    lines = [f"{name}: {value}" for name, value in fields.items()]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise Odd
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def request(target: str, fixed: bytes, fields: Mapping[str, str]) -> bytes:
    """Write a GET.

    Parameters
    ----------
    target : str
        Path and query.
    fixed : bytes
        Of :func:`head`.
    fields : mapping
        Besides.

    Raises
    ------
    Odd
        If something in it has no place in a head.
    """
    if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
        raise Odd
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (target.encode("ascii"), fixed, head(fields) if fields else b"")

"""The connections for files that are kept alive, by their server, and a watch over those that are silent or only drip.

Knows addresses, names and certificates; refuses to know what is fetched.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from medcli.data.transfer.trouble import SLOW, UNREACHABLE, UNTRUSTED, Again
from medcli.data.transfer.wire import Odd, Stale, Wire, head, request
from medcli.errors import ItemFailed

_CONNECT = 15.0
_KEPT = 60.0
_SLOWEST = 200.0  # bytes a second


class Wires:
    """Connections of one event loop.

    Parameters
    ----------
    timeout : float
        Seconds that a server may send nothing, or next to nothing.
    trust : SSLContext
        What certificates are checked with.
    headers : mapping
        Of every request.
    """

    def __init__(self, timeout: float, trust: ssl.SSLContext, headers: Mapping[str, str]) -> None:
        self._timeout = timeout
        self._trust = trust
        self._headers = dict(headers)
        self._loop = asyncio.get_running_loop()
        self._idle: dict[str, list[tuple[float, Wire]]] = {}
        self._busy: dict[Wire, tuple[str, float]] = {}
        self._odd: set[str] = set()
        self._heads: dict[str, bytes] = {}
        self._watch: asyncio.TimerHandle | None = None

    async def get(self, url: str, origin: str, headers: Mapping[str, str]) -> Wire:
        """Ask for a file; what comes back must be closed.

        Parameters
        ----------
        url, origin : str
            The address, and the part of it that names the server.
        headers : mapping
            Sent besides.

        Raises
        ------
        Odd
            If it must be asked for in the general way.
        Again, ItemFailed
            As the way is.
        """
        if origin in self._odd or "@" in origin:
            raise Odd
        sent = request(url[len(origin) :] or "/", self._fixed(origin), headers)
        while True:
            wire = self._kept(origin) or await self._made(origin)
            self._busy[wire] = (origin, self._loop.time())
            if self._watch is None:
                self._watch = self._loop.call_later(self._timeout / 8, self._look)
            try:
                await wire.ask(sent)
            except Stale:
                wire.close()
            except BaseException as error:
                if isinstance(error, Odd):
                    self._odd.add(origin)
                wire.fail(ConnectionAbortedError())
                wire.close()
                raise
            else:
                return wire

    def close(self) -> None:
        """End all connections."""
        if self._watch is not None:
            self._watch.cancel()
        for wire in [wire for kept in self._idle.values() for _, wire in kept] + list(self._busy):
            wire.fail(ConnectionAbortedError())
        self._idle.clear()

    def back(self, wire: Wire) -> None:
        """Take a connection back: keep it if it can be used again, else end it."""
        origin, _ = self._busy.pop(wire, ("", 0.0))
        if origin and wire.free:
            self._idle.setdefault(origin, []).append((self._loop.time(), wire))
        elif origin:
            wire.fail(ConnectionAbortedError())

    def _fixed(self, origin: str) -> bytes:
        """What stands in every head for a server."""
        fixed = self._heads.get(origin)
        if fixed is None:
            fields = {"Host": origin.partition("://")[2], **self._headers}
            fixed = self._heads[origin] = head(fields)
        return fixed

    def _kept(self, origin: str) -> Wire | None:
        kept = self._idle.get(origin)
        while kept:
            since, wire = kept.pop()
            if wire.free and self._loop.time() - since < _KEPT:
                return wire
            wire.fail(ConnectionAbortedError())
        return None

    async def _made(self, origin: str) -> Wire:
        parts = urlsplit(origin)
        secure = parts.scheme == "https"
        try:
            async with asyncio.timeout(_CONNECT):
                _, wire = await self._loop.create_connection(
                    lambda: Wire(self._loop, self.back),
                    parts.hostname or "",
                    parts.port or (443 if secure else 80),
                    ssl=self._trust if secure else None,
                    happy_eyeballs_delay=0.25,
                )
        except ssl.SSLError:
            raise ItemFailed(UNTRUSTED, stops=True) from None
        except TimeoutError:
            raise
        except (OSError, UnicodeError):  # a name that is none is found out when it is looked up
            raise Again(UNREACHABLE) from None
        return wire

    def _look(self) -> None:
        """End what is silent, and what has only dripped for as long."""
        now = self._loop.time()
        for wire, (origin, since) in list(self._busy.items()):
            if wire.silent(now - self._timeout):
                wire.fail(TimeoutError())
            elif now - since > self._timeout:
                if wire.come < _SLOWEST * (now - since) and wire.silent(now):
                    wire.fail(Again(SLOW))
                wire.come = 0
                self._busy[wire] = (origin, now)
        self._watch = self._loop.call_later(self._timeout / 8, self._look) if self._busy else None

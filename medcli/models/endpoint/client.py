"""Sending one request until it is answered: which server, how long to wait, when to give up.

A busy server (429, Retry-After) costs patience, not attempts, and rests as a whole; a timeout, a broken answer or a
failing server costs an attempt, and the next one goes to another address if there is one. What no server answered is
the row's trouble; ten such rows in a row, no server at all, or a refused key are everybody's. Of what a server says
nothing is passed on: it can quote the question. A server that drips, byte after byte, is given up after ten times the
timeout, and costs half of all attempts.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from medcli.errors import ItemFailed, MissingExtra, SetupError
from medcli.models.endpoint.access import Access, is_remote
from medcli.models.endpoint.manners import Manners
from medcli.models.endpoint.tolls import FREE, Gate, Passage, Toll
from medcli.models.endpoint.troubles import (
    BUSY,
    CUT,
    REFUSED,
    SILENT,
    UNDERSTOOD_CODES,
    UNREACHABLE,
    Again,
    meaning,
)  # fmt: skip
from medcli.pacing import Pace, retry_after

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Body", "Client", "Received", "Server", "is_remote", "read"]

ATTEMPTS = 8
PATIENCE = 900.0  # seconds of waiting on busy servers that one request may cost
PAUSE = 0.25
_LONGEST_PAUSE = 20.0
_CONNECT = 10.0
_HANDSHAKE = 10.0
_REST = 5.0
_LOST_IN_A_ROW = 10
_REFUSED_IN_A_ROW = 32
_WHOLE = 10.0  # times the timeout: how long an answer may take however it comes
_LAX = json.JSONDecoder(strict=False)  # some servers leave control characters as they are
_JSON = {"Content-Type": "application/json"}
_CHUNKED = 1 << 20  # bytes of a request that are still sent in one piece
_LONGEST = 1 << 26  # bytes of an answer: far above any, and far below what exhausts memory
Body = Callable[[], bytes]
_T = TypeVar("_T")
_PASSAGE: ContextVar[Passage] = ContextVar("_PASSAGE")  # of the task that sends


@dataclass(slots=True)
class Server:
    """One address."""

    url: str
    flying: int = 0
    rests_until: float = 0.0
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Received:
    """An answer.

    Attributes
    ----------
    completion : dict
        As it was read, and ``content`` as it came.
    request_id : str
        The server's name for the request; may be empty.
    cost : int or None
        10⁻¹² USD, where a price is known.
    """

    completion: dict[str, Any] = field(repr=False)
    content: bytes = field(repr=False)
    request_id: str = ""
    cost: int | None = None


class Client:
    """Sends requests from one event loop.

    Parameters
    ----------
    access : Access
        Where the servers are.
    timeout : float
        Seconds to wait for the next byte.
    manners : Manners
        What the servers take.
    gate : Gate, optional
        Lets each attempt go.
    """

    def __init__(self, access: Access, timeout: float, manners: Manners, gate: Gate | None = None) -> None:
        try:
            import aiohttp
        except ImportError:
            raise MissingExtra("openai", "asking a server") from None
        self._access, self._manners, self._gate = access, manners, gate or Gate()
        self._servers = [Server(access.chat(base)) for base in access.bases]
        self._lost = self._refusals = 0
        self._answered = False
        limits = aiohttp.ClientTimeout(
            total=_WHOLE * timeout, connect=_CONNECT + _HANDSHAKE, sock_connect=_CONNECT, sock_read=timeout
        )
        standing = {} if access.token else access.headers()
        self._session = aiohttp.ClientSession(
            timeout=limits,
            headers=standing,
            connector=_connector(),
            # a proxy must not come between us and this machine
            trust_env=all(is_remote(url) for url in access.bases),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(self, body: Body, place: int, toll: Toll = FREE) -> Received:
        """Send a request until it is answered.

        Parameters
        ----------
        body : callable
            Makes the request, anew after something was learned.
        place : int
            Requests of one place go to one server while it has no more to do than others.
        toll : Toll
            What each attempt counts as.

        Raises
        ------
        ItemFailed
            If no server answered, or one refused it.
        SetupError
            If no other request would fare better, or the budget may not be enough.
        """
        return await self._until(place, lambda server: self._attempt(server, body, toll), toll.tokens)

    async def _until(self, place: int, attempt: Callable[[Server], Awaitable[_T]], tokens: int = 0) -> _T:
        """Try until there is an answer, or an end of attempts or patience."""
        spent, waited = 0, 0.0
        while True:
            server = self._choose(place, tokens)
            try:
                received = await attempt(server)
            except Again as again:
                spent, waited = await self._pause(again, server, spent, waited)
            else:
                self._lost, self._answered = 0, True
                return received

    async def _attempt(self, server: Server, body: Body, toll: Toll) -> Received:
        """Send once; what became of it is counted whatever happens."""
        passage = await self._gate.let(toll, server.pace)
        _PASSAGE.set(passage)
        try:
            async with self._flying(server), self._post(server, body()) as response:
                content = await read(response)
                completion = _completion(content)
                request_id = _plain(response.headers.get("x-request-id") or completion.get("id"))
        except BaseException as error:
            _counted(passage, error)
            raise
        passage.answered(completion)
        return Received(completion, content, request_id, passage.cost)

    async def events(self, body: Body) -> AsyncIterator[Any]:
        """Send a request and yield the events of its stream; sent again only while nothing has come."""
        spent, waited, begun = 0, 0.0, False
        while True:
            server = self._choose(0)
            await self._gate.let(FREE, server.pace)
            try:
                async with self._flying(server), self._post(server, body()) as response:
                    if response.content_type == "application/json":  # it does not stream
                        yield _completion(await read(response))
                        return
                    async for line in response.content:
                        data = line.strip().removeprefix(b"data:").strip()
                        if line.startswith(b"data:") and data == b"[DONE]":
                            return
                        if line.startswith(b"data:"):
                            event = json.loads(data)
                            begun = True
                            yield event
                    return
            except (Again, ValueError) as error:
                again = error if isinstance(error, Again) else Again(CUT)
                if begun:
                    raise ItemFailed(CUT) from None
                spent, waited = await self._pause(again, server, spent, waited)

    @contextlib.asynccontextmanager
    async def _flying(self, server: Server) -> AsyncIterator[None]:
        """Count a request, and turn every trouble on the way into a reason."""
        import aiohttp

        server.flying += 1
        try:
            yield
        except aiohttp.ClientConnectorError:
            raise Again(UNREACHABLE, refused=True) from None
        except aiohttp.ServerTimeoutError:
            raise Again(SILENT) from None
        except TimeoutError:  # of the whole
            raise Again(SILENT, costs=max(1, ATTEMPTS // 2)) from None
        except (aiohttp.ClientError, ConnectionError):
            raise Again(CUT) from None
        finally:
            server.flying -= 1

    @contextlib.asynccontextmanager
    async def _post(self, server: Server, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        """Post; hand back a response that can be read, or say what to do."""
        version = self._manners.version
        data = body if len(body) < _CHUNKED else io.BytesIO(body)
        headers = {**_JSON, **await self._fresh()} if self._access.token else _JSON
        async with self._session.post(
            server.url, data=data, headers=headers, allow_redirects=False
        ) as response:
            server.pace.learn(response.headers)
            if response.status == 200:
                yield response
                return
            refusal = await read(response)
        raise self._trouble(response.status, retry_after(response.headers), refusal, version)

    async def _fresh(self) -> Mapping[str, str]:
        """Return headers that let in now, where they change with time."""
        return await asyncio.to_thread(self._access.headers) if self._access.token else {}

    def _trouble(self, status: int, wait: float | None, refusal: bytes, version: int) -> Exception:
        """Say what a status other than 200 means."""
        if status in UNDERSTOOD_CODES and (version != self._manners.version or self._manners.learn(refusal)):
            return Again(REFUSED, costs=0, refused=True)
        return meaning(status, wait, refusal, self._access.wanted) or self._refused()

    def _refused(self) -> Exception:
        """Return a row's trouble, or everybody's where nothing was ever answered."""
        self._refusals += 1
        if self._answered or self._refusals < _REFUSED_IN_A_ROW:
            return ItemFailed(REFUSED)
        return SetupError(
            f"The server refused the first {self._refusals} questions, and answered none.",
            hint="Does the model take pictures, and --temperature? Else see what the server says.",
        )

    def _choose(self, place: int, tokens: int = 0) -> Server:
        """Take a server that does not rest, has not much more to do than others, and had this place before.

        ``tokens`` are what it would count the request as: one that lets it go now is taken before one that does not.
        """
        now, count = time.monotonic(), len(self._servers)
        if count == 1:
            return self._servers[0]
        order = [self._servers[(place + i) % count] for i in range(count)]
        return min(order, key=lambda one: (one.rests_until > now, one.pace.busy(tokens), one.flying // 4))

    async def _pause(self, again: Again, server: Server, spent: int, waited: float) -> tuple[int, float]:
        """Wait as long as is fitting; return attempts spent and seconds waited for busy servers.

        Raises
        ------
        ItemFailed, SetupError
            When attempts or patience are at an end.
        """
        spent += again.costs
        longest = min(_LONGEST_PAUSE, max(PAUSE * 2 ** max(spent, 1), waited / 2))
        pause = random.uniform(0.0, longest)  # noqa: S311 - spreads load
        if again.kind == REFUSED:
            pause = 0.0  # something was learned
        elif again.wait:  # 0 would be a request after the other without end
            pause = again.wait + pause / 4
        if again.kind in (UNREACHABLE, SILENT, BUSY):
            server.rests_until = time.monotonic() + max(pause, _REST if again.kind == UNREACHABLE else 0.0)
        if again.kind == BUSY and pause <= PATIENCE:
            server.pace.rest(again.wait or pause)
        if not again.costs or again.wait:
            waited += pause
        if spent >= ATTEMPTS or waited > PATIENCE:
            self._lost += 1
            if again.kind == UNREACHABLE:
                raise SetupError(
                    "No server answers at --base-url.", hint="Start it; the same command goes on from here."
                )
            if self._lost >= _LOST_IN_A_ROW:
                raise SetupError(
                    f"{self._lost} requests in a row got no answer: {again.kind}.",
                    hint="See what the server says; the same command goes on from here.",
                )
            raise ItemFailed(again.kind)
        await asyncio.sleep(pause)
        return spent, waited


def _connector() -> aiohttp.TCPConnector:
    """Return a connector that notes when a request has a connection: only then it is on its way."""
    import aiohttp

    class Noting(aiohttp.TCPConnector):  # type: ignore[misc, unused-ignore]
        async def connect(self, *told: Any, **more: Any) -> Any:
            connection = await super().connect(*told, **more)
            if (passage := _PASSAGE.get(None)) is not None:
                passage.sent()
            return connection

    return Noting(limit=0)


async def read(response: aiohttp.ClientResponse) -> bytes:
    """Read what a server says, but not without end."""
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > _LONGEST:
            raise Again(CUT)
    return bytes(content)


def _completion(content: bytes) -> dict[str, Any]:
    """Read what should be a completion; a server that broke off is asked again."""
    with contextlib.suppress(ValueError, RecursionError):
        completion = _LAX.decode(content.decode("utf-8-sig"))
        if isinstance(completion, dict) and completion.get("choices"):
            return completion
    raise Again(CUT)


def _counted(passage: Passage, error: BaseException) -> None:
    """Count an attempt that has no answer: refused where the server said so, else as one that it may have answered."""
    refused = error.refused if isinstance(error, Again) else isinstance(error, ItemFailed | SetupError)
    if refused:
        passage.refused()
    else:
        passage.lost()


def _plain(name: object) -> str:
    """Return a server's name for a request, if it is one."""
    return name[:128] if isinstance(name, str) and name.isascii() and name.isprintable() else ""

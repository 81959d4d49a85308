"""A server, or several alike, behind the protocol of a model; many requests at once.

Beside the protocol's own methods there are two for an event loop of the caller's: :meth:`Endpoint.answer` and
:meth:`Endpoint.aclose`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from medcli.errors import InputError, ItemFailed, MedcliError, SetupError, UsageError
from medcli.models.endpoint.access import from_environment
from medcli.models.endpoint.client import Client
from medcli.models.endpoint.manners import Manners
from medcli.models.endpoint.messages import Pictures, messages, piece_of, reply_of
from medcli.models.endpoint.tolls import Toll
from medcli.models.endpoint.troubles import UNREACHABLE
from medcli.models.family import cleaned, split_thoughts
from medcli.models.protocol import Description, Engine, ModelSpec, Reply, Request, Sampling
from medcli.models.tokens import Estimate, measure

CONCURRENCY = 16


def load(spec: ModelSpec) -> Endpoint:
    """Make ready to ask; nothing is sent yet.

    Raises
    ------
    UsageError
        If there is no address.
    MissingExtra
        If aiohttp is not installed.
    """
    return Endpoint(spec)


class Endpoint:
    """See :class:`medcli.models.protocol.Backend`."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._access = from_environment(spec.base_urls, spec.model)
        self._estimate = Estimate()
        self._manners = Manners()
        self._pictures = Pictures()
        self._client: Client | None = None

    def describe(self) -> Description:
        """Name the model; what else there is to know the server keeps to itself."""
        name = self._spec.model.rstrip("/").rpartition("/")[2]
        return Description(name, "endpoint", "chat-template", "", "server")

    def engine(self) -> Engine:
        """Say what was learned."""
        return Engine(path="plain", notes=self._manners.notes())

    def prompt(self, request: Request) -> str:
        """The question without picture tokens."""
        return cleaned(request.turns[-1][1])

    def count_tokens(self, request: Request) -> int:
        """About a token for three characters: the server's tokenizer is not known here."""
        return sum(len(text) for _, text in request.turns) // 3

    async def answer(self, request: Request, sampling: Sampling) -> Reply:
        """Answer one request.

        Raises
        ------
        MedcliError
            If no other request would fare better.
        """
        try:
            laid = await asyncio.to_thread(messages, request, self._pictures)
            size = measure(laid)
            toll = Toll(self._estimate.weight(size, sampling.max_new_tokens))
            received = await self._connected().send(
                lambda: _packed(self._body(laid, request, sampling)), _place(request), toll
            )
            reply = reply_of(request, received.completion)
            self._estimate.note(size, sampling.max_new_tokens, reply.prompt_tokens, reply.answer_tokens)
        except ItemFailed as error:
            prompt = self.prompt(request)
            return Reply(request.key, prompt=prompt, finish_reason="error", error=error.kind)
        return reply

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def generate(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Reply]:
        """Answer requests, many at once, in their order."""
        yield from asyncio.run(self._all(requests, settings))

    async def _all(self, requests: Sequence[Request], sampling: Sampling) -> list[Reply]:
        seats = asyncio.Semaphore(CONCURRENCY)

        async def one(request: Request) -> Reply:
            async with seats:
                return await self.answer(request, sampling)

        try:
            return await _gathered([one(request) for request in requests])
        finally:
            await self.aclose()

    def stream(self, request: Request, settings: Sampling) -> Iterator[str]:
        """Answer one request in pieces."""
        with asyncio.Runner() as loop:
            try:
                pieces = self._pieces(request, settings)
                while (piece := loop.run(anext_or_none(pieces))) is not None:
                    yield piece
            except ItemFailed as error:
                raise _trouble(error.kind) from None
            finally:
                loop.run(self.aclose())

    async def _pieces(self, request: Request, sampling: Sampling) -> AsyncIterator[str]:
        laid = await asyncio.to_thread(messages, request, self._pictures)

        def body() -> bytes:
            return _packed({**self._body(laid, request, sampling), "stream": True})

        begun = thinks = False
        whole = ended = ""
        async for event in self._connected().events(body):
            piece, ended_by = piece_of(event)
            ended = ended_by or ended
            piece = piece if begun else piece.lstrip()
            thinks = thinks or (not begun and piece.startswith("<"))
            begun = begun or bool(piece)
            if thinks:
                whole += piece  # perhaps a thought: what is answer is known at its end
            elif piece:
                yield piece
        if thinks:
            yield split_thoughts(whole)[0]
        if not ended:
            raise ItemFailed("endpoint-broke-off")

    def trace(self, request: Request, settings: Sampling) -> tuple[Reply, dict[str, Any]]:  # noqa: ARG002 - the protocol's
        """Refuse: a server shows nothing of its inside."""
        raise UsageError("A server cannot be traced.", hint="Leave out --trace, or ask a model in process.")

    def close(self) -> None:
        """Nothing is left open between calls."""

    def _body(self, laid: list[dict[str, Any]], request: Request, sampling: Sampling) -> dict[str, Any]:
        seed = int.from_bytes(blake2b(f"{sampling.seed} {request.key}".encode(), digest_size=4).digest()) >> 1
        return {"model": self._spec.model, "messages": laid, **self._manners.parameters(sampling, seed)}

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client(self._access, self._spec.timeout, self._manners)
        return self._client


async def anext_or_none(pieces: AsyncIterator[str]) -> str | None:
    """Return the next piece, or None at the end."""
    return await anext(pieces, None)


async def _gathered(coroutines: Sequence[Coroutine[Any, Any, Reply]]) -> list[Reply]:
    """Wait for all; the first error ends the others."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _place(request: Request) -> int:
    """Return a number that questions about the same pictures share."""
    shown = (
        repr([(str(one.source)[:500], one.frame) for one in request.pictures])
        if request.pictures
        else request.key
    )
    return int.from_bytes(blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=4).digest())


def _packed(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _trouble(kind: str) -> MedcliError:
    if kind.startswith("endpoint") or kind == UNREACHABLE:
        return SetupError(
            f"The server gave no whole answer: {kind}.", hint="See what the server says, and ask again."
        )
    return InputError(f"The question cannot be answered: {kind}.")

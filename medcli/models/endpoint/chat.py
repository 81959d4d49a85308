"""Chat completions for whoever makes many: paced, within a budget, from a cache where they were paid for before.

One client serves one event loop and any number of tasks. It builds on :mod:`medcli.models.endpoint.client`, which sends a
request until it is answered; what is offered here beside that is what a long and costly run needs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from medcli.errors import ItemFailed
from medcli.models.endpoint import access as accesses
from medcli.models.endpoint.client import Client
from medcli.models.endpoint.manners import Manners
from medcli.models.endpoint.messages import GARBLED, text_of
from medcli.models.endpoint.replies import Replies, key_of
from medcli.models.endpoint.tolls import Gate, Toll, usage_of
from medcli.models.family import split_thoughts
from medcli.models.prices import PICO, Price, Prices
from medcli.models.protocol import Sampling
from medcli.models.spending import Budget, price_for
from medcli.models.tokens import Estimate, Size, measure
from medcli.pacing import Pace
from medcli.settings import Secret

_KEPT = 1000  # sets of parameters that are laid out already


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer.

    Attributes
    ----------
    text : str
        What was said, without what the model thought aloud; empty where it refused.
    refusal : str
        What a model says that refuses by the API's own field; mostly empty, since most refuse in ``text``.
    finish_reason : str
        ``stop``, ``length``, ``content_filter`` or what else the server says.
    request_id : str
        The server's name for the request, for its support.
    prompt_tokens, completion_tokens : int
        By the reply's ``usage``; 0 where it says nothing.
    model : str
        The name that the server gives.
    cached : bool
        Whether it comes from the cache: nothing was sent.
    cost : float or None
        USD that this answer cost now (0 from the cache); None where no price is known.
    seconds : float
        From the call to the answer, waiting for a turn included.
    """

    text: str = field(repr=False)
    refusal: str = field(repr=False)
    finish_reason: str
    request_id: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    cached: bool
    cost: float | None
    seconds: float


class ChatClient:
    """Asks servers that speak chat completions.

    Parameters
    ----------
    urls : sequence of str
        Base addresses, which share the load; empty for the one of Azure that the environment names.
    key : str, Secret or None
        Empty for none; None for what the environment holds (:mod:`medcli.models.endpoint.access`).
    model : str
        Its name there.
    timeout : float
        Seconds to wait for the next byte; ten times as long for a whole answer.
    rpm, tpm : int or None
        Requests and tokens a minute over all addresses together; what a server's headers say holds for each beside that.
    budget : Budget or None
        What may be spent.
    prices : Prices or None
        Without, costs are not known.
    cache : Replies, Path or None
        Where replies are kept; a path is opened here and closed with the client.

    Raises
    ------
    UsageError
        If there is no address, or the budget has a limit and the model no price.
    SetupError
        If a key cannot be sent, or the cache not be opened.
    MissingExtra
        If aiohttp is not installed.
    """

    def __init__(
        self,
        urls: Sequence[str],
        key: str | Secret | None,
        model: str,
        *,
        timeout: float = 120.0,
        rpm: int | None = None,
        tpm: int | None = None,
        budget: Budget | None = None,
        prices: Prices | None = None,
        cache: Replies | Path | None = None,
    ) -> None:
        self.model, self.budget = model, budget
        self.access = accesses.from_environment(urls, model) if key is None else accesses.given(urls, key)
        self.price: Price | None = None
        if prices is not None or (budget is not None and budget.limited):
            self.price = price_for(model, prices or Prices({}), needed=budget is not None and budget.limited)
        self.estimate, self.manners = Estimate(), Manners()
        self._untaught = Manners()  # whose requests name what the cache keeps: what servers take may change
        self.pace = Pace(rpm, tpm)
        self._timeout = timeout
        self._client: Client | None = None
        self._own_cache = isinstance(cache, Path)
        self.cache = Replies(cache) if isinstance(cache, Path) else cache
        self._parameters: dict[tuple[Any, ...], str] = {}
        self._named = json.dumps(model)

    def __repr__(self) -> str:
        return f"ChatClient({self.model!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections; write what the cache and the budget still hold."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self.cache is not None:
            self.cache.close() if self._own_cache else self.cache.flush()
        if self.budget is not None:
            self.budget.close()

    def notes(self) -> tuple[str, ...]:
        """Sentences for the person at the terminal: what the servers do not take, and whether the cache failed."""
        failed = self.cache is not None and self.cache.failed
        schema = (
            ()
            if self.manners.takes("response_format")
            else ("The server does not take a schema for answers.",)
        )
        return (
            *self.manners.notes(),
            *schema,
            *(("The cache of replies failed and was left alone.",) * failed),
        )

    async def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        place: int = 0,
        seed: int = 0,
    ) -> Completion:
        """Have a conversation continued.

        Parameters
        ----------
        messages : sequence of mapping
            As chat completions take them.
        max_tokens : int
            Of the answer, with what the model thinks.
        temperature : float
            0 for the likeliest token each time.
        schema : mapping, optional
            JSON schema of the answer; offered where the server takes it, so what comes has to be checked all the same.
        place : int
            Requests of one place go to one server while it has not more to do than others.
        seed : int
            Sent where ``temperature`` is above 0; another one asks anew what the cache has.

        Raises
        ------
        ItemFailed
            If this request cannot be answered; ``kind`` says why.
        BudgetSpent
            If the budget may not be enough for it. Nothing was sent.
        MedcliError
            If no other request would fare better.
        """
        began = time.monotonic()
        sampling, said = Sampling(max_new_tokens=max_tokens, temperature=temperature), json.dumps(messages)
        first, key = self._packed(said, sampling, seed, schema, self._untaught), b""
        if self.cache is not None:
            key = key_of(first)
            if (known := self._known(key, began)) is not None:
                return known
        size = measure(messages, schema)

        def body() -> bytes:
            return self._packed(said, sampling, seed, schema, self.manners) if self.manners.version else first

        received = await self._connected().send(body, place, self._toll(size, max_tokens))
        usage = usage_of(received.completion)
        if usage is not None:
            self.estimate.note(size, max_tokens, usage.prompt_tokens, usage.completion_tokens)
        seconds = time.monotonic() - began
        completion = completion_of(received.completion, received.request_id, received.cost, seconds=seconds)
        if self.cache is not None:
            self.cache.put(key, received.request_id, received.content)
        return completion

    def _toll(self, size: Size, max_tokens: int) -> Toll:
        amount = 0 if self.price is None else self.price.worst(size, max_tokens)
        return Toll(self.estimate.weight(size, max_tokens), amount, self.price)

    def body(
        self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None, seed: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Return what :meth:`complete` would send, as batches take it."""
        sampling = Sampling(max_new_tokens=max_tokens, temperature=temperature)
        content: dict[str, Any] = json.loads(
            self._packed(json.dumps(messages), sampling, seed, schema, self.manners)
        )
        return content

    def _packed(
        self, said: str, sampling: Sampling, seed: int, schema: Mapping[str, Any] | None, manners: Manners
    ) -> bytes:
        """Lay out a request; all but the messages is laid out once."""
        about = (manners.version, sampling.max_new_tokens, sampling.temperature, seed)
        rest = self._parameters.get(about) if schema is None else None
        if rest is None:
            rest = json.dumps(manners.parameters(sampling, seed, schema))[1:]
            if schema is None and len(self._parameters) < _KEPT:
                self._parameters[about] = rest
        return f'{{"model": {self._named}, "messages": {said}, {rest}'.encode()

    def _known(self, key: bytes, began: float) -> Completion | None:
        assert self.cache is not None
        found = self.cache.get(key)
        if found is None:
            return None
        try:
            told = json.loads(found[1], strict=False)
            return completion_of(told, found[0], 0, cached=True, seconds=time.monotonic() - began)
        except (ValueError, AttributeError, ItemFailed):
            self.cache.forget(key)
            return None

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client(self.access, self._timeout, self.manners, Gate(self.pace, self.budget))
        return self._client


def completion_of(
    told: Mapping[str, Any], request_id: str, cost: int | None, *, cached: bool = False, seconds: float = 0.0
) -> Completion:
    """Read a completion.

    Parameters
    ----------
    told : mapping
        As the server sent it.
    request_id : str
        The server's name for the request.
    cost : int or None
        10⁻¹² USD.
    cached, seconds
        As in :class:`Completion`.

    Raises
    ------
    ItemFailed
        If it is none.
    """
    try:
        choice = told["choices"][0]
        message = choice["message"]
        text, refusal = text_of(message.get("content")), text_of(message.get("refusal"))
        aloud = message.get("reasoning_content") or message.get("reasoning")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ItemFailed(GARBLED) from None
    usage = usage_of(told)
    return Completion(
        text=(text if aloud else split_thoughts(text)[0]).strip(),
        refusal=refusal.strip(),
        finish_reason=str(choice.get("finish_reason") or "stop"),
        request_id=request_id,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
        model=str(told.get("model") or ""),
        cached=cached,
        cost=None if cost is None else cost / PICO,
        seconds=seconds,
    )

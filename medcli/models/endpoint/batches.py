"""Many requests as batches: handed in as files, answered within a day, at half the price (OpenAI's Batch API).

:meth:`Batches.submit` makes files within the API's limits, uploads them and returns a :class:`BatchState`, plain data
that the caller keeps; :meth:`Batches.poll` brings it up to date, after seconds or after days, in this process or another;
:meth:`Batches.results` yields one row for each request of a part that has ended, those that have to be handed in again
among them. A part's name is made of the run's and of its rows', and stands in the batch's metadata: a part that was
handed in just before a crash is found again instead of being paid for twice.

Knows files of requests and replies; refuses to know what they are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from medcli.errors import ItemFailed, SetupError
from medcli.models.endpoint.batch_files import CHAT, Draft, Row, drafts, lines
from medcli.models.endpoint.batch_state import (
    CANCELLED,
    EXPIRED,
    GONE,
    ID,
    OPEN,
    BatchRow,
    BatchState,
    Part,
    end_of,
    updated,
)  # fmt: skip
from medcli.models.endpoint.chat import ChatClient, completion_of
from medcli.models.endpoint.manners import filtered, too_long
from medcli.models.endpoint.rest import Missing, Rest
from medcli.models.endpoint.tolls import Gate, usage_of
from medcli.models.endpoint.troubles import FAILING, FILTERED, REFUSED, TOO_LONG, Again
from medcli.models.prices import PICO
from medcli.models.spending import Budget, Claim
from medcli.models.tokens import measure

__all__ = ["BatchRow", "BatchState", "Batches", "Part"]

ROWS, BYTES = 50_000, 190_000_000  # of a file; OpenAI: 50,000 requests and 200 MB
WINDOW = "24h"

_PAUSES = (5.0, 60.0)
_PAGE, _PAGES = 100, 50


class Batches:
    """Hands in batches and fetches them.

    Parameters
    ----------
    chat : ChatClient
        Whose server, key, price, budget and learned parameters are used. Have it answer one request first: what the
        server does not take is then known before fifty thousand rows are refused for it.
    folder : Path or None
        A private folder for files on their way; a temporary one where None.
    rows, size : int
        Limits of one file.
    """

    def __init__(
        self,
        chat: ChatClient,
        *,
        folder: Path | None = None,
        rows: int = ROWS,
        size: int = BYTES,
        timeout: float = 120.0,
    ) -> None:
        self._chat, self._rows, self._size = chat, rows, size
        self._rest = Rest(chat.access, timeout, chat.manners, Gate())
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="medcli-batch-")
        self._folder = folder or Path(self._temporary.name if self._temporary else "")
        self._claims: dict[str, Claim] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; what is out stays out."""
        await self._rest.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def resume(self, state: BatchState) -> BatchState:
        """Set aside again what an earlier process had set aside for batches that are still out."""
        if self._budget is not None:
            for part in state.parts:
                if part.name not in self._claims:
                    self._claims[part.name] = self._budget.hold(part.worst, recorded=False)
        return state

    async def submit(
        self,
        rows: Iterable[Row],
        *,
        run: str,
        state: BatchState | None = None,
        kept: Callable[[BatchState, list[str]], None] | None = None,
    ) -> tuple[BatchState, int]:
        """Hand in requests, in as many batches as the limits ask for.

        Parameters
        ----------
        rows : iterable of (str, mapping)
            ``custom_id``, at most 64 characters, and body, as :meth:`ChatClient.body` makes it; consumed as it goes.
        run : str
            Names the run, within 24 characters: the same rows of the same run and ``state`` are handed in once,
            whatever happened in between.
        state : BatchState, optional
            What is out already.
        kept : callable, optional
            Called with the state and the ids of the newest part's rows as soon as that is handed in, to write it down.

        Returns
        -------
        BatchState
            With what was handed in.
        int
            How many rows were. Fewer than there are: the budget allows no more before what is out has been read.

        Raises
        ------
        BudgetSpent
            If it allows not even one row, and nothing is out.
        SetupError
            If the server has no Batch API, or refuses the key.
        """
        state, count = state or BatchState(), 0
        there = await self._there(run)
        made = drafts(
            rows, self._folder, most=self._rows, size=self._size, worst=self._worst, affords=self._affords
        )
        with contextlib.closing(made):
            for draft in made:
                claim = self._reserved(draft.worst)
                if claim is None and draft.worst and self._budget is not None:
                    if count or self._budget.reserved:
                        break
                    raise self._budget.over(draft.worst)
                part = await self._claimed(claim, self._hand_in(run, state.read, draft, there))
                state, count = state.with_part(part), count + part.rows
                if kept is not None:
                    kept(state, list(draft.ids))
        return state, count

    def _reserved(self, worst: int) -> Claim | None:
        return None if self._budget is None else self._budget.try_reserve(worst, recorded=False)

    async def _claimed(self, claim: Claim | None, handing: Coroutine[Any, Any, Part]) -> Part:
        """Keep what is set aside if the batch is made; if it is not clear, the next run looks for it."""
        try:
            part = await handing
        except BaseException:
            if claim is not None:
                claim.release()
            raise
        if claim is not None:
            self._claims[part.name] = claim
        return part

    async def poll(self, state: BatchState) -> BatchState:
        """Ask once for each part that has not ended."""
        parts = [part if part.ended else await self._look(part) for part in state.parts]
        return BatchState(tuple(parts), state.read)

    async def wait(
        self,
        state: BatchState,
        changed: Callable[[BatchState], None] | None = None,
        pauses: tuple[float, float] = _PAUSES,
    ) -> BatchState:
        """Poll until all parts have ended, ever more slowly; ``changed`` is told each time that something has."""
        pause, longest = pauses
        while not state.ended:
            new = await self.poll(state)
            if new != state and changed is not None:
                changed(new)
            state = new
            if not state.ended:
                await asyncio.sleep(pause)
                pause = min(longest, pause * 1.5)
        return state

    async def results(self, part: Part, expected: Collection[str]) -> AsyncIterator[BatchRow]:
        """Yield a row for each expected id of a part that has ended: replies first, then what is missing."""
        missing = set(expected)
        spent, known = 0, True
        for name in (part.output, part.errors):
            if not name:
                continue
            target = self._folder / f"{part.name}.replies"
            try:
                await self._rest.download(f"files/{name}/content", target)
                for line in lines(target):
                    custom_id = line.get("custom_id")
                    if custom_id not in missing:
                        continue
                    missing.discard(custom_id)
                    row, cost = self._row(custom_id, line)
                    spent, known = spent + (cost or 0), known and cost is not None
                    yield row
            except Missing:
                continue  # deleted or too old: its rows are handed in again
            finally:
                target.unlink(missing_ok=True)
        error, again = end_of(part)
        for custom_id in sorted(missing):
            yield BatchRow(custom_id, error=error, again=again)
        if (claim := self._claims.pop(part.name, None)) is not None:
            claim.settle(spent if known else part.worst)

    async def discard(self, part: Part) -> None:
        """Delete a part's files on the server, as well as that goes: they hold what was asked and answered."""
        for name in filter(None, (part.file, part.output, part.errors)):
            try:
                await self._rest.json("DELETE", f"files/{name}")
            except (Missing, SetupError, ItemFailed):
                continue

    async def cancel(self, part: Part) -> Part:
        """Ask for a batch to be given up; what is answered already comes all the same."""
        try:
            return updated(part, await self._rest.json("POST", f"batches/{part.batch}/cancel"))
        except (Missing, SetupError):
            return await self._look(part)  # it has ended meanwhile

    @property
    def _budget(self) -> Budget | None:
        return self._chat.budget

    def _affords(self, worst: int) -> bool:
        left = None if self._budget is None else self._budget.left
        return left is None or worst <= left * PICO

    def _worst(self, body: Mapping[str, Any]) -> int:
        if self._chat.price is None:
            return 0
        room = int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)
        size = measure(body["messages"], body.get("response_format"))
        return self._chat.price.worst(size, room, batch=True)

    async def _hand_in(self, run: str, read: int, draft: Draft, there: dict[str, Part]) -> Part:
        name = f"{run}-{read}-{draft.digest.hexdigest()}"
        found = there.get(name)
        if found is not None:
            return replace(found, rows=len(draft.ids), worst=draft.worst)
        try:
            file = _id(await self._rest.upload("files", draft.path, {"purpose": "batch"}))
            part = Part(name, len(draft.ids), draft.worst, "", file)
            return await self._created(run, part)
        except Missing:
            raise SetupError(
                "The server has no Batch API.", hint="Leave out --batch, or ask a server that has one."
            ) from None

    async def _created(self, run: str, part: Part) -> Part:
        """Make the batch, once: after an answer that was lost, look whether it was made."""
        body = {
            "input_file_id": part.file,
            "endpoint": CHAT,
            "completion_window": WINDOW,
            "metadata": {"medcli": part.name},
        }
        lost = False

        async def attempt(server: Any) -> Part:
            nonlocal lost
            if lost and (found := (await self._there(run)).get(part.name)) is not None:
                return replace(found, rows=part.rows, worst=part.worst)
            try:
                told = await self._rest.once(server, "POST", "batches", body)
            except Again as again:
                lost = lost or not again.refused
                raise
            return updated(replace(part, batch=_id(told)), told)

        return await self._rest.until(attempt)

    async def _there(self, run: str) -> dict[str, Part]:
        """Return what this run has handed in and has not failed, by name."""
        found: dict[str, Part] = {}
        after = ""
        for _ in range(_PAGES):
            try:
                page = await self._rest.json("GET", f"batches?limit={_PAGE}{after}")
            except (Missing, SetupError):
                return found
            listed = [one for one in page.get("data") or () if isinstance(one, dict)]
            for one in listed:
                name = (one.get("metadata") or {}).get("medcli", "")
                if name.startswith(f"{run}-") and one.get("status") in OPEN | {"completed"}:
                    part = Part(name, 0, 0, _id(one), str(one.get("input_file_id") or ""))
                    found.setdefault(name, updated(part, one))
            if not page.get("has_more") or not listed:
                break
            after = f"&after={_id(listed[-1])}"
        return found

    async def _look(self, part: Part) -> Part:
        try:
            return updated(part, await self._rest.json("GET", f"batches/{part.batch}"))
        except Missing:
            return replace(part, status=GONE)

    def _row(self, custom_id: str, line: Mapping[str, Any]) -> tuple[BatchRow, int | None]:
        """Read a line of a file of replies; with what it cost, None where that is not known."""
        response = line.get("response") if isinstance(line.get("response"), dict) else {}
        assert isinstance(response, dict)
        status, body = response.get("status_code"), response.get("body")
        if status == 200 and isinstance(body, dict):
            usage, price = usage_of(body), self._chat.price
            cost = price.of(usage, batch=True) if price is not None and usage is not None else None
            try:
                completion = completion_of(body, str(response.get("request_id") or ""), cost)
            except ItemFailed as error:
                return BatchRow(custom_id, error=error.kind, again=True), cost
            return BatchRow(custom_id, completion), cost if price is not None else 0
        if status is None:
            return BatchRow(custom_id, error=_error_of(line), again=True), 0
        return self._refused(custom_id, status, json.dumps(body).encode()), 0

    def _refused(self, custom_id: str, status: object, refusal: bytes) -> BatchRow:
        if status not in (400, 422):
            return BatchRow(custom_id, error=FAILING, again=True)
        if too_long(refusal):
            return BatchRow(custom_id, error=TOO_LONG)
        if filtered(refusal):
            return BatchRow(custom_id, error=FILTERED)
        self._chat.manners.learn(refusal)
        return BatchRow(custom_id, error=REFUSED, again=self._chat.manners.about_parameters(refusal))


def _error_of(line: Mapping[str, Any]) -> str:
    error = line.get("error")
    code = error.get("code") if isinstance(error, dict) else ""
    return {"batch_expired": EXPIRED, "batch_cancelled": CANCELLED}.get(str(code), FAILING)


def _id(told: Mapping[str, Any]) -> str:
    name = told.get("id")
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise SetupError("The server's answer is none of the Batch API.", hint="See whether it offers it.")
    return name

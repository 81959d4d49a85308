"""The Batch API behind the worker's own way of asking: requests gather, go out as batches, and are waited for.

The worker asks as it always does; what it asks is held until everybody waits, then handed in. What is out, and every
reply that was read, stands in one SQLite file in the run's folder, keyed by the hash of what was asked: so a run that
was killed, or a machine that was switched off for days, asks again, is told what was read meanwhile, and waits for
what is out without handing it in a second time. Knows futures and that file; how batches are made and polled is told
in :mod:`medcli.models.endpoint.batches`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from medcli import files
from medcli.errors import ItemFailed, MedcliError
from medcli.models.endpoint.batches import Batches, BatchRow, BatchState, Part
from medcli.models.endpoint.chat import ChatClient, Completion

WINDOW = 20_000  # figures on their way at once
_QUIET = 0.3  # seconds in which nobody comes to wait
_PAUSES = (0.2, 60.0)
_TRIES = 4
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (id TEXT PRIMARY KEY, part TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies (id TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID;
"""


class Crowd:
    """Who is at work and who waits; several desks share one.

    Parameters
    ----------
    at_work : callable
        How many figures are on their way.
    """

    def __init__(self, at_work: Callable[[], int]) -> None:
        self._at_work = at_work
        self.waiting = 0

    async def everybody_waits(self) -> None:
        """Return when whoever is at work waits, and nobody has come for a moment."""
        before = -1
        while True:
            now = self._at_work()
            if now and self.waiting >= now and now == before:
                return
            before = now
            await asyncio.sleep(_QUIET)


class Desk:
    """Takes requests as :class:`~medcli.models.endpoint.chat.ChatClient` does, and has them answered in batches.

    Parameters
    ----------
    chat : ChatClient
        Whose server, price and budget are used.
    path : Path
        The file of what is out.
    crowd : Crowd
        Who waits.
    """

    def __init__(self, chat: ChatClient, path: Path, crowd: Crowd) -> None:
        self._chat, self._crowd = chat, crowd
        files.open_private(path, append=True).close()
        self._kept = sqlite3.connect(path, isolation_level=None)
        self._kept.executescript(_SCHEMA)
        self._batches = Batches(chat, folder=path.parent)
        self._run = self._fact("run") or self._set("run", secrets.token_hex(8))
        self._waiting: dict[str, tuple[asyncio.Future[Completion], Callable[[], dict[str, Any]]]] = {}
        self._tries: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._warm = False

    def notes(self) -> Sequence[str]:
        """As the client's."""
        return self._chat.notes()

    async def close(self) -> None:
        """Stop waiting; what is out stays out."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._batches.close()
        await self._chat.close()
        self._kept.close()

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], *, place: int = 0, **parameters: Any
    ) -> Completion:
        """Have a conversation continued, when the batch that it goes into is answered."""
        self._task = self._task or asyncio.ensure_future(self._work())

        def body() -> dict[str, Any]:
            return self._chat.body(messages, **parameters)

        name = blake2b(
            json.dumps([messages, parameters], sort_keys=True).encode(), digest_size=16
        ).hexdigest()
        if (known := self._reply(name)) is not None:
            return known
        if name not in self._waiting:
            self._waiting[name] = asyncio.get_running_loop().create_future(), body
        future, _ = self._waiting[name]
        self._crowd.waiting += 1
        try:
            if not self._warm and not self._state().parts:
                self._warm = True
                await self._ask_one(name, messages, place, parameters)
            return await asyncio.shield(future)
        finally:
            self._crowd.waiting -= 1

    async def _ask_one(self, name: str, messages: Any, place: int, parameters: Mapping[str, Any]) -> None:
        """Ask the first at once: it teaches what the server does not take before thousands are refused for it."""
        try:
            completion = await self._chat.complete(messages, place=place, **parameters)
        except ItemFailed:
            return  # the batch says the same
        row = BatchRow(name, completion)
        self._keep([row])
        self._take(row)

    async def _work(self) -> None:
        """Hand in and fetch, as long as there is somebody who waits."""
        try:
            self._batches.resume(self._state())
            while True:
                await self._crowd.everybody_waits()
                await self._cycle()
        except MedcliError as error:
            for future, _ in self._waiting.values():
                if not future.done():
                    future.set_exception(error)

    async def _cycle(self) -> None:
        """Hand in what is not out yet, then wait until a part of what is out can be read."""
        out = {name for (name,) in self._kept.execute("SELECT id FROM asked")}
        fresh = [(name, body) for name, (_, body) in self._waiting.items() if name not in out]
        if fresh:
            rows = ((name, body()) for name, body in fresh)
            await self._batches.submit(rows, run=self._run, state=self._state(), kept=self._handed_in)
        pause, longest = _PAUSES
        while (state := self._state()).parts:
            state = await self._batches.poll(state)
            self._set("state", state.dump())
            ended = [part for part in state.parts if part.ended]
            for part in ended:
                await self._fetch(part)
            if ended:
                return
            await asyncio.sleep(pause)
            pause = min(longest, pause * 1.5)

    def _handed_in(self, state: BatchState, names: list[str]) -> None:
        part = state.parts[-1].name
        with self._all_or_nothing():
            self._kept.executemany(
                "INSERT OR REPLACE INTO asked VALUES (?, ?)", [(name, part) for name in names]
            )
            self._set("state", state.dump())

    async def _fetch(self, part: Part) -> None:
        """Read a part that has ended: replies are on the disk before it is forgotten."""
        names = [name for (name,) in self._kept.execute("SELECT id FROM asked WHERE part = ?", (part.name,))]
        rows = [row async for row in self._batches.results(part, names)]
        with self._all_or_nothing():
            self._keep(rows)
            self._kept.execute("DELETE FROM asked WHERE part = ?", (part.name,))
            self._set("state", self._state().without(part).dump())
        await self._batches.discard(part)
        for row in rows:
            self._take(row)

    def _take(self, row: BatchRow) -> None:
        """Hand a reply to who waits for it; what can be handed in again stays."""
        name = row.custom_id
        if name not in self._waiting:
            return
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        if row.completion is None and row.again and tries < _TRIES:
            return
        future, _ = self._waiting.pop(name)
        if future.done():
            return
        if row.completion is not None:
            future.set_result(row.completion)
        else:
            future.set_exception(ItemFailed(row.error))

    def _keep(self, rows: Sequence[BatchRow]) -> None:
        self._kept.executemany(
            "INSERT OR REPLACE INTO replies VALUES (?, ?)",
            [
                (row.custom_id, json.dumps(asdict(row.completion)))
                for row in rows
                if row.completion is not None
            ],
        )

    def _reply(self, name: str) -> Completion | None:
        found = self._kept.execute("SELECT reply FROM replies WHERE id = ?", (name,)).fetchone()
        return Completion(**json.loads(found[0])) if found else None

    def _state(self) -> BatchState:
        text = self._fact("state")
        return BatchState.load(text) if text else BatchState()

    def _fact(self, name: str) -> str:
        found = self._kept.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def _set(self, name: str, value: str) -> str:
        self._kept.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
        return value

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Any:
        self._kept.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._kept.execute("COMMIT")
        except BaseException:
            self._kept.execute("ROLLBACK")
            raise

"""A worker: rows of the plan to requests, a model's replies to lines of answers.

Knows one chunk at a time, or with a server one row; refuses to know where they come from and where lines go. What a
row's trouble is stands in its line; only what would befall every row ends the run.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from medcli import files, jobs, models
from medcli.ask.admission import Admission, Admitted
from medcli.ask.chunk import Chunk
from medcli.ask.lines import Trouble, answer_of, failure_of, line_of
from medcli.ask.plan import Asked, Row, locate, unpack
from medcli.ask.settled import Settled
from medcli.errors import ItemError, ItemFailed, MedcliError
from medcli.jobs.retry import describe
from medcli.models.protocol import Backend, Description, ModelSpec, Picture, Reply, Request, Sampling

TROUBLE = "trouble.json"
EMPTY = "empty-answer"


@dataclass(frozen=True, slots=True)
class Setting:
    """What every worker of a run is told; picklable.

    Attributes
    ----------
    specs : sequence of ModelSpec
        One for each process.
    sampling : Sampling
        As the user wants it.
    admission : Admission
        The door to the model.
    images : Path
        Folder of the images.
    window, frame
        Of every picture.
    folder : Path
        Beside the plan, for what is settled.
    trace : Path or None
        Folder of traces.
    load : callable
        Makes a backend of a ModelSpec.
    """

    specs: Sequence[ModelSpec]
    sampling: Sampling
    admission: Admission
    images: Path
    window: tuple[float, float] | None
    frame: int
    folder: Path
    trace: Path | None = None
    load: Callable[[ModelSpec], Backend] = models.load

    def request(self, row: Row, asked: Asked) -> Admitted | Trouble:
        """Return what a model is asked for a row, or why it must not be."""
        if row.error:
            return Trouble(row.error)
        try:
            paths = [locate(self.images, image) for image in asked.images]
            extras = asked.extras or (0,) * len(paths)
            pictures = tuple(
                Picture(path, self.frame, self.window, extra, asked.kind)
                for path, extra in zip(paths, extras, strict=True)
            )
            turns = tuple((role, text) for role, text in asked.turns)
            request = Request(row.key, turns, pictures, asked.form)
            return self.admission.admit(request, notes=asked.notes)
        except ItemError as error:
            return Trouble(error.kind)


class AskWorkers:
    """Worker factory and worker for a model in process: one call answers a chunk."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._settled = Settled(setting.folder)
        self._admitted: dict[str, Admitted | Trouble] = {}

    def __reduce__(self) -> tuple[type[AskWorkers], tuple[Setting]]:
        """Travel to another process without a model."""
        return AskWorkers, (self._setting,)

    def __enter__(self) -> Self:
        seat, self._seat = self._settled.claim(len(self._setting.specs))
        try:
            self._backend = self._setting.load(self._setting.specs[seat])
            self._model = self._backend.describe()
            self._settled.describe(self._model)
        except BaseException:
            os.close(self._seat)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._backend.close()
        os.close(self._seat)

    def __call__(self, payload: Chunk) -> list[jobs.Row]:
        """Answer a chunk; its rows come back in order."""
        chunk = payload
        rows = [(row, unpack(row.record)) for row in chunk.rows if row.key not in chunk.kept]
        admitted = self._through_the_door(rows, chunk.following)
        requests = [one for row, _ in rows if not isinstance(one := admitted[row.key], Trouble)]
        names = {row.key: _name(row.key, asked.question_id) for row, asked in rows}
        self._look_ahead(requests, chunk.following)
        with told(self._setting.folder), self._settled.trying(self._seat, chunk.key):
            replies = dict(zip((one.key for one in requests), self._answers(requests, names), strict=True))
        found = dict(chunk.kept)
        for row, asked in rows:
            trouble = admitted[row.key]
            reply = trouble if isinstance(trouble, Trouble) else replies[row.key]
            found[row.key] = outcome(row, asked, reply, self._model)
        return [found[row.key] for row in chunk.rows]

    def _through_the_door(
        self, rows: Sequence[tuple[Row, Asked]], following: Sequence[Row]
    ) -> dict[str, Admitted | Trouble]:
        """Admit each row once: those of this chunk mostly were while they were the following ones."""
        known = self._admitted
        admitted = {row.key: known.get(row.key) or self._setting.request(row, asked) for row, asked in rows}
        self._admitted = {row.key: self._setting.request(row, unpack(row.record)) for row in following}
        return admitted

    def _look_ahead(self, requests: Sequence[Admitted], following: Sequence[Row]) -> None:
        """Let a backend that can do so open pictures while it computes."""
        ahead = getattr(self._backend, "ahead", None)
        if ahead is not None and self._setting.trace is None:
            later = (self._admitted[row.key] for row in following)
            ahead([one for one in itertools.chain(requests, later) if not isinstance(one, Trouble)])

    def _answers(self, requests: list[Admitted], names: Mapping[str, str]) -> list[Reply | Trouble]:
        """Ask, by what is settled; the first to ask settles the path and the batches while the others wait."""
        if not requests:
            return []
        wanted, pictures = self._setting.sampling, any(one.pictures for one in requests)
        if self._settled.is_open(wanted, pictures=pictures):
            with self._settled.locked("path.lock"):
                if self._settled.is_open(wanted, pictures=pictures):
                    return self._divided(requests, names)
        return self._divided(requests, names)

    def _divided(self, requests: list[Admitted], names: Mapping[str, str]) -> list[Reply | Trouble]:
        """Ask; what raises where nothing should is asked by halves, down to the rows that do."""
        try:
            return list(self._generate(requests, names))
        except (MedcliError, ItemError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one row's trouble must not take the others
            middle = len(requests) // 2
            if not middle:
                return [_unexpected(error)]
        return self._divided(requests[:middle], names) + self._divided(requests[middle:], names)

    def _generate(self, requests: list[Admitted], names: Mapping[str, str]) -> list[Reply]:
        sampling = self._settled.sampling(self._setting.sampling)
        if self._setting.trace:
            return [
                traced(self._backend, one, sampling, self._setting.trace / f"{names[one.key]}.npz")
                for one in requests
            ]
        replies = list(self._backend.generate(requests, sampling))
        if [reply.key for reply in replies] != [request.key for request in requests]:
            raise RuntimeError("a backend lost or mixed up requests")
        self._settled.note(self._backend.engine())
        return replies


def traced(backend: Backend, request: Admitted, sampling: Sampling, path: Path) -> Reply:
    """Answer one request alone and write the arrays on the way."""
    import numpy as np

    reply, arrays = backend.trace(request, sampling)
    with files.atomic(path, sync=False) as stream:
        np.savez(stream, **arrays)
    return reply


def _unexpected(error: Exception) -> Trouble:
    """Say of an error that nobody expected what and where it was; its text may quote the question."""
    if isinstance(error, MemoryError):
        return Trouble("out-of-memory")
    facts = describe(error)
    return Trouble("bug", " ".join(filter(None, (facts["error"], facts.get("at", "")))))


class AskClients:
    """Worker factory and worker for a server: one call answers a row, many at a time."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._settled = Settled(setting.folder)

    async def __aenter__(self) -> jobs.AsyncWorker:
        self._backend: Any = self._setting.load(self._setting.specs[0])
        self._model = self._backend.describe()
        self._settled.describe(self._model)
        return self._ask

    async def __aexit__(self, *_: object) -> None:
        await self._backend.aclose()
        self._settled.note(self._backend.engine())

    async def _ask(self, payload: Row) -> list[jobs.Row]:
        row = payload
        asked = unpack(row.record)
        request = await asyncio.to_thread(self._setting.request, row, asked)  # it may look at pictures
        if isinstance(request, Trouble):
            return [outcome(row, asked, request, self._model)]
        with told(self._setting.folder):
            reply = await self._backend.answer(request, self._setting.sampling)
        return [outcome(row, asked, reply, self._model)]


def _name(key: str, question_id: object) -> str:
    """Name a trace: by the question's number, or, since a text can be anything, by the row's key."""
    return str(question_id) if isinstance(question_id, int) else key


class told:  # noqa: N801 - a context manager
    """Keep the words of an error that would befall every row, which the ledger has no place for, and stop the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MedcliError):
            words = json.dumps([error.message, error.hint])
            files.write(self._folder / TROUBLE, words, mode=0o600)
            raise ItemFailed("stopped", stops=True) from None


def outcome(row: Row, asked: Asked, reply: Reply | Trouble, model: Description) -> jobs.Row:
    """Return a row's line of the ledger."""
    if isinstance(reply, Trouble):
        line = line_of(failure_of(asked, row.key, reply, model.model_id))
        return jobs.Row(row.key, "failed", reply.kind, line, len(line))
    line = line_of(answer_of(asked, row.key, reply, model))
    if reply.error:
        return jobs.Row(row.key, "failed", reply.error, line, len(line))
    return jobs.Row(row.key, "done", "" if reply.text else EMPTY, line, len(line))

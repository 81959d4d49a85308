"""A worker: rows of the plan to requests, a model's replies to lines of answers.

Knows one chunk at a time, or with a server one row; refuses to know where they come from and where lines go. What a
row's trouble is stands in its line; only what would befall every row ends the run.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from medcli import files, jobs, models
from medcli.ask.admission import Admission, Admitted, Passed, Refused
from medcli.ask.chunk import Chunk
from medcli.ask.lines import Trouble, answer_of, failure_of, line_of
from medcli.ask.pictures import Pictures
from medcli.ask.plan import Asked, Row, unpack
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
    images : Pictures
        Where the images are.
    window, frame
        Of every picture.
    folder : Path
        Beside the plan, for what is settled.
    trace : Path or None
        Folder of traces.
    load : callable
        Makes a backend of a ModelSpec.
    seats : int
        Processes that can be there at a time; 0 for as many as there are ``specs``.
    """

    specs: Sequence[ModelSpec]
    sampling: Sampling
    admission: Admission
    images: Pictures
    window: tuple[float, float] | None
    frame: int
    folder: Path
    trace: Path | None = None
    load: Callable[[ModelSpec], Backend] = models.load
    seats: int = 0

    def request(self, row: Row, asked: Asked) -> Passed | Trouble:
        """Return what a model is asked for a row, or why it must not be."""
        if row.error:
            return Trouble(row.error)
        try:
            paths = [self.images.locate(image) for image in asked.images]
            extras = asked.extras or (0,) * len(paths)
            pictures = tuple(
                Picture(path, self.frame, self.window, extra, asked.kind)
                for path, extra in zip(paths, extras, strict=True)
            )
            turns = tuple((role, text) for role, text in asked.turns)
            request = Request(row.key, turns, pictures, asked.form)
            return self.admission.admit(
                request, names=asked.images, known=[(name, value) for name, value in asked.known]
            )
        except (ItemError, Refused) as error:
            return Trouble(error.kind)


class AskWorkers:
    """Worker factory and worker for a model in process: one call answers a chunk."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._settled = Settled(setting.folder)
        self._coming: Future[dict[str, Passed | Trouble]] | None = None

    def __reduce__(self) -> tuple[type[AskWorkers], tuple[Setting]]:
        """Travel to another process without a model."""
        return AskWorkers, (self._setting,)

    def __enter__(self) -> Self:
        specs = self._setting.specs
        seat, self._seat = self._settled.claim(self._setting.seats or len(specs))
        try:
            self._setting.admission.ready()
            self._gates = ThreadPoolExecutor(1, "gate")
            self._backend = self._setting.load(specs[seat % len(specs)])
            self._model = self._backend.describe()
            self._settled.describe(self._model)
        except BaseException:
            os.close(self._seat)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._gates.shutdown(wait=False, cancel_futures=True)
        self._backend.close()
        os.close(self._seat)

    def __call__(self, payload: Chunk) -> list[jobs.Row]:
        """Answer a chunk; its rows come back in order."""
        chunk = payload
        rows = [(row, unpack(row.record)) for row in chunk.rows if row.key not in chunk.kept]
        admitted = self._through_the_door(rows, chunk.following)
        requests = [one.request for row, _ in rows if not isinstance(one := admitted[row.key], Trouble)]
        names = {row.key: _name(row.key, asked.question_id) for row, asked in rows}
        self._look_ahead(requests, chunk.following)
        with told(self._setting.folder), self._settled.trying(self._seat, chunk.key):
            replies = dict(zip((one.key for one in requests), self._answers(requests, names), strict=True))
        found = dict(chunk.kept)
        for row, asked in rows:
            passed = admitted[row.key]
            reply = passed if isinstance(passed, Trouble) else replies[row.key]
            found[row.key] = outcome(row, asked, reply, self._model, passed)
        return [found[row.key] for row in chunk.rows]

    def _through_the_door(
        self, rows: Sequence[tuple[Row, Asked]], following: Sequence[Row]
    ) -> dict[str, Passed | Trouble]:
        """Admit each row once: those of this chunk mostly were while they were the following ones."""
        known = self._coming.result() if self._coming else {}
        admitted = {row.key: known.get(row.key) or self._setting.request(row, asked) for row, asked in rows}
        self._coming = self._gates.submit(self._admit, following)
        if not self._setting.admission.slow:
            self._coming.result()  # their pictures can be opened meanwhile, too
        return admitted

    def _admit(self, rows: Sequence[Row]) -> dict[str, Passed | Trouble]:
        return {row.key: self._setting.request(row, unpack(row.record)) for row in rows}

    def _look_ahead(self, requests: Sequence[Admitted], following: Sequence[Row]) -> None:
        """Let a backend that can do so open pictures while it computes."""
        ahead = getattr(self._backend, "ahead", None)
        if ahead is not None and self._setting.trace is None:
            found = self._coming.result() if self._coming and self._coming.done() else {}
            later = (found[row.key] for row in following if row.key in found)
            coming = [one.request for one in later if not isinstance(one, Trouble)]
            ahead([*requests, *coming])

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
        self._setting.admission.ready()
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
        passed = await asyncio.to_thread(self._setting.request, row, asked)  # it may look at pictures
        if isinstance(passed, Trouble):
            return [outcome(row, asked, passed, self._model, passed)]
        with told(self._setting.folder):
            reply = await self._backend.answer(passed.request, self._setting.sampling)
        return [outcome(row, asked, reply, self._model, passed)]


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


def outcome(
    row: Row, asked: Asked, reply: Reply | Trouble, model: Description, passed: Passed | Trouble
) -> jobs.Row:
    """Return a row's line of the ledger: placeholders stay in it, and where their values stand in the plan's row."""
    if isinstance(reply, Trouble) or isinstance(passed, Trouble):
        trouble = reply if isinstance(reply, Trouble) else Trouble(reply.error)
        line = line_of(failure_of(asked, row.key, trouble, model.model_id))
        return jobs.Row(row.key, "failed", trouble.kind, line, len(line))
    asked = asked._replace(turns=passed.request.turns)
    line = line_of(answer_of(asked, row.key, reply, model, passed.gate_of(reply)))
    if reply.error:
        return jobs.Row(row.key, "failed", reply.error, line, len(line))
    return jobs.Row(row.key, "done", "" if reply.text else EMPTY, line, len(line))

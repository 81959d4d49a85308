"""A worker: rows of the plan to requests, a model's replies to lines of answers.

Knows one chunk at a time, or with a server one row; refuses to know where they come from and where lines go. What a
row's trouble is stands in its line; only what would befall every row ends the run.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from medcli import files, jobs, models
from medcli.ask.lines import answer_of, failure_of, line_of
from medcli.ask.plan import Asked, Row, locate, unpack
from medcli.ask.refusal import Refusal
from medcli.ask.settled import Settled
from medcli.errors import ItemFailed, MedcliError
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
    refusal : Refusal
        What may not be asked.
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
    refusal: Refusal
    images: Path
    window: tuple[float, float] | None
    frame: int
    folder: Path
    trace: Path | None = None
    load: Callable[[ModelSpec], Backend] = models.load

    def request(self, row: Row, asked: Asked) -> Request | str:
        """Return what a model is asked for a row, or why it must not be."""
        if row.error:
            return row.error
        try:
            paths = [locate(self.images, image) for image in asked.images]
        except ItemFailed as error:
            return error.kind
        reason = self.refusal.reason(notes=asked.notes, images=paths)
        if reason:
            return reason
        extras = asked.extras or (0,) * len(paths)
        pictures = tuple(
            Picture(path, self.frame, self.window, extra, asked.kind)
            for path, extra in zip(paths, extras, strict=True)
        )
        turns = tuple((role, text) for role, text in asked.turns)
        return Request(row.key, turns, pictures, asked.form)


class AskWorkers:
    """Worker factory and worker for a model in process: one call answers a chunk."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._settled = Settled(setting.folder)

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

    def __call__(self, payload: tuple[Sequence[Row], Sequence[Row]]) -> list[jobs.Row]:
        """Answer a chunk; its rows come back in order. The other rows are likely to be next."""
        rows, following = payload
        asked = [unpack(row.record) for row in rows]
        requests = [self._setting.request(row, one) for row, one in zip(rows, asked, strict=True)]
        names = {row.key: _name(row.key, one.question_id) for row, one in zip(rows, asked, strict=True)}
        self._look_ahead(requests, following)
        with told(self._setting.folder):
            replies = iter(self._answers([one for one in requests if isinstance(one, Request)], names))
        return [
            outcome(row, one, request if isinstance(request, str) else next(replies), self._model)
            for row, one, request in zip(rows, asked, requests, strict=True)
        ]

    def _look_ahead(self, requests: Iterable[Request | str], following: Sequence[Row]) -> None:
        """Let a backend that can do so open pictures while it computes."""
        ahead = getattr(self._backend, "ahead", None)
        if ahead is not None and self._setting.trace is None:
            later = (self._setting.request(row, unpack(row.record)) for row in following)
            ahead([one for one in itertools.chain(requests, later) if isinstance(one, Request)])

    def _answers(self, requests: list[Request], names: Mapping[str, str]) -> list[Reply]:
        """Ask, by what is settled; the first to ask settles the path and the batches while the others wait."""
        if not requests:
            return []
        wanted, pictures = self._setting.sampling, any(one.pictures for one in requests)
        if self._settled.is_open(wanted, pictures=pictures):
            with self._settled.locked("path.lock"):
                if self._settled.is_open(wanted, pictures=pictures):
                    return self._generate(requests, names)
        return self._generate(requests, names)

    def _generate(self, requests: list[Request], names: Mapping[str, str]) -> list[Reply]:
        sampling = self._settled.sampling(self._setting.sampling)
        if self._setting.trace:
            return [
                self._traced(one, sampling, self._setting.trace / f"{names[one.key]}.npz") for one in requests
            ]
        replies = list(self._backend.generate(requests, sampling))
        if [reply.key for reply in replies] != [request.key for request in requests]:
            raise RuntimeError("a backend lost or mixed up requests")
        self._settled.note(self._backend.engine())
        return replies

    def _traced(self, request: Request, sampling: Sampling, path: Path) -> Reply:
        """Answer one request alone and write the arrays on the way."""
        import numpy as np

        reply, arrays = self._backend.trace(request, sampling)
        with files.atomic(path, sync=False) as stream:
            np.savez(stream, **arrays)
        return reply


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
        if isinstance(request, str):
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


def outcome(row: Row, asked: Asked, reply: Reply | str, model: Description) -> jobs.Row:
    """Return a row's line of the ledger."""
    if isinstance(reply, str):
        line = line_of(failure_of(asked, row.key, reply, model.model_id))
        return jobs.Row(row.key, "failed", reply, line, len(line))
    line = line_of(answer_of(asked, row.key, reply, model))
    if reply.error:
        return jobs.Row(row.key, "failed", reply.error, line, len(line))
    return jobs.Row(row.key, "done", "" if reply.text else EMPTY, line, len(line))

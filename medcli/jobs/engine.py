"""The engine: from a job's items to its product, through the ledger, whatever interrupts it.

Knows when something is written and in which order: an item's artifacts first (the job's ``flush``), its ledger lines
second, the product last, from the ledger alone. So a crash at any moment repeats work and invents none, and the same
command ends with the same product. Refuses to know where the work runs (the runner) and what it is (the job).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from medcli.errors import SetupError
from medcli.jobs import lock
from medcli.jobs.ledger import FILE, Ledger, set_aside
from medcli.jobs.model import (
    AsyncWorkerFactory,
    Item,
    Job,
    Outcome,
    Postponing,
    Progress,
    Row,
    Runner,
    Task,
    WorkerFactory,
)
from medcli.jobs.report import Report

COMMIT_ROWS = 2000  # reached by quick items only, of which a fifth of a second holds as many
COMMIT_SECONDS = 0.2
_KEPT_ITEMS = 5000


@dataclass(frozen=True, slots=True)
class Run:
    """What a job's ``finish`` builds its product from.

    Attributes
    ----------
    state : Path
        The state folder.
    report : Report
        Counts over the present input, complete but for ``seconds``; the job may add to it.
    """

    state: Path
    report: Report
    _ledger: Ledger

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield (place of the item, row) in input order, those of earlier runs included; flat in memory."""
        return self._ledger.rows()


def run(
    job: Job,
    *,
    state: Path,
    runner: Runner,
    restart: bool = False,
    retry_failed: bool = False,
    progress: Progress | None = None,
    stop_after: int = 10,
) -> Report:
    """Do a job's items that have no outcome yet, then build its product.

    Parameters
    ----------
    job : Job
        What to do.
    state : Path
        Folder of the ledger and the lock; made (0700) where missing.
    runner : Runner
        Where to do it.
    restart : bool
        Begin with an empty ledger; the old one is renamed, nothing is deleted.
    retry_failed : bool
        Also do the items again that failed before.
    progress : Progress, optional
        Told of every item that has its outcome; entered and left by the caller.
    stop_after : int
        Stop when so many items in a row fail with one kind that was raised with ``stops``. Those items are not
        written down: they run again when the cause is mended.

    Returns
    -------
    Report
        Counts over the present input; owns the exit code.

    Raises
    ------
    UsageError
        If the state folder belongs to another job or Spec.
    SetupError
        If another run uses the state folder, its disk is full, or ``stop_after`` is reached.
    KeyboardInterrupt
        After the workers are stopped and what was done is committed.
    """
    started = time.monotonic()
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"The state folder can't be made: {os.strerror(error.errno or 0)}.", hint="Choose another."
        ) from None
    with lock.hold(state):
        if restart:
            set_aside(state / FILE)
        with Ledger(state / FILE) as ledger:
            ledger.begin(job.name, job.fingerprint())
            book = _Book(job, ledger, progress, stop_after, retry_failed=retry_failed)
            book.work(runner)
            report = book.report()
            job.finish(Run(state, report, ledger))
            report.seconds = time.monotonic() - started
            return report


class _Book:
    """Keeps the books of one run: which items are out, which outcomes wait for a commit."""

    def __init__(
        self, job: Job, ledger: Ledger, progress: Progress | None, stop_after: int, *, retry_failed: bool
    ) -> None:
        self._job = job
        self._ledger = ledger
        self._progress = progress
        self._breaker = _Breaker(stop_after)
        self._retry_failed = retry_failed
        self._out: dict[int, tuple[str, int | None, Any]] = {}
        self._postponed: dict[int, Any] = {}
        self._rows: list[Row] = []
        self._items = self._kept = self._unseen = self._waiting = 0
        self._due = time.monotonic() + COMMIT_SECONDS

    def work(self, runner: Runner) -> None:
        """Send every item without an outcome through the runner."""
        tasks = self._tasks(self._job.items())
        try:
            self._send(runner, self._job.worker, tasks)
            if self._postponed:
                self._commit()
                waiting = sorted(self._postponed.items())
                self._postponed = {}
                last = cast("Postponing", self._job).last_worker()
                if last is None:
                    self._leave(seq for seq, _ in waiting)
                else:
                    self._send(runner, lambda: last, iter(waiting))
        except BaseException:
            # What was done is kept; if even that fails, the first trouble is the one to tell of.
            with contextlib.suppress(Exception):
                self._commit()
            raise
        self._commit()
        if self._out:
            raise RuntimeError("a runner lost tasks")

    def _leave(self, waiting: Iterable[int]) -> None:
        """Let items go without an outcome: another run's work."""
        for seq in waiting:
            del self._out[seq]
            self._waiting += 1

    def _send(
        self,
        runner: Runner,
        factory: Callable[[], WorkerFactory | AsyncWorkerFactory],
        tasks: Iterator[Task],
    ) -> None:
        """Send tasks through the runner and take down what comes of them."""
        first = next(tasks, None)
        if first is None:
            return
        with contextlib.closing(runner.map(factory(), itertools.chain((first,), tasks))) as batches:
            for batch in batches:
                self._take(batch)
        for outcome in self._breaker.rest():
            self._record(outcome)

    def report(self) -> Report:
        """Count the present input."""
        report = Report(items=self._items, resumed=self._kept, waiting=self._waiting)
        for state, kind, rows, size in self._ledger.counts():
            report.count(state, kind, rows, size)
        return report

    def _tasks(self, items: Iterator[Item]) -> Iterator[Task]:
        """Give the present input its order; yield what is to do, its place being the task's number."""
        find, keep = self._ledger.find, self._ledger.keep
        for seq, item in enumerate(items):
            self._items += 1
            known = find(item.key)
            if known is None or (known[1] and self._retry_failed):
                self._out[seq] = (item.key, known and known[0], item.payload)
                yield seq, item.payload
            else:
                keep(seq, known[0])
                self._kept += 1
                self._unseen += 1
                if self._unseen >= _KEPT_ITEMS:
                    self._commit()

    def _take(self, batch: Sequence[Outcome]) -> None:
        for outcome in batch:
            for settled in self._breaker.pass_on(outcome):
                self._record(settled)
                if len(self._rows) >= COMMIT_ROWS:
                    self._commit()
        if time.monotonic() >= self._due:
            self._commit()

    def _record(self, outcome: Outcome) -> None:
        key, item, payload = self._out[outcome.ticket] if outcome.more else self._out.pop(outcome.ticket)
        if outcome.postponed:
            # Parts of it that came before are void once it is begun again; see Ledger.add.
            self._out[outcome.ticket] = (key, item, payload)
            self._postponed[outcome.ticket] = payload
            return
        rows = [
            row if row.key else Row(key, row.state, row.kind, row.value, row.bytes) for row in outcome.rows
        ]
        self._ledger.add(outcome.ticket, key, item, rows, part=outcome.part, more=outcome.more)
        self._rows += rows
        self._unseen += not outcome.more

    def _commit(self) -> None:
        if self._rows:
            self._job.flush(self._rows)
        self._ledger.commit()
        self._rows = []
        if self._progress is not None:
            self._progress.update(self._unseen)
        self._unseen = 0
        self._due = time.monotonic() + COMMIT_SECONDS


class _Breaker:
    """Holds back failures that would stop the run until something else shows that the run can go on."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kind = ""
        self._held: list[Outcome] = []

    def pass_on(self, outcome: Outcome) -> list[Outcome]:
        """Take an outcome; return those that can be written down.

        Raises
        ------
        SetupError
            If the same failure came ``limit`` times in a row.
        """
        kind = outcome.rows[0].kind if outcome.stops else ""
        if kind and kind == self._kind:
            settled = []
        else:
            settled, self._held, self._kind = self._held, [], kind
        if not kind:
            settled.append(outcome)
            return settled
        self._held.append(outcome)
        if len(self._held) >= self._limit:
            raise SetupError(
                f"The run was stopped: {len(self._held)} items in a row failed with '{kind}'.",
                hint="Mend the cause; the same command goes on from here.",
            )
        return settled

    def rest(self) -> list[Outcome]:
        """Return what is still held back when the items have ended."""
        held, self._held = self._held, []
        return held

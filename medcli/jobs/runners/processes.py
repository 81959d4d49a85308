"""Worker processes on this machine, and what becomes of an item whose worker dies.

The driver leases chunks of tasks to each worker over a pipe of its own, at most two chunks at a time, and gets
outcomes back in batches. When a worker dies, its tasks without an outcome are suspects: each goes alone to a worker
that has nothing else, so that only the one that kills again is called ``worker-died``; where its payload can be
divided, its pieces are done in turn, down to the rows that kill (:mod:`medcli.jobs.runners.pieces`). Chunks grow while they are
quick and shrink when they are slow: cheap items cost little to hand out, and costly ones are spread evenly.

A factory whose worker does many items at once has an event loop in each process, and up to two whole chunks out at each:
see :mod:`medcli.jobs.runners.many`. Tasks that belong together (:class:`~medcli.jobs.model.Grouped`) and follow each
other go to one worker.

Processes are spawned, never forked: the driver may have threads.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from medcli.errors import MedcliError
from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry
from medcli.jobs.runners import child
from medcli.jobs.runners.pieces import Pieces

_BATCH_SECONDS = 0.2
_CHUNK_SECONDS = 0.1
_GRACE_SECONDS = 30.0
_LONGEST_GROUP = 200


class ProcessRunner:
    """Runs the work in processes.

    Parameters
    ----------
    workers : int
        Processes at most; no more are started than there is work for.
    chunk : int
        Tasks leased at once at most.
    retry : Retry
        For transient errors; the waiting is done in the worker.
    """

    def __init__(self, workers: int, chunk: int = 32, retry: Retry = Retry()) -> None:
        if workers < 1 or chunk < 1:
            raise ValueError("workers and chunk are 1 or more")
        self._workers = workers
        self._chunk = chunk
        self._retry = retry

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks; see :class:`medcli.jobs.model.Runner`."""
        first = self._chunk if hasattr(factory, "__aenter__") else 1
        pool = _Pool(pickle.dumps(factory), self._retry, self._workers, (first, self._chunk), tasks)
        try:
            while pool.deal():
                yield pool.gather()
            pool.retire()
        finally:
            pool.stop()


class _Chunks:
    """Tasks in their order, cut where no group is."""

    def __init__(self, tasks: Iterator[Task]) -> None:
        self._tasks = tasks
        self._ahead: list[Task] = []

    def take(self, size: int) -> list[Task]:
        """The next tasks, about ``size``; none when there are no more."""
        chunk, self._ahead = self._ahead, []
        chunk += itertools.islice(self._tasks, size - len(chunk))
        group = getattr(chunk[-1][1], "group", None) if chunk else None
        if group is None:
            return chunk
        most = _LONGEST_GROUP + len(chunk)
        for task in self._tasks:
            if getattr(task[1], "group", None) != group or len(chunk) >= most:
                self._ahead = [task]
                break
            chunk.append(task)
        return chunk


class _Worker:
    """The driver's end of one worker process."""

    def __init__(self, factory: bytes, retry: Retry, size: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=child.main, args=(theirs, os.getpid(), retry), daemon=True)
        with _ctrl_c_blocked():
            self.process.start()
        theirs.close()
        self.ready = False
        self.alone = False
        self.size = size
        self.tasks: dict[int, Any] = {}
        self.send(factory)

    def send(self, message: bytes) -> None:
        """Send. That the worker has died in the meantime is found out when its pipe is read."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send_bytes(message)

    def lease(self, chunk: list[Task]) -> None:
        """Hand out tasks."""
        self.tasks.update(chunk)
        self.send(pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL))

    def settle(self, seconds: float, outcomes: list[Outcome], most: int) -> None:
        """Take outcomes off the lease, and fit the chunk's size to the time they took."""
        for outcome in outcomes:
            if not outcome.more:
                del self.tasks[outcome.ticket]
        fitting = int(_CHUNK_SECONDS * len(outcomes) / seconds) if seconds > 0 else most
        if any(outcome.part or outcome.more for outcome in outcomes):
            fitting = 1
        self.size = max(1, min(most, fitting, 4 * self.size))


class _Pool:
    """The workers of one ``map``, the tasks they hold, and the suspects."""

    def __init__(
        self, factory: bytes, retry: Retry, limit: int, chunk: tuple[int, int], tasks: Iterator[Task]
    ) -> None:
        self._factory = factory
        self._retry = retry
        self._limit = limit
        self._first, self._chunk = chunk
        self._tasks = _Chunks(tasks)
        self._suspects: deque[Task] = deque()
        self._pieces = Pieces()
        self._workers: list[_Worker] = []

    def deal(self) -> bool:
        """Hand out what there is; say whether any task is without an outcome."""
        for worker in self._workers:
            self._fill(worker)
        while len(self._workers) < self._limit and all(worker.tasks for worker in self._workers):
            chunk = self._tasks.take(self._first) if not self._suspects else []
            if not chunk and not self._suspects:
                break
            worker = _Worker(self._factory, self._retry, self._first)
            self._workers.append(worker)
            if chunk:
                worker.lease(chunk)
            self._fill(worker)
        return any(worker.tasks for worker in self._workers)

    def gather(self) -> list[Outcome]:
        """Wait a moment for outcomes and return what has come, which can be nothing."""
        outcomes: list[Outcome] = []
        workers = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(workers), timeout=_BATCH_SECONDS):
            worker = workers[cast("Connection[Any, Any]", pipe)]
            try:
                message = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                outcomes += self._bury(worker)
                continue
            if message == b"":
                worker.ready = True
                continue
            seconds, done = _opened(message)
            worker.settle(seconds, done, self._chunk)
            outcomes += itertools.chain.from_iterable(map(self._pieces.pass_on, done))
        return outcomes

    def retire(self) -> None:
        """Let the workers leave their factories, and wait for them."""
        for worker in self._workers:
            worker.send(pickle.dumps(None))
        deadline = time.monotonic() + _GRACE_SECONDS
        for worker in self._workers:
            with contextlib.suppress(EOFError, OSError):
                while worker.pipe.poll(max(0.0, deadline - time.monotonic())):
                    message = worker.pipe.recv_bytes()
                    if message:
                        _opened(message)

    def stop(self) -> None:
        """End every process, whatever it is doing."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.process.close()
            worker.pipe.close()
        self._workers = []

    def _fill(self, worker: _Worker) -> None:
        """Keep a worker supplied: with one suspect if it is idle, else with up to two chunks of fresh tasks."""
        if worker.tasks and worker.alone:
            return
        worker.alone = bool(self._suspects) and not worker.tasks
        if worker.alone:
            worker.lease([self._suspects.popleft()])
        elif len(worker.tasks) <= worker.size:
            chunk = self._tasks.take(worker.size)
            if chunk:
                worker.lease(chunk)

    def _bury(self, worker: _Worker) -> list[Outcome]:
        """Take leave of a worker that died: what it held alone it died of, what it held with others is suspect."""
        self._workers.remove(worker)
        worker.process.join()
        worker.process.close()
        worker.pipe.close()
        if not worker.ready:
            raise MedcliError(
                "A worker process ended before it could work.",
                hint="Is there enough memory? In a script, call medcli under: if __name__ == '__main__':",
            )
        if worker.alone:
            settled: list[Outcome] = []
            for ticket, payload in worker.tasks.items():
                outcomes, pieces = self._pieces.bury(ticket, payload)
                settled += outcomes
                self._suspects.extend(pieces)
            return settled
        self._suspects.extend(worker.tasks.items())
        return []


def _opened(message: bytes) -> tuple[float, list[Outcome]]:
    """Unpack a worker's message; raise the error that it may be."""
    content = pickle.loads(message)  # noqa: S301 - from our own child
    if isinstance(content, MedcliError):
        raise content
    return cast("tuple[float, list[Outcome]]", content)


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Start a process that does not see a Ctrl-C before it has said that it ignores them."""
    resource_tracker.ensure_running()  # else started inside, where CPython 3.11 would unblock the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Worker processes on this machine, and what becomes of an item whose worker dies.

The driver leases chunks of tasks to each worker over a pipe of its own, two chunks ahead, and gets outcomes back in
batches. When a worker dies, the tasks of its leases without an outcome are suspects: each goes alone to a fresh
worker, so that only the one that kills again is called ``worker-died``. Chunks grow while they are quick and shrink
when they are slow, so that cheap items cost little to hand out and costly ones are spread evenly.

Processes are spawned, never forked: the driver may have threads.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pickle
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from medcli.errors import MedcliError
from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, died
from medcli.jobs.runners import child

_AHEAD = 2
_BATCH_SECONDS = 0.2
_CHUNK_SECONDS = 0.1
_GRACE_SECONDS = 5.0


class ProcessRunner:
    """Runs the work in processes.

    Parameters
    ----------
    workers : int
        Processes at most; no more are started than there are chunks.
    chunk : int
        Tasks leased at once at most.
    retry : Retry
        For transient errors; the waiting is done in the worker.
    """

    def __init__(self, workers: int, chunk: int = 32, retry: Retry = Retry()) -> None:  # noqa: B008 - frozen
        if workers < 1 or chunk < 1:
            raise ValueError("workers and chunk are 1 or more")
        self._workers = workers
        self._chunk = chunk
        self._retry = retry

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks; see :class:`medcli.jobs.model.Runner`."""
        pool = _Pool(factory, self._retry, self._workers, self._chunk, tasks)
        try:
            yield from pool.outcomes()
            pool.retire()
        finally:
            pool.stop()


class _Worker:
    """The driver's end of one worker process."""

    def __init__(self, factory: WorkerFactory | AsyncWorkerFactory, retry: Retry) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=child.main, args=(theirs, factory, retry), daemon=True)
        with _no_interrupt():
            self.process.start()
        theirs.close()
        self.ready = False
        self.size = 1
        self.leases: deque[tuple[float, int]] = deque()
        self.tasks: dict[int, Any] = {}

    def lease(self, chunk: list[Task]) -> None:
        """Send a chunk. A worker that has died in the meantime is found out when its pipe is read."""
        self.tasks.update(chunk)
        self.leases.append((time.monotonic(), len(chunk)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL))

"""Many items at once in one event loop: for work that waits on a network rather than computes.

The loop has a thread of its own. So a Ctrl-C meets only the driver, at a place where it can be answered; the ledger's
work and the network's go on side by side; and a caller may have an event loop already, as notebooks do.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import cast

from medcli.jobs.model import AsyncWorker, AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, attempt_async

_BATCH_SECONDS = 0.2
_GRACE_SECONDS = 5.0


class AsyncRunner:
    """Runs an :class:`~medcli.jobs.model.AsyncWorkerFactory`'s worker on several items at a time.

    Parameters
    ----------
    concurrency : int
        Items in flight at most.
    retry : Retry
        For transient errors.
    """

    def __init__(self, concurrency: int = 16, retry: Retry = Retry()) -> None:
        if concurrency < 1:
            raise ValueError("concurrency is 1 or more")
        self._concurrency = concurrency
        self._retry = retry

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks; see :class:`medcli.jobs.model.Runner`."""
        if not hasattr(factory, "__aenter__"):
            raise TypeError("AsyncRunner needs a factory with __aenter__ and __aexit__")
        loop = Loop(cast("AsyncWorkerFactory", factory), self._retry)
        flying = 0
        try:
            while True:
                fresh = list(itertools.islice(tasks, self._concurrency - flying))
                flying += len(fresh)
                if not flying:
                    break
                loop.send(fresh)
                batch = loop.take(_BATCH_SECONDS)
                flying -= len(batch)
                yield batch
        finally:
            loop.stop()
        loop.take(0.0)  # raises what leaving the factory may have raised


class Loop:
    """A thread with an event loop; tasks go in, and outcomes come out, or the error that ended it."""

    def __init__(self, factory: AsyncWorkerFactory, retry: Retry) -> None:
        self._factory = factory
        self._retry = retry
        self._loop = asyncio.new_event_loop()
        self._inbox: asyncio.Queue[list[Task] | None] = asyncio.Queue()
        self._outbox: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    def send(self, tasks: list[Task] | None) -> None:
        """Start tasks, or with None stop; nothing happens if the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, tasks)

    def take(self, seconds: float) -> list[Outcome]:
        """Wait for outcomes and return those that have come, which can be none."""
        outcomes: list[Outcome] = []
        with contextlib.suppress(queue.Empty):
            while True:
                content = self._outbox.get(timeout=0.0 if outcomes else seconds)
                if isinstance(content, BaseException):
                    raise content
                outcomes.append(content)
        return sorted(outcomes)

    def stop(self) -> None:
        """Cancel what is going on and end the thread."""
        self.send(None)
        self._thread.join(_GRACE_SECONDS)

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - goes to the driver, which raises
            self._outbox.put(error)

    async def _serve(self) -> None:
        async with self._factory as worker:
            running: set[asyncio.Task[None]] = set()
            while (tasks := await self._inbox.get()) is not None:
                for ticket, payload in tasks:
                    task = self._loop.create_task(self._do(worker, ticket, payload))
                    running.add(task)
                    task.add_done_callback(running.discard)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _do(self, worker: AsyncWorker, ticket: int, payload: object) -> None:
        self._outbox.put(await attempt_async(worker, ticket, payload, self._retry))

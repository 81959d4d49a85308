"""Many items at once in one event loop: for work that waits on a network rather than computes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Generator, Iterator, Sequence
from typing import cast

from medcli.jobs.model import AsyncWorker, AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, attempt_async

_BATCH_SECONDS = 0.2


class AsyncRunner:
    """Runs an :class:`~medcli.jobs.model.AsyncWorkerFactory`'s worker on several items at a time.

    The loop turns only while the engine waits for outcomes: the ledger's work happens between turns, in the same
    thread, so nothing needs a lock.

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
        context = cast("AsyncWorkerFactory", factory)
        with asyncio.Runner() as loop:
            worker = loop.run(_enter(context))
            try:
                yield from self._turn(loop, worker, tasks)
            finally:
                loop.run(_leave(context))

    def _turn(
        self, loop: asyncio.Runner, worker: AsyncWorker, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        running: set[asyncio.Task[Outcome]] = set()
        try:
            while True:
                fresh = list(itertools.islice(tasks, self._concurrency - len(running)))
                if not fresh and not running:
                    return
                running, outcomes = loop.run(self._step(worker, running, fresh))
                yield outcomes
        finally:
            loop.run(_cancel(running))

    async def _step(
        self, worker: AsyncWorker, running: set[asyncio.Task[Outcome]], fresh: list[Task]
    ) -> tuple[set[asyncio.Task[Outcome]], list[Outcome]]:
        """Start what is fresh, and wait until something is done or a batch is due."""
        for ticket, payload in fresh:
            running.add(asyncio.ensure_future(attempt_async(worker, ticket, payload, self._retry)))
        done, rest = await asyncio.wait(running, timeout=_BATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return rest, sorted(task.result() for task in done)


async def _enter(context: AsyncWorkerFactory) -> AsyncWorker:
    return await context.__aenter__()


async def _leave(context: AsyncWorkerFactory) -> None:
    await context.__aexit__(None, None, None)


async def _cancel(running: set[asyncio.Task[Outcome]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

"""One item after another in this process: for small runs, debuggers and profilers."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from typing import cast

from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, attempt

_BATCH_ITEMS = 64
_BATCH_SECONDS = 0.2


class SerialRunner:
    """Runs the work in the caller's thread.

    Parameters
    ----------
    retry : Retry
        For transient errors.
    """

    def __init__(self, retry: Retry = Retry()) -> None:  # noqa: B008 - frozen
        self._retry = retry

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks in their order; see :class:`medcli.jobs.model.Runner`."""
        batch: list[Outcome] = []
        since = time.monotonic()
        with cast("WorkerFactory", factory) as worker:
            for ticket, payload in tasks:
                batch.append(attempt(worker, ticket, payload, self._retry))
                if len(batch) >= _BATCH_ITEMS or time.monotonic() - since >= _BATCH_SECONDS:
                    yield batch
                    batch, since = [], time.monotonic()
            if batch:
                yield batch

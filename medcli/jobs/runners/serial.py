"""One item after another in this process: for small runs, debuggers and profilers."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import cast

from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, attempts


class SerialRunner:
    """Runs the work in the caller's thread.

    Parameters
    ----------
    retry : Retry
        For transient errors.
    """

    def __init__(self, retry: Retry = Retry()) -> None:
        self._retry = retry

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks in their order; see :class:`medcli.jobs.model.Runner`."""
        with cast("WorkerFactory", factory) as worker:
            for ticket, payload in tasks:
                for outcome in attempts(worker, ticket, payload, self._retry):
                    yield (outcome,)

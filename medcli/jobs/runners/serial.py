"""One item after another in this process: for small runs, debuggers and profilers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, cast

from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, attempts

_HELD = 1000


class SerialRunner:
    """Runs the work in the caller's thread.

    Parameters
    ----------
    retry : Retry
        For transient errors.
    apart : callable, optional
        Says of a payload that doing it could end the process: such tasks wait, and are then done in one of their own.
    """

    def __init__(self, retry: Retry = Retry(), apart: Callable[[Any], bool] | None = None) -> None:
        self._retry = retry
        self._apart = apart

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks in their order; see :class:`medcli.jobs.model.Runner`."""
        held: list[Task] = []
        with cast("WorkerFactory", factory) as worker:
            for ticket, payload in tasks:
                if self._apart is not None and self._apart(payload):
                    held.append((ticket, payload))
                    if len(held) == _HELD:
                        break
                    continue
                for outcome in attempts(worker, ticket, payload, self._retry):
                    yield (outcome,)
        if held:
            from medcli.jobs.runners.processes import ProcessRunner

            yield from ProcessRunner(1, retry=self._retry).map(factory, iter(held))
        if len(held) == _HELD:
            yield from self.map(factory, tasks)

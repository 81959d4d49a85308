"""The engine of every long run: resumable, parallel, and the same product however it went.

A command hands over a :class:`Job` (items with stable keys, a worker factory, what to do at the end) and calls
:func:`run`. Knows processes, SQLite and interruptions; refuses to know medicine, models or Click.

Engine and runners are resolved on first use, so that a help page pays neither for SQLite nor for an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.jobs.model import (
    AsyncWorker,
    AsyncWorkerFactory,
    Divisible,
    Item,
    Job,
    Outcome,
    Progress,
    Row,
    Runner,
    Task,
    Worker,
    WorkerFactory,
)
from medcli.jobs.report import Report

if TYPE_CHECKING:
    from medcli.jobs.choice import runner_for
    from medcli.jobs.engine import Run, run
    from medcli.jobs.retry import Retry
    from medcli.jobs.runners.asynchronous import AsyncRunner
    from medcli.jobs.runners.cluster import RayRunner
    from medcli.jobs.runners.processes import ProcessRunner
    from medcli.jobs.runners.serial import SerialRunner

__all__ = [
    "AsyncRunner",
    "AsyncWorker",
    "AsyncWorkerFactory",
    "Divisible",
    "Item",
    "Job",
    "Outcome",
    "ProcessRunner",
    "Progress",
    "RayRunner",
    "Report",
    "Retry",
    "Row",
    "Run",
    "Runner",
    "SerialRunner",
    "Task",
    "Worker",
    "WorkerFactory",
    "run",
    "runner_for",
]

_LATER = {
    "AsyncRunner": "medcli.jobs.runners.asynchronous",
    "ProcessRunner": "medcli.jobs.runners.processes",
    "RayRunner": "medcli.jobs.runners.cluster",
    "Retry": "medcli.jobs.retry",
    "Run": "medcli.jobs.engine",
    "SerialRunner": "medcli.jobs.runners.serial",
    "run": "medcli.jobs.engine",
    "runner_for": "medcli.jobs.choice",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)

"""What happens around one item: retries of what is declared transient, and every error turned into a row.

The one rule that all runners share: an item's own error never leaves :func:`attempts`. What is written of an
unexpected error is its class and where it was raised, never its text, which may quote a patient's values.
"""

from __future__ import annotations

import errno
import itertools
import json
import random
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.errors import ItemError, Postponed, Transient
from medcli.jobs.model import AsyncWorker, Outcome, Row, Worker

_STATES = frozenset({"done", "skipped", "failed"})
_PART = 500
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how late an item is tried again after a transient error.

    Attributes
    ----------
    attempts : int
        Tries in all; 1 never tries again.
    base, cap : float
        Seconds: the n-th wait is drawn evenly from 0 to ``min(cap, base * 2**n)`` ("full jitter"; M. Brooker,
        "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
    patience : float
        The longest Retry-After that is waited for; a longer one is taken as a failure.
    """

    attempts: int = 5
    base: float = 0.5
    cap: float = 30.0
    patience: float = 300.0

    def wait(self, tried: int, error: Transient) -> float | None:
        """Return the seconds to wait after ``tried`` attempts (1 and up), or None to give up."""
        if tried >= self.attempts:
            return None
        jitter = random.uniform(0.0, min(self.cap, self.base * 2**tried))  # noqa: S311 - spreads load, guards nothing
        if error.retry_after is None:
            return jitter
        return error.retry_after + jitter if error.retry_after <= self.patience else None


def attempts(worker: Worker, ticket: int, payload: Any, retry: Retry) -> Iterator[Outcome]:
    """Do one item, again where that can help, and give its outcome, in parts if it is long, whatever happens."""
    tried = 0
    while True:
        tried += 1
        try:
            rows = iter(worker(payload))
            part, held = 0, _checked(itertools.islice(rows, _PART))
            while len(held) == _PART:
                yield Outcome(ticket, held, part=part, more=True)
                part, held = part + 1, _checked(itertools.islice(rows, _PART))
            yield Outcome(ticket, held, part=part)
        except Transient as error:
            seconds = retry.wait(tried, error)
            if seconds is None:
                yield _failed(ticket, error)
                return
            time.sleep(seconds)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an item's error must not end the run
            yield _failed(ticket, error)
            return
        else:
            return


async def attempt_async(worker: AsyncWorker, ticket: int, payload: Any, retry: Retry) -> Outcome:
    """As :func:`attempts`, in an event loop; all in one part."""
    import asyncio

    tried = 0
    while True:
        tried += 1
        try:
            return Outcome(ticket, _checked(await worker(payload)))
        except Transient as error:
            seconds = retry.wait(tried, error)
            if seconds is None:
                return _failed(ticket, error)
            await asyncio.sleep(seconds)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            return _failed(ticket, error)


def died(ticket: int) -> Outcome:
    """Return the outcome of an item that ended its worker's process."""
    return Outcome(ticket, (Row("", "failed", "worker-died"),))


def describe(error: BaseException) -> dict[str, str]:
    """Say what an unexpected error is without its text: its class, and the deepest place in medcli."""
    facts = {"error": type(error).__name__}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE) and path != Path(__file__):
            facts["at"] = f"{path.relative_to(_PACKAGE.parent).as_posix()}:{frame.lineno}"
            break
    return facts


def _checked(rows: Any) -> Sequence[Row]:
    """Draw the rows and hold them to the contract here, where a mistake is still one item's own."""
    drawn = tuple(rows)
    for row in drawn:
        if row.state not in _STATES or not isinstance(row.value, bytes):
            raise TypeError("a Row's state or value is not what the ledger takes")
    return drawn


def _failed(ticket: int, error: BaseException) -> Outcome:
    if isinstance(error, Postponed):
        return Outcome(ticket, (), postponed=True)
    if isinstance(error, ItemError):
        return Outcome(ticket, (Row("", "failed", error.kind),), error.stops)
    if isinstance(error, OSError) and error.errno in _FULL:
        return Outcome(ticket, (Row("", "failed", "disk-full"),), stops=True)
    kind = "out-of-memory" if isinstance(error, MemoryError) else "bug"
    return Outcome(ticket, (Row("", "failed", kind, json.dumps(describe(error)).encode()),))

"""What a worker on a cluster does: agree on keys, enter the factory, take sealed tasks, hand back sealed outcomes.

The work goes on in a thread of its own, so that whoever asks for outcomes is answered within moments, whatever an item
costs. Knows nothing of Ray: :mod:`medcli.jobs.runners.on_ray` puts it on a node. Whatever goes wrong in here leaves as
a sealed sentence of ours, for what an actor raises Ray writes into logs.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from medcli import __version__, console
from medcli.errors import MedcliError, SetupError
from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry, attempts
from medcli.jobs.runners import sealing
from medcli.jobs.runners.child import tellable

_BATCH_SECONDS = 0.1
_LINGER_SECONDS = 0.01
_GRACE_SECONDS = 30.0
_PARTS = 4


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker says first; all of it may be seen.

    Attributes
    ----------
    public : bytes
        Its half of the keys.
    version, python : str
        Of medcli and of Python there.
    """

    public: bytes
    version: str
    python: str


def hello(public: bytes) -> Hello:
    """Introduce this process."""
    return Hello(public, __version__, f"{sys.version_info.major}.{sys.version_info.minor}")


@dataclass(frozen=True, slots=True)
class Package:
    """What a worker is sent first, sealed.

    Attributes
    ----------
    factory : bytes
        Pickled; opened when the rest is in its place.
    retry : Retry
        For transient errors.
    environment : mapping
        Variables with secrets and the like, as the driver has them.
    path : sequence of str
        Where the driver finds modules.
    folder : str
        Its working folder, which paths may count from.
    """

    factory: bytes
    retry: Retry
    environment: Mapping[str, str]
    path: Sequence[str]
    folder: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What a worker is sent from then on: tasks, and how long it may wait for outcomes; None for: leave."""

    tasks: list[Task] | None
    hold: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker answers: outcomes, and the seconds they took; or the error that ended it."""

    outcomes: Sequence[Outcome] = ()
    seconds: float = 0.0
    error: MedcliError | None = None


class Actor:
    """One worker; :meth:`say` is called by one caller, a message at a time."""

    def __init__(self) -> None:
        self._pair = sealing.Pair()
        self._channel: sealing.Channel | None = None
        self._hands: _Hands | None = None

    def hello(self) -> Hello:
        """Introduce itself."""
        return hello(self._pair.public)

    def say(self, message: bytes) -> bytes:
        """Take a sealed message and answer it, sealed; the first begins with the driver's public half.

        Raises
        ------
        sealing.Broken
            If the message is not from the driver.
        """
        if self._channel is None:
            self._channel = self._pair.agree(message[: sealing.PUBLIC], driver=False)
            content = pickle.loads(self._channel.open(message[sealing.PUBLIC :]))  # noqa: S301 - from our driver
        else:
            content = pickle.loads(self._channel.open(message))  # noqa: S301 - as above
        try:
            told = self._do(content)
        except BaseException as error:  # noqa: BLE001 - goes to the driver, which raises
            told = Told(error=tellable(error))
        return self._channel.seal(pickle.dumps(told, pickle.HIGHEST_PROTOCOL))

    def _do(self, content: Package | Ask) -> Told:
        if isinstance(content, Package):
            os.environ.update(content.environment)
            with contextlib.suppress(OSError):  # a node need not have it, where all paths are whole
                os.chdir(content.folder)
            sys.path += [place for place in content.path if place not in sys.path]
            console.silence()
            factory = _unpacked(content.factory)
            made = _Many if hasattr(factory, "__aenter__") else _One
            self._hands = made(factory, content.retry)
            return Told()
        assert self._hands is not None
        if content.tasks is None:
            self._hands.leave()
            return Told()
        return self._hands.exchange(content.tasks, content.hold)


def _unpacked(factory: bytes) -> Any:
    """Open a pickled factory.

    Raises
    ------
    SetupError
        If a module of it is not here.
    """
    try:
        return pickle.loads(factory)  # noqa: S301 - from our driver
    except (ImportError, AttributeError):
        raise SetupError(
            "A worker on the cluster does not find the program that it is to run.",
            hint="Is all of it installed on every node? What a script adds (load=) belongs into a module.",
        ) from None


class _Hands(Protocol):
    """The thread that works."""

    def exchange(self, tasks: list[Task], hold: float) -> Told:
        """Take tasks; wait a moment for outcomes and return what has come."""
        ...

    def leave(self) -> None:
        """Leave the factory."""
        ...


class _One:
    """One item after another."""

    def __init__(self, factory: WorkerFactory, retry: Retry) -> None:
        self._factory, self._retry = factory, retry
        self._inbox: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._outcomes: list[Outcome] = []
        self._since = self._seconds = 0.0
        self._left = self._parts = 0
        self._ready = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._error)
        self._check()

    def exchange(self, tasks: list[Task], hold: float) -> Told:
        """See :class:`_Hands`. Comes back when half of the tasks are done, or when outcomes have waited a while."""
        with self._changed:
            self._left += len(tasks)
            few = self._left // 2
            for task in tasks:
                self._inbox.put(task)
            ends = time.monotonic() + hold
            while (wait := self._wait(few, ends)) > 0:
                self._changed.wait(wait)
            told = Told(self._outcomes, self._seconds)
            self._outcomes, self._seconds, self._parts = [], 0.0, 0
            self._changed.notify_all()
        if not told.outcomes:
            self._check()
        return told

    def leave(self) -> None:
        """See :class:`_Hands`."""
        self._inbox.put(None)
        self._thread.join(_GRACE_SECONDS)
        self._check()

    def _wait(self, few: int, ends: float) -> float:
        """How long to wait on; 0 where there is something to tell."""
        if self._error or (self._outcomes and (self._left <= few or self._parts >= _PARTS)):
            return 0.0
        until = self._since + _BATCH_SECONDS if self._outcomes else ends
        return until - time.monotonic()

    def _check(self) -> None:
        if self._error:
            raise self._error

    def _main(self) -> None:
        try:
            with self._factory as worker:
                with self._changed:
                    self._ready = True
                    self._changed.notify_all()
                for ticket, payload in iter(self._inbox.get, None):
                    began = time.monotonic()
                    for outcome in attempts(worker, ticket, payload, self._retry):
                        began = self._hand_over(outcome, began)
        except BaseException as error:  # noqa: BLE001 - goes to the driver, which raises
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _hand_over(self, outcome: Outcome, began: float) -> float:
        """Leave an outcome to be fetched; of a long item's parts only so many lie there at a time."""
        with self._changed:
            now = time.monotonic()
            self._since = self._since if self._outcomes else now
            self._outcomes.append(outcome)
            self._seconds += now - began
            self._left -= not outcome.more
            self._parts += outcome.more
            self._changed.notify_all()
            if outcome.more:
                self._changed.wait_for(lambda: self._parts < _PARTS)
            return time.monotonic()


class _Many:
    """Many items at a time in an event loop."""

    def __init__(self, factory: AsyncWorkerFactory, retry: Retry) -> None:
        from medcli.jobs.runners.asynchronous import Loop

        self._loop = Loop(factory, retry)

    def exchange(self, tasks: list[Task], hold: float) -> Told:
        """See :class:`_Hands`."""
        self._loop.send(tasks)
        outcomes = self._loop.take(hold)
        if outcomes:
            time.sleep(_LINGER_SECONDS)  # what ends together travels together
            outcomes += self._loop.take(0.0)
        return Told(outcomes)

    def leave(self) -> None:
        """See :class:`_Hands`."""
        self._loop.stop()
        self._loop.take(0.0)  # raises what leaving the factory may have raised

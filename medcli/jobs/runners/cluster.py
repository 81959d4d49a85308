"""Workers on a Ray cluster, and what becomes of an item whose worker or node is lost.

The driver pulls: each worker is asked again and again for outcomes, is given tasks by the way, and never holds more
than two chunks. When one dies, its tasks are suspects as in :mod:`medcli.jobs.runners.processes`: each goes alone to a
worker that has nothing else. Where its node was lost no item is to blame, and what it held goes out again at once; but
an item that has lost three nodes is a suspect too. Workers that keep dying stop the run.

All that goes through Ray is sealed (:mod:`medcli.jobs.runners.sealing`). Ray itself is known to
:mod:`medcli.jobs.runners.on_ray` alone.
"""

from __future__ import annotations

import itertools
import os
import pickle
import sys
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from medcli import __version__, console, settings
from medcli.errors import SetupError
from medcli.jobs.model import AsyncWorkerFactory, Outcome, Task, WorkerFactory
from medcli.jobs.retry import Retry
from medcli.jobs.runners import bridge, sealing
from medcli.jobs.runners.actor import Ask, Hello, Package, Told
from medcli.jobs.runners.on_ray import Cluster, Death
from medcli.jobs.runners.on_ray import Needs as Places
from medcli.jobs.runners.pieces import Pieces

_BATCH_SECONDS = 0.2
_CHUNK_SECONDS = 0.1
_CALLS_A_SECOND = 400  # that ask in vain; so many workers are asked the more rarely
_GRACE_SECONDS = 30.0
_DEATHS = 12
_LOSSES = 3
_NOTE_SECONDS = 20.0
_PLACE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Needs:
    """How many workers there are and what each takes.

    Attributes
    ----------
    workers : int or None
        At most; None for as many as the cluster has room for.
    cpus : float
        For each.
    gpus : float or None
        For each; None for one where the cluster has any.
    per_node : bool
        One worker for each node rather than for each CPU, where ``workers`` is None.
    """

    workers: int | None = None
    cpus: float = 1.0
    gpus: float | None = 0.0
    per_node: bool = False

    def places(self, cluster: Cluster) -> Places:
        """What a worker takes of its node."""
        gpus = (1.0 if cluster.gpus else 0.0) if self.gpus is None else self.gpus
        return Places(self.cpus, gpus)

    def limit(self, cluster: Cluster) -> int:
        """How many workers there can be."""
        if self.workers is not None:
            return self.workers
        places = self.places(cluster)
        if places.gpus:
            return max(1, int(cluster.gpus / places.gpus))
        if self.per_node:
            return max(1, cluster.nodes)
        return max(1, int(cluster.cpus / (self.cpus or 1.0)))


class RayRunner:
    """Runs the work on a Ray cluster.

    Parameters
    ----------
    address : str
        HOST:PORT, ``auto`` or ``local``.
    needs : Needs
        How many workers, and what each takes.
    chunk : int
        Tasks handed out at once at most, to a worker that does one after another.
    concurrency : int
        Tasks in flight at most, at a worker that does many at a time.
    retry : Retry
        For transient errors; the waiting is done in the worker.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    """

    def __init__(
        self,
        address: str = "auto",
        needs: Needs = Needs(),
        *,
        chunk: int = 32,
        concurrency: int = 16,
        retry: Retry = Retry(),
    ) -> None:
        if chunk < 1 or concurrency < 1:
            raise ValueError("chunk and concurrency are 1 or more")
        bridge.require()
        self._address, self._needs, self._retry = address, needs, retry
        self._chunk, self._concurrency = chunk, concurrency

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks; see :class:`medcli.jobs.model.Runner`."""
        first = next(tasks, None)
        if first is None:
            return
        many = hasattr(factory, "__aenter__")
        package = Package(
            pickle.dumps(factory), self._retry, settings.travelling(), list(sys.path), os.getcwd()
        )
        pool = _Pool(
            bridge.bridge_to(self._address),
            pickle.dumps(package),
            self._needs,
            self._concurrency if many else self._chunk,
            itertools.chain((first,), tasks),
            many=many,
        )
        try:
            while pool.deal():
                yield pool.gather()
            yield pool.rest()
            pool.retire()
        finally:
            pool.stop()


@dataclass(slots=True)
class _Actor:
    """The driver's view of one worker."""

    number: int
    pair: sealing.Pair
    channel: sealing.Channel | None = None
    ready: bool = False
    asked: bool = True
    alone: bool = False
    size: int = 1
    tasks: dict[int, Any] = field(default_factory=dict)

    def settle(self, told: Told, most: int) -> None:
        """Take outcomes off, and fit the chunk's size to the time they took."""
        for outcome in told.outcomes:
            if not outcome.more:
                del self.tasks[outcome.ticket]
        if not told.outcomes:
            return
        fitting = int(_CHUNK_SECONDS * len(told.outcomes) / told.seconds) if told.seconds > 0 else most
        if any(outcome.part or outcome.more for outcome in told.outcomes):
            fitting = 1
        self.size = max(1, min(most, fitting, 4 * self.size))


class _Pool:
    """The workers of one ``map``, the tasks they hold, and the suspects."""

    _numbers = itertools.count()

    def __init__(
        self, to: bridge.Bridge, package: bytes, needs: Needs, most: int, tasks: Iterator[Task], *, many: bool
    ) -> None:
        self._bridge, self._package, self._needs = to, package, needs
        self._most, self._many, self._tasks = most, many, tasks
        self._again: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._losses: Counter[int] = Counter()
        self._pieces = Pieces()
        self._actors: dict[int, _Actor] = {}
        self._cluster: Cluster | None = to.cluster
        self._held: list[Outcome] = []
        self._reasons: list[str] = []
        self._since = time.monotonic()
        self._noted = False

    def deal(self) -> bool:
        """Hand out what there is; say whether any task is without an outcome."""
        for actor in self._actors.values():
            if actor.ready and not actor.asked:
                self._ask(actor)
        if self._cluster is not None:
            self._grow(self._cluster)
        return bool(self._again or self._suspects or any(actor.tasks for actor in self._actors.values())) or (
            self._cluster is None
        )

    def gather(self) -> list[Outcome]:
        """Wait a moment for outcomes and return what has come, which can be nothing."""
        outcomes: list[Outcome] = []
        for number, content in self._bridge.receive(_BATCH_SECONDS):
            if isinstance(content, Cluster):
                self._cluster = self._bridge.cluster = content
                continue
            actor = self._actors.get(-1 if number is None else number)
            if actor is None:
                continue
            if isinstance(content, Death):
                outcomes += self._bury(actor, content)
            elif isinstance(content, tuple):
                self._welcome(actor, content[1])
            else:
                outcomes += self._hear(actor, content)
        self._watch()
        return outcomes

    def rest(self) -> list[Outcome]:
        """Return outcomes that were held back, when there is nothing else to do."""
        held, self._held = self._held, []
        return held

    def retire(self) -> None:
        """Let the workers leave their factories, and wait for them."""
        leaving = [actor for actor in self._actors.values() if actor.ready]
        for actor in leaving:
            self._say(actor, Ask(None, 0.0))
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(actor.asked for actor in leaving) and time.monotonic() < deadline:
            for number, content in self._bridge.receive(_BATCH_SECONDS):
                if number in self._actors and isinstance(content, bytes):
                    self._opened(self._actors[number], content)
                elif number in self._actors and isinstance(content, Death):
                    self._actors[number].asked = False

    def stop(self) -> None:
        """End every worker, whatever it is doing."""
        self._bridge.stop_workers()
        self._actors = {}

    def _grow(self, cluster: Cluster) -> None:
        """Begin workers while there are tasks for them; no task is given to one that is not there yet."""
        limit = self._needs.limit(cluster)
        coming = sum(not actor.ready for actor in self._actors.values())
        while len(self._actors) < limit and all(
            actor.tasks or not actor.ready for actor in self._actors.values()
        ):
            if len(self._again) + len(self._suspects) <= coming:
                task = next(self._tasks, None)
                if task is None:
                    return
                self._again.append(task)
            actor = _Actor(next(self._numbers), sealing.Pair())
            self._actors[actor.number] = actor
            self._bridge.send((actor.number, self._needs.places(cluster)))
            coming += 1

    def _welcome(self, actor: _Actor, hello: Hello) -> None:
        """Agree on keys with a worker, and send it the factory."""
        ours = f"{sys.version_info.major}.{sys.version_info.minor}"
        if (hello.version, hello.python) != (__version__, ours):
            raise SetupError(
                f"A node of the cluster has medcli {hello.version} on Python {hello.python}, this machine"
                f" {__version__} on {ours}.",
                hint="Install the same ones on every node.",
            )
        actor.channel = actor.pair.agree(hello.public, driver=True)
        sealed = actor.channel.seal(self._package)
        self._bridge.send((actor.number, actor.pair.public + sealed))

    def _ask(self, actor: _Actor) -> None:
        """Ask a worker that has tasks for outcomes, and give it more: a suspect if it is idle, else fresh ones."""
        if not (actor.tasks and actor.alone):
            actor.alone = bool(self._suspects) and not actor.tasks
        fresh: list[Task] = []
        if actor.alone and not actor.tasks:
            fresh = [self._suspects.popleft()]
        elif not actor.alone and self._has_room(actor):
            count = self._most - len(actor.tasks) if self._many else actor.size
            fresh = list(itertools.islice(self._fresh(), count))
        actor.tasks.update(fresh)
        if actor.tasks:
            self._say(actor, Ask(fresh, max(_BATCH_SECONDS, len(self._actors) / _CALLS_A_SECOND)))

    def _has_room(self, actor: _Actor) -> bool:
        return len(actor.tasks) < self._most if self._many else len(actor.tasks) <= actor.size

    def _fresh(self) -> Iterator[Task]:
        """Tasks that were out before, then new ones."""
        while self._again:
            yield self._again.popleft()
        yield from self._tasks

    def _say(self, actor: _Actor, content: Ask) -> None:
        assert actor.channel is not None
        sealed = actor.channel.seal(pickle.dumps(content, pickle.HIGHEST_PROTOCOL))
        actor.asked = True
        self._bridge.send((actor.number, sealed))

    def _opened(self, actor: _Actor, sealed: bytes) -> Told:
        """Open a worker's answer; raise the error that it may be."""
        assert actor.channel is not None
        actor.asked = False
        told: Told = pickle.loads(actor.channel.open(sealed))  # noqa: S301 - from our worker, by its seal
        if told.error is not None:
            raise told.error
        return told

    def _hear(self, actor: _Actor, sealed: bytes) -> list[Outcome]:
        """Take a worker's answer; the first says that it is ready."""
        told = self._opened(actor, sealed)
        if not actor.ready:
            actor.ready = True
            return []
        actor.settle(told, self._most)
        if not told.outcomes:
            return []
        self._reasons.clear()
        outcomes = self.rest()
        outcomes += itertools.chain.from_iterable(map(self._pieces.pass_on, told.outcomes))
        return outcomes

    def _bury(self, actor: _Actor, death: Death) -> list[Outcome]:
        """Take leave of a worker; what it held alone it died of, unless its node was lost.

        Raises
        ------
        SetupError
            If workers die and die, and nothing is done in between.
        """
        del self._actors[actor.number]
        self._reasons.append(death.reason)
        if len(self._reasons) >= _DEATHS:
            reasons = "; ".join(reason for reason, _ in Counter(self._reasons).most_common())
            raise SetupError(
                f"{len(self._reasons)} workers on the cluster died one after another: {reasons}.",
                hint="Is there enough memory, and is medcli installed on every node? The same command goes on from"
                " here.",
            )
        if death.lost:
            self._losses.update(actor.tasks.keys())
            innocent = [task for task in actor.tasks.items() if self._losses[task[0]] < _LOSSES]
            self._again.extendleft(reversed(innocent))
            actor.tasks = {one: actor.tasks[one] for one in actor.tasks if self._losses[one] >= _LOSSES}
        if actor.alone:
            for ticket, payload in actor.tasks.items():
                outcomes, pieces = self._pieces.bury(ticket, payload)
                self._held += outcomes
                self._suspects.extend(pieces)
        else:
            self._suspects.extend(actor.tasks.items())
        return []

    def _watch(self) -> None:
        """Say when the cluster has no room, and give up after a while.

        Raises
        ------
        SetupError
            If no worker could begin for long.
        """
        if self._cluster is None or any(actor.channel for actor in self._actors.values()):
            self._since, self._noted = time.monotonic(), False
            return
        waited, places = time.monotonic() - self._since, self._needs.places(self._cluster)
        need = f"a worker takes {places.cpus:g} CPUs and {places.gpus:g} GPUs, and the cluster has"
        has = f"{self._cluster.cpus:g} and {self._cluster.gpus:g} in all"
        if waited > _PLACE_SECONDS:
            raise SetupError(
                f"No worker could begin on the cluster: {need} {has}.",
                hint="Wait for others to end, add nodes, or ask for less: --ray-cpus, --ray-gpus.",
            )
        if waited > _NOTE_SECONDS and not self._noted:
            self._noted = True
            console.note(f"Waiting for room on the cluster: {need} {has}.")

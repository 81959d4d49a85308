"""The nouns of a long run: items, rows, workers, and the job that brings them together.

Only shapes stand here. A job hands over items with stable keys, a picklable factory for the worker, and what to do
when all is done; :func:`medcli.jobs.run` does the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from types import TracebackType

    from medcli.jobs.engine import Run

State = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of work.

    Attributes
    ----------
    key : str
        Made from what identifies the item (a keyed hash), never from its position. Two items of one run must not
        share a key: equal content gets an occurrence number.
    payload : Any
        What the worker is called with; small and picklable.
    """

    key: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the ledger; an item may give several (an archive: one a member), which count when all are there.

    Attributes
    ----------
    key : str
        A stable key of the row's own; the empty string stands for the item's key.
    state : {"done", "skipped", "failed"}
        ``failed`` makes the exit code 5.
    kind : str
        A reason code, counted in the Report.
    value : bytes
        A small opaque value of the domain, stored in the same transaction. It must not hold identity.
    bytes : int
        Added up in the Report.
    """

    key: str
    state: State
    kind: str = ""
    value: bytes = b""
    bytes: int = 0

    def __reduce__(self) -> tuple[type[Row], tuple[object, ...]]:
        """Pickle as a plain call: a quarter of the time of a dataclass's own way, and rows are what travels most."""
        return Row, (self.key, self.state, self.kind, self.value, self.bytes)


class Outcome(NamedTuple):
    """What a runner hands back for one task: its number, its rows, and whether its failure should stop the run.

    An item of very many rows comes in parts, so that nobody has to hold them all: parts are counted from 0, and all
    but the last say that there is more. A part 0 after others means that the item was begun again, or failed: what
    came before is void. A postponed item has no rows: it goes out again when all others are done.
    """

    ticket: int
    rows: Sequence[Row]
    stops: bool = False
    part: int = 0
    more: bool = False
    postponed: bool = False


Task = tuple[int, Any]
"""A number that the outcome must carry, and the payload."""


@runtime_checkable
class Divisible(Protocol):
    """A payload of several rows: where the whole kills its worker, it can be done in pieces."""

    def halves(self) -> Sequence[Divisible]:
        """Two payloads or more, whose rows in their order are those of the whole; fewer if it is not to be divided."""
        ...

    def lost(self, kind: str) -> Sequence[Row]:
        """Rows with keys of their own for a piece that could not be done."""
        ...


class Grouped(Protocol):
    """A payload that shares something costly with those of the same group: a worker that has one should have all."""

    @property
    def group(self) -> object:
        """Equal for those that belong together."""
        ...


class Worker(Protocol):
    """Does one item after another in one process."""

    def __call__(self, payload: Any) -> Iterable[Row]:
        """Do one item; may raise :class:`~medcli.errors.ItemFailed` or :class:`~medcli.errors.Transient`.

        Rows that are given one by one (a generator's) are passed on before the last is there.
        """
        ...


class WorkerFactory(Protocol):
    """Picklable; entered once in each process, where it loads what is costly and returns the worker."""

    def __enter__(self) -> Worker: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class AsyncWorker(Protocol):
    """Does many items at once in one event loop."""

    def __call__(self, payload: Any) -> Awaitable[Iterable[Row]]:
        """Do one item; errors as for :class:`Worker`."""
        ...


class AsyncWorkerFactory(Protocol):
    """Entered once in the event loop's thread."""

    async def __aenter__(self) -> AsyncWorker: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class Runner(Protocol):
    """Where the work runs.

    The contract, which ``tests/contract`` holds every runner to: exactly one outcome a task (or one in parts), in any
    order, in batches that come at least every few tenths of a second (an empty batch is fine); never an exception for an item's own
    error; tasks are drawn lazily, in the caller's thread, and few are held at a time; closing the generator stops
    the work at once.
    """

    def map(
        self, factory: WorkerFactory | AsyncWorkerFactory, tasks: Iterator[Task]
    ) -> Generator[Sequence[Outcome], None, None]:
        """Do the tasks; yield their outcomes in batches."""
        ...


class Job(Protocol):
    """What a command hands to the engine."""

    name: str

    def fingerprint(self) -> Mapping[str, object]:
        """JSON-able facts that shape the product; resuming with others is refused, naming the field."""
        ...

    def items(self) -> Iterator[Item]:
        """Lazily, in a deterministic order, which is the product's; any number of them."""
        ...

    def worker(self) -> WorkerFactory | AsyncWorkerFactory:
        """The factory that each worker process enters."""
        ...

    def flush(self, rows: Sequence[Row]) -> None:
        """Make durable what these rows speak of; called in the driver before they are committed."""
        ...

    def finish(self, run: Run) -> None:
        """Build the product from ``run.rows()``; called when every item has an outcome, and again on a rerun."""
        ...


class Postponing(Protocol):
    """A job some of whose workers raise :class:`~medcli.errors.Postponed`."""

    def last_worker(self) -> WorkerFactory | AsyncWorkerFactory | None:
        """The factory for items that were postponed; asked for when all others have their outcome.

        None leaves them without an outcome: a part of a plan does, where they need what other parts know.
        """
        ...


class Progress(Protocol):
    """Something that shows how far a run is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...

    def update(self, items: int) -> None:
        """Count items that have just got an outcome, or had one already."""
        ...

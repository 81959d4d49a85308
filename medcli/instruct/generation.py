"""Captions to samples: selection, rounds of asking until enough are accepted, and the files.

``--max-samples`` counts accepted samples, and which ones they are must not depend on how a run went. So figures are
asked in rounds, always the next in the order of selection, and each round as many as are still missing: those are
needed whatever becomes of them, so that no figure is asked beyond the one that completes the number. A figure whose
request failed holds its place until it is asked again.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from medcli import files, jobs
from medcli.errors import SetupError, UsageError
from medcli.instruct import estimate, writing
from medcli.instruct.checks.judging import prompt
from medcli.instruct.connecting import Connecting, notes_of, setting_of
from medcli.instruct.kinds import Kinds, weights_of
from medcli.instruct.prompts import Book
from medcli.instruct.result import Result, facts_of, words
from medcli.instruct.room import make_room
from medcli.instruct.selection import Chosen, Selection, Wishes, folded, select
from medcli.instruct.spec import InstructSpec
from medcli.instruct.worker import Setting, Workers
from medcli.jobs import shards
from medcli.jobs.ledger import FILE as LEDGER
from medcli.jobs.reading import Reader
from medcli.models.spending import BudgetSpent
from medcli.settings import fingerprint

Bar = Callable[[int], jobs.Progress]
_REFUSED = "gate-refused"
_SPARE = 1.1  # of a batch, which takes long: so many more than are missing


class InstructJob:
    """The engine's view of one round.

    Parameters
    ----------
    spec : InstructSpec
        What is asked for.
    selection : Selection
        The figures, in order.
    stop : int
        How many of them are asked in all.
    workers : Workers
        Who asks.
    book : Book
        Prompts, whose hashes are part of the fingerprint.
    """

    name = "generate-instruct"

    def __init__(
        self, spec: InstructSpec, selection: Selection, stop: int, workers: Workers, book: Book
    ) -> None:
        self._spec, self._selection, self._stop, self._workers, self._book = (
            spec,
            selection,
            stop,
            workers,
            book,
        )

    def fingerprint(self) -> Mapping[str, object]:
        """The Spec's, with the prompts; which figures are chosen is no part of it."""
        return facts_of_run(self._spec, self._book)

    def items(self) -> Iterator[jobs.Item]:
        """Figures in the order of selection."""
        yield from (jobs.Item(one.key, one) for one in figures(self._spec, self._selection, self._stop))

    def worker(self) -> Workers:
        """The one that talks to the servers."""
        return self._workers

    def flush(self, rows: Sequence[jobs.Row]) -> None:
        """Nothing: what rows speak of stands in them."""

    def finish(self, run: jobs.Run) -> None:
        """Note whether the gate refused; files are written when the last round is done."""
        if any(kind.startswith(_REFUSED) for kind in run.report.kinds):
            run.report.refuse()


def facts_of_run(spec: InstructSpec, book: Book) -> dict[str, object]:
    """What a rerun has to agree on: all that a sample depends on beside its caption."""
    from medcli.instruct.sample import KINDS

    shown: dict[str, object] = {"pictures": spec.images is not None}
    shown |= {f"{name}-prompt": prompt(name).version for name in ("judge", "blind") if getattr(spec, name)}
    return fingerprint(spec) | shown | {"prompts": [book.hash(kind) for kind in KINDS]}


def figures(spec: InstructSpec, selection: Selection, stop: int | None = None) -> Iterator[Chosen]:
    """The figures that are asked: all, or what falls to a shard by its key, so that captions can be added."""
    whole = selection.figures(stop)
    return (one for one in whole if shards.falls_to(one.key, spec.shard or shards.WHOLE))


def select_for(spec: InstructSpec, folder: Path) -> Selection:
    """The figures that a Spec chooses."""
    return select(_captions(spec), folder, _wishes(spec), _kinds(spec))


def generate(
    spec: InstructSpec, bar: Bar | None = None, bring: Callable[[Path], None] | None = None
) -> Result:
    """Make samples of captions, as the Spec wishes.

    Parameters
    ----------
    spec, bar
        The wish, and what shows how far it is.
    bring
        Called with the run's folder before anything is asked: a merge brings in there what parts were answered.

    Raises
    ------
    UsageError, InputError, SetupError
        As the exit codes 2, 4 and 3.
    """
    began = time.monotonic()
    setting = setting_of(spec)
    with (
        _folder(spec) as folder,
        select_for(spec, folder) as selection,
    ):
        _check_domains(spec, selection)
        if spec.dry_run:
            return estimate.estimate(spec, selection, setting)
        make_room(spec)
        if bring is not None:
            bring(folder)
        with _noting(spec, selection, folder):
            return _Run(spec, selection, setting, folder).perform(bar, began)


@contextlib.contextmanager
def _noting(spec: InstructSpec, selection: Selection, folder: Path) -> Iterator[None]:
    """Note of a shard what it is of, and at the block's end that it is finished."""
    if spec.shard is None:
        yield
        return
    dealt = sha256()
    for one in selection.figures():
        dealt.update(one.key.encode())
    for finished in (False, True):
        shards.note(folder, InstructJob.name, spec.shard, spec, dealt.hexdigest(), finished=finished)
        if not finished:
            yield


class _Run:
    """One command's rounds and what is written of them."""

    def __init__(self, spec: InstructSpec, selection: Selection, setting: Setting, folder: Path) -> None:
        self._spec, self._selection, self._setting, self._folder = spec, selection, setting, folder
        self._resumed = -1
        self._refused = False
        self._notes: list[str] = []

    def perform(self, bar: Bar | None, began: float) -> Result:
        """Ask until enough are accepted, then write."""
        try:
            self._ask(bar)
        except BudgetSpent:
            self._write(began)  # what was paid for is there to be used
            raise
        return self._write(began)

    def _ask(self, bar: Bar | None) -> None:
        spec, done, restart, again = self._spec, -1, self._spec.restart, self._spec.retry_failed
        while True:
            stop = self._reach(fresh=restart)
            if stop <= done and not (restart or again):
                return
            report = self._round(stop, bar, restart=restart, again=again)
            if self._resumed < 0:
                self._resumed = report.resumed
            self._refused = report.refused
            if spec.max_samples is None:
                return
            done, restart, again = stop, False, False

    def _round(self, stop: int, bar: Bar | None, *, restart: bool, again: bool) -> jobs.Report:
        spec = self._spec
        connecting, once = Connecting(spec, self._folder.absolute()), jobs.Retry(attempts=1)
        connecting.told()
        connecting.fold()
        workers = Workers(self._setting, connecting, connecting.tell)
        job = InstructJob(spec, self._selection, stop, workers, self._setting.book)
        with contextlib.ExitStack() as stack:
            count = sum(1 for _ in figures(spec, self._selection)) if spec.shard else stop
            shown = stack.enter_context(bar(count)) if bar else None
            try:
                return jobs.run(
                    job,
                    state=self._folder,
                    runner=jobs.runner_for(
                        spec,
                        lambda: jobs.AsyncRunner(self._at_once, once),
                        retry=once,
                        concurrency=self._at_once,
                        default=1,
                    ),
                    restart=restart,
                    retry_failed=again,
                    progress=shown,
                    stop_after=1,
                )
            except SetupError:
                trouble = workers.trouble or connecting.told()
                if trouble is None:
                    raise
                raise trouble from None
            finally:
                connecting.fold()
                self._notes = list(workers.notes)

    @property
    def _at_once(self) -> int:
        if not self._spec.batch:
            return self._spec.concurrency
        from medcli.instruct.batching import WINDOW

        return WINDOW

    def _reach(self, *, fresh: bool) -> int:
        """How many figures have to have an outcome: up to the one with which enough are accepted, or may be.

        What was not asked yet may be accepted; a figure that failed may be, too, when it is asked again.
        """
        total, wanted = len(self._selection), self._spec.max_samples
        if wanted is None:
            return total
        if self._spec.batch:
            wanted = math.ceil(wanted * _SPARE)
        if fresh or not (self._folder / LEDGER).exists():
            return min(wanted, total)
        count = 0
        with Reader(self._folder) as reader:
            for place, one in enumerate(self._selection.figures(), 1):
                state = reader.state(one.key)
                count += state != "skipped"
                if count >= wanted:
                    return place
        return total

    def _rows(self) -> Iterator[jobs.Row]:
        """Outcomes in the order of selection, as far as figures have been asked."""
        stop = self._reach(fresh=False)
        with Reader(self._folder) as reader:
            for one in self._selection.figures(stop):
                if (row := reader.row(one.key)) is not None:
                    yield row

    def _write(self, began: float) -> Result:
        spec = self._spec
        assert spec.output is not None
        provenance, rejected = spec.beside("provenance"), spec.beside("rejected")
        written = writing.write(
            self._rows(), spec.output, provenance, rejected, spec.format, spec.seed, spec.max_samples
        )
        facts = facts_of(written) | {
            "left_out": self._selection.left_out,
            "captions": self._selection.read,
            "resumed": max(0, self._resumed),
            "seconds": round(time.monotonic() - began, 3),
            "output": str(spec.output),
            "provenance": str(provenance),
            "rejected_file": str(rejected),
        }
        if spec.report is not None:
            self._report(spec.report, facts)
        code = 6 if self._refused else 5 if written.failed else 0
        return Result(code, facts | {"exit_code": code}, words(facts), self._warnings(facts))

    def _report(self, path: Path, facts: Mapping[str, Any]) -> None:
        from medcli.files import read_jsonl
        from medcli.instruct.report import write_report

        spec = self._spec
        write_report(
            path,
            writing.samples_of(self._rows(), spec.seed, spec.max_samples),
            provenance=read_jsonl(spec.beside("provenance")),
            rejected=read_jsonl(spec.beside("rejected")),
            images=spec.images,
            facts={name: facts[name] for name in ("accepted", "rejected", "failed", "cost", "requests")}
            | {"model": spec.model},
            seed=spec.seed,
        )

    def _warnings(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        told = [*self._notes, *notes_of(self._setting.tests)]
        wanted = self._spec.max_samples
        if wanted is not None and facts["accepted"] + facts["failed"] < wanted:
            told.append(f"The captions gave {facts['accepted']:,} of {wanted:,} samples: there are no more.")
        if facts["failed"]:
            told.append("Some requests failed; --retry-failed asks them again.")
        return tuple(told)


@contextlib.contextmanager
def _folder(spec: InstructSpec) -> Iterator[Path]:
    """The run's folder; for a dry run without an output one that goes away."""
    if spec.dry_run:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="medcli-instruct-") as folder:
            yield Path(folder)
        return
    try:
        yield files.private_folder(spec.run_folder)
    except OSError as error:
        raise SetupError(
            f"The run's folder cannot be made: {error.strerror}.", hint="Choose another with --state."
        ) from error


def _captions(spec: InstructSpec) -> Path:
    assert spec.captions is not None
    return spec.captions


def _wishes(spec: InstructSpec) -> Wishes:
    return Wishes(
        frozenset(map(folded, spec.domain)),
        frozenset(map(folded, spec.license)),
        spec.drop_duplicates,
        spec.shuffle,
        spec.seed,
    )


def _kinds(spec: InstructSpec) -> Kinds:
    return Kinds(weights_of(spec.kind), spec.seed)


def _check_domains(spec: InstructSpec, selection: Selection) -> None:
    known = {folded(name) for name in selection.domains()}
    if missing := [name for name in spec.domain if folded(name) not in known]:
        raise UsageError(
            f"There is no figure of the domain '{missing[0]}'.",
            hint=f"There are: {', '.join(name or 'none' for name in selection.domains())}.",
        )

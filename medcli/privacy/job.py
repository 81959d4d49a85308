"""`medcli scrub`: from sources to a release, and the public function of that name.

Knows the order of things: keys and folders, the engine's run, decisions over all files, publication, reports. Refuses
to know DICOM (the worker does) and SQL (the catalogue does).
"""

from __future__ import annotations

import hmac
import inspect
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from medcli import storage
from medcli.errors import UsageError
from medcli.files import private_folder, sweep, sync_filesystem
from medcli.jobs import Item, Progress, Row, Run, Runner, run, runner_for
from medcli.jobs.lock import hold, hold_itself
from medcli.privacy import agree, keys, outcome, release, report
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.decisions import Decision, read_decisions
from medcli.privacy.layout import Names
from medcli.privacy.outcome import Result
from medcli.privacy.pixels.policy import LOOKING
from medcli.privacy.places import CATALOGUE, Places
from medcli.privacy.policy import Policy
from medcli.privacy.review import prepare
from medcli.privacy.sources import WHOLE, Sources, item_key
from medcli.privacy.spec import PATHS, ScrubSpec
from medcli.privacy.text.identities import write_identities
from medcli.privacy.worker import ScrubWorkers, read_notes
from medcli.storage import Url

__all__ = ["BUSY", "Begin", "Result", "ScrubJob", "make_release", "perform", "runner_of", "scrub", "spool"]

_BATCH = 1000
Begin = Callable[["ScrubJob", Catalogue, Path], None]
BUSY = (
    "Another run is working on this release.",
    "Wait for it to end; the same command then does what is left.",
)


class ScrubJob:
    """The engine's view of one run.

    Parameters
    ----------
    spec, policy, key
        What is to be done.
    found
        The sources.
    places
        Where things lie.
    catalogue
        The open catalogue of the release.
    """

    name = "scrub"

    def __init__(
        self,
        spec: ScrubSpec,
        policy: Policy,
        key: bytes,
        *,
        found: Sources,
        places: Places,
        catalogue: Catalogue,
    ) -> None:
        self.summary: dict[str, Any] = {}
        self._spec, self._policy, self._key = spec, policy, key
        self._sources, self._places, self._catalogue = found, places, catalogue
        self.staging = self._staging()
        self._notebooks = places.confidential / "notes"
        self._review = None if spec.review is None else prepare(spec.review)
        self._decided: tuple[str, ...] = ()
        self._item_key = hmac.digest(key, b"item", "sha256")
        self._run = int(catalogue.fact("run") or 0)
        self._started = time.monotonic()

    def _staging(self) -> release.Staging:
        if self._places.remote is not None:
            from medcli.privacy.remote import RemoteStaging

            return RemoteStaging(self._places)
        return release.Staging(self._places.output, self._key)

    def fingerprint(self) -> Mapping[str, object]:
        """The Spec's, with the key, the local rules and the table's edition instead of paths; and the release."""
        return agree.facts_of(self._spec, self._policy, self._key) | {
            "output": agree.name_of(self._catalogue)
        }

    def items(self) -> Iterator[Item]:
        """Everything in the sources, in their order."""
        self._catalogue.do_again(conflicts=self._spec.retry_failed)
        self._take_decisions()
        again = self._catalogue.times_again()
        self._run += 1
        self._catalogue.note("run", str(self._run))
        named: list[tuple[str, str]] = []
        for found in self._sources:
            key = item_key(self._item_key, self._sources.roots[found.root], found)
            if key in again:
                key = f"{key}-{again[key]}"
            named.append((key, self._sources.absolute(found)))
            if len(named) >= _BATCH:
                self._catalogue.name_sources(named)
                named.clear()
            yield Item(key, (key, tuple(found)))
        self._catalogue.name_sources(named)

    def _take_decisions(self) -> None:
        """Have images done again on which a person decided anew; what was released of them goes at once."""
        if self._spec.decisions is None:
            return
        decided = {image: json.dumps(one) for image, one in read_decisions(self._spec.decisions).items()}
        self._decided = tuple(decided)
        changed = self._catalogue.take_decisions(decided)
        # An approved image stays as it is; it is done again only where another decision shaped it.
        shaped = [image for image in changed if json.loads(decided[image])[0] != "approve"]
        with release.writing("--output"):
            for path in self._catalogue.placed(shaped):
                self.staging.withdraw(path)
        self._catalogue.do_over(shaped)

    def worker(self) -> ScrubWorkers:
        """What each process is given; texts wait until all headers were read."""
        return self._workers(wait=True)

    def last_worker(self) -> ScrubWorkers | None:
        """What each process is given for the texts: with it, who the patients of the batch are."""
        self._take_notes()
        path = self._notebooks / "spool" / "identities.sqlite"
        with release.writing("The confidential folder"):
            write_identities(path, self._catalogue.identities())
        return self._workers(wait=False, identities=str(path))

    def _workers(self, *, wait: bool, identities: str | None = None) -> ScrubWorkers:
        return ScrubWorkers(
            self._policy,
            self._key,
            self._sources.roots,
            self._sources.labels,
            spool=str(self._notebooks / "spool"),
            staging=str(self.staging.folder),
            notebooks=str(self._notebooks),
            crosswalk=self._spec.crosswalk,
            layout=self._spec.layout,
            wait=wait,
            identities=identities,
            decisions=self._decisions(),
            review=self._review,
        )

    def _decisions(self) -> Mapping[str, Decision]:
        known = {image: json.loads(decision) for image, decision in self._catalogue.decisions().items()}
        return {
            image: Decision(verdict, tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in rectangles), note)
            for image, (verdict, rectangles, note) in known.items()
        }

    def flush(self, rows: Sequence[Row]) -> None:  # noqa: ARG002 - whatever they are
        """Make staged files, and what workers noted, durable: one call for all of them."""
        self.staging.flush()
        if os.stat(self._notebooks).st_dev != os.stat(self.staging.folder).st_dev:
            with release.writing("The confidential folder"):
                sync_filesystem(self._notebooks)

    def finish(self, run: Run) -> None:
        """Decide, publish, report. May be stopped anywhere: the next run goes on from there."""
        catalogue, confidential = self._catalogue, self._places.confidential
        self._take_notes()
        catalogue.record(outcome.lines(run.rows(), self._run))
        catalogue.decide(self._run)
        release.assign(catalogue, Names(self._key), self._spec.layout, self._run)
        self.staging.publish(catalogue)
        release.rebuild_dicomdirs(self.staging, catalogue, self._key)
        report.write_account(confidential, catalogue, self._run)
        pixels = report.write_lines(confidential, catalogue, self._run, run.rows())
        if self._spec.crosswalk:
            report.write_crosswalk(confidential, catalogue)
        texts = catalogue.holds_texts()
        facts = report.method(self._policy, texts=texts) | report.checks(self._policy, self._key)
        facts["layout"] = self._spec.layout
        report.write_manifest(self._places.manifest, facts, catalogue, self.staging.drafts)
        self.staging.deliver(self._places.manifest)
        outcome.recount(run.report, catalogue, self._run)
        self.summary = outcome.summarise(run.report, catalogue, self._run, self._policy)
        if self._policy.pixels in LOOKING:
            self.summary["pixels_of_released"] = pixels
        if unmet := catalogue.unmet(self._decided):
            self.summary["decisions_without_image"] = unmet
        self.summary["seconds"] = round(time.monotonic() - self._started, 3)
        report.write_summary(confidential, self.summary)
        if self._review is not None:
            from medcli.privacy.review_page import write_page

            with release.writing("--review"):
                write_page(self._review, catalogue.outcomes(self._run), catalogue.decisions())
        self.staging.leave()

    def _take_notes(self) -> None:
        """Bring into the catalogue what workers noted, and remove the notebooks."""
        paths = sorted(path for path in self._notebooks.iterdir() if path.suffix == ".jsonl")
        for path in paths:
            taken: dict[str, list[tuple[str, ...]]] = {"member": [], "identity": [], "link": []}
            for kind, *values in read_notes(str(path)):
                known = kind if kind in taken else "link"
                taken[known].append(tuple(values) if known == kind else (kind, *values))
                if len(taken[known]) >= _BATCH:
                    self._note(taken)
            self._note(taken)
        for path in paths:
            path.unlink()

    def _note(self, taken: Mapping[str, list[tuple[Any, ...]]]) -> None:
        """Hand notes to the catalogue, and forget them."""
        self._catalogue.name_members(taken["member"])
        self._catalogue.identify(taken["identity"])
        self._catalogue.link(taken["link"])
        for notes in taken.values():
            notes.clear()


def scrub(*sources: str | os.PathLike[str], progress: Progress | None = None, **options: Any) -> Result:
    """De-identify DICOM files by PS3.15 Annex E, and texts beside them; what ``medcli scrub`` does.

    Parameters
    ----------
    *sources
        Files, folders, zip and tar archives.
    progress
        Told of every finished item; see :class:`medcli.console.Bar`.
    **options
        The options of the command, with ``_`` for ``-``: ``output``, ``profile``, ``retain`` ... as the signature lists
        them and :class:`medcli.privacy.spec.ScrubSpec` explains them. Paths may be texts, lists may be one text, and
        ``date_shift`` two numbers. With ``verify`` or ``explain`` nothing is de-identified.

    Returns
    -------
    Result
        With the command's exit code; files that were withheld are no exception.

    Raises
    ------
    UsageError, InputError, SetupError
        As the command's exit codes 2, 4 and 3.

    Examples
    --------
    In a script, under ``if __name__ == "__main__":``, for the work is done in processes of their own:

    >>> medcli.scrub("inbox", output="release", retain=["modified-dates"])  # doctest: +SKIP
    """
    process = sys.modules.get("multiprocessing.process")
    if process is not None and getattr(process.current_process(), "_inheriting", False):
        raise UsageError(
            "A process of medcli's has begun to run the script that started it.",
            hint="Call medcli under: if __name__ == '__main__':",
        )
    known = [one.name for one in fields(ScrubSpec) if one.name != "sources"]
    if strange := sorted(set(options) - set(known)):
        raise UsageError(f"medcli.scrub has no option {strange[0]}.", hint=f"It has: {', '.join(known)}")
    for name in PATHS:
        if options.get(name) is not None:
            options[name] = _place(name, options[name]) if name == "output" else _path(name, options[name])
    for name in ("retain", "clean", "fields", "known_fields", "detector", "trust_host", "score_known"):
        if name in options:
            options[name] = _words(name, options[name])
    return perform(ScrubSpec(tuple(_place("sources", source) for source in sources), **options), progress)


def _path(name: str, value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{name} is a path, not a value of type {type(value).__name__}.")
    return Path(value)


def _place(name: str, value: Any) -> Path | Url:
    return storage.given(value) if isinstance(value, str) else _path(name, value)


def _words(name: str, value: Any) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, list | tuple | set | frozenset) or not all(
        isinstance(one, str) for one in found
    ):
        raise UsageError(f"{name} is a list of texts.")
    return tuple(found)


def _signature() -> inspect.Signature:
    """The options by name, type and default, for ``help`` and editors."""
    plain = inspect.signature(scrub)
    sources, *others, _ = plain.parameters.values()
    named = (
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=str(one.type)
        )
        for one in fields(ScrubSpec)
        if one.name != "sources"
    )
    return plain.replace(parameters=[sources, *named, *others])


scrub.__signature__ = _signature()  # type: ignore[attr-defined]


def perform(spec: ScrubSpec, progress: Progress | None = None) -> Result:
    """Do what a Spec asks for: measure, explain, verify, plan or de-identify."""
    if spec.score is not None:
        from medcli.privacy.measure import measure

        return measure(spec)
    if spec.explain:
        from medcli.privacy.describe import explain

        return explain(spec)
    if spec.verify is not None:
        from medcli.privacy.verify import verify

        return verify(spec)
    if spec.dry_run:
        from medcli.privacy.plan import plan

        return plan(spec, runner_of(spec), progress)
    if spec.shard is not None:
        from medcli.privacy.parts import scrub_part

        return scrub_part(spec, progress)
    return make_release(spec, progress)


@contextmanager
def spool(folder: Path) -> Iterator[None]:
    """A folder for members of archives that are too large to be held: source bytes, so in the confidential folder."""
    shutil.rmtree(folder, ignore_errors=True)
    private_folder(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def runner_of(spec: ScrubSpec) -> Runner:
    """The cluster, or this machine."""
    return runner_for(spec, lambda: _processes(spec))


def _processes(spec: ScrubSpec) -> Runner:
    """One process for each worker; this one alone where one is enough."""
    workers = spec.workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
    if workers == 1:
        from medcli.jobs import SerialRunner

        # A large file is mapped: cut short by others while it is read, it ends the process that reads it.
        return SerialRunner(apart=lambda payload: payload[1][2] > WHOLE)
    from medcli.jobs import ProcessRunner

    return ProcessRunner(workers)


def make_release(spec: ScrubSpec, progress: Progress | None, begin: Begin | None = None) -> Result:
    """De-identify the sources into a release.

    Parameters
    ----------
    spec, progress
        As of :func:`perform`.
    begin
        Called when all is prepared and locked, before the run: a merge brings in there what parts have done.
    """
    policy, places, found = spec.policy(), spec.places(), Sources(spec.sources)
    agree.on_places(places)
    agree.on_key(places)
    if places.remote is not None:
        from medcli.privacy.remote import check_new

        check_new(places)
    found.check_any()
    with ExitStack() as stack:
        with release.writing("The confidential folder"):
            private_folder(places.confidential)
            notebooks = private_folder(places.confidential / "notes")
            stack.enter_context(hold(notebooks, *BUSY))
            sweep(notebooks)
            stack.enter_context(spool(notebooks / "spool"))
        key = keys.make(places.key)
        catalogue = stack.enter_context(Catalogue(places.confidential / CATALOGUE))
        job = ScrubJob(spec, policy, key, found=found, places=places, catalogue=catalogue)
        agree.on_options(catalogue, agree.facts_of(spec, policy, key))
        agree.on_subjects(catalogue, policy, key)
        agree.on_release(catalogue, job.staging, restart=spec.restart)
        with release.writing("--output"):
            places.output.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold_itself(places.output, *BUSY))
        agree.on_release(catalogue, job.staging, restart=spec.restart)
        job.staging.prepare()
        if begin is not None:
            begin(job, catalogue, places.state)
        if progress is not None:
            stack.enter_context(progress)
        counted = run(
            job,
            state=places.state,
            runner=runner_of(spec),
            restart=spec.restart,
            retry_failed=spec.retry_failed,
            progress=progress,
            stop_after=1,
        )
    return Result(
        counted.exit_code, job.summary, outcome.told(job.summary, places), tuple(outcome.warnings(policy))
    )

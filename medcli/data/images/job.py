"""`medcli download images`: from a list to pictures and a manifest.

Knows the order of things: plan, room on the disk, engine, manifest, what the person is told.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli import console, files, jobs
from medcli.data import parts
from medcli.data.export import export
from medcli.data.images import plan as plans
from medcli.data.images.manifest import MANIFEST, MISSING, write
from medcli.data.images.plan import Plan
from medcli.data.images.spec import ImagesSpec
from medcli.data.images.worker import Figures, Setting
from medcli.data.options import amount
from medcli.data.places import claim, deliver
from medcli.data.pmc import links
from medcli.data.result import Result
from medcli.data.transfer.board import make
from medcli.errors import InputError, SetupError
from medcli.jobs import lock
from medcli.jobs.ledger import explained
from medcli.jobs.retry import Retry
from medcli.jobs.shards import WHOLE
from medcli.settings import fingerprint
from medcli.storage import Url

Bar = Callable[[int], jobs.Progress]
Bring = Callable[[Path], None]
_USUAL = 96_000  # bytes: 69 GB over 721,154 figures (LLaVA-Med, issue 79)
_BOARD = "rests"
_LONG = 2000  # rows from which more processes than one are worth their start
_MOST_LOOPS = 4
_BESIDE = 3  # rows in flight for each request: some wait for metadata, some are decoded


@dataclass(slots=True)
class ImagesJob:
    """What the engine drives.

    Attributes
    ----------
    loops : int
        Processes that share the limits.
    changed : int
        Files whose bytes are others than an earlier manifest says; known after ``finish``.
    """

    spec: ImagesSpec
    plan: Plan
    told: Callable[[Sequence[jobs.Row]], None] | None = None
    loops: int = 1
    changed: int = 0
    name: str = field(default="download images", init=False)

    def fingerprint(self) -> Mapping[str, object]:
        """What shapes the product; the list may grow."""
        return fingerprint(self.spec) | {"source": "packages" if self.spec.from_packages else "bucket"}

    def items(self) -> Iterator[jobs.Item]:
        """A figure each, article by article."""
        for key, link in self.plan.links():
            yield jobs.Item(key, link)

    def worker(self) -> Any:
        """Fetches figures."""
        spec = self.spec
        transfer = spec.transfer
        if self.loops > 1:
            transfer = transfer.shared(self.loops, make(spec.folder / _BOARD))
        setting = Setting(
            spec.place.absolute() / "images",
            spec.addresses["bucket"],
            spec.license,
            spec.allow,
            spec.decode,
            transfer,
            str(spec.output) if isinstance(spec.output, Url) else "",
        )
        if spec.from_packages:
            from medcli.data.images.packaged import PackagedFigures

            return PackagedFigures(setting, self.plan, spec.archives, spec.addresses["packages"])
        return Figures(setting)

    def flush(self, rows: Sequence[jobs.Row]) -> None:
        """Make durable what the rows speak of."""
        if any(row.state == "done" for row in rows):
            files.sync_filesystem(self.spec.place)
        if self.told is not None:
            self.told(rows)

    def finish(self, run: jobs.Run) -> None:
        """Write the manifest."""
        self.changed = write(self.spec.place, self.plan, run)
        deliver(self.spec.output, self.spec.place, MANIFEST, MISSING)


def download_images(spec: ImagesSpec, bar: Any = None, bring: Bring | None = None) -> Result:
    """Fetch a list of figures, or say what is missing.

    Parameters
    ----------
    spec, bar
        What is wanted, and what shows how far it is.
    bring
        Called with the state folder before the run: a merge brings in there what parts have fetched.

    Raises
    ------
    InputError
        If the list is not there or has nothing in it.
    UsageError
        If the run was begun otherwise.
    SetupError
        If the disk has no room, another run is at it, or no server answers.
    """
    claim(spec.place, "images")
    plan = _planned(spec)
    with plan:
        if spec.dry_run:
            return _outlook(spec, plan)
        images = spec.place / "images"
        try:
            images.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"The output folder can't be made: {os.strerror(error.errno or 0)}.",
                hint="Choose another --output.",
            ) from None
        if bring is not None:
            bring(spec.folder)
        missing = _missing(spec, plan)
        parts.check_whole(bring, missing.rows)
        if not isinstance(spec.output, Url):
            _room(spec.output, missing)
        rows, _ = plan.count()
        with bar(rows) if bar is not None else console.Bar("") as progress:
            loops = _loops(spec, rows if spec.restart else missing.rows)
            job = ImagesJob(spec, plan, getattr(progress, "told", None), loops)
            runner = _runner(spec, loops)
            with parts.noting(spec, spec.folder, job.name, f"{plan.fact('source')} {spec.limit or ''}"):
                report = jobs.run(
                    job,
                    state=spec.folder,
                    runner=runner,
                    restart=spec.restart,
                    retry_failed=spec.retry_failed,
                    progress=progress,
                )
        if not report.failed:
            for left in itertools.chain(images.glob("*.part"), images.glob("*.part.json")):
                left.unlink(missing_ok=True)
    shards = export(spec.place, spec.export, spec.shard_files) if spec.export and not spec.shard else 0
    facts = report.to_json() | {"shards": shards} | {"output": str(spec.output), "changed": job.changed}
    facts |= {"doubled": int(plan_fact(spec, "doubled") or 0)}
    if job.changed:
        console.note(f"Files whose bytes are others than the earlier manifest says: {job.changed:,}.")
    return Result(report.exit_code, facts, f"{console.table(report.table())}\n\n{_where(spec, report)}")


def _where(spec: ImagesSpec, report: jobs.Report) -> str:
    """Where things are, and what can be done next."""
    lines = [("Manifest", f"{spec.output}/{MANIFEST}")]
    if report.skipped or report.failed:
        lines.append(("Without a file", f"{spec.output}/{MISSING}; why: docs/download.md#states"))
    if report.failed:
        lines.append(("Failed", "--retry-failed tries those again"))
    return console.table(lines)


def _loops(spec: ImagesSpec, rows: int) -> int:
    """How many processes fetch: one event loop keeps one processor busy, and a process costs a second to begin."""
    if spec.from_packages or rows < _LONG or spec.runner != "local":
        return 1
    return max(1, min(_MOST_LOOPS, len(os.sched_getaffinity(0)), spec.concurrency // 2))


def _runner(spec: ImagesSpec, loops: int) -> jobs.Runner:
    once, at_once = Retry(attempts=1), _BESIDE * spec.concurrency

    def local() -> jobs.Runner:
        if loops == 1:
            return jobs.AsyncRunner(at_once, once)
        return jobs.ProcessRunner(loops, max(8, at_once // loops), once)

    return jobs.runner_for(spec, local, retry=once, concurrency=at_once, per_node=True)


def plan_fact(spec: ImagesSpec, name: str) -> str:
    """Something the run's plan noted."""
    with Plan(spec.folder / plans.FILE) as plan:
        return plan.fact(name)


def _planned(spec: ImagesSpec) -> Plan:
    """Open the run's plan; make it where there is none of this list."""
    if not spec.list.is_file():
        raise InputError("The list is not there.", hint="Check LIST.")
    try:
        source = files.content_hash(spec.list)
        spec.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(
            f"The list or the state folder cannot be used: {error.strerror}.", hint="Check LIST and --output."
        ) from error
    path = spec.folder / plans.FILE
    if not plans.fits(path, source, spec.limit):
        with lock.hold(spec.folder), explained():  # another run may be working by it
            plans.make(path, links.read(spec.list), source, spec.limit)
    plan = Plan(path, spec.shard or WHOLE)
    if not spec.shard and not plan.count()[0]:
        plan.__exit__()
        raise InputError("The list has no rows.", hint="Check LIST.")
    if not plan.any_sound():
        plan.__exit__()
        raise InputError(
            "No row of the list says which file of which article is wanted.",
            hint='A row is {"pmcid": "PMC4083729", "file": "a-g002.jpg", "id": "any-name"}, or as docs/download.md#lists.',
        )
    return plan


def _missing(spec: ImagesSpec, plan: Plan) -> plans.Missing:
    """What has no outcome yet.

    Raises
    ------
    InputError
        If the ledger is damaged and not to be begun anew.
    """
    try:
        with explained():
            return plan.missing(spec.folder, failed=spec.retry_failed)
    except InputError:
        if not spec.restart:
            raise
        return plans.Missing(*plan.count(), 0, 0)


def _expected(missing: plans.Missing) -> int:
    """Bytes that are still to come, by the mean of what has come, or of LLaVA-Med's figures."""
    mean = missing.bytes / missing.done if missing.done >= 100 else _USUAL
    return int(missing.rows * mean)


def _outlook(spec: ImagesSpec, plan: Plan) -> Result:
    """What a run would do; nothing is asked of anybody."""
    missing = _missing(spec, plan)
    rows, articles = plan.count()
    facts = {
        "rows": rows,
        "articles": articles,
        "missing_files": missing.rows,
        "missing_articles": missing.articles,
        "missing_bytes_estimated": _expected(missing),
    }
    table = [(name.replace("_", " "), f"{count:,}") for name, count in facts.items()]
    return Result(0, facts, console.table(table))


def _room(folder: Path, missing: plans.Missing) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises
    ------
    SetupError
        If the expected bytes are more than is free.
    """
    free, expected = shutil.disk_usage(folder).free, _expected(missing)
    if expected > free:
        raise SetupError(
            f"About {amount(expected)} are still to come, and the disk of --output has {amount(free)} free.",
            hint="Make room, choose another --output, or shorten the list.",
        )

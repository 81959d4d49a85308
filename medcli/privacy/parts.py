"""One machine's part of a release: ``medcli scrub --shard I/N``.

Whether a file may be released can depend on files of other parts: a copy, a conflict, a second patient in a study, a
DICOMDIR; and what is known of a text's patient stands in headers anywhere. So a part decides nothing. It de-identifies
its files into a folder of its own, notes what came of each, and leaves its texts, unless it is shown what the headers
of all parts say; ``medcli merge`` (:mod:`medcli.privacy.merging`) takes that for the beginning of an ordinary run.

Which file falls to whom follows from its name alone, so that no part need look at another's files, and files that
come later change nothing. Knows the folder of a part; refuses to publish.
"""

from __future__ import annotations

import heapq
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from medcli import console, files
from medcli.errors import UsageError
from medcli.files import private_folder, sweep
from medcli.jobs import Progress, Run, run, shards
from medcli.jobs.lock import hold
from medcli.privacy import agree, keys, outcome, release
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.job import BUSY, ScrubJob, runner_of, spool
from medcli.privacy.outcome import Result
from medcli.privacy.places import CATALOGUE
from medcli.privacy.release import SHARDS, Staging, writing
from medcli.privacy.sources import Sources
from medcli.privacy.spec import ScrubSpec
from medcli.privacy.text.identities import write_identities
from medcli.privacy.worker import ScrubWorkers

__all__ = ["IDENTITIES", "STAGED", "PartJob", "PartStaging", "scrub_part"]

STAGED, IDENTITIES = "staged", "identities.jsonl"


class PartStaging(Staging):
    """The folder of a part in which its files wait for the merge.

    Parameters
    ----------
    folder
        Of the part.
    """

    def __init__(self, folder: Path) -> None:
        self.output = Path(os.path.abspath(folder))
        self.folder = self.output / STAGED
        self.drafts = self.folder / "drafts"

    def prepare(self) -> None:
        """Make it.

        Raises
        ------
        SetupError
            Where it can't be made.
        """
        with writing("--output"):
            private_folder(self.folder)
            shutil.rmtree(self.drafts, ignore_errors=True)
            for name in ("drafts", *SHARDS):
                (self.folder / name).mkdir(mode=0o700, exist_ok=True)


class PartJob(ScrubJob):
    """The engine's view of a part.

    Parameters
    ----------
    spec, policy, key, found, places, catalogue
        As of :class:`~medcli.privacy.job.ScrubJob`.
    headers
        What the headers of all parts say of patients: files, each sorted; empty where texts are left to the merge.
    """

    def __init__(self, spec: ScrubSpec, *more: Any, headers: tuple[Path, ...] = (), **others: Any) -> None:
        super().__init__(spec, *more, **others)
        self._headers = headers

    def _staging(self) -> Staging:
        return PartStaging(self._places.confidential)

    def fingerprint(self) -> Mapping[str, object]:
        """As of the whole, but for the release, which a part knows nothing of."""
        return agree.facts_of(self._spec, self._policy, self._key)

    def last_worker(self) -> ScrubWorkers | None:
        """What each process is given for the texts, once the headers of all parts are known."""
        if not self._headers:
            return None
        path = self._notebooks / "spool" / "identities.sqlite"
        with writing("--output"):
            write_identities(path, heapq.merge(*map(_read, self._headers)))
        return self._workers(wait=False, identities=str(path))

    def finish(self, run: Run) -> None:
        """Note what headers say, and count. Nothing is decided."""
        self._take_notes()
        with writing("--output"):
            files.write_jsonl(
                self._places.confidential / IDENTITIES, self._catalogue.identities(), mode=0o600
            )
        if outcome.ALARMS & run.report.kinds.keys():
            run.report.refuse()


def _read(path: Path) -> Iterator[tuple[str, str, str]]:
    yield from files.read_jsonl(path)


def scrub_part(spec: ScrubSpec, progress: Progress | None) -> Result:
    """De-identify one part.

    Raises
    ------
    UsageError
        Where the folder belongs to another part, or not all parts are where they are said to be.
    """
    assert spec.shard is not None
    policy, places = spec.policy(), spec.places()
    found = Sources(spec.sources, spec.shard)
    found.check_any()
    key = keys.make(places.key)
    _check_folder(places.confidential)
    shards.check_free(places.confidential, spec.shard)
    with ExitStack() as stack:
        with writing("--output"):
            private_folder(places.confidential)
            notebooks = private_folder(places.confidential / "notes")
            stack.enter_context(hold(notebooks, *BUSY))
            sweep(notebooks)
            stack.enter_context(spool(notebooks / "spool"))
        catalogue = stack.enter_context(Catalogue(places.confidential / CATALOGUE))
        agree.on_options(catalogue, agree.facts_of(spec, policy, key))
        agree.on_subjects(catalogue, policy, key)
        headers = () if spec.shard_runs is None else headers_of(spec.shard_runs, spec, places.confidential)
        known = shards.noted(places.confidential)
        _note(spec, found, finished=False, headers=bool(known and known["facts"].get("headers")))
        job = PartJob(spec, policy, key, found=found, places=places, catalogue=catalogue, headers=headers)
        job.staging.prepare()
        if progress is not None:
            stack.enter_context(progress)
        report = run(
            job,
            state=places.state,
            runner=runner_of(spec),
            restart=spec.restart,
            retry_failed=spec.retry_failed,
            progress=progress,
            stop_after=1,
        )
        _note(spec, found, finished=True, headers=True)
    facts = report.to_json() | {"shard": shards.shown(spec.shard), "output": str(spec.output)}
    told = (
        console.table(report.table()),
        "",
        f"Shard         {places.confidential} (confidential)",
        f"Next          when all {spec.shard[1]} shards are done: medcli merge SHARD... --output RELEASE",
    )
    return Result(report.exit_code, facts, "\n".join(told), tuple(outcome.warnings(policy)))


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds other things.

    Raises
    ------
    UsageError
        Where it does.
    """
    try:
        strange = folder.exists() and any(os.scandir(folder)) and not (folder / CATALOGUE).exists()
    except OSError:
        strange = True
    if strange or (folder.with_name(f"{folder.name}-confidential") / CATALOGUE).exists():
        raise UsageError(
            "--output is no folder of a shard, and not empty.", hint="Give each shard a folder of its own."
        )


def _note(spec: ScrubSpec, found: Sources, *, finished: bool, headers: bool) -> None:
    assert spec.shard is not None
    places = spec.places()
    with release.writing("--output"):
        shards.note(
            places.confidential,
            ScrubJob.name,
            spec.shard,
            spec,
            "",
            finished=finished,
            roots=[os.fsencode(root).hex() for root in found.roots],
            state=str(Path(os.path.abspath(places.state))),
            headers=headers,
        )


def headers_of(folder: Path, spec: ScrubSpec, own: Path) -> tuple[Path, ...]:
    """The files in which the parts below a folder say what their headers tell of patients.

    Raises
    ------
    UsageError
        Where not all parts are there, or one has not read its files yet.
    """
    assert spec.shard is not None
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        known = shards.noted(path) or {}
        if known.get("job") == ScrubJob.name and known["shard"][1] == spec.shard[1]:
            number = known["shard"][0]
            if not known["facts"].get("headers") or number in found:
                trouble = "stands twice" if number in found else "has not been run to its end"
                raise UsageError(f"Shard {number}/{spec.shard[1]} {trouble} in --shard-runs.")
            found[number] = path / IDENTITIES
    missing = [f"{number}/{spec.shard[1]}" for number in range(spec.shard[1]) if number not in found]
    if missing:
        raise UsageError(
            f"Not all shards are in --shard-runs; missing: {', '.join(missing)}.",
            hint="Run each of them once without it.",
        )
    if not os.path.samefile(found[spec.shard[0]].parent, own):
        raise UsageError("This shard's own --output is not in --shard-runs.")
    return tuple(found[number] for number in sorted(found))

"""Parts of a release become the release: as if one machine had done all files, was stopped, and went on.

The parts' outcomes come into the ledger of an ordinary run, their files into its staging folder, what they noted into
its catalogue. Then that run goes on: it cleans the texts that were left to it, decides over all files, and publishes.
So the release is the same, byte for byte, as one that was never dealt out. Parts are read and never changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from medcli.errors import InputError, SetupError, UsageError
from medcli.files import share
from medcli.jobs import Progress, Row, joining, shards
from medcli.jobs.joining import Joined, MergeSpec, Part
from medcli.jobs.lock import hold
from medcli.privacy import agree, keys
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.job import BUSY, ScrubJob, make_release
from medcli.privacy.parts import STAGED
from medcli.privacy.places import CATALOGUE
from medcli.privacy.release import Staging, staged, writing
from medcli.privacy.sources import Sources
from medcli.privacy.spec import ScrubSpec

__all__ = ["join"]

#: What a part was asked that shapes nothing, and may be another for each.
_OWN = ("output", "key_file", "state", "shard", "shard_runs", "workers", "restart", "retry_failed", "verify")


def join(spec: MergeSpec, progress: Progress | None = None) -> Joined:
    """What ``medcli merge`` does with runs of scrub.

    Raises
    ------
    UsageError
        If the runs are not all the parts of one release, made in one way.
    InputError
        If one is not finished, or has lost a file.
    """
    spec.only("confidential", "state", "workers")
    parts = [part for run in spec.runs if (part := joining.find(run)) is not None]
    joining.check_numbers(parts)
    _check_alike(parts)
    own = shards.spec_of(
        ScrubSpec,
        parts[0].spec,
        output=spec.output,
        confidential=spec.confidential,
        state=spec.state,
        workers=spec.workers,
        shard=None,
        shard_runs=None,
    )
    parts = joining.check(parts, agree.facts_of(own, own.policy(), _key(own)), agree.KEYED)
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(hold(part.folder / "notes", f"{part.name} is being run.", BUSY[1]))
        result = make_release(own, progress, partial(_bring, parts))
    return Joined(result.exit_code, result.facts, result.text, result.warnings)


def _key(spec: ScrubSpec) -> bytes:
    """The key of the shards, from where they had it."""
    place = spec.places().key
    if not keys.is_there(place):
        raise SetupError(
            "The key file that the shards were run with is not where it was.",
            hint="Put it back there for the merge: the release goes on with this key.",
        )
    return keys.read(place)


def _check_alike(parts: Sequence[Part]) -> None:
    """The same sources and tables, which no fingerprint knows.

    Raises
    ------
    UsageError
        Which names what differs.
    """
    first = parts[0]
    for part in parts[1:]:
        names = sorted(first.spec.keys() | part.spec.keys())
        others = [name for name in names if name not in _OWN and part.spec.get(name) != first.spec.get(name)]
        if part.facts.get("roots") != first.facts.get("roots"):
            others.append("sources")
        if others and part.job == first.job:
            shown = ", ".join(name.replace("_", "-") for name in dict.fromkeys(others))
            raise UsageError(f"The runs differ in: {shown}.", hint="Merge shards of one release.")
    here = [os.fsencode(root).hex() for root in Sources(first.spec["sources"]).roots]
    if here != first.facts.get("roots"):
        raise UsageError(
            "The sources lie elsewhere here than where the shards were run.",
            hint="Mount them at the same path: a file is known by where it lies.",
        )


def _bring(parts: Sequence[Part], job: ScrubJob, catalogue: Catalogue, state: Path) -> None:
    """Take parts over into a run that is about to begin."""
    for part in parts:
        if not catalogue.take_over(part.folder / CATALOGUE):
            raise UsageError(
                f"{part.name} was run with other subjects than the others.", hint="Run it again with theirs."
            )
    with writing("The state folder"):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    joining.bring(state, parts, partial(_take, job.staging))


def _take(staging: Staging, part: Part, rows: Iterator[Row]) -> None:
    """Put the files of a part where an ordinary run stages them."""
    source, target = str(part.folder / STAGED), str(staging.folder)
    for row in rows:
        if row.state != "done":
            continue
        try:
            file = Path(staged(source, row.key))
            if file.stat().st_size != row.bytes:
                raise InputError(
                    f"{part.name} has a staged file of another length than it wrote.",
                    hint="Was the folder copied, and not to its end? Copy it again, or begin that shard with --restart.",
                )
            share(file, Path(staged(target, row.key)))
        except FileNotFoundError:
            raise InputError(
                f"{part.name} has lost a file that it had staged.",
                hint="Begin that shard anew with --restart.",
            ) from None
        except OSError as error:
            raise SetupError(
                f"The files of {part.name.lower()} can't be taken over: {os.strerror(error.errno or 0)}.",
                hint="Make room; the same command goes on from here.",
            ) from None
    staging.flush()

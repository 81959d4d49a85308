"""Parts of one generation become one file: their replies come into one ledger, from which the ordinary run writes.

Nothing is asked for a merge. Parts are read and never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from medcli.errors import InputError, UsageError
from medcli.instruct.connecting import setting_of
from medcli.instruct.generation import facts_of_run, generate, select_for
from medcli.instruct.spec import InstructSpec
from medcli.jobs import Progress, Row, joining, shards
from medcli.jobs.joining import Joined, MergeSpec, Part
from medcli.jobs.reading import Reader
from medcli.storage import Url

__all__ = ["join"]

#: What may be another for each part.
_OWN = (
    "output", "state", "shard", "report", "base_url", "rpm", "tpm", "max_cost", "prices", "batch", "cache", "concurrency",
    "timeout", "runner", "ray_address", "ray_workers", "ray_cpus", "retry_failed", "restart",
)  # fmt: skip

_HERE = {"runner": "local", "ray_address": "auto", "ray_workers": None, "ray_cpus": 1.0}


def join(spec: MergeSpec, progress: Progress | None = None) -> Joined:
    """What ``medcli merge`` does with runs of generate-instruct.

    Raises
    ------
    UsageError
        If the runs are not all the parts of one generation.
    InputError
        If one is not finished, or the captions are others now.
    """
    spec.only("state")
    if isinstance(spec.output, Url):
        raise UsageError("Conversations are a file of this machine.", hint="Give --output a path.")
    parts = [part for run in spec.runs if (part := joining.find(run)) is not None]
    joining.check_numbers(parts)
    _check_alike(parts)
    own = shards.spec_of(
        InstructSpec,
        parts[0].spec,
        output=spec.output,
        state=spec.state,
        shard=None,
        report=None,
        **_HERE,
    )
    parts = joining.check(parts, facts_of_run(own, setting_of(own).book))

    def bring(state: Path) -> None:
        joining.bring(state, parts, _nothing)
        _check_whole(own, state)

    shown = None if progress is None else (lambda _: progress)
    result = generate(own, shown, bring)
    return Joined(result.exit_code, result.facts, result.text, result.warnings)


def _nothing(part: Part, rows: Iterator[Row]) -> None:
    """Replies stand in their rows: there are no files to be taken over."""


def _check_alike(parts: Sequence[Part]) -> None:
    first = parts[0].spec
    others = sorted(
        {name for part in parts for name in first if name not in _OWN and part.spec.get(name) != first[name]}
    )
    if others:
        shown = ", ".join(name.replace("_", "-") for name in others)
        raise UsageError(f"The runs differ in: {shown}.", hint="Merge shards of one generation.")


def _check_whole(own: InstructSpec, state: Path) -> None:
    """Refuse to ask for a merge what no part has."""
    with select_for(own, state) as selection, Reader(state) as reader:
        missing = sum(reader.row(one.key) is None for one in selection.figures())
    if missing:
        raise InputError(
            f"The shards have no outcome of {missing:,} captions.",
            hint="Did the captions change since? Run each shard again, and merge then.",
        )

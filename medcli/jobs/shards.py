"""Parts of one plan for several machines that share nothing but files: ``--shard I/N``, and what a part notes of itself.

A part says which of how many it is, what it was asked for and whether it came to its end, in ``shard.json`` beside its
ledger; :mod:`medcli.jobs.joining` reads that. Knows positions and names; refuses to know what is dealt.
"""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from medcli import __version__, files
from medcli.errors import UsageError
from medcli.storage import Url, is_url

T = TypeVar("T")
Shard = tuple[int, int]

FILE = "shard.json"
WHOLE: Shard = (0, 1)
CHUNK = 64
DRIVEN = frozenset(
    ("runner", "ray_address", "ray_workers", "ray_cpus", "ray_gpus", "workers", "restart", "retry_failed")
)
"""How a part was driven, which says nothing to the others and to the merge."""


def shard_of(text: str) -> Shard:
    """Read ``I/N``: part I of N, counted from 0.

    >>> shard_of("3/4")
    (3, 4)
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not number < of:
        raise ValueError("a number from 0 and a count are needed, as in 0/4 ... 3/4")
    return number, of


def shown(shard: Shard) -> str:
    """As on the command line."""
    return f"{shard[0]}/{shard[1]}"


def deal(items: Iterable[T], shard: Shard, chunk: int = CHUNK) -> Iterator[T]:
    """Yield a shard's items: every N-th chunk of the whole plan, whose order has to be the same on all machines.

    Parameters
    ----------
    items
        The whole plan.
    shard
        Which part.
    chunk
        Neighbours that stay together.
    """
    number, of = shard
    whole = iter(items)
    for place in itertools.count():
        held = list(itertools.islice(whole, chunk))
        if not held:
            return
        if place % of == number:
            yield from held


def falls_to(name: str, shard: Shard) -> bool:
    """Whether a name is a shard's, for plans that can grow in their middle: what falls to whom never changes.

    CRC-32 spreads names evenly and is the same everywhere; it hides nothing and is written nowhere.
    """
    number, of = shard
    return of == 1 or zlib.crc32(name.encode("utf-8", "surrogateescape")) % of == number


def note(folder: Path, job: str, shard: Shard, spec: Any, plan: str, *, finished: bool, **facts: Any) -> None:
    """Write down what a part is.

    Parameters
    ----------
    folder
        Where the merge looks for it.
    job
        The job's name.
    shard
        Which part.
    spec
        What was asked for, of which :data:`DRIVEN` is left out: a dataclass of JSON-able values, paths and tuples. Secrets do not belong into a Spec.
    plan
        A hash of what was dealt, where that is known.
    finished
        Whether each of its items has an outcome, or waits for the merge.
    **facts
        What the job wants to know again; JSON-able.

    Raises
    ------
    UsageError
        Where another part is noted there.
    """
    check_free(folder, shard)
    told = {one.name: getattr(spec, one.name) for one in fields(spec) if one.name not in DRIVEN}
    content = {"medcli": __version__, "job": job, "shard": shard, "plan": plan, "finished": finished}
    text = json.dumps(content | {"spec": told, "facts": facts}, default=_path)
    files.write(folder / FILE, text + "\n", mode=0o600)


def check_free(folder: Path, shard: Shard) -> None:
    """Refuse a folder that is another part's: two parts in one ledger are no parts any more.

    Raises
    ------
    UsageError
        Which says whose it is.
    """
    theirs = (noted(folder) or {}).get("shard")
    if theirs is not None and tuple(theirs) != shard:
        raise UsageError(
            f"The folder holds shard {shown((theirs[0], theirs[1]))} already, and this is {shown(shard)}.",
            hint="Give each shard an --output of its own; a script for an array puts the task's number into it.",
        )


def noted(folder: Path) -> dict[str, Any] | None:
    """What :func:`note` wrote; None where it did not."""
    try:
        found = json.loads((folder / FILE).read_bytes(), object_hook=_plain)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "shard" in found else None


def spec_of(cls: type[T], told: Mapping[str, Any], **others: Any) -> T:
    """Make a Spec from a part's, with other values for some fields."""
    known = {one.name for one in fields(cls)}  # type: ignore[arg-type]
    values = {name: _frozen(value) for name, value in told.items() if name in known}
    return cls(**(values | others))


def _path(value: object) -> object:
    if isinstance(value, Path):
        return {"path": str(value.absolute())}
    raise TypeError(f"a Spec holds a {type(value).__name__}")


def _plain(found: dict[str, Any]) -> object:
    return Path(found["path"]) if found.keys() == {"path"} else found


def _frozen(value: object) -> object:
    if is_url(value):
        return Url(value)
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value

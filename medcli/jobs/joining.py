"""Joining the parts of one plan: their outcomes go into one ledger, from which the ordinary run goes on.

So a merged product is an ordinary one: the run finds every item's outcome in its ledger, as it would after an
interruption, does what the parts left to it, and builds its product. Parts are read and never changed; joining them
once more does what was broken off and nothing else. Knows the ledger's tables; refuses to know what rows mean.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from medcli.errors import InputError, UsageError
from medcli.jobs import lock, shards
from medcli.jobs.ledger import FILE, Ledger, explained
from medcli.jobs.model import Row, State
from medcli.jobs.reading import Reader
from medcli.settings import option
from medcli.storage import Url

_NEW = "NOT EXISTS (SELECT 1 FROM main.items m WHERE m.key = p.key AND NOT m.failed)"
BELOW = (".medcli/images", ".medcli/articles")
"""Where in a part's --output it can have noted what it is."""
_HINT = "Name each part of one plan once."


@dataclass(frozen=True, slots=True)
class MergeSpec:
    """Which runs become one product.

    The fields are the options of ``medcli merge``.
    """

    runs: tuple[Path, ...] = option(
        "Runs with --shard: each the --output that it was given, or the folder of its plan and ledger.",
        metavar="RUN...",
        positional=True,
    )
    output: Path | Url = option(
        "File of answers or conversations, folder of the download or of the release; of folders also a URL.",
        metavar="PATH",
        urls=True,
    )
    confidential: Path | None = option(
        "Of runs of scrub: folder for all that links old to new. Default: OUTPUT-confidential.",
        default=None,
        metavar="DIR",
    )
    state: Path | None = option(
        "Of all but runs of ask: folder of the joined ledger; best on a local disk.",
        default=None,
        metavar="DIR",
    )
    workers: int | None = option(
        "Of runs of scrub: processes for what was left to the merge. Default: one for each processor.",
        default=None,
        metavar="N",
        minimum=1,
    )
    restart: bool = option("Of runs of ask: replace --output if it is there.", default=False)

    def only(self, *names: str) -> None:
        """Refuse options that say nothing to these runs.

        Raises
        ------
        UsageError
            Which names one.
        """
        for one in fields(self):
            idle = one.name not in ("runs", "output", *names)
            if idle and getattr(self, one.name) != one.default:
                raise UsageError(f"--{one.name} says nothing to runs of this command.", hint="Leave it out.")


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of a merge: as a command's result."""

    exit_code: int
    facts: Mapping[str, object]
    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One run that is to be joined.

    Attributes
    ----------
    folder, state
        Where it lies, and where its ledger does.
    job, shard, plan, finished, spec, facts
        As :func:`medcli.jobs.shards.note` was told.
    """

    folder: Path
    state: Path
    job: str
    shard: shards.Shard
    plan: str
    finished: bool
    spec: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    version: str = ""

    @property
    def name(self) -> str:
        """As a person knows it."""
        return f"Shard {shards.shown(self.shard)}"


def find(run: Path, below: Sequence[str] = ()) -> Part | None:
    """The part that a path names: its folder, or one that holds it as ``below`` says; None where there is none."""
    beside = run.with_name(f"{run.name}.run")  # of a run whose --output is a file
    for folder in (run, *(run / inner for inner in below), *((beside,) if run.name else ())):
        found = shards.noted(folder)
        if found is None:
            continue
        state = next((place for place in (folder, folder / "state") if (place / FILE).is_file()), None)
        state = state or found["facts"].get("state") or folder
        number, of = found["shard"]
        return Part(
            run, Path(state), found["job"], (number, of), found["plan"], found["finished"],
            found["spec"], found["facts"], found["medcli"],
        )  # fmt: skip
    return None


def check(
    parts: Sequence[Part], ours: Mapping[str, object] | None = None, keyed: Sequence[str] = ()
) -> list[Part]:
    """Hold parts against each other; return them in order.

    Parameters
    ----------
    parts
        As they were named.
    ours
        The fingerprint of the run that would join them; None where only the parts are compared.
    keyed
        What fingerprints hold as hashes by the key: where ``key-file`` differs, these say nothing.

    Raises
    ------
    UsageError
        If they are not all the shards of one plan, each once, made in one way.
    InputError
        If one did not come to its end, or the ledgers contradict each other.
    """
    check_numbers(parts)
    for part in parts:
        if not part.finished:
            raise InputError(
                f"{part.name} is not finished.", hint="Its own command goes on from where it was."
            )
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(part.state)) for part in parts]
        prints = [reader.fingerprint() for reader in readers]
        for one in prints:
            one.pop("shard", None)
        known = [
            {"command": part.job, "version of medcli": part.version, "plan": part.plan} for part in parts
        ]
        told = [one | facts for one, facts in zip(prints, known, strict=True)]
        told += [] if ours is None else [known[0] | json.loads(json.dumps(ours))]
        others = sorted(
            {name for one in told for name in one | told[0] if one.get(name) != told[0].get(name)}
        )
        if "key-file" in others:
            others = [name for name in others if name not in keyed]
        if others:
            raise UsageError(f"The runs differ in: {', '.join(others)}.", hint="Merge shards of one plan.")
        _check_disjoint(parts, readers)
    return sorted(parts, key=lambda part: part.shard)


def check_numbers(parts: Sequence[Part]) -> None:
    """Refuse what is not all the shards of one count, each once; see :func:`check`."""
    found = [part.shard for part in parts]
    counts = sorted({of for _, of in found})
    if len(counts) > 1:
        raise UsageError(f"The runs are of {counts[0]} shards and of {counts[-1]}.", hint=_HINT)
    twice = sorted({one for one in found if found.count(one) > 1})
    if twice:
        raise UsageError(f"Shard {shards.shown(twice[0])} stands twice.", hint=_HINT)
    missing = sorted({(number, counts[0]) for number in range(counts[0])} - set(found))
    if missing:
        names = ", ".join(map(shards.shown, missing))
        raise UsageError(f"The runs are not all the shards of one plan; missing: {names}.", hint=_HINT)


def _check_disjoint(parts: Sequence[Part], readers: Sequence[Reader]) -> None:
    """No item is in two parts; a merge of sorted keys, flat in memory."""

    def keys(number: int) -> Iterator[tuple[str, int]]:
        return ((key, number) for key in readers[number].sorted_keys())

    for (key, one), (other, two) in pairwise(heapq.merge(*map(keys, range(len(parts))))):
        if key == other:
            raise InputError(
                f"{parts[one].name} and {parts[two].name} both have an outcome of one item.",
                hint="Was a ledger copied from one to the other? Begin one of them anew with --restart.",
            )


def bring(state: Path, parts: Iterable[Part], take: Callable[[Part, Iterator[Row]], None]) -> int:
    """Take the parts' outcomes over into the ledger of a state folder; return how many items came.

    What the ledger has already stays, but for items that failed: a part may have done them since.

    Parameters
    ----------
    state
        An existing folder; its lock is held meanwhile.
    parts
        Checked ones.
    take
        Called before a part's outcomes are written down, with their rows: it puts the artifacts in their places and
        makes them durable.
    """
    came = 0
    with lock.hold(state):
        with Ledger(state / FILE):
            pass  # made where missing
        with explained(), closing(sqlite3.connect(state / FILE, isolation_level=None)) as connection:
            for part in parts:
                connection.execute("ATTACH ? AS part", (str(part.state / FILE),))
                take(part, _rows(connection))
                came += _write(connection)
                connection.execute("DETACH part")
    return came


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    """The rows of a part's items that are to come."""
    query = (
        "SELECT r.key, r.state, r.kind, r.value, r.bytes FROM part.items p JOIN part.rows r USING (item)"  # noqa: S608 - our own words
        f" WHERE {_NEW} ORDER BY r.item, r.place"
    )
    for key, state, kind, value, size in connection.execute(query):
        yield Row(key, cast("State", state), kind, value, size)


def _write(connection: sqlite3.Connection) -> int:
    """Copy a part's items and rows under numbers of their own, all or nothing."""
    execute = connection.execute
    again = "SELECT m.item FROM main.items m JOIN part.items p USING (key) WHERE m.failed"
    execute("BEGIN IMMEDIATE")
    try:
        execute(f"DELETE FROM main.rows WHERE item IN ({again})")  # noqa: S608 - our own words
        execute(f"DELETE FROM main.present WHERE item IN ({again})")  # noqa: S608
        execute(f"DELETE FROM main.items WHERE item IN ({again})")  # noqa: S608
        last = execute("SELECT coalesce(max(item), 0) FROM main.items").fetchone()[0]
        count = execute(
            f"INSERT INTO main.items SELECT p.item + ?, p.key, p.failed FROM part.items p WHERE {_NEW}",  # noqa: S608
            (last,),
        ).rowcount
        execute(
            "INSERT INTO main.rows SELECT r.item + ?1, r.place, r.key, r.state, r.kind, r.value, r.bytes"
            " FROM part.rows r JOIN main.items m ON m.item = r.item + ?1 WHERE m.item > ?1",
            (last,),
        )
        execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            execute("ROLLBACK")
        raise
    return int(count)


def job_of(runs: Sequence[Path], known: Iterable[str]) -> str:
    """Name the job that runs are of; ``ask`` where they note nothing of themselves, for its runs have plans instead.

    Raises
    ------
    UsageError
        If they are of several.
    InputError
        If one is none.
    """
    parts = [find(run, BELOW) for run in runs]
    for place, (run, part) in enumerate(zip(runs, parts, strict=True), 1):
        if part is None and not _is_asked(run):
            raise InputError(
                f"Run {place} of {len(runs)} is no shard: it is not there, was not begun with --shard, or its "
                f"{shards.FILE} is damaged.",
                hint="Name each shard's --output; its own command mends what is damaged.",
            )
    names = sorted({part.job if part else "ask" for part in parts})
    if len(names) > 1:
        raise UsageError(f"The runs are of different commands: {', '.join(names)}.", hint=_HINT)
    if names[0] not in set(known):
        raise UsageError(f"Runs of {names[0]} are not merged.")
    return names[0]


def _is_asked(run: Path) -> bool:
    return any((folder / "plan").is_dir() for folder in (run, run.with_name(f"{run.name}.run")))

"""A list of figures as a table: ordered by article, names unique, flat in memory however long the list is.

Made once for a list's content and kept with the run. Knows SQLite; refuses to know the network.
"""

# ruff: noqa: S608 - what is put into statements are this module's own words

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from medcli.data.pmc.links import Link
from medcli.jobs.ledger import FILE as LEDGER
from medcli.jobs.shards import WHOLE, Shard

FILE = "plan.sqlite"
_FORMAT = "1"
SAME_ID = "same-id"
_OURS = "pmcid % :of = :shard"
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE links (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, id TEXT NOT NULL, pmcid INTEGER NOT NULL, file TEXT NOT NULL,
    package TEXT NOT NULL, trouble TEXT NOT NULL
);
"""


class Planned(NamedTuple):
    """A link and its key in the ledger."""

    key: str
    link: Link


class Missing(NamedTuple):
    """What has no outcome yet, and what the outcomes so far weigh."""

    rows: int
    articles: int
    done: int
    bytes: int


class Plan:
    """An open plan.

    Parameters
    ----------
    path : Path
        Made by :func:`make`.
    shard : (int, int)
        Only what falls to this part: whole articles, by their numbers, so that a list can grow.
    """

    def __init__(self, path: Path, shard: Shard = WHOLE) -> None:
        self._shard = dict(zip(("shard", "of"), shard, strict=True))
        # Read in the driver and in the thread of the event loop; SQLite is built to bear that.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("PRAGMA cache_size = -8000")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def links(self) -> Iterator[Planned]:
        """Every link that counts, article by article."""
        for key, *link in self._connection.execute(
            f"SELECT key, id, pmcid, file, package, trouble FROM links WHERE {_OURS} ORDER BY pmcid, seq",
            self._shard,
        ):
            yield Planned(key, Link(*link))

    def of_article(self, pmcid: int) -> list[Link]:
        """The links of one article that can be fetched."""
        found = self._connection.execute(
            "SELECT id, pmcid, file, package, trouble FROM links WHERE pmcid = ? AND trouble = '' ORDER BY seq",
            (pmcid,),
        )
        return [Link(*link) for link in found]

    def fact(self, name: str) -> str:
        """Something that was noted when the plan was made; empty if it was not."""
        found = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else ""

    def count(self) -> tuple[int, int]:
        """Rows that count, and their articles."""
        rows, articles = self._connection.execute(
            f"SELECT count(*), count(DISTINCT nullif(pmcid, 0)) FROM links WHERE {_OURS}", self._shard
        ).fetchone()
        return rows, articles

    def any_sound(self) -> bool:
        """Whether any row of the whole list can be fetched."""
        found = self._connection.execute("SELECT EXISTS (SELECT 1 FROM links WHERE trouble = '')").fetchone()
        return bool(found[0])

    def missing(self, state: Path, *, failed: bool) -> Missing:
        """Hold the plan against a ledger.

        Parameters
        ----------
        state : Path
            Folder of the ledger, which may not be there.
        failed : bool
            Whether what failed counts as missing.
        """
        rows, articles = self.count()
        if not (state / LEDGER).exists():
            return Missing(rows, articles, 0, 0)
        self._connection.execute("ATTACH ? AS run", (str(state / LEDGER),))
        try:
            rows, articles = self._connection.execute(
                f"SELECT count(*), count(DISTINCT nullif(pmcid, 0)) FROM links WHERE {_OURS} AND NOT EXISTS"
                " (SELECT 1 FROM run.items WHERE items.key = links.key AND NOT (failed AND :failed))",
                self._shard | {"failed": failed},
            ).fetchone()
            done, size = self._connection.execute(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM run.rows WHERE state = 'done'"
            ).fetchone()
            return Missing(rows, articles, done, size)
        finally:
            self._connection.execute("DETACH run")


def make(path: Path, links: Iterable[Link], source: str, limit: int | None) -> None:
    """Write a plan; it appears whole.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    links : iterable of Link
        In the list's order.
    source : str
        Hash of the list.
    limit : int or None
        Only so many.
    """
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        execute = connection.execute
        execute("PRAGMA journal_mode = OFF")
        execute("PRAGMA synchronous = OFF")
        execute("PRAGMA cache_size = -32000")
        connection.executescript(_SCHEMA)
        execute("BEGIN")
        connection.executemany(
            "INSERT INTO links (key, id, pmcid, file, package, trouble) VALUES (?, ?, ?, ?, ?, ?)",
            ((_key(link), *link) for link in itertools.islice(links, limit)),
        )
        execute("CREATE INDEX by_id ON links (id)")
        doubled = _settle_doubles(connection)
        execute("DROP INDEX by_id")
        execute("CREATE INDEX by_article ON links (pmcid)")
        facts = {"format": _FORMAT, "source": source, "limit": str(limit or ""), "doubled": str(doubled)}
        connection.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
        execute("COMMIT")
    draft.replace(path)


def fits(path: Path, source: str, limit: int | None) -> bool:
    """Whether a plan is there and of this list."""
    if not path.exists():
        return False
    try:
        with Plan(path) as plan:
            theirs = plan.fact("format"), plan.fact("source"), plan.fact("limit")
            return theirs == (_FORMAT, source, str(limit or ""))
    except sqlite3.DatabaseError:
        return False


def _key(link: Link) -> str:
    text = "\0".join((link.id, str(link.pmcid), link.file))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _settle_doubles(connection: sqlite3.Connection) -> int:
    """Drop rows that say what another said; refuse a name that was given to another figure. Return how many went."""
    doubled, number = 0, 0
    shared = connection.execute("SELECT id FROM links GROUP BY id HAVING count(*) > 1").fetchall()
    for (name,) in shared:
        first = ""
        rows = connection.execute(
            "SELECT seq, key, trouble FROM links WHERE id = ? ORDER BY seq", (name,)
        ).fetchall()
        for seq, key, trouble in rows:
            if trouble:
                number += 1  # rows without a name have nothing else that would tell them apart
                connection.execute("UPDATE links SET key = ? WHERE seq = ?", (f"{key}-{number}", seq))
            elif not first:
                first = key
            elif key == first:
                doubled += 1
                connection.execute("DELETE FROM links WHERE seq = ?", (seq,))
            else:
                number += 1
                connection.execute(
                    "UPDATE links SET trouble = ?, key = ? WHERE seq = ?", (SAME_ID, f"{key}-{number}", seq)
                )
    return doubled

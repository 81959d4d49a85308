"""The ledger: what each item came to, in one SQLite file with one writer.

``items`` holds an item once it has its outcome, ``rows`` what it gave, both written in one transaction; where an item
gives very many rows they come before it, it stands in ``begun`` meanwhile, and the next run forgets what was not ended;
``present`` holds this run's order: it is emptied when a run begins, so that order and membership always follow the
present input while outcomes of items that have left it stay. Reading back streams from an index and stays flat in
memory. Knows keys, states and opaque values; refuses to know what they mean.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self, cast

from medcli.errors import InputError, SetupError, UsageError
from medcli.files import is_network
from medcli.jobs.model import Row, State

FILE = "ledger.sqlite"
_FORMAT = 1
_LOG_PAGES = 16_000  # of 4 KiB
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (item INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, failed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    item INTEGER NOT NULL, place INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, kind TEXT NOT NULL,
    value BLOB NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (item, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (item INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS present (seq INTEGER PRIMARY KEY, item INTEGER NOT NULL UNIQUE);
"""


class Ledger:
    """One open ledger.

    Parameters
    ----------
    path : Path
        The SQLite file; made, readable by its owner alone, where there is none.
    """

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            local = not is_network(path)
            # The write-ahead log needs shared memory, which a network file system does not give. With it, a power
            # cut may lose the last commits whole, which repeats work and invents none.
            self._connection.execute(f"PRAGMA journal_mode = {'WAL' if local else 'DELETE'}")
            self._connection.execute(f"PRAGMA synchronous = {'NORMAL' if local else 'FULL'}")
            # Keys are hashes, so each item dirties a page of their index: folding the log in seldom writes such pages
            # once instead of often, and forces the disk once instead of sixteen times (benchmarks/engine_scale.py).
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            self._connection.execute("PRAGMA cache_size = -16000")
            self._connection.executescript(_SCHEMA)
            self._next = 1 + int(self._one("SELECT coalesce(max(item), 0) FROM items"))
            self._was_empty = self._next == 1
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _explain(error) from error
        self._fresh: list[tuple[int, str, bool]] = []
        self._rows: list[tuple[int, int, str, str, str, bytes, int]] = []
        self._present: list[tuple[int, int]] = []
        self._again: list[tuple[int]] = []
        self._opened: list[tuple[int]] = []
        self._closed: list[tuple[int]] = []
        self._begun: dict[int, tuple[int, int, bool]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def begin(self, job: str, fingerprint: Mapping[str, object]) -> None:
        """Start a run: hold the job and its fingerprint against those of the ledger, and forget the old order.

        Raises
        ------
        UsageError
            If the ledger belongs to another job, or to another Spec; the message names the fields.
        """
        ours = {"job": json.dumps(job), "format": json.dumps(_FORMAT)} | {
            f"spec {name}": json.dumps(value, sort_keys=True) for name, value in fingerprint.items()
        }
        with explained():
            theirs = dict(self._connection.execute("SELECT name, value FROM facts"))
            if theirs and theirs != ours:
                raise _refusal(theirs, ours)
            self._connection.execute("BEGIN IMMEDIATE")
            if not theirs:
                self._connection.executemany("INSERT INTO facts VALUES (?, ?)", ours.items())
            self._connection.execute("DELETE FROM present")
            self._connection.execute("DELETE FROM rows WHERE item IN (SELECT item FROM begun)")
            self._connection.execute("DELETE FROM begun")
            self._connection.execute("COMMIT")

    def find(self, key: str) -> tuple[int, bool] | None:
        """Return the number of an item that has its outcome and whether it failed, or None."""
        if self._was_empty:  # a first run need not ask for each item
            return None
        found = self._connection.execute("SELECT item, failed FROM items WHERE key = ?", (key,)).fetchone()
        return (found[0], bool(found[1])) if found else None

    def keep(self, seq: int, item: int) -> None:
        """Say that an item of an earlier run stands at place ``seq`` of the present input."""
        self._present.append((seq, item))

    def add(
        self, seq: int, key: str, item: int | None, rows: Iterable[Row], *, part: int = 0, more: bool = False
    ) -> None:
        """Take down an outcome or a part of it, to be written by the next :meth:`commit`.

        Parameters
        ----------
        seq : int
            The item's place in the present input.
        key : str
            The item's key.
        item : int or None
            Its number if it had an outcome before, which this one replaces.
        rows : iterable of Row
            With their final keys.
        part, more : int, bool
            As in :class:`~medcli.jobs.model.Outcome`.
        """
        number, place, failed = self._begin(seq, item) if part == 0 else self._begun[seq]
        for row in rows:
            failed = failed or row.state == "failed"
            self._rows.append((number, place, row.key, row.state, row.kind, row.value, row.bytes))
            place += 1
        if more:
            if seq not in self._begun:
                self._opened.append((number,))
            self._begun[seq] = (number, place, failed)
            return
        if self._begun.pop(seq, None) is not None:
            self._closed.append((number,))
        self._fresh.append((number, key, failed))
        self._present.append((seq, number))

    def _begin(self, seq: int, item: int | None) -> tuple[int, int, bool]:
        """The number of an item whose first rows are there; what it gave before is void."""
        held = self._begun.get(seq)
        if held is not None:
            item = held[0]
            self._rows = [row for row in self._rows if row[0] != item]
        if item is None:
            item, self._next = self._next, self._next + 1
        else:
            self._again.append((item,))
        return item, 0, False

    def commit(self) -> None:
        """Write what was taken down since the last commit, all or nothing."""
        if not (self._fresh or self._present or self._rows or self._opened):
            return
        execute, many = self._connection.execute, self._connection.executemany
        with explained():
            execute("BEGIN IMMEDIATE")
            try:
                if self._again:
                    many("DELETE FROM rows WHERE item = ?", self._again)
                    many("DELETE FROM items WHERE item = ?", self._again)
                many("INSERT OR IGNORE INTO begun VALUES (?)", self._opened)
                many("DELETE FROM begun WHERE item = ?", self._closed)
                many("INSERT INTO items VALUES (?, ?, ?)", self._fresh)
                many("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", self._rows)
                many("INSERT INTO present VALUES (?, ?)", self._present)
                execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise
        for taken in (self._again, self._opened, self._closed, self._fresh, self._rows, self._present):
            taken.clear()

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield (place of the item, row) of the present input, in its order; flat in memory."""
        cursor = self._connection.execute(
            "SELECT seq, key, state, kind, value, bytes FROM present JOIN rows USING (item) ORDER BY seq, place"
        )
        for seq, key, state, kind, value, size in cursor:
            yield seq, Row(key, cast("State", state), kind, value, size)

    def counts(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield (state, kind, rows, bytes) over the present input."""
        yield from self._connection.execute(
            "SELECT state, kind, count(*), sum(bytes) FROM present JOIN rows USING (item) GROUP BY state, kind"
        )

    def _one(self, query: str) -> int:
        return cast("int", self._connection.execute(query).fetchone()[0])


def set_aside(path: Path) -> None:
    """Rename a ledger to the first free ``ledger-N.sqlite`` beside it; nothing if there is none.

    The write-ahead log is folded in first: left under the old name it would be taken for the new ledger's.
    """
    if not path.exists():
        return
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    number = 1
    while path.with_name(f"{path.stem}-{number}{path.suffix}").exists():
        number += 1
    aside = path.with_name(f"{path.stem}-{number}{path.suffix}")
    for suffix in ("-wal", "-shm", "-journal", ""):  # the logs are there only if the ledger cannot be read
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")


def _refusal(theirs: Mapping[str, str], ours: Mapping[str, str]) -> UsageError:
    """Name what differs; the values stay unsaid, for they can be paths."""
    for name, sentence in (
        ("format", "This state folder was written by another version of medcli."),
        ("job", "This state folder belongs to another command."),
    ):
        if theirs.get(name) != ours[name]:
            return UsageError(sentence, hint="Choose another state folder, or begin anew with --restart.")
    names = sorted(
        name.removeprefix("spec ")
        for name in theirs.keys() | ours.keys()
        if theirs.get(name) != ours.get(name)
    )
    return UsageError(
        f"This run was begun with another setting of: {', '.join(names)}.",
        hint="Repeat the setting to resume, or begin anew with --restart.",
    )


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn SQLite's trouble with a ledger into a sentence, where a user can do something about it."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ValueError("two items of one run have the same key") from error
    except sqlite3.DatabaseError as error:
        raise _explain(error) from error


def _explain(error: sqlite3.DatabaseError) -> Exception:
    """Turn SQLite's trouble into a sentence, where a user can do something about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return SetupError(
            "The disk that holds the state folder is full.", hint="Make room; the same command resumes."
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY):
        return SetupError(
            "The ledger in the state folder cannot be written.",
            hint="Check the folder's rights, or use another.",
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return InputError("The ledger in the state folder is damaged.", hint="Begin anew with --restart.")
    return error

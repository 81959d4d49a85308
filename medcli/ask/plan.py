"""The plan of a run: every row, its key, and the chunk it is asked in, in one SQLite file beside the ledger.

A plan follows from the file of questions and a few settings alone, never from what was done before, how many workers
there are, or where a run was broken off: so the answers don't either. Rows that cannot be asked (a line that is no
JSON, an id that came before) have their place and their reason. :mod:`medcli.ask.planning` makes it.

Knows rows and chunks; refuses to know models and what was answered.
"""

from __future__ import annotations

import array
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from medcli.errors import InputError
from medcli.records import PICTURE

FILE = "plan.sqlite"
TOLD = 10  # rows that are no questions are named up to here, and counted beyond
FORMAT = 1
SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (seq INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE errors (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL);
CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, key TEXT NOT NULL, seqs BLOB NOT NULL);
CREATE TABLE places (seq INTEGER PRIMARY KEY, chunk INTEGER NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL);
"""


class Row(NamedTuple):
    """One row as a worker gets it.

    Attributes
    ----------
    key : str
        Of the id and the content; 32 hexadecimal digits.
    record : str
        See :func:`unpack`.
    error : str
        Why it cannot be asked, or empty.
    """

    key: str
    record: str
    error: str

    def __repr__(self) -> str:
        return f"Row({self.key!r})"


class Place(NamedTuple):
    """Where a row of the file stands in the plan."""

    seq: int
    chunk: int
    place: int
    key: str


class Asked(NamedTuple):
    """A row's record, unpacked.

    Attributes
    ----------
    question_id : int, str or None
        None where the row has none.
    turns : list of [str, str], or int
        Roles and texts as they are asked; of a row that cannot be asked the number of its line, or of its value.
    images : list of str
        Paths relative to the folder of images.
    kind, notes, form
        As in :class:`medcli.records.Question`.
    rendering : str
        Name of the rendering of multiple choice, or empty.
    extras : list of int
        What ``--padding llava-med`` drew for each picture.
    known : list of [str, str]
        Categories and values that the row's own fields say of its patient, for the gate.
    """

    question_id: Any
    turns: Any
    images: list[str]
    kind: str
    notes: bool
    form: Any
    rendering: str
    extras: tuple[int, ...] = ()
    known: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Asked({self.form!r})"

    @property
    def prompt(self) -> str:
        """The question as it is asked, without picture tokens."""
        return "" if isinstance(self.turns, int) else str(self.turns[-1][1]).replace(PICTURE, "").strip()


def unpack(record: str) -> Asked:
    """Read what :attr:`Row.record` holds."""
    return Asked(*json.loads(record))


class Plan:
    """An open plan.

    Parameters
    ----------
    path : Path
        The finished file.

    Raises
    ------
    InputError
        If it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
        try:
            found = self._connection.execute("SELECT * FROM facts").fetchall()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise InputError(
                "The plan in the run's folder is damaged.", hint="Begin anew with --restart."
            ) from error
        self.facts: dict[str, Any] = {name: json.loads(value) for name, value in found}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self) -> dict[str, int]:
        """Count rows, rows with a picture, distinct pictures, chunks, and rows that cannot be asked."""
        counts: dict[str, int] = self.facts["counts"]
        return counts

    def rows_of(self, shard: tuple[int, int]) -> int:
        """Count the rows that are dealt to a shard."""
        number, of = shard
        found = self._connection.execute("SELECT count(*) FROM places WHERE chunk % ? = ?", (of, number))
        return int(found.fetchone()[0])

    def chunks(self, shard: tuple[int, int] = (0, 1)) -> Iterator[tuple[int, str, list[Row]]]:
        """Yield number, key and rows of the chunks that are dealt to a shard, in order."""
        number, of = shard
        found = self._connection.execute(
            "SELECT chunk, key, seqs FROM chunks WHERE chunk % ? = ? ORDER BY chunk", (of, number)
        )
        for chunk, key, seqs in found:
            yield chunk, key, [self.row(seq) for seq in array.array("q", seqs)]

    def row(self, seq: int) -> Row:
        """Return the row at a place of the file."""
        key, record, error = self._connection.execute(
            "SELECT key, record, kind FROM rows JOIN places USING (seq) LEFT JOIN errors USING (seq) WHERE seq = ?",
            (seq,),
        ).fetchone()
        return Row(key.hex(), record, error or "")

    def places(self, shard: tuple[int, int] = (0, 1)) -> Iterator[tuple[Place, str]]:
        """Yield the rows' places with the keys of their chunks, in the file's order."""
        number, of = shard
        found = self._connection.execute(
            "SELECT seq, chunk, place, places.key, chunks.key FROM places JOIN chunks USING (chunk)"
            " WHERE chunk % ? = ? ORDER BY seq",
            (of, number),
        )
        for seq, chunk, place, key, chunk_key in found:
            yield Place(seq, chunk, place, key.hex()), chunk_key

    def reasons(self) -> set[str]:
        """Why rows of the file cannot be asked."""
        return {kind for (kind,) in self._connection.execute("SELECT DISTINCT kind FROM errors")}

    def unreadable(self, limit: int = TOLD) -> list[tuple[int, str]]:
        """Return line numbers and reasons of the first rows that are no questions."""
        found = self._connection.execute(
            "SELECT record, kind FROM errors JOIN rows USING (seq) WHERE kind != 'doubled-id' ORDER BY seq LIMIT ?",
            (limit,),
        )
        return [(unpack(record).turns, kind) for record, kind in found]

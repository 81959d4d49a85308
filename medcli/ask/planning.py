"""Making a plan: rows in the file's order, then doubled ids and image groups by SQLite's sorter, then chunks.

A chunk holds at most 64 rows: whole image groups, cut only where one is larger, or rows without a picture. Chunks
are numbered by their first row, so that the finished prefix of the answers grows early. Every pass is flat in memory.
No picture is opened, but for ``--padding llava-med``, whose draws depend on which pictures are square.

Knows questions and how they are rendered; refuses to know models.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from medcli.ask.plan import FORMAT, SCHEMA, unpack
from medcli.ask.reading import Value, values
from medcli.ask.rendering import PICTURE_TOKENS, Draws, Rendering, dumps, unaskable
from medcli.errors import InputError, ItemFailed, SetupError
from medcli.records import Question, question_of

CHUNK_ROWS = 64
_BATCH = 5000
_MARKS = """
CREATE TEMP TABLE marks (seq INTEGER PRIMARY KEY, ident INTEGER, picture INTEGER, tokens INTEGER, key BLOB)
"""
Mark = tuple[int, int | None, int, bytes]


def make(path: Path, questions: Path, rendering: Rendering, facts: Mapping[str, object]) -> None:
    """Plan a file of questions; the plan appears at ``path`` when it is whole.

    Parameters
    ----------
    path : Path
        Of the plan.
    questions : Path
        The file.
    rendering : Rendering
        How its rows become what is asked.
    facts : mapping
        Stored with the plan.

    Raises
    ------
    InputError
        If the file has no row that can be asked.
    SetupError
        If the disk is full.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        _fill(part, questions, rendering, facts)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise SetupError(
            "The disk that holds the run's folder is full.", hint="Make room, or choose another --state."
        ) from None
    else:
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _fill(part: Path, questions: Path, rendering: Rendering, facts: Mapping[str, object]) -> None:
    """Write a plan, down to the disk."""
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection:
        connection.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; {SCHEMA} {_MARKS};"
        )
        connection.execute("BEGIN")
        counts = _read(connection, values(questions), rendering)
        if counts["rows"] == counts["errors"]:
            raise InputError(
                f"Nothing in the file of questions can be asked{_first_error(connection)}.",
                hint="A row has question_id, image and text, or id, image and conversations.",
            )
        counts["doubled_ids"] = _find_doubles(connection)
        counts["errors"] += counts["doubled_ids"]
        dealer = _Dealer(connection, rendering.batch_tokens)
        counts["pictures"], counts["chunks"] = dealer.deal()
        known = {**facts, "counts": counts, "format": FORMAT}
        connection.executemany(
            "INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value)) for name, value in known.items()]
        )
        connection.execute("COMMIT")
    descriptor = os.open(part, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _first_error(connection: sqlite3.Connection) -> str:
    found = connection.execute("SELECT kind, record FROM errors JOIN rows USING (seq) ORDER BY seq LIMIT 1")
    for kind, record in found:
        number = unpack(record).turns
        return f": line {number} is not JSON" if kind == "bad-json" else f": {kind} in row {number}"
    return ""


def _read(connection: sqlite3.Connection, found: Iterable[Value], rendering: Rendering) -> dict[str, int]:
    """Take down the rows in the file's order; return counts of rows, those with a picture, and errors."""
    rows: list[tuple[int, str]] = []
    marks: list[tuple[int, int, int | None, int, bytes]] = []
    pictured = errors = count = 0
    picture: int | None
    draws = Draws(rendering.draws_in) if rendering.draws_in else None
    for seq, value in enumerate(found):
        if rendering.limit and seq >= rendering.limit:
            break
        count += 1
        asked = _question(value)
        images: tuple[str, ...] = ()
        if isinstance(asked, str):
            connection.execute("INSERT INTO errors VALUES (?, ?)", (seq, asked))
            errors += 1
            record = ident = unaskable(value)
            picture, tokens = None, 0
        else:
            images = asked.images if rendering.pictures else ()
            record, tokens = rendering.pack(asked, images)
            ident = str(asked.question_id) if isinstance(asked.question_id, int) else dumps(asked.question_id)
            picture = _number("\0".join(images)) if images else None
            pictured += picture is not None
        key = blake2b(record.encode(), digest_size=16).digest()
        if draws and images:
            record = f"{record[:-1]},{dumps(draws.extras(images))}]"
        rows.append((seq, record))
        marks.append((seq, _number(ident), picture, tokens, key))
        if len(rows) >= _BATCH:
            _put(connection, rows, marks)
    _put(connection, rows, marks)
    return {"rows": count, "pictured": pictured, "errors": errors}


def _question(value: Value) -> Question | str:
    """Return the question that a value is, or why it is none."""
    if value.error:
        return value.error
    try:
        return question_of(value.value)
    except ItemFailed as error:
        return error.kind


def _put(connection: sqlite3.Connection, rows: list[Any], marks: list[Any]) -> None:
    connection.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    connection.executemany("INSERT INTO marks VALUES (?, ?, ?, ?, ?)", marks)
    rows.clear()
    marks.clear()


def _number(text: str) -> int:
    """Return 63 bits of a text's hash: SQLite sorts integers fastest."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def _find_doubles(connection: sqlite3.Connection) -> int:
    """Give rows whose id came before their reason and a key of their own; return how many."""
    found = connection.execute(
        "SELECT ident, seq, key FROM marks WHERE ident IN (SELECT ident FROM marks GROUP BY ident HAVING count(*) > 1)"
        " ORDER BY ident, seq"
    )
    doubles = 0
    for _, group in groupby(found, itemgetter(0)):
        for occurrence, (_, seq, key) in enumerate(group):
            if occurrence:
                other = blake2b(b"%b %d" % (key, occurrence), digest_size=16).digest()
                connection.execute("UPDATE marks SET key = ? WHERE seq = ?", (other, seq))
                connection.execute("INSERT INTO errors VALUES (?, 'doubled-id')", (seq,))
                doubles += 1
    return doubles


class _Chunk:
    """A chunk that is being filled."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.marks: list[Mark] = []
        self.tokens = 0


class _Dealer:
    """Deals image groups, and rows without a picture, into chunks."""

    def __init__(self, connection: sqlite3.Connection, budget: int) -> None:
        self._connection = connection
        self._budget = budget or 1 << 62
        self._open: dict[bool, _Chunk] = {}
        self._places: list[tuple[int, int, int, bytes]] = []
        self._next = 0

    def deal(self) -> tuple[int, int]:
        """Deal all marks; return how many distinct pictures (or sets of them) and chunks there are."""
        found = self._connection.execute(
            "SELECT seq, picture, tokens, key, min(seq) OVER (PARTITION BY coalesce(picture, -seq)) AS first"
            " FROM marks ORDER BY first, seq"
        )
        pictures = 0
        piece: list[Mark] = []
        tokens = 0
        last = None
        for seq, picture, size, key, first in found:
            pictured = picture is not None
            if first != last or len(piece) == CHUNK_ROWS or tokens + size > self._budget:
                self._put(piece, tokens)
                pictures += pictured and first != last
                piece, tokens, last = [], PICTURE_TOKENS * pictured, first
            piece.append((seq, picture, size, key))
            tokens += size
        self._put(piece, tokens)
        for chunk in self._open.values():
            self._close(chunk)
        self._write()
        return pictures, self._next

    def _put(self, piece: list[Mark], tokens: int) -> None:
        """Put a group, or a piece of one, where it fits whole."""
        if not piece:
            return
        pictured = piece[0][1] is not None
        chunk = self._open.get(pictured)
        if chunk and (len(chunk.marks) + len(piece) > CHUNK_ROWS or chunk.tokens + tokens > self._budget):
            self._close(chunk)
            chunk = None
        if chunk is None:
            chunk = self._open[pictured] = _Chunk(self._next)
            self._next += 1
        chunk.marks += piece
        chunk.tokens += tokens

    def _close(self, chunk: _Chunk) -> None:
        key = blake2b(b"".join([mark[3] for mark in chunk.marks]), digest_size=16).hexdigest()
        seqs = array.array("q", [mark[0] for mark in chunk.marks]).tobytes()
        self._connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", (chunk.number, key, seqs))
        self._places += [
            (seq, chunk.number, place, key) for place, (seq, _, _, key) in enumerate(chunk.marks)
        ]
        if len(self._places) >= _BATCH:
            self._write()

    def _write(self) -> None:
        self._connection.executemany("INSERT INTO places VALUES (?, ?, ?, ?)", self._places)
        self._places.clear()

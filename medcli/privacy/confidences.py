"""What links a release to its source, and what else is noted about it: in one SQLite file, for its owner alone.

Knows paths of sources, names of archives' members, old and new identifiers, what headers say of patients, facts about
the release. Refuses to know
what becomes of files; that is the catalogue's, in the same file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from medcli.errors import SetupError
from medcli.files import is_network
from medcli.privacy.statements import SCHEMA

__all__ = ["Confidences", "Transaction"]


class Confidences:
    """The open file.

    Parameters
    ----------
    path
        The SQLite file, made (0600) where missing; None for one in memory, for a plan.

    Raises
    ------
    SetupError
        Where it can't be used.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        try:
            network = path is not None and is_network(path)
            self._db.execute(f"PRAGMA journal_mode = {'DELETE' if network else 'TRUNCATE'}")
            self._db.execute("PRAGMA cache_size = -16000")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError:
            self._db.close()
            raise SetupError(
                "The catalogue in the confidential folder can't be used.",
                hint="Is the disk full, or the file damaged? Restore it from your backup.",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def fact(self, name: str) -> str:
        """What was noted under `name`, or the empty string."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def note(self, name: str, value: str) -> None:
        """Note a fact durably."""
        self._many("INSERT OR REPLACE INTO facts VALUES (?, ?)", [(name, value)])

    def name_sources(self, named: Iterable[tuple[str, str]]) -> None:
        """Remember (item key, path) of sources."""
        self._many("INSERT OR IGNORE INTO sources VALUES (?, ?)", ((key, _raw(path)) for key, path in named))

    def name_members(self, named: Iterable[tuple[str, str]]) -> None:
        """Remember (row key, name) of archives' members."""
        self._many("INSERT OR IGNORE INTO members VALUES (?, ?)", ((key, _raw(name)) for key, name in named))

    def link(self, links: Iterable[tuple[str, str, str]]) -> None:
        """Remember (kind, old, new) for the crosswalk."""
        self._many("INSERT OR IGNORE INTO crosswalk VALUES (?, ?, ?)", links)

    def identify(self, identities: Iterable[tuple[str, str, str]]) -> None:
        """Remember (patient identifier, issuer, JSON of facts) of headers, for texts of the same patients."""
        self._many("INSERT OR IGNORE INTO identities VALUES (?, ?, ?)", identities)

    def identities(self) -> Iterator[tuple[str, str, str]]:
        """What is remembered of patients, sorted."""
        yield from self._db.execute(
            "SELECT patient, issuer, facts FROM identities ORDER BY patient, issuer, facts"
        )

    def take_decisions(self, decisions: Mapping[str, str]) -> list[str]:
        """Remember a person's decisions on images (JSON each); those on which another one, or none, was known."""
        known = self.decisions()
        changed = [image for image, decision in decisions.items() if known.get(image) != decision]
        self._many(
            "INSERT OR REPLACE INTO decisions VALUES (?, ?)", ((image, decisions[image]) for image in changed)
        )
        return changed

    def decisions(self) -> dict[str, str]:
        """All decisions that are remembered, by image."""
        return dict(self._db.execute("SELECT image, decision FROM decisions"))

    def agree_on_subjects(self, marks: Mapping[str, str]) -> bool:
        """Note keyed hashes of subjects by keyed hashes of patients; False where one differs from before."""
        with Transaction(self._db):
            self._db.executemany("INSERT OR IGNORE INTO subjects VALUES (?, ?)", marks.items())
        known = dict(self._db.execute("SELECT patient, mark FROM subjects"))
        return all(known[patient] == mark for patient, mark in marks.items())

    def take_over(self, path: Path) -> bool:
        """Take in what another catalogue notes of members, identifiers, patients and subjects; False where subjects differ."""
        self._db.execute("ATTACH ? AS part", (str(path),))
        try:
            with Transaction(self._db):
                for table in ("members", "crosswalk", "identities"):
                    self._db.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM part.{table}")  # noqa: S608
            query = "SELECT 1 FROM {} s LEFT JOIN {} o USING (patient) WHERE o.mark IS NOT s.mark LIMIT 1"
            others = (
                query.format("part.subjects", "main.subjects"),
                query.format("main.subjects", "part.subjects"),
            )
            return not any(self._db.execute(one).fetchone() for one in others)
        finally:
            self._db.execute("DETACH part")

    def links(self) -> Iterator[tuple[str, str, str]]:
        """The crosswalk, sorted."""
        yield from self._db.execute("SELECT kind, old, new FROM crosswalk ORDER BY kind, old, new")

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with Transaction(self._db):
            self._db.executemany(statement, rows)


def _raw(name: str) -> bytes:
    """A name as the file system has it, which need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape")


class Transaction:
    """All of a block, or nothing of it; SQLite's own troubles become a sentence."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._do("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        if kind is None:
            self._do("COMMIT")
            return
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise self._trouble() from None

    def _do(self, statement: str) -> None:
        try:
            self._db.execute(statement)
        except sqlite3.OperationalError:
            raise self._trouble() from None

    @staticmethod
    def _trouble() -> SetupError:
        return SetupError(
            "The catalogue in the confidential folder can't be written: is its disk full?",
            hint="Make room; the same command goes on from here.",
        )

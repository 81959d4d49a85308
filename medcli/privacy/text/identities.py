"""Whose texts these are: the identities of a batch, found by the identifiers that a text names.

The headers of a batch's DICOM files and ``--known`` say who its patients are. A record that names one of their
identifiers, in a field or in its text, is searched for all that is known of that patient. Knows one SQLite file in the
confidential folder. Refuses to guess from names: two patients can share one.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from medcli.privacy.text.known_fold import fold, plain

__all__ = ["Identities", "Patient", "candidates", "identifier", "write_identities"]

#: Categories of identifiers that lead to a patient.
LINKS = frozenset(("MRN", "ACCOUNT", "ID", "PLAN", "SSN"))
_CANDIDATE = re.compile(
    r"(?<![^\W_])(?=[A-Za-z0-9./_-]*\d)[A-Za-z0-9](?:[A-Za-z0-9]|[./_-](?=[A-Za-z0-9])){3,31}(?![^\W_])"
)
_SHORTEST = 4


class Patient(NamedTuple):
    """What is known of one patient.

    Attributes
    ----------
    patient_id, issuer
        As in the header; empty where it came from a table.
    facts
        (category, value).
    """

    patient_id: str
    issuer: str
    facts: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Patient({len(self.facts)} facts)"


def identifier(text: str) -> str:
    """An identifier in the form in which two are compared: no case, no separators, no leading zeros."""
    return plain(fold(text)).lstrip("0")


def candidates(text: str) -> Iterator[str]:
    """What in a text may be an identifier: letters and digits, with a digit among them, of four characters and more."""
    for match in _CANDIDATE.finditer(text):
        spelt = identifier(match[0])
        if len(spelt) >= _SHORTEST:
            yield spelt


def write_identities(path: Path, noted: Iterable[tuple[str, str, str]]) -> None:
    """Write the file that workers look up.

    Parameters
    ----------
    path
        Where, anew; 0600.
    noted
        (patient identifier, issuer, JSON of facts); several of one patient are joined.
    """
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with sqlite3.connect(path) as db:
        db.executescript(
            "CREATE TABLE patients (patient INTEGER PRIMARY KEY, id TEXT, issuer TEXT, UNIQUE (id, issuer));"
            "CREATE TABLE facts (patient INTEGER, category TEXT, value TEXT, PRIMARY KEY (patient, category, value)) WITHOUT ROWID;"
            "CREATE TABLE links (link TEXT, patient INTEGER, PRIMARY KEY (link, patient)) WITHOUT ROWID;"
        )
        for patient_id, issuer, facts in noted:
            db.execute("INSERT OR IGNORE INTO patients (id, issuer) VALUES (?, ?)", (patient_id, issuer))
            number = db.execute(
                "SELECT patient FROM patients WHERE id = ? AND issuer = ?", (patient_id, issuer)
            ).fetchone()[0]
            pairs = [tuple(fact) for fact in json.loads(facts)]
            db.executemany(
                "INSERT OR IGNORE INTO facts VALUES (?, ?, ?)", ((number, *pair) for pair in pairs)
            )
            links = {identifier(value) for category, value in pairs if category in LINKS} | {
                identifier(patient_id)
            }
            db.executemany(
                "INSERT OR IGNORE INTO links VALUES (?, ?)",
                ((link, number) for link in links if len(link) >= _SHORTEST and any(map(str.isdigit, link))),
            )
    db.close()


class Identities:
    """The patients of a batch.

    Parameters
    ----------
    path
        What :func:`write_identities` wrote, or None.
    subjects
        Subject -> facts, of ``--known``.
    """

    def __init__(
        self, path: str | None = None, subjects: Mapping[str, tuple[tuple[str, str], ...]] | None = None
    ) -> None:
        self._db = None if path is None else sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        self._subjects: dict[str, list[Patient]] = {}
        for subject, facts in (subjects or {}).items():
            patient = Patient("", "", facts)
            links = {identifier(subject)} | {
                identifier(value) for category, value in facts if category in LINKS
            }
            for link in links:
                self._subjects.setdefault(link, []).append(patient)
        self._linked = lru_cache(maxsize=4096)(self._look_up)

    def __bool__(self) -> bool:
        return self._db is not None or bool(self._subjects)

    def of(self, links: Iterable[str]) -> list[Patient]:
        """The patients that any of these identifiers (as :func:`identifier` spells them) leads to, each once."""
        found: dict[Patient, None] = {}
        for link in links:
            found |= dict.fromkeys(self._linked(link))
        return list(found)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()

    def _look_up(self, link: str) -> tuple[Patient, ...]:
        found = list(self._subjects.get(link, ()))
        if self._db is not None:
            query = "SELECT patient, id, issuer FROM links JOIN patients USING (patient) WHERE link = ? ORDER BY id, issuer"
            for number, patient_id, issuer in self._db.execute(query, (link,)).fetchall():
                facts = self._db.execute(
                    "SELECT category, value FROM facts WHERE patient = ? ORDER BY category, value", (number,)
                )
                found.append(Patient(patient_id, issuer, tuple(facts)))
        return tuple(found)

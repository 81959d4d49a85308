"""``manifest.jsonl``, a line for every file that is there, and ``missing.jsonl``, one for every row without a file.

Written from the ledger, in its order, flat in memory. Knows the six states that a row can end in.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medcli import files, jobs
from medcli.data.images.plan import Plan
from medcli.data.transfer.fetch import MISMATCH

MANIFEST = "manifest.jsonl"
MISSING = "missing.jsonl"


def write(output: Path, plan: Plan, run: jobs.Run) -> int:
    """Write both files; return how many files have other bytes than the manifest that they replace says."""
    before = _Before(output / MANIFEST, run.state)
    changed = 0
    with (
        contextlib.closing(before),
        files.atomic(output / MANIFEST) as manifest,
        files.atomic(output / MISSING) as missing,
    ):
        for planned, (_, row) in zip(plan.links(), run.rows(), strict=True):
            link = planned.link
            named = {"id": link.id, "pmcid": f"PMC{link.pmcid}" if link.pmcid else ""}
            if row.state == "done":
                old = before.md5(link.id)
                last = {"source_file": link.file}
                if old and old != json.loads(row.value)["md5"]:
                    changed += 1
                    last = {"changed_from": old} | last
                manifest.write(_joined(named, row.value, last))
            else:
                facts = json.loads(row.value) if row.value else {}
                told = {"state": state_of(row), "cause": row.kind}
                missing.write(_line(named | {"source_file": link.file} | told | facts))
    return changed


def state_of(row: jobs.Row) -> str:
    """One of ``done``, ``gone``, ``license-blocked``, ``retracted``, ``mismatch`` and ``failed``."""
    if row.state == "failed":
        return MISMATCH if row.kind == MISMATCH else "failed"
    return row.kind


_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _line(facts: dict[str, Any]) -> bytes:
    return _ENCODED(facts).encode() + b"\n"


def _joined(first: dict[str, Any], value: bytes, last: dict[str, Any]) -> bytes:
    """One line of three objects, the second of which is written already: reading it would cost more than all else."""
    return b"%b,%b,%b\n" % (_ENCODED(first).encode()[:-1], value[1:-1], _ENCODED(last).encode()[1:])


class _Before:
    """MD5s of an earlier manifest by their ids, in a table on the disk that goes away again."""

    def __init__(self, manifest: Path, scratch: Path) -> None:
        self._path = scratch / "before.sqlite"
        self._path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE old (id TEXT PRIMARY KEY, md5 TEXT) WITHOUT ROWID")
        self._any = manifest.exists()
        if self._any:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR REPLACE INTO old VALUES (?, ?)", _pairs(manifest))
            self._connection.execute("COMMIT")

    def md5(self, name: str) -> str:
        if not self._any:
            return ""
        found = self._connection.execute("SELECT md5 FROM old WHERE id = ?", (name,)).fetchone()
        return found[0] if found else ""

    def close(self) -> None:
        self._connection.close()
        self._path.unlink(missing_ok=True)


def _pairs(manifest: Path) -> Iterator[tuple[str, str]]:
    """Ids and MD5s; a line that somebody broke says nothing, which is no reason to give up a finished run."""
    with manifest.open("rb") as stream:
        for line in stream:
            with contextlib.suppress(ValueError, RecursionError, AttributeError):
                row = json.loads(line)
                yield _told(row.get("id")), _told(row.get("md5"))


def _told(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()

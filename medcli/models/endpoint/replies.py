"""Replies that were paid for once: one SQLite file, shared by runs and processes, keyed by the hash of what was asked.

A key is a SHA-256 of the request, so it shows no text; a value is a reply as it was received, and does. The file is
readable by its owner alone. Replies are written some at a time, at most every 200 ms, so a killed process loses those
of that time. A cache that fails is left alone from then on, and says so: it never stops a run.

Knows hashes and bytes; refuses to know what is in them.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from medcli import files
from medcli.errors import SetupError

_FORM = 1
_TABLE = "CREATE TABLE IF NOT EXISTS replies (key BLOB UNIQUE NOT NULL, request TEXT NOT NULL, reply BLOB NOT NULL)"
_EVERY, _MANY = 0.2, 200
_PATIENCE = 10.0  # seconds to wait for another process that writes


def key_of(payload: bytes) -> bytes:
    """Return a request's key.

    >>> len(key_of(b"{}"))
    32
    """
    return hashlib.sha256(payload).digest()


class Replies:
    """A cache of replies.

    Parameters
    ----------
    path : Path
        The file, made where it is not there; its folder has to be.

    Raises
    ------
    SetupError
        If the file is no such cache, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._pending: dict[bytes, tuple[str, bytes]] = {}
        self._written = time.monotonic()
        self.hits = self.misses = 0
        self.failed = False
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            self._base = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            self._begin(wal=not files.is_network(path))
        except (OSError, sqlite3.Error):
            raise SetupError(
                "The cache of replies cannot be opened, or is something else.",
                hint="Name another file, or move this one away; only what was asked before is asked again.",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, *, wal: bool) -> None:
        try:
            self._base.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'TRUNCATE'}")
            self._base.execute("PRAGMA synchronous = NORMAL")
            form = self._base.execute("PRAGMA user_version").fetchone()[0]
            if form not in (0, _FORM):
                raise sqlite3.DatabaseError
            self._base.execute(_TABLE)
            self._base.execute(f"PRAGMA user_version = {_FORM}")
        except sqlite3.Error:
            self._base.close()
            raise

    def get(self, key: bytes) -> tuple[str, bytes] | None:
        """Return a reply and the server's name for its request, or None."""
        found = self._pending.get(key)
        if found is None and not self.failed:
            try:
                with closing(
                    self._base.execute("SELECT request, reply FROM replies WHERE key = ?", (key,))
                ) as rows:
                    found = rows.fetchone()
            except sqlite3.Error:
                self.failed = True
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, key: bytes, request_id: str, reply: bytes) -> None:
        """Keep a reply."""
        if self.failed:
            return
        self._pending[key] = (request_id, reply)
        if len(self._pending) >= _MANY or time.monotonic() - self._written >= _EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        pending, self._pending = self._pending, {}
        self._written = time.monotonic()
        if not pending or self.failed:
            return
        try:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.executemany(
                "INSERT OR REPLACE INTO replies VALUES (?, ?, ?)",
                [(key, *value) for key, value in pending.items()],
            )
            self._base.execute("COMMIT")
        except sqlite3.Error:
            self.failed = True

    def forget(self, key: bytes) -> None:
        """Forget a reply, as one that cannot be read."""
        self._pending.pop(key, None)
        if not self.failed:
            try:
                self._base.execute("DELETE FROM replies WHERE key = ?", (key,))
            except sqlite3.Error:
                self.failed = True

    def close(self) -> None:
        """Write and close."""
        self.flush()
        self._base.close()

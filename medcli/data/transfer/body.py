"""A file on its way: ``.part``, what is known of its rest, and the moment when it takes its name.

Beside a large ``NAME.part`` stands ``NAME.part.json`` with what the server called that version (ETag or
Last-Modified) and the whole length, so that another process can ask for the rest with If-Range. Knows files and
hashes; refuses to know the network.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from medcli.errors import ItemFailed

if TYPE_CHECKING:
    from types import TracebackType

_REMEMBERED = 4 << 20  # bytes; a shorter rest is quicker fetched than looked up
_BLOCK = 1 << 20
IN_USE = "in-use"


class Body:
    """A file that grows to its end; a lock keeps other processes from it.

    Parameters
    ----------
    path : Path
        The ``.part`` file, in a folder that exists.
    sha256 : bool
        Whether SHA-256 is computed besides MD5.

    Attributes
    ----------
    size : int
        Bytes so far.
    tag : str
        The server's name for this version, or empty.
    """

    def __init__(self, path: Path, *, sha256: bool = False) -> None:
        self.path = path
        self.size = 0
        self.tag = ""
        self._facts = path.with_name(f"{path.name}.json")
        self._wants_sha256 = sha256
        self._told = False
        self._begin()

    def __enter__(self) -> Self:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise ItemFailed(IN_USE) from None
        except OSError:
            pass  # a file system that has no locks
        if not self._is_ours():
            os.close(self._descriptor)
            raise ItemFailed(IN_USE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        os.close(self._descriptor)

    def recall(self) -> None:
        """Take up what an earlier process left, if it is known what it is; else begin at nothing."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads(self._facts.read_bytes())
            left = os.fstat(self._descriptor).st_size
            if left and isinstance(facts["tag"], str) and facts["tag"]:
                with self.path.open("rb") as stream:
                    while block := stream.read(_BLOCK):
                        self._hash(block)
                self.tag, self.size, self._told = facts["tag"], left, True
                os.lseek(self._descriptor, left, os.SEEK_SET)
                return
        self.clear()

    def clear(self) -> None:
        """Begin at nothing."""
        self.size, self.tag = 0, ""
        self._begin()
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if self._told:
            self._facts.unlink(missing_ok=True)
            self._told = False

    def expect(self, tag: str, total: int | None) -> None:
        """Note what the server calls this version and how long it is, where that is worth a file."""
        self.tag = tag
        if tag and (total or 0) > _REMEMBERED and not self._told:
            self._facts.write_text(json.dumps({"tag": tag}), encoding="utf-8")
            self._told = True

    def write(self, block: bytes) -> None:
        """Append."""
        self._hash(block)
        view = memoryview(block)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size += len(block)

    def digests(self) -> tuple[str, str]:
        """MD5 and SHA-256 (empty if not wanted) in hexadecimal."""
        return self._md5.hexdigest(), self._sha256.hexdigest() if self._sha256 else ""

    def settle(self, target: Path) -> None:
        """Give the file its name; it is complete."""
        os.replace(self.path, target)
        if self._told:
            self._facts.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether the file still has its name: another process may have finished it between opening and locking."""
        try:
            return os.stat(self.path).st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False

    def _begin(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if self._wants_sha256 else None

    def _hash(self, block: bytes) -> None:
        self._md5.update(block)
        if self._sha256 is not None:
            self._sha256.update(block)

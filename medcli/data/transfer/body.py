"""A file on its way: ``.part``, what is known of its rest, and the moment when it takes its name.

Beside a large ``NAME.part`` stands ``NAME.part.json`` with what the server called that version (ETag or
Last-Modified) and the whole length, so that another process can ask for the rest with If-Range. Knows files and
hashes; refuses to know the network.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from medcli.errors import ItemFailed

if TYPE_CHECKING:
    from types import TracebackType

_HELD = 1 << 19  # bytes kept in memory: most figures are shorter, and then cost one write in another thread
_REMEMBERED = 4 << 20  # bytes; a shorter rest is quicker fetched than looked up
_BLOCK = 1 << 20
IN_USE = "in-use"


class Body:
    """A file that grows to its end; a lock keeps other processes from it.

    What is written is held in memory up to half a megabyte; hashing and writing are done by :meth:`flush`, which is
    for a thread beside the event loop. A short file is opened only there.

    Parameters
    ----------
    path : path
        The ``.part`` file, in a folder that exists.
    sha256 : bool
        Whether SHA-256 is computed besides MD5.

    Attributes
    ----------
    path : str
        The file.
    size : int
        Bytes so far.
    head : bytes
        The first of them, 16 where there are so many.
    tag : str
        The server's name for this version, or empty.
    """

    def __init__(self, path: str | os.PathLike[str], *, sha256: bool = False) -> None:
        self.size = 0
        self.head = b""
        self.tag = ""
        self.path = os.fspath(path)
        self._facts = f"{self.path}.json"
        self._wants_sha256 = sha256
        self._told = False
        self._descriptor = -1
        self._held: list[bytes | memoryview] = []
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._close()

    def recall(self) -> None:
        """Take up what an earlier process left, if it is known what it is."""
        try:
            with open(self._facts, "rb") as stream:
                tag = json.load(stream)["tag"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        self._open()
        left = os.fstat(self._descriptor).st_size
        self._told = True
        if not (left and isinstance(tag, str) and tag):
            self.clear()
            return
        with open(self.path, "rb") as stream:
            while block := stream.read(_BLOCK):
                self.head = self.head or block[:16]
                self._hash(block)
        self.tag, self.size = tag, left
        os.lseek(self._descriptor, left, os.SEEK_SET)

    def clear(self) -> None:
        """Begin at nothing."""
        self.size, self.tag, self.head = 0, "", b""
        self._begin()
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        if self._told:
            self._forget()

    def expect(self, tag: str, total: int | None) -> None:
        """Note what the server calls this version, where the file is long enough to be worth it."""
        self.tag = tag
        if tag and (total or 0) > _REMEMBERED and not self._told:
            self._open()
            Path(self._facts).write_text(json.dumps({"tag": tag}), encoding="utf-8")
            self._told = True

    def write(self, block: bytes | memoryview) -> bool:
        """Append; say whether it is time for :meth:`flush`."""
        if len(self.head) < 16:
            self.head = (self.head + bytes(block[:16]))[:16]
        self._held.append(block)
        self._holds += len(block)
        self.size += len(block)
        return self._holds >= _HELD

    def flush(self) -> None:
        """Hash and write what is held.

        Raises
        ------
        ItemFailed
            ``in-use`` if another process is at this file.
        """
        self._open()
        for block in self._held:
            self._hash(block)
            written = os.write(self._descriptor, block)
            while written < len(block):
                written += os.write(self._descriptor, memoryview(block)[written:])
        self._held.clear()
        self._holds = 0

    def digests(self) -> tuple[str, str]:
        """MD5 and SHA-256 (empty if not wanted) in hexadecimal; flushed first."""
        self.flush()
        return self._md5.hexdigest(), self._sha256.hexdigest() if self._sha256 else ""

    def settle(self, target: str | os.PathLike[str]) -> None:
        """Give the file its name; it is complete."""
        os.replace(self.path, target)
        if self._told:
            self._forget()
        self._close()

    def discard(self) -> None:
        """Remove it."""
        if self._descriptor >= 0:
            Path(self.path).unlink(missing_ok=True)
            self._forget()

    def _open(self) -> None:
        if self._descriptor >= 0:
            return
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._close()
            raise ItemFailed(IN_USE) from None
        except OSError:
            pass  # a file system that has no locks
        # Another process may have finished the file between our opening and locking it.
        own = os.fstat(self._descriptor)
        if not self._is(own.st_ino):
            self._close()
            raise ItemFailed(IN_USE)
        if own.st_size and not os.path.exists(self._facts):
            os.ftruncate(self._descriptor, 0)  # left by a process that was killed, and nobody knows of what

    def _forget(self) -> None:
        Path(self._facts).unlink(missing_ok=True)
        self._told = False

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is(self, inode: int) -> bool:
        """Whether the file still has its name."""
        try:
            return os.stat(self.path).st_ino == inode
        except FileNotFoundError:
            return False

    def _begin(self) -> None:
        self._held.clear()
        self._holds = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if self._wants_sha256 else None

    def _hash(self, block: bytes | memoryview) -> None:
        self._md5.update(block)
        if self._sha256 is not None:
            self._sha256.update(block)

"""Streams out of containers: what kind a file is, what it holds without its compression, and never more than that.

Knows first bytes, gzip, bzip2, xz, and how much may come out. Refuses to seek backwards, to give much at once and to
let a stream claim memory for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import lzma

__all__ = ["CHUNK", "Budget", "Entry", "Forward", "Refused", "container", "decompressed", "is_tar"]

CHUNK = 1 << 20
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
)


class Refused(Exception):
    """Ends one member or, where `fatal`, the archive; carries a reason code."""

    def __init__(self, reason: str, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fatal = fatal


class Entry(NamedTuple):
    """A member before it is read: ``open`` gives its stream; ``reason`` says why it is not to be opened."""

    name: str
    size: int
    open: Any
    ignored: bool = False
    reason: str = ""


def container(head: bytes) -> str:
    """The kind of container that a file's first 512 bytes begin: zip, tar, gzip, bzip2, xz, or the empty string."""
    if head[128:132] == b"DICM":
        return ""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "tar" if is_tar(head) else ""


def is_tar(head: bytes) -> bool:
    """Whether `head` is a tar header: its checksum field (offset 148) fits, which old tars without `ustar` have too."""
    if len(head) < 512 or not head[0]:
        return False
    try:
        claimed = int(head[148:156].split(b"\0")[0].strip() or b"x", 8)
    except ValueError:
        return False
    return claimed == sum(head[:148]) + 8 * 32 + sum(head[156:512])


class Budget:
    """Bytes that may still come out of an archive."""

    def __init__(self, left: int | None) -> None:
        self._left = left

    def spend(self, amount: int) -> None:
        """Count `amount` bytes; refuse the archive where they are too many."""
        if self._left is None:
            return
        self._left -= amount
        if self._left < 0:
            raise Refused("archive-bomb", fatal=True)


def decompressed(file: IO[bytes], kind: str) -> IO[bytes]:
    """`file` without its compression, if `kind` is one."""
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(file)
    if kind == "xz":
        return _Xz(file)  # type: ignore[return-value]
    return file


class _Xz:
    """An xz stream whose dictionary may not claim more memory than the highest common setting needs."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._stream = self._begin()

    @staticmethod
    def _begin() -> lzma.LZMADecompressor:
        import lzma

        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=160 << 20)

    def read(self, amount: int) -> bytes:
        data = b""
        while len(data) < amount:
            if self._stream.eof:
                rest = (self._stream.unused_data or self._file.read(CHUNK)).lstrip(b"\0")
                if not rest:
                    break
                self._stream = self._begin()
            else:
                rest = self._file.read(1 << 16) if self._stream.needs_input else b""
                if not rest and self._stream.needs_input:
                    raise EOFError
            data += self._stream.decompress(rest, amount - len(data))
        return data


class Forward:
    """A stream that only goes forward, counts what it gives and gives little at a time.

    `tarfile` reads its extended headers whole, however long they claim to be and however many there are; here those
    before one member may have 1 MiB together.
    """

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._ahead = b""
        self.last = b""
        self._at = 0
        self._heading: int | None = None

    def peek(self, amount: int) -> bytes:
        """The first bytes, which a later read gives again; once, at the start."""
        self._ahead = self._stream.read(amount)
        return self._ahead

    def read(self, amount: int) -> bytes:
        """At most `amount` bytes; fewer only at the end."""
        if not 0 <= amount <= CHUNK:
            raise Refused("archive-bomb", fatal=True)
        data = self._ahead[:amount]
        self._ahead = self._ahead[amount:]
        if len(data) < amount:
            data += self._stream.read(amount - len(data))
        self._budget.spend(len(data))
        if self._heading is not None:
            self._heading += len(data)
            if self._heading > CHUNK + 4096:
                raise Refused("archive-bomb", fatal=True)
        self._at += len(data)
        self.last = data
        return data

    def seek(self, position: int) -> None:
        """Go forward to `position`, or to the end."""
        if position < self._at:
            raise OSError("backwards")
        heading, self._heading = self._heading, None
        while self._at < position and self.read(min(CHUNK, position - self._at)):
            pass
        self._heading = heading

    @contextmanager
    def heading(self) -> Iterator[None]:
        """What is read in the block, and not passed over, is headers."""
        self._heading = 0
        try:
            yield
        finally:
            self._heading = None

    def tell(self) -> int:
        """How many bytes were read."""
        return self._at

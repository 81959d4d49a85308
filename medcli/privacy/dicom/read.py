"""Open a source: whole where it is small, mapped where it is large.

Knows files. Refuses to write one.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medcli.privacy.dicom.encoding import Buffer, Damaged

__all__ = ["WINDOW", "Unreadable", "give_back", "opened", "pieces"]

#: Files up to this size (bytes) are read whole; larger ones are mapped and copied in pieces.
WHOLE = 8 << 20


#: Bytes of a large file that may lie in memory before the kernel is told to take them back.
WINDOW = 32 << 20


def pieces(data: Buffer, start: int, stop: int, size: int = 1 << 20, overlap: int = 0) -> Iterator[bytes]:
    """The bytes from `start` to `stop` in pieces of `size`, each `overlap` longer than its step.

    Pages of a mapped file are given back as the pieces go by, so that a file of any size stays out of memory.
    """
    since = 0
    for at in range(start, stop, size):
        yield data[at : min(at + size + overlap, stop)]
        since += size
        if since >= WINDOW:
            give_back(data)
            since = 0


def give_back(data: Buffer) -> None:
    """Let the kernel take back the pages of a mapped file that were read so far; they are read anew if needed."""
    advice = getattr(mmap, "MADV_DONTNEED", None)
    if advice is not None and isinstance(data, mmap.mmap):
        data.madvise(advice)


class Unreadable(Exception):
    """The source can't be opened or read."""


@contextmanager
def opened(source: Path | str | bytes) -> Iterator[Buffer]:
    """The bytes of a source: whole where it is small, mapped where it is large.

    Raises
    ------
    Unreadable
        Where the file can't be opened.
    Damaged
        ``empty`` for a file without a byte.
    """
    if isinstance(source, bytes):
        yield source
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        raise Unreadable from None
    try:
        size = os.fstat(descriptor).st_size
        if size <= WHOLE:
            whole = _read_all(descriptor, size)
            if not whole:
                raise Damaged("empty")
            yield whole
        else:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
                yield mapped
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    try:
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
    except OSError:
        raise Unreadable from None
    return data

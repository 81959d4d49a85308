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

__all__ = ["Unreadable", "opened"]

#: Files up to this size (bytes) are read whole; larger ones are mapped and copied in pieces.
WHOLE = 8 << 20


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

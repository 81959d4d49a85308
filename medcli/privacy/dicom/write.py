"""Write a result, and read it again from where it was written.

Knows segments, files and hashes. Refuses to know what the bytes mean.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medcli.privacy.dicom.encoding import DEFLATED, JPIP_DEFLATED, Buffer, Frame
from medcli.privacy.dicom.pixels import Masked, Poured
from medcli.privacy.dicom.read import pieces
from medcli.privacy.dicom.segments import Segment, length_of

__all__ = ["Written", "write"]

#: Results up to this size are joined in memory and written at once.
_WHOLE = 12 << 20
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


@dataclass(slots=True)
class Written:
    """A result: where it lies, its SHA-256 (hexadecimal) and its size in bytes.

    `whole` holds what was to be written where it is small; `path` is None for a plan.
    """

    path: Path | str | None
    sha256: str
    size: int
    whole: bytes | None

    @contextmanager
    def again(self) -> Iterator[Buffer | None]:
        """The bytes as they are read back from the disk; None for a large plan that lies nowhere.

        Raises
        ------
        OSError
            Where the file can't be read, or differs from what was written.
        """
        if self.path is None:
            yield self.whole
            return
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            if self.whole is None:
                with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
                    yield mapped
            else:
                data = os.read(descriptor, self.size + 1)
                if data != self.whole:
                    raise OSError("the file read back differs from what was written")
                yield data
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        """Remove the file again."""
        if self.path is not None:
            os.unlink(self.path)


def chunks(data: Buffer, segments: list[Segment]) -> Iterator[bytes | memoryview]:
    """The result's bytes, at most a few MiB at a time."""
    view = memoryview(data) if isinstance(data, bytes) else None  # a view would keep a map from being closed
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
        elif isinstance(segment, Masked | Poured):
            yield from segment.chunks(data)
        else:
            yield from (view[segment[0] : segment[1]],) if view else pieces(data, segment[0], segment[1])


def _deflated(parts: Iterator[bytes | memoryview], head: bytes) -> Iterator[bytes]:
    """The file meta as it is, the data set behind it deflated and padded to an even length (PS3.5 A.5)."""
    yield head
    packer, size = zlib.compressobj(wbits=-15), 0
    next(parts)
    for part in parts:
        packed = packer.compress(part)
        size += len(packed)
        yield packed
    packed = packer.flush()
    yield packed + b"\0" * ((size + len(packed)) % 2)


def write(data: Buffer, segments: list[Segment], frame: Frame, target: Path | str | None) -> Written:
    """Write the segments to `target` in one go; no fsync, that goes by batch.

    Raises
    ------
    OSError
        Where `target` can't be written; what was begun is removed.
    """
    size = sum(map(length_of, segments))
    parts = chunks(data, segments)
    if frame.syntax == DEFLATED or frame.syntax in JPIP_DEFLATED:
        head = segments[0]
        parts = _deflated(parts, head if isinstance(head, bytes) else b"")
    if size <= _WHOLE:
        whole = b"".join(parts)
        if target is not None:
            _put(target, iter((whole,)))
        return Written(target, hashlib.sha256(whole).hexdigest(), len(whole), whole)
    if target is None:
        return Written(None, "", size, None)
    digest = hashlib.sha256()
    size = _put(target, parts, digest)
    return Written(target, digest.hexdigest(), size, None)


def _put(target: Path | str, parts: Iterator[bytes | memoryview], digest: hashlib._Hash | None = None) -> int:
    descriptor = os.open(target, _FLAGS, 0o666)
    size = 0
    try:
        for part in parts:
            if digest is not None:
                digest.update(part)
            view = memoryview(part)
            while view:
                done = os.write(descriptor, view)
                size += done
                view = view[done:]
    except BaseException:
        os.close(descriptor)
        os.unlink(target)
        raise
    os.close(descriptor)
    return size

"""The members of a tar archive, one after another, in flat memory.

Knows what `tarfile` would gather and what of it never to believe. Refuses to seek backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from medcli.privacy.streams import Budget, Entry, Forward, Refused, decompressed, is_tar

if TYPE_CHECKING:
    import tarfile

__all__ = ["entries"]


def entries(file: IO[bytes], kind: str, budget: Budget) -> Iterator[Entry]:
    """What a tar of that compression holds; what comes out of it is counted against `budget`.

    Raises
    ------
    Refused
        Where it can't be read on. `tarfile` may raise anything beside it.
    """
    import tarfile

    stream = Forward(decompressed(file, kind), budget)
    head = stream.peek(512)
    if kind != "tar" and not is_tar(head):
        raise Refused("compressed-file" if head[128:132] == b"DICM" else "not-dicom", fatal=True)
    with stream.heading():
        archive = tarfile.TarFile(fileobj=stream, mode="r")  # type: ignore[arg-type]
    with archive:
        while (info := _next(archive, stream)) is not None:
            if not info.isdir():
                yield _entry(archive, info)
    if any(stream.last):  # `tarfile` takes a damaged header for the end
        raise Refused("bad-archive", fatal=True)


def _next(archive: tarfile.TarFile, stream: Forward) -> tarfile.TarInfo | None:
    """The next member; the archive would remember every one, and the global headers before it."""
    with stream.heading():
        info = archive.next()
    archive.members.clear()  # type: ignore[attr-defined]
    archive.pax_headers.clear()  # type: ignore[attr-defined]
    return info


def _entry(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Entry:
    if info.issym() or info.islnk():
        return Entry(info.name, 0, None, ignored=True, reason="symlink")
    if not info.isreg():
        return Entry(info.name, 0, None, ignored=True, reason="special-file")
    if info.issparse():
        return Entry(info.name, 0, None, reason="bad-archive-member")
    return Entry(info.name, info.size, lambda: archive.extractfile(info))

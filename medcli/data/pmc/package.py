"""Article packages as NCBI made them until 2026: one tar.gz an article, read as a stream and no further than needed.

Knows tar and which member a row means; refuses to write anywhere: members come out as streams, their paths are looked
at and never followed, so none can lead outside.
"""

from __future__ import annotations

import contextlib
import tarfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Self

from medcli.data.pmc.article import ENDINGS, match
from medcli.errors import ItemFailed

BAD_ARCHIVE = "bad-archive"
_BLOCK = 1 << 16
_LONGEST_BEFORE = 1 << 20
_BEFORE = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


def read(stream: IO[bytes], wanted: Iterable[str], take: Callable[[Sequence[str], IO[bytes]], None]) -> None:
    """Hand wanted members over; stop reading when all have come.

    A row's file name fits a member exactly or but for case. A name without a picture's ending also fits each picture
    of that name: a JPEG at once, another as long as nothing better comes (PMC made GIFs as thumbnails).

    Parameters
    ----------
    stream : binary file
        Of the archive, read forward only.
    wanted : iterable of str
        File names.
    take : callable
        Called with the wanted names that a member fits, and its content; again with a better one.

    Raises
    ------
    ItemFailed
        ``bad-archive``, after what came before the damage was handed over.
    """
    left = set(wanted)
    try:
        with tarfile.open(fileobj=stream, mode="r|gz", bufsize=_BLOCK, tarinfo=_Member) as archive:
            known: list[tarfile.TarInfo] = vars(archive)["members"]
            while left:
                member = archive.next()
                if member is None:
                    return
                known.clear()  # else it would remember every member
                name = member.name.rpartition("/")[2]
                if not member.isreg() or member.issparse() or not name:
                    continue
                fitting = [(one, rank) for one in left if (rank := _rank(one, name))]
                content = archive.extractfile(member) if fitting else None
                if content is None:
                    continue
                with contextlib.closing(content):
                    take([one for one, _ in fitting], content)
                left -= {one for one, rank in fitting if rank == "final"}
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise ItemFailed(BAD_ARCHIVE) from None


class _Member(tarfile.TarInfo):
    """A member whose header promises no nonsense; what stands before a header is read into memory whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises
        ------
        ReadError
            If a size in it cannot be meant.
        """
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in _BEFORE and member.size > _LONGEST_BEFORE):
            raise tarfile.ReadError
        return member


def _rank(wish: str, name: str) -> str:
    """``final``, ``better-than-nothing`` or the empty string."""
    found = match(wish, [name])
    if found is None:
        return ""
    if found[1] in ("exact", "case"):
        return "final"
    if wish.lower().endswith(ENDINGS):
        return ""
    return "final" if name.lower().endswith((".jpg", ".jpeg")) else "better-than-nothing"

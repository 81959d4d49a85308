"""The members of a zip archive, one after another, in flat memory.

`zipfile` holds a whole directory, 700 bytes a member; here it is shown the archive with a few hundred lines of its
directory at a time. Knows the directory's form (APPNOTE 4.3.12 to 4.3.16); refuses to know any other compression
than `zipfile` does.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from medcli.privacy.streams import Entry, Refused

if TYPE_CHECKING:
    import zipfile

__all__ = ["entries"]

_AT_ONCE = 500
_END, _WIDE_END = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_FAR = struct.Struct("<4sLQL")


def entries(file: IO[bytes], size: int, most: int) -> Iterator[Entry]:
    """What a zip of `size` bytes holds.

    Raises
    ------
    Refused
        Where it has no directory, or one of more than `most` members. `zipfile` may raise anything beside it.
    """
    import zipfile

    begin, length, offset = _directory(file, size, most)
    for lines in _lines(file, begin, length):
        with zipfile.ZipFile(_Excerpt(file, begin, lines, offset)) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield _entry(archive, info)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    name = info.filename
    if info.external_attr >> 28 == 0o12:  # a link, where a Unix tool made the archive (APPNOTE 4.4.15)
        return Entry(name, 0, None, ignored=True, reason="symlink")
    if info.flag_bits & 1:
        return Entry(name, 0, None, reason="encrypted-member")
    return Entry(name, info.file_size, lambda: archive.open(info))


def _directory(file: IO[bytes], size: int, most: int) -> tuple[int, int, int]:
    """Where the directory begins, how long it is, and where its archive believes that it begins."""
    file.seek(max(0, size - 66_000))
    tail = file.read(66_000)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _END.size:
        raise Refused("bad-archive", fatal=True)
    _, _, _, _, count, length, offset, _ = _END.unpack_from(tail, at)
    end = size - len(tail) + at
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and tail[at - _FAR.size : at].startswith(b"PK\x06\x07"):
        *_, count, length, offset = _WIDE_END.unpack_from(tail, wide)
        end = size - len(tail) + wide
    if count > most or length > most * 1024:
        raise Refused("archive-bomb", fatal=True)
    if length > end:
        raise Refused("bad-archive", fatal=True)
    return end - length, length, offset


def _lines(file: IO[bytes], begin: int, length: int) -> Iterator[list[bytes]]:
    """The directory's lines, some hundred at a time."""
    at, lines = begin, []
    while at < begin + length:
        file.seek(at)
        block = file.read(min(1 << 18, begin + length - at))
        done = 0
        while len(block) >= done + 46:
            line = 46 + sum(struct.unpack_from("<3H", block, done + 28))
            if not block.startswith(b"PK\x01\x02", done):
                raise Refused("bad-archive", fatal=True)
            if len(block) < done + line:
                break
            lines.append(block[done : done + line])
            done += line
            if len(lines) == _AT_ONCE:
                yield lines
                lines = []
        if not done:
            raise Refused("bad-archive", fatal=True)
        at += done
    if lines:
        yield lines


class _Excerpt(io.RawIOBase):
    """An archive with some lines of its directory: what stands before that is read from the archive itself."""

    def __init__(self, file: IO[bytes], begin: int, lines: list[bytes], offset: int) -> None:
        self._file, self._begin, self._at = file, begin, 0
        directory, count = b"".join(lines), len(lines)
        length = len(directory)
        wide = _WIDE_END.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, offset)
        # Always with the wide end (ZIP64): the directory may begin beyond 4 GiB. Where something stands before the
        # archive, `zipfile` finds that out from `offset`, as it does with the archive itself.
        far = _FAR.pack(b"PK\x06\x07", 0, offset + length, 1)
        end = _END.pack(b"PK\x05\x06", 0, 0, count, count, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        self._rest = directory + wide + far + end

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._begin + len(self._rest))[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, amount: int = -1) -> bytes:
        end = self._begin + len(self._rest)
        amount = max(0, end - self._at) if amount < 0 else amount
        data = b""
        if self._at < self._begin:
            self._file.seek(self._at)
            data = self._file.read(min(amount, self._begin - self._at))
            self._at += len(data)
        if self._at >= self._begin:
            inside = self._at - self._begin
            more = self._rest[inside : inside + amount - len(data)]
            self._at += len(more)
            data += more
        return data

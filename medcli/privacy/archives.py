"""Zip and tar archives read member by member as streams; nothing is ever unpacked by name.

Knows containers by their first bytes and guards against bombs: members, bytes in all and bytes a member are capped,
counted while they are read and not as the archive declares them. Refuses to know DICOM beyond its four-letter prefix,
to open archives inside archives, and to let a foreign parser's error, which may quote a name, get any further.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import lzma
    import tarfile
    import zipfile

__all__ = ["Limits", "Member", "Unwritable", "container", "members"]

_CHUNK = 1 << 20
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may grow to.

    Attributes
    ----------
    members
        Members, folders and links included.
    ratio, slack
        All members together may hold `ratio` times the archive's size plus `slack` bytes.
    member
        Bytes of one member.
    whole
        Members up to this size are handed over as bytes, larger ones as a temporary file.
    """

    members: int = 100_000
    ratio: int = 100
    slack: int = 1 << 30
    member: int = 16 << 30
    whole: int = 32 << 20


class Member(NamedTuple):
    """One member of an archive.

    Attributes
    ----------
    number
        Its place in the archive, from 1; 0 speaks of the archive itself.
    name
        As the archive spells it: confidential.
    data
        The content, or the temporary file that holds it until the next member is asked for; None where refused.
    ignored
        Whether a refused member is no file that could be meant (a link, a device).
    reason
        Why it was refused, or empty.
    """

    number: int
    name: str
    data: bytes | Path | None = None
    ignored: bool = False
    reason: str = ""


class Unwritable(Exception):
    """A large member could not be put into the private folder: the disk is full, or the folder is gone."""


class _Refused(Exception):
    """Ends one member or, where `fatal`, the archive; carries a reason code."""

    def __init__(self, reason: str, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fatal = fatal


def container(head: bytes) -> str:
    """The kind of container that a file's first 512 bytes begin: zip, tar, gzip, bzip2, xz, or the empty string."""
    if head[128:132] == b"DICM":
        return ""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "tar" if _is_tar(head) else ""


def _is_tar(head: bytes) -> bool:
    """Whether `head` is a tar header: its checksum field (offset 148) fits, which old tars without `ustar` have too."""
    if len(head) < 512 or not head[0]:
        return False
    try:
        claimed = int(head[148:156].split(b"\0")[0].strip() or b"x", 8)
    except ValueError:
        return False
    return claimed == sum(head[:148]) + 8 * 32 + sum(head[156:512])


def members(
    file: IO[bytes], size: int, kind: str, spool: str, limits: Limits | None = None
) -> Iterator[Member]:
    """What an archive holds, one after another.

    Parameters
    ----------
    file
        The open archive, at its start.
    size
        Its bytes.
    kind
        What :func:`container` said.
    spool
        An existing private folder for members that are too large to hold.
    limits
        The caps.

    Yields
    ------
    Member
        In the archive's order; where the archive itself can't be read on, one last member with number 0.
    """
    caps = limits or Limits()
    budget = _Budget(size * caps.ratio + caps.slack)
    # A tar is counted as it comes out of its compression, a zip as its members are read.
    reader = _Spool(spool, caps, budget if kind == "zip" else _Budget(None))
    try:
        walk = _zip(file, size, caps) if kind == "zip" else _tar(file, kind, budget)
        for number, entry in enumerate(walk, 1):
            if number > caps.members:
                raise _Refused("archive-bomb", fatal=True)
            yield from _one(number, entry, reader)
    except Unwritable:
        raise
    except _Refused as refusal:
        yield Member(0, "", ignored=refusal.reason == "not-dicom", reason=refusal.reason)
    except Exception:  # noqa: BLE001 - parsers of foreign formats raise anything, and their words quote names
        yield Member(0, "", reason="bad-archive")


class _Entry(NamedTuple):
    """A member before it is read."""

    name: str
    size: int
    open: Any
    ignored: bool = False
    reason: str = ""


def _one(number: int, entry: _Entry, spool: _Spool) -> Iterator[Member]:
    if entry.reason:
        yield Member(number, entry.name, ignored=entry.ignored, reason=entry.reason)
        return
    if _escapes(entry.name):
        yield Member(number, entry.name, reason="path-escape")
        return
    try:
        with spool.read(entry) as data:
            yield Member(number, entry.name, data)
    except _Refused as refusal:
        if refusal.fatal:
            raise
        yield Member(number, entry.name, ignored=refusal.reason == "not-dicom", reason=refusal.reason)


def _escapes(name: str) -> bool:
    """Whether unpacking by this name would leave the folder; such an archive was made to harm."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or plain[1:2] == ":" or ".." in plain.split("/")


class _Budget:
    """Bytes that may still come out of an archive."""

    def __init__(self, left: int | None) -> None:
        self._left = left

    def spend(self, amount: int) -> None:
        if self._left is None:
            return
        self._left -= amount
        if self._left < 0:
            raise _Refused("archive-bomb", fatal=True)


class _Spool:
    """Reads one member within the caps, into memory or into a temporary file."""

    def __init__(self, folder: str, caps: Limits, budget: _Budget) -> None:
        self._folder = folder
        self._caps = caps
        self._budget = budget

    @contextmanager
    def read(self, entry: _Entry) -> Iterator[bytes | Path]:
        if entry.size > self._caps.member:
            raise _Refused("too-large")
        try:
            with entry.open() as stream:
                head = self._take(stream, self._caps.whole + 1)
                _check_plain(head)
                whole = len(head) <= self._caps.whole
                path = None if whole else self._overflow(head, stream)
        except (_Refused, Unwritable):
            raise
        except Exception:  # noqa: BLE001 - as in members()
            raise _Refused("bad-archive-member") from None
        try:
            yield head if path is None else path
        finally:
            if path is not None:
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def _take(self, stream: IO[bytes], limit: int) -> bytes:
        parts = []
        while limit > 0 and (part := stream.read(min(limit, _CHUNK))):
            self._budget.spend(len(part))
            parts.append(part)
            limit -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _overflow(self, head: bytes, stream: IO[bytes]) -> Path:
        """Write `head` and the rest of `stream` to a file of mode 0600 in the private folder."""
        try:
            descriptor, name = tempfile.mkstemp(prefix="member-", dir=self._folder)
        except OSError:
            raise Unwritable from None
        try:
            written = _write(descriptor, head)
            while part := self._take(stream, _CHUNK):
                written += _write(descriptor, part)
                if written > self._caps.member:
                    raise _Refused("too-large")
        except BaseException:
            os.unlink(name)
            raise
        finally:
            os.close(descriptor)
        return Path(name)


def _write(descriptor: int, data: bytes) -> int:
    try:
        done = os.write(descriptor, data)
        while done < len(data):
            done += os.write(descriptor, data[done:])
    except OSError:
        raise Unwritable from None
    return done


def _check_plain(head: bytes) -> None:
    """Refuse a member that is an archive itself, or compressed once more: only one level is read."""
    kind = container(head[:512])
    if kind in ("gzip", "bzip2", "xz"):
        try:
            inner = _decompressed(io.BytesIO(head), kind).read(512)
        except (OSError, EOFError):
            inner = b""
        if not _is_tar(inner) and inner[128:132] != b"DICM":
            raise _Refused("not-dicom")
    if kind:
        raise _Refused("nested-archive")


def _zip(file: IO[bytes], size: int, caps: Limits) -> Iterator[_Entry]:
    import zipfile

    _check_directory(file, size, caps)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield _zip_entry(archive, info)


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Entry:
    name = info.filename
    if info.external_attr >> 28 == 0o12:  # a link, where a Unix tool made the archive (APPNOTE 4.4.15)
        return _Entry(name, 0, None, ignored=True, reason="symlink")
    if info.flag_bits & 1:
        return _Entry(name, 0, None, reason="encrypted-member")
    return _Entry(name, info.file_size, lambda: archive.open(info))


def _check_directory(file: IO[bytes], size: int, caps: Limits) -> None:
    """Refuse a directory too long to be held in memory before it is read (APPNOTE 4.3.14 to 4.3.16)."""
    begin = max(0, size - 66_000)
    file.seek(begin)
    tail = file.read(66_000)
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise _Refused("bad-archive", fatal=True)
    count, length = struct.unpack_from("<HI", tail, at + 10)
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) >= wide + 48:
        count, length = struct.unpack_from("<QQ", tail, wide + 32)
    if count > caps.members or length > caps.members * 1024:
        raise _Refused("archive-bomb", fatal=True)


def _tar(file: IO[bytes], kind: str, budget: _Budget) -> Iterator[_Entry]:
    import tarfile

    stream = _Forward(_decompressed(file, kind), budget)
    head = stream.peek(512)
    if kind != "tar" and not _is_tar(head):
        raise _Refused("compressed-file" if head[128:132] == b"DICM" else "not-dicom", fatal=True)
    with tarfile.TarFile(fileobj=stream, mode="r") as archive:  # type: ignore[arg-type]
        while (info := archive.next()) is not None:
            archive.members.clear()
            if not info.isdir():
                yield _tar_entry(archive, info)
    if any(stream.last):  # `tarfile` takes a damaged header for the end
        raise _Refused("bad-archive", fatal=True)


def _tar_entry(archive: tarfile.TarFile, info: tarfile.TarInfo) -> _Entry:
    if info.issym() or info.islnk():
        return _Entry(info.name, 0, None, ignored=True, reason="symlink")
    if not info.isreg():
        return _Entry(info.name, 0, None, ignored=True, reason="special-file")
    if info.issparse():
        return _Entry(info.name, 0, None, reason="bad-archive-member")
    return _Entry(info.name, info.size, lambda: archive.extractfile(info))


def _decompressed(file: IO[bytes], kind: str) -> IO[bytes]:
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
                rest = (self._stream.unused_data or self._file.read(_CHUNK)).lstrip(b"\0")
                if not rest:
                    break
                self._stream = self._begin()
            else:
                rest = self._file.read(1 << 16) if self._stream.needs_input else b""
                if not rest and self._stream.needs_input:
                    raise EOFError
            data += self._stream.decompress(rest, amount - len(data))
        return data


class _Forward:
    """A stream that only goes forward, counts what it gives and gives little at a time.

    `tarfile` reads its extended headers whole, however long they claim to be; here they may have 1 MiB.
    """

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._ahead = b""
        self.last = b""
        self._at = 0

    def peek(self, amount: int) -> bytes:
        self._ahead = self._stream.read(amount)
        return self._ahead

    def read(self, amount: int) -> bytes:
        if not 0 <= amount <= _CHUNK:
            raise _Refused("archive-bomb", fatal=True)
        data = self._ahead[:amount]
        self._ahead = self._ahead[amount:]
        if len(data) < amount:
            data += self._stream.read(amount - len(data))
        self._budget.spend(len(data))
        self._at += len(data)
        self.last = data
        return data

    def seek(self, position: int) -> None:
        if position < self._at:
            raise OSError("backwards")
        while self._at < position and self.read(min(_CHUNK, position - self._at)):
            pass

    def tell(self) -> int:
        return self._at

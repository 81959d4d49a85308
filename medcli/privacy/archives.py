"""Zip and tar archives read member by member as streams; nothing is ever unpacked by name.

Knows containers by their first bytes and guards against bombs: members, bytes in all and bytes a member are capped,
counted while they are read and not as the archive declares them. Refuses to know DICOM beyond its four-letter prefix,
to open archives inside archives, and to let a foreign parser's error, which may quote a name, get any further.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from medcli.privacy import tars, zips
from medcli.privacy.streams import CHUNK, Budget, Entry, Refused, container, decompressed, is_tar

__all__ = ["Limits", "Member", "Unwritable", "members"]


#: Characters of a member's name; no file system has room for a longer one.
_LONGEST = 4096


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

    members: int = 500_000
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
    budget = Budget(size * caps.ratio + caps.slack)
    # A tar is counted as it comes out of its compression, a zip as its members are read.
    reader = _Spool(spool, caps, budget if kind == "zip" else Budget(None))
    try:
        walk = zips.entries(file, size, caps.members) if kind == "zip" else tars.entries(file, kind, budget)
        for number, entry in enumerate(walk, 1):
            _check(number <= caps.members)
            yield from _one(number, entry, reader)
    except Unwritable:
        raise
    except Refused as refusal:
        yield Member(0, "", ignored=refusal.reason == "not-dicom", reason=refusal.reason)
    except Exception:  # noqa: BLE001 - parsers of foreign formats raise anything, and their words quote names
        yield Member(0, "", reason="bad-archive")


def _check(sound: bool, reason: str = "archive-bomb", *, fatal: bool = True) -> None:
    if not sound:
        raise Refused(reason, fatal=fatal)


def _one(number: int, entry: Entry, spool: _Spool) -> Iterator[Member]:
    if entry.reason:
        yield Member(number, entry.name, ignored=entry.ignored, reason=entry.reason)
        return
    if len(entry.name) > _LONGEST:
        yield Member(number, entry.name[:_LONGEST], reason="name-too-long")
        return
    if _escapes(entry.name):
        yield Member(number, entry.name, reason="path-escape")
        return
    try:
        with spool.read(entry) as data:
            yield Member(number, entry.name, data)
    except Refused as refusal:
        if refusal.fatal:
            raise
        yield Member(number, entry.name, ignored=refusal.reason == "not-dicom", reason=refusal.reason)


def _escapes(name: str) -> bool:
    """Whether unpacking by this name would leave the folder; such an archive was made to harm."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or plain[1:2] == ":" or ".." in plain.split("/")


class _Spool:
    """Reads one member within the caps, into memory or into a temporary file."""

    def __init__(self, folder: str, caps: Limits, budget: Budget) -> None:
        self._folder = folder
        self._caps = caps
        self._budget = budget

    @contextmanager
    def read(self, entry: Entry) -> Iterator[bytes | Path]:
        if entry.size > self._caps.member:
            raise Refused("too-large")
        try:
            with entry.open() as stream:
                head = self._take(stream, self._caps.whole + 1)
                _check_plain(head)
                whole = len(head) <= self._caps.whole
                path = None if whole else self._overflow(head, stream)
        except (Refused, Unwritable):
            raise
        except Exception:  # noqa: BLE001 - as in members()
            raise Refused("bad-archive-member") from None
        try:
            yield head if path is None else path
        finally:
            if path is not None:
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def _take(self, stream: IO[bytes], limit: int) -> bytes:
        parts = []
        while limit > 0 and (part := stream.read(min(limit, CHUNK))):
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
            while part := self._take(stream, CHUNK):
                written += _write(descriptor, part)
                _check(written <= self._caps.member, "too-large", fatal=False)
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
            inner = decompressed(io.BytesIO(head), kind).read(512)
        except (OSError, EOFError):
            inner = b""
        if not is_tar(inner) and inner[128:132] != b"DICM":
            raise Refused("not-dicom")
    if kind:
        raise Refused("nested-archive")

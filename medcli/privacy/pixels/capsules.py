"""Encapsulated Pixel Data as frames: where each one's fragments lie, and how they are put together again.

Knows PS3.5 A.4 with its Basic Offset Table, and the Extended Offset Table (PS3.3 C.7.6.3.1.8). Refuses to decode.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from medcli.privacy.dicom.encoding import Buffer
from medcli.privacy.pixels.image import Unclean

__all__ = ["Capsule", "Frames", "capsule", "joined", "offsets"]

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
#: What ends a code stream of the JPEG family.
_LAST = (b"\xff\xd9", b"\xff\xd9\0")

#: Ranges of the values of one frame's fragments.
Frames = Sequence[tuple[int, int]]


class Capsule(NamedTuple):
    """Encapsulated pixels.

    Attributes
    ----------
    frames
        For each frame the ranges of its fragments' values.
    table
        Whether the Basic Offset Table had entries.
    """

    frames: list[list[tuple[int, int]]]
    table: bool


def capsule(
    data: Buffer, start: int, stop: int, frames: int, extended: Sequence[int] = (), *, single: bool = False
) -> Capsule:
    """Tell which fragments make up each frame.

    Parameters
    ----------
    data, start, stop
        Where the value of Pixel Data lies, its offset table first.
    frames
        Number of Frames.
    extended
        Entries of an Extended Offset Table, where there is one.
    single
        Whether the syntax wants one fragment a frame (PS3.5 A.4.2, A.4.11): a further one would be a hidden picture.

    Raises
    ------
    Unclean
        ``pixels-frames-unclear`` where nothing tells how fragments belong to frames.
    """
    table, items = _items(data, start, stop)
    if not items:
        raise Unclean("pixels-frames-unclear")
    base = items[0][0] - 8
    if single and len(items) != frames:
        raise Unclean("pixels-frames-unclear")
    if frames == 1:
        return Capsule([items], bool(table))
    for starts in (extended, table):
        if len(starts) == frames:
            grouped = _by_offsets(items, base, starts)
            if grouped is not None:
                return Capsule(grouped, bool(table))
    if len(items) == frames:
        return Capsule([[item] for item in items], bool(table))
    grouped = _by_ends(data, items)
    if len(grouped) != frames:
        raise Unclean("pixels-frames-unclear")
    return Capsule(grouped, bool(table))


def _items(data: Buffer, start: int, stop: int) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    found, pos = [], start
    while pos + 8 <= stop and data[pos : pos + 4] == _ITEM:
        length = int.from_bytes(data[pos + 4 : pos + 8], "little")
        if pos + 8 + length > stop:
            raise Unclean("pixels-frames-unclear")
        found.append((pos + 8, pos + 8 + length))
        pos += 8 + length
    if not found:
        return (), []
    first = data[found[0][0] : found[0][1]]
    return struct.unpack(f"<{len(first) // 4}I", first[: len(first) // 4 * 4]), found[1:]


def _by_offsets(
    items: list[tuple[int, int]], base: int, starts: Sequence[int]
) -> list[list[tuple[int, int]]] | None:
    """Fragments by where frames begin; None where an entry points to no fragment."""
    known = {item[0] - 8 - base: number for number, item in enumerate(items)}
    if list(starts) != sorted(set(starts)) or not set(starts) <= known.keys() or starts[0]:
        return None
    edges = [*(known[start] for start in starts), len(items)]
    return [items[low:high] for low, high in pairwise(edges)]


def _by_ends(data: Buffer, items: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Fragments up to one that ends a code stream, as the JPEG family marks it."""
    grouped: list[list[tuple[int, int]]] = [[]]
    for item in items:
        grouped[-1].append(item)
        if data[max(item[1] - 3, item[0]) : item[1]].endswith(_LAST):
            grouped.append([])
    return [group for group in grouped if group]


def joined(data: Buffer, fragments: Frames) -> bytes:
    """A frame's code stream."""
    return b"".join(data[start:stop] for start, stop in fragments)


def offsets(frames: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Where frames begin behind the Basic Offset Table, and their lengths, from the lengths of their fragments."""
    starts, lengths, at = [], [], 0
    for fragments in frames:
        starts.append(at)
        at += sum(8 + length for length in fragments)
        lengths.append(sum(fragments))
    return starts, lengths


def header(starts: Sequence[int], *, table: bool) -> bytes:
    """The item of the Basic Offset Table; empty where there was none, or offsets have no room in 32 bits."""
    table = table and (not starts or starts[-1] < 1 << 32)
    return item(struct.pack(f"<{len(starts)}I", *starts) if table else b"")


def item(value: bytes) -> bytes:
    """A fragment with its header."""
    return item_header(len(value)) + value


def item_header(length: int) -> bytes:
    """The header of a fragment."""
    return _ITEM + struct.pack("<I", length)


def end() -> bytes:
    """What closes encapsulated pixels."""
    return _END

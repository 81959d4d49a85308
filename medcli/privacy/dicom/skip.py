"""Pass over values of undefined length: where a sequence, an item or encapsulated pixel data ends.

Knows items and delimiters (PS3.5 7.5, A.4). Refuses to look at any value.
"""

from __future__ import annotations

import struct

from medcli.privacy.dicom.encoding import (
    IMPLICIT_LE,
    LONG_VRS,
    MAX_DEPTH,
    UNDEFINED,
    VRS,
    Buffer,
    Damaged,
    Encoding,
    Odd,
)
from medcli.privacy.dicom.read import WINDOW, give_back

__all__ = ["ITEM", "ITEM_END", "SEQUENCE_END", "header", "skip"]

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def header(data: Buffer, pos: int, end: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """Tag, VR, offset of the value and length of the element, item or delimiter at `pos`."""
    if pos + 8 > end:
        raise Damaged("truncated")
    tag = encoding.tag(data[pos : pos + 4])
    if tag in (ITEM, ITEM_END, SEQUENCE_END) or not encoding.explicit:
        return tag, b"", pos + 8, struct.unpack_from(encoding.order + "I", data, pos + 4)[0]
    vr = data[pos + 4 : pos + 6]
    if vr in LONG_VRS:
        if pos + 12 > end:
            raise Damaged("truncated")
        return tag, vr, pos + 12, struct.unpack_from(encoding.order + "I", data, pos + 8)[0]
    if vr not in VRS:
        raise Odd
    return tag, vr, pos + 8, struct.unpack_from(encoding.order + "H", data, pos + 6)[0]


def skip(
    data: Buffer,
    pos: int,
    end: int,
    encoding: Encoding,
    *,
    vr: bytes,
    depth: int,
    ends: dict[int, int] | None = None,
) -> int:
    """The offset behind a value of undefined length: items of a sequence, or fragments of pixel data.

    Open sequences and items lie on a list of our own, so that hostile nesting can't exhaust the stack.

    Parameters
    ----------
    data, pos, end
        The bytes, the first of the value, and where all must end.
    encoding
        The layout around the value.
    vr
        As it stands in the file, or what the dictionary says.
    depth
        How many sequences are around.
    ends
        Remembers the ends of sequences by their beginnings, so that what is nested deep is passed over once.

    Raises
    ------
    Damaged
        Where something runs past `end`, or nesting is too deep.
    Odd
        Where something else than an item lies in a sequence.
    """
    if vr == b"UN":
        encoding = IMPLICIT_LE
    if vr in (b"OB", b"OW"):
        return _skip_fragments(data, pos, end, encoding)
    known: dict[int, int] = {} if ends is None else ends
    return known[pos] if pos in known else _skip_items(data, pos, end, encoding, depth=depth, known=known)


def _skip_items(
    data: Buffer, pos: int, end: int, encoding: Encoding, *, depth: int, known: dict[int, int]
) -> int:
    stack = [(SEQUENCE_END, encoding, pos)]
    while stack:
        if len(stack) + depth > 2 * MAX_DEPTH:
            raise Damaged("nested-too-deep")
        closing, layout, begin = stack[-1]
        tag, kind, pos, length = header(data, pos, end, layout)
        if tag == closing:
            known[begin] = pos
            stack.pop()
        elif closing == SEQUENCE_END and tag != ITEM:
            raise Odd
        elif length != UNDEFINED:
            pos += length
        elif kind in (b"OB", b"OW"):
            pos = _skip_fragments(data, pos, end, layout)
        else:
            inner = ITEM_END if closing == SEQUENCE_END else SEQUENCE_END
            stack.append((inner, IMPLICIT_LE if kind == b"UN" else layout, pos))
        if pos > end:
            raise Damaged("truncated")
    return pos


def _skip_fragments(data: Buffer, pos: int, end: int, encoding: Encoding) -> int:
    given = pos
    while True:
        tag, _, value, length = header(data, pos, end, encoding)
        if tag == SEQUENCE_END:
            return value
        if tag != ITEM or length == UNDEFINED:
            raise Damaged("truncated" if value + 8 > end else "damaged")
        pos = value + length
        if pos > end:
            raise Damaged("truncated")
        if pos - given > WINDOW:
            give_back(data)
            given = pos

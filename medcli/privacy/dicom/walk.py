"""Walk the elements of a data set and note those that something happens to.

Knows how elements follow each other (PS3.5 7.1 to 7.5, A.4). Refuses to know what happens to them: it asks the
compiled table for a number and notes the element, or passes on.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from medcli.privacy.dicom import table as codes
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
from medcli.privacy.dicom.values import NUMBER_BYTES

__all__ = ["ITEM", "SEQUENCE_END", "Element", "Walk", "header", "walk"]

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class Element(NamedTuple):
    """An element that is not simply kept: its code, and where it lies.

    `undefined` says that its length is not given and `end` includes the delimiter.
    """

    code: int
    tag: int
    vr: bytes
    start: int
    value: int
    end: int
    undefined: bool = False


class Walk(NamedTuple):
    """What a walk found.

    Attributes
    ----------
    elements
        The noted elements in file order.
    end
        Offset behind the data set (behind its delimiter, where it has one).
    stop
        Offset of the end of the last element (before a delimiter).
    slots
        For each asked tag the offset where an element of that tag belongs.
    """

    elements: list[Element]
    end: int
    stop: int
    slots: list[int]


def walk(
    data: Buffer,
    start: int,
    end: int,
    encoding: Encoding,
    table: codes.Table,
    wanted: tuple[int, ...] = (),
    depth: int = 0,
) -> Walk:
    """Walk one data set or item from `start` to `end`, or to its delimiter.

    Raises
    ------
    Damaged
        Where lengths run past the end, or nesting is too deep.
    Odd
        Where tags are out of order or doubled, or a VR is none: readable, but not here.
    """
    if depth > MAX_DEPTH:
        raise Damaged("nested-too-deep")
    try:
        if encoding.explicit:
            return _walk_explicit(data, start, end, encoding, table, wanted, depth)
        return _walk_implicit(data, start, end, encoding, table, wanted, depth)
    except struct.error:
        raise Damaged("truncated") from None


def _walk_explicit(
    data: Buffer,
    pos: int,
    end: int,
    encoding: Encoding,
    table: codes.Table,
    wanted: tuple[int, ...],
    depth: int,
) -> Walk:
    # The inner loop of the whole program: one dictionary look-up an element, no objects for what is kept.
    get = table.keys(encoding).get
    short = struct.Struct(encoding.order + "H").unpack_from
    long = struct.Struct(encoding.order + "I").unpack_from
    keep, number_code, mask, bits = codes.KEEP, codes.NUMBER, codes.CODE_MASK, codes.CODE_BITS
    elements: list[Element] = []
    slots: list[int] = []
    wires = [tag << bits for tag in wanted]
    wire = wires[0] if wires else 1 << 64
    last = -1
    while pos < end:
        key = data[pos : pos + 6]
        number = get(key)
        if number is None:
            number = _learn(table, encoding, key)
        if number <= last:
            if number >> bits == ITEM_END and depth:
                return _close(data, pos, end, elements, slots, wires)
            return _trailing(data, pos, end, depth, elements, slots, wires)
        if number >= wire:
            wire = _slot(wires, slots, number, pos)
        last = number | mask
        code = number & mask
        if code == keep:
            pos += 8 + short(data, pos + 6)[0]
            continue
        if code == number_code:
            value = pos + 8
            stop = value + short(data, pos + 6)[0]
            if data[value:stop].translate(None, NUMBER_BYTES):
                elements.append(Element(codes.CHOOSE, number >> bits, key[4:], pos, value, stop))
            pos = stop
            continue
        vr = key[4:]
        if number >> bits >= 0xFFFE0000:
            if number >> bits == ITEM_END and depth:
                return _close(data, pos, end, elements, slots, wires)
            raise Odd
        if vr in LONG_VRS:
            value = pos + 12
            length = long(data, pos + 8)[0]
            if length == UNDEFINED:
                stop = _skip(data, value, end, encoding if vr != b"UN" else IMPLICIT_LE, vr, depth)
                elements.append(Element(code, number >> bits, vr, pos, value, stop, True))
                pos = stop
                if code == codes.PIXELS and not depth:
                    return _behind_pixels(pos, end, elements, slots, wires)
                continue
        else:
            value = pos + 8
            length = short(data, pos + 6)[0]
        stop = value + length
        elements.append(Element(code, number >> bits, vr, pos, value, stop))
        pos = stop
        if code == codes.PIXELS and not depth:
            return _behind_pixels(pos, end, elements, slots, wires)
    return _finish(pos, end, elements, slots, wires)


def _walk_implicit(
    data: Buffer,
    pos: int,
    end: int,
    encoding: Encoding,
    table: codes.Table,
    wanted: tuple[int, ...],
    depth: int,
) -> Walk:
    get = table.keys(encoding).get
    long = struct.Struct(encoding.order + "I").unpack_from
    keep, number_code, mask, bits = codes.KEEP, codes.NUMBER, codes.CODE_MASK, codes.CODE_BITS
    elements: list[Element] = []
    slots: list[int] = []
    wires = [tag << bits for tag in wanted]
    wire = wires[0] if wires else 1 << 64
    last = -1
    while pos < end:
        key = data[pos : pos + 4]
        number = get(key)
        if number is None:
            number = _learn(table, encoding, key)
        if number >> bits >= 0xFFFE0000:
            if number >> bits == ITEM_END and depth:
                return _close(data, pos, end, elements, slots, wires)
            raise Odd
        if number <= last:
            return _trailing(data, pos, end, depth, elements, slots, wires)
        if number >= wire:
            wire = _slot(wires, slots, number, pos)
        last = number | mask
        code = number & mask
        length = long(data, pos + 4)[0]
        value = pos + 8
        stop = value + length
        if length == UNDEFINED:
            stop = _skip(data, value, end, encoding, b"OB" if code == codes.PIXELS else b"SQ", depth)
            elements.append(Element(code, number >> bits, b"", pos, value, stop, True))
        elif code == number_code:
            if data[value:stop].translate(None, NUMBER_BYTES):
                elements.append(Element(codes.CHOOSE, number >> bits, b"", pos, value, stop))
        elif code != keep:
            elements.append(Element(code, number >> bits, b"", pos, value, stop))
        pos = stop
        if code == codes.PIXELS and not depth:
            return _behind_pixels(pos, end, elements, slots, wires)
    return _finish(pos, end, elements, slots, wires)


def _learn(table: codes.Table, encoding: Encoding, key: bytes) -> int:
    """Ask the table for a key it has not met; a key that is none ends the walk."""
    if len(key) < (6 if encoding.explicit else 4):
        raise Damaged("truncated")
    if encoding.explicit and key[4:] not in VRS and encoding.tag(key[:4]) < 0xFFFE0000:
        raise Odd
    return table.learn(encoding, key)


def _slot(wires: list[int], slots: list[int], number: int, pos: int) -> int:
    """Note where asked tags belong that come before `number`; the next wire."""
    while len(slots) < len(wires) and number >= wires[len(slots)]:
        slots.append(pos)
    return wires[len(slots)] if len(slots) < len(wires) else 1 << 64


def _behind_pixels(pos: int, end: int, elements: list[Element], slots: list[int], wires: list[int]) -> Walk:
    """End a walk behind Pixel Data: padding, signatures, private groups and stray bytes behind it all go."""
    if pos > end:
        raise Damaged("truncated")
    return _finish(pos, pos, elements, slots, wires)


def _trailing(
    data: Buffer, pos: int, end: int, depth: int, elements: list[Element], slots: list[int], wires: list[int]
) -> Walk:
    """End a walk before zeros that fill the file up; anything else that is out of order is odd."""
    if depth or end - pos > 1 << 20 or data[pos:end].strip(b"\0"):
        raise Odd
    return _finish(pos, pos, elements, slots, wires)


def _finish(pos: int, end: int, elements: list[Element], slots: list[int], wires: list[int]) -> Walk:
    if pos != end:
        raise Damaged("truncated")
    slots.extend([end] * (len(wires) - len(slots)))
    return Walk(elements, end, end, slots)


def _close(data: Buffer, pos: int, end: int, elements: list[Element], slots: list[int], wires: list[int]) -> Walk:
    if pos + 8 > end:
        raise Damaged("truncated")
    slots.extend([pos] * (len(wires) - len(slots)))
    return Walk(elements, pos + 8, pos, slots)


def header(data: Buffer, pos: int, end: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """Tag, VR, offset of the value and length of the element, item or delimiter at `pos`."""
    if pos + 8 > end:
        raise Damaged("truncated")
    tag = encoding.tag(data[pos : pos + 4])
    if tag >= 0xFFFE0000 and tag <= 0xFFFEFFFF or not encoding.explicit:
        return tag, b"", pos + 8, struct.unpack_from(encoding.order + "I", data, pos + 4)[0]
    vr = data[pos + 4 : pos + 6]
    if vr in LONG_VRS:
        if pos + 12 > end:
            raise Damaged("truncated")
        return tag, vr, pos + 12, struct.unpack_from(encoding.order + "I", data, pos + 8)[0]
    if vr not in VRS:
        raise Odd
    return tag, vr, pos + 8, struct.unpack_from(encoding.order + "H", data, pos + 6)[0]


def _skip(data: Buffer, pos: int, end: int, encoding: Encoding, vr: bytes, depth: int) -> int:
    """The offset behind a value of undefined length: items of a sequence, or fragments of pixel data.

    Open sequences and items lie on a list of our own, so that hostile nesting can't exhaust the stack.
    """
    if vr in (b"OB", b"OW"):
        return _skip_fragments(data, pos, end, encoding)
    stack: list[tuple[int, Encoding]] = [(SEQUENCE_END, encoding)]
    while stack:
        if len(stack) + depth > 2 * MAX_DEPTH:
            raise Damaged("nested-too-deep")
        closing, layout = stack[-1]
        tag, kind, value, length = header(data, pos, end, layout)
        pos = value
        if tag == closing:
            stack.pop()
        elif closing == SEQUENCE_END:
            if tag != ITEM:
                raise Odd
            if length == UNDEFINED:
                stack.append((ITEM_END, layout))
            else:
                pos += length
        elif length != UNDEFINED:
            pos += length
        elif kind in (b"OB", b"OW"):
            pos = _skip_fragments(data, pos, end, layout)
        else:
            stack.append((SEQUENCE_END, IMPLICIT_LE if kind == b"UN" else layout))
        if pos > end:
            raise Damaged("truncated")
    return pos


def _skip_fragments(data: Buffer, pos: int, end: int, encoding: Encoding) -> int:
    while True:
        tag, _, value, length = header(data, pos, end, encoding)
        if tag == SEQUENCE_END:
            return value
        if tag != ITEM or length == UNDEFINED:
            raise Damaged("truncated" if value + 8 > end else "damaged")
        pos = value + length
        if pos > end:
            raise Damaged("truncated")

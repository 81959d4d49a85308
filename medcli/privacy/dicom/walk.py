"""Walk the elements of a data set and note those that something happens to.

Knows how elements follow each other (PS3.5 7.1 to 7.5, A.4). Refuses to know what happens to them: it asks the
compiled table for a number and notes the element, or passes on.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Protocol

from medcli.privacy.dicom import codes
from medcli.privacy.dicom.encoding import (
    LONG_VRS,
    MAX_DEPTH,
    UNDEFINED,
    VRS,
    Buffer,
    Damaged,
    Encoding,
    Odd,
)
from medcli.privacy.dicom.skip import ITEM_END, skip
from medcli.privacy.dicom.values import NUMBER_BYTES

__all__ = ["Codes", "Element", "Walk", "walk"]

_DELIMITERS = 0xFFFE0000


class Codes(Protocol):
    """What a walk asks a table for: see :class:`medcli.privacy.dicom.table.Table`."""

    def keys(self, encoding: Encoding) -> dict[bytes, int]:
        """Bytes of tag and VR -> number, as far as they were met."""

    def learn(self, encoding: Encoding, key: bytes) -> int:
        """The number of a key that was not met before."""


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


class _Course:
    """What a walk knows all along, and what it has noted so far."""

    __slots__ = ("depth", "elements", "encoding", "ends", "slots", "table", "wires")

    def __init__(self, encoding: Encoding, table: Codes, wanted: tuple[int, ...], depth: int) -> None:
        self.encoding, self.table, self.depth = encoding, table, depth
        self.ends: dict[int, int] | None = None
        self.elements: list[Element] = []
        self.slots: list[int] = []
        self.wires = [tag << codes.TAG_SHIFT for tag in wanted]

    def learn(self, key: bytes) -> int:
        """Ask the table for a key it has not met; a key that is none ends the walk."""
        if len(key) < (6 if self.encoding.explicit else 4):
            raise Damaged("truncated")
        if self.encoding.explicit and key[4:] not in VRS and self.encoding.tag(key[:4]) < _DELIMITERS:
            raise Odd
        return self.table.learn(self.encoding, key)

    def slot(self, number: int, pos: int) -> int:
        """Note where asked tags belong that come before `number`; the next one to wait for."""
        while len(self.slots) < len(self.wires) and number >= self.wires[len(self.slots)]:
            self.slots.append(pos)
        return self.next_wire()

    def next_wire(self) -> int:
        """The number at which the next asked tag belongs; beyond all numbers where none is left."""
        return self.wires[len(self.slots)] if len(self.slots) < len(self.wires) else 1 << 64

    def finish(self, pos: int, end: int) -> Walk:
        """End the walk where the bytes end."""
        if pos != end:
            raise Damaged("truncated")
        self.slots.extend([end] * (len(self.wires) - len(self.slots)))
        return Walk(self.elements, end, end, self.slots)

    def close(self, pos: int, end: int) -> Walk:
        """End the walk at an item's delimiter."""
        if pos + 8 > end:
            raise Damaged("truncated")
        return Walk(self.elements, pos + 8, pos, self.slots)

    def behind_pixels(self, pos: int, end: int) -> Walk:
        """End the walk behind Pixel Data: padding, signatures, private groups and stray bytes behind it all go."""
        if pos > end:
            raise Damaged("truncated")
        return self.finish(pos, pos)

    def out_of_order(self, data: Buffer, pos: int, end: int, tag: int) -> Walk:
        """End the walk at an item's delimiter, or before zeros that fill the file up.

        Raises
        ------
        Odd
            Where anything else is out of order.
        """
        if tag == ITEM_END and self.depth:
            return self.close(pos, end)
        if self.depth or end - pos > 1 << 20 or data[pos:end].strip(b"\0"):
            raise Odd
        return self.finish(pos, pos)


def walk(
    data: Buffer,
    start: int,
    end: int,
    encoding: Encoding,
    table: Codes,
    *,
    wanted: tuple[int, ...] = (),
    depth: int = 0,
    ends: dict[int, int] | None = None,
) -> Walk:
    """Walk one data set or item from `start` to `end`, or to its delimiter.

    Parameters
    ----------
    data, start, end
        The bytes, and the offsets between which the elements lie.
    encoding
        How they are laid out.
    table
        Gives a number for each key.
    wanted
        Tags in ascending order whose places are asked for.
    depth
        How many sequences are around; at depth 0 the walk ends behind Pixel Data, whatever follows.
    ends
        Remembers where sequences of undefined length end, from one walk over the file to the next.

    Raises
    ------
    Damaged
        Where lengths run past the end, or nesting is too deep.
    Odd
        Where tags are out of order or doubled, or a VR is none: readable, but not here.
    """
    if depth > MAX_DEPTH:
        raise Damaged("nested-too-deep")
    course = _Course(encoding, table, wanted, depth)
    course.ends = ends
    try:
        return (_walk_explicit if encoding.explicit else _walk_implicit)(data, start, end, course)
    except struct.error:
        raise Damaged("truncated") from None


def _walk_explicit(data: Buffer, pos: int, end: int, course: _Course) -> Walk:  # noqa: C901
    # The inner loop of the whole program (hence one long function): a dictionary look-up for each element and no
    # object for what is kept. Numbers ascend as tags do, so that one comparison proves the order.
    order = course.encoding.order
    get, elements = course.table.keys(course.encoding).get, course.elements
    short, long = struct.Struct(order + "H").unpack_from, struct.Struct(order + "I").unpack_from
    keep, checked, mask, bits = codes.KEEP, codes.NUMBER, codes.CODE_MASK, codes.TAG_SHIFT
    wire, last, below = course.next_wire(), -1, codes.BELOW_TAG
    shift, most = codes.CODE_BITS, codes.LIMIT_MASK
    while pos < end:
        key = data[pos : pos + 6]
        number = get(key)
        if number is None:
            number = course.learn(key)
        if number <= last or number >= _DELIMITERS << bits:
            return course.out_of_order(data, pos, end, number >> bits)
        if number >= wire:
            wire = course.slot(number, pos)
        last = number | below
        code = number & mask
        if code == keep:
            value = pos + 8
            stop = value + short(data, pos + 6)[0]
            limit = number >> shift & most
            if limit and stop - value > limit:
                elements.append(Element(codes.CHOOSE, number >> bits, key[4:], pos, value, stop))
            pos = stop
            continue
        if code == checked:
            value = pos + 8
            stop = value + short(data, pos + 6)[0]
            if data[value:stop].translate(None, NUMBER_BYTES):
                elements.append(Element(codes.CHOOSE, number >> bits, key[4:], pos, value, stop))
            pos = stop
            continue
        vr = key[4:]
        if vr not in LONG_VRS:
            value = pos + 8
            stop = value + short(data, pos + 6)[0]
            elements.append(Element(code, number >> bits, vr, pos, value, stop))
        else:
            value = pos + 12
            length = long(data, pos + 8)[0]
            stop = (
                value + length
                if length != UNDEFINED
                else skip(data, value, end, course.encoding, vr=vr, depth=course.depth, ends=course.ends)
            )
            elements.append(Element(code, number >> bits, vr, pos, value, stop, length == UNDEFINED))
            if number >> bits == codes.PIXEL_DATA and not course.depth:
                return course.behind_pixels(stop, end)
        pos = stop
    return course.finish(pos, end)


def _walk_implicit(data: Buffer, pos: int, end: int, course: _Course) -> Walk:
    get, elements = course.table.keys(course.encoding).get, course.elements
    long = struct.Struct(course.encoding.order + "I").unpack_from
    keep, checked, mask, bits = codes.KEEP, codes.NUMBER, codes.CODE_MASK, codes.TAG_SHIFT
    wire, last = course.next_wire(), -1
    while pos < end:
        key = data[pos : pos + 4]
        number = get(key)
        if number is None:
            number = course.learn(key)
        if number <= last or number >= _DELIMITERS << bits:
            return course.out_of_order(data, pos, end, number >> bits)
        if number >= wire:
            wire = course.slot(number, pos)
        last = number | codes.BELOW_TAG
        code = number & mask
        length = long(data, pos + 4)[0]
        value = pos + 8
        undefined = length == UNDEFINED
        stop = (
            value + length
            if not undefined
            else (
                skip(
                    data,
                    value,
                    end,
                    course.encoding,
                    vr=b"OB" if code == codes.PIXELS else b"SQ",
                    depth=course.depth,
                    ends=course.ends,
                )
            )
        )
        limit = number >> codes.CODE_BITS & codes.LIMIT_MASK
        if (code == checked and data[value:stop].translate(None, NUMBER_BYTES)) or (
            code == keep and 0 < limit < stop - value
        ):
            code = codes.CHOOSE
        if undefined or code not in (keep, checked):
            elements.append(Element(code, number >> bits, b"", pos, value, stop, undefined))
        if number >> bits == codes.PIXEL_DATA and not course.depth:
            return course.behind_pixels(stop, end)
        pos = stop
    return course.finish(pos, end)

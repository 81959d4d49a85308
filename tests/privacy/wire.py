"""DICOM bytes by hand: what the makers of test files need where pydicom would refuse or repair.

Knows PS3.5 chapter 7 (elements, items, lengths) and PS3.10 chapter 7 (preamble, file meta). Refuses to know any
meaning of an attribute. Written apart from ``medcli`` on purpose: the tests must not share its mistakes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
UNDEFINED = 0xFFFFFFFF
LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class Syntax(NamedTuple):
    """How elements are written: ``implicit`` VR or explicit, ``little`` endian or big."""

    implicit: bool = False
    little: bool = True


PLAIN = Syntax()


class Element(NamedTuple):
    """One top-level element as it lies in the bytes; ``raw`` holds its header and value together."""

    tag: int
    vr: str
    raw: bytes
    value: bytes


class File(NamedTuple):
    """A file taken apart: preamble with DICM (or empty), file meta, transfer syntax and inflated data set."""

    preamble: bytes
    meta: tuple[Element, ...]
    transfer_syntax: str
    body: bytes


def syntax_of(transfer_syntax: str) -> Syntax:
    """Give the encoding that a transfer syntax UID stands for."""
    return Syntax(implicit=transfer_syntax == IMPLICIT, little=transfer_syntax != BIG)


def head(tag: int, vr: str, length: int, syntax: Syntax = PLAIN) -> bytes:
    """Write an element's header; an unknown ``vr`` is written with a two-byte length."""
    order = "<" if syntax.little else ">"
    group, number = tag >> 16, tag & 0xFFFF
    if syntax.implicit or tag >> 16 == 0xFFFE:
        return struct.pack(order + "HHI", group, number, length)
    if vr in LONG:
        return struct.pack(order + "HH2sHI", group, number, vr.encode("latin-1"), 0, length)
    return struct.pack(order + "HH2sH", group, number, vr.encode("latin-1"), length)


def element(tag: int, vr: str, value: bytes | str, syntax: Syntax = PLAIN, *, pad: bool = True) -> bytes:
    """Write one element with its value, padded to even length unless ``pad`` is off."""
    data = value.encode("latin-1") if isinstance(value, str) else value
    if pad and len(data) % 2:
        data += b"\0" if vr in {"OB", "UI", "UN"} else b" "
    return head(tag, vr, len(data), syntax) + data


def item(content: bytes, syntax: Syntax = PLAIN, *, undefined: bool = False) -> bytes:
    """Write a sequence item around ``content``."""
    if undefined:
        return head(ITEM, "", UNDEFINED, syntax) + content + head(ITEM_END, "", 0, syntax)
    return head(ITEM, "", len(content), syntax) + content


def sequence(
    tag: int, items: Iterable[bytes], syntax: Syntax = PLAIN, *, undefined: bool = False, vr: str = "SQ"
) -> bytes:
    """Write a sequence of item contents, all lengths defined or all undefined."""
    content = b"".join(item(each, syntax, undefined=undefined) for each in items)
    if undefined:
        return head(tag, vr, UNDEFINED, syntax) + content + head(SEQUENCE_END, "", 0, syntax)
    return head(tag, vr, len(content), syntax) + content


def fragments(tag: int, parts: Iterable[bytes], *, table: bytes = b"", vr: str = "OB") -> bytes:
    """Write encapsulated pixel data: basic offset table, then fragments, then the delimiter."""
    even = (part + b"\0" * (len(part) % 2) for part in parts)
    content = b"".join(item(part) for part in (table, *even))
    return head(tag, vr, UNDEFINED) + content + head(SEQUENCE_END, "", 0)


def _header(data: bytes, at: int, syntax: Syntax) -> tuple[int, str, int, int]:
    """Read tag, VR, length and the value's position of the element at ``at``."""
    order = "<" if syntax.little else ">"
    group, number = struct.unpack_from(order + "HH", data, at)
    tag = group << 16 | number
    if syntax.implicit or group == 0xFFFE:
        return tag, "", struct.unpack_from(order + "I", data, at + 4)[0], at + 8
    vr = data[at + 4 : at + 6].decode("latin-1")
    if vr in LONG:
        return tag, vr, struct.unpack_from(order + "I", data, at + 8)[0], at + 12
    return tag, vr, struct.unpack_from(order + "H", data, at + 6)[0], at + 8


def _end_of_undefined(data: bytes, at: int, syntax: Syntax) -> int:
    """Find where a value of undefined length that starts at ``at`` ends, delimiters included."""
    while True:
        tag, vr, length, value = _header(data, at, syntax)
        if tag in {SEQUENCE_END, ITEM_END}:
            return value
        inner = Syntax(implicit=True) if vr == "UN" else syntax
        at = _end_of_undefined(data, value, inner) if length == UNDEFINED else value + length


def elements(data: bytes, syntax: Syntax = PLAIN, start: int = 0, stop_group: int = 0x10000) -> list[Element]:
    """Split well-formed bytes into their top-level elements, up to the first of ``stop_group`` or above."""
    found, at = [], start
    while at + 8 <= len(data):
        tag, vr, length, value = _header(data, at, syntax)
        if tag >> 16 >= stop_group:
            break
        inner = Syntax(implicit=True) if vr == "UN" else syntax
        end = _end_of_undefined(data, value, inner) if length == UNDEFINED else value + length
        found.append(Element(tag, vr, data[at:end], data[value:end]))
        at = end
    return found


def split(data: bytes) -> File:
    """Take a well-formed DICOM file with preamble and file meta apart."""
    if data[128:132] != b"DICM":
        raise ValueError("no DICM prefix")
    meta = tuple(elements(data, start=132, stop_group=3))
    at = 132 + sum(len(each.raw) for each in meta)
    uid = next(each.value for each in meta if each.tag == 0x00020010).strip(b" \0").decode("ascii")
    body = data[at:]
    if uid == DEFLATED:
        body = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body)
    return File(data[:132], meta, uid, body)


def join(file: File, *, tail: bytes = b"") -> bytes:
    """Write a file again, with a right group length; ``tail`` comes after the data set's end."""
    rest = []
    for each in file.meta:
        if each.tag == 0x00020010:
            rest.append(element(each.tag, "UI", file.transfer_syntax))
        elif each.tag != 0x00020000:
            rest.append(each.raw)
    meta = b"".join(rest)
    length = element(0x00020000, "UL", struct.pack("<I", len(meta))) if meta else b""
    body = file.body + tail
    if file.transfer_syntax == DEFLATED:
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = squeeze.compress(file.body) + squeeze.flush()
        body = packed + b"\0" * (len(packed) % 2) + tail
    return file.preamble + length + meta + body

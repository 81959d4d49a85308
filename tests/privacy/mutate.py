"""Damages files in a way that a seed repeats: bits, lengths, nesting, VRs, order, truncation, splices.

Knows where structure lies in DICOM bytes, so that the damage meets the parser and not only pixel values.
"""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

from tests.privacy import wire

LENGTHS = (0, 1, 2, 3, 7, 8, 9, 0xFF, 0x7FFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
VRS = (
    *(
        [
            "AE",
            "AS",
            "AT",
            "CS",
            "DA",
            "DS",
            "DT",
            "FD",
            "FL",
            "IS",
            "LO",
            "LT",
            "OB",
            "OD",
            "OF",
            "OL",
            "OV",
            "OW",
            "PN",
            "SH",
            "SL",
            "SQ",
            "SS",
            "ST",
            "SV",
            "TM",
            "UC",
            "UI",
            "UL",
            "UN",
            "UR",
            "US",
            "UT",
            "UV",
        ]
    ),
    *(["??", "ox", "AA", "\x00\x00", "ZZ"]),
)
HEADER = re.compile(b"(?s)(?=....(?:" + "|".join(VRS[:34]).encode() + b")|\xfe\xff[\x00\x0d\xdd]\xe0)")
Change = Callable[[bytes, random.Random], bytes]


def _starts(data: bytes) -> list[int]:
    """Give the positions of what look like element headers: a known VR after a tag, or an item's tag."""
    return [match.start() for match in HEADER.finditer(data, 132, 40000)] or [0]


def _put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def bits(data: bytes, rng: random.Random) -> bytes:
    """Flip one to sixteen bits anywhere."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 16)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def header_bits(data: bytes, rng: random.Random) -> bytes:
    """Flip a bit of an element's tag, VR or length."""
    at = rng.choice(_starts(data)) + rng.randrange(12)
    return _put(data, at, bytes([data[at] ^ 1 << rng.randrange(8)])) if at < len(data) else data


def length(data: bytes, rng: random.Random) -> bytes:
    """Give one element another length, of two bytes or four, near the true one or absurd."""
    at = rng.choice(_starts(data))
    wide = rng.random() < 0.5
    place, form = (at + 8, "<I") if wide else (at + 6, "<H")
    if place + 4 > len(data):
        return data
    old = struct.unpack_from(form, data, place)[0]
    new = rng.choice(LENGTHS) if rng.random() < 0.5 else old + rng.randint(-300, 300)
    return _put(data, place, struct.pack(form, new & (0xFFFFFFFF if wide else 0xFFFF)))


def item_length(data: bytes, rng: random.Random) -> bytes:
    """Give one item or delimiter another length."""
    marks = [match.start() for match in re.finditer(b"\xfe\xff[\x00\x0d\xdd]\xe0", data[:-8])]
    if not marks:
        return length(data, rng)
    at = rng.choice(marks) + 4
    old = struct.unpack_from("<I", data, at)[0]
    new = rng.choice(LENGTHS) if rng.random() < 0.5 else old + rng.randint(-64, 64)
    return _put(data, at, struct.pack("<I", new & 0xFFFFFFFF))


def vr(data: bytes, rng: random.Random) -> bytes:
    """Give one element another VR, valid or not."""
    at = rng.choice(_starts(data))
    return _put(data, at + 4, rng.choice(VRS).encode("latin-1")[:2].ljust(2, b" "))


def tag(data: bytes, rng: random.Random) -> bytes:
    """Give one element the tag of another, or one that is out of order."""
    starts = _starts(data)
    new = data[rng.choice(starts) :][:4] if rng.random() < 0.7 else rng.randbytes(4)
    return _put(data, rng.choice(starts), new)


def cut(data: bytes, rng: random.Random) -> bytes:
    """End the file early."""
    return data[: rng.randrange(len(data))]


def drop(data: bytes, rng: random.Random) -> bytes:
    """Take a few bytes out of the middle."""
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 200) :]


def insert(data: bytes, rng: random.Random) -> bytes:
    """Put bytes into the middle: zeros, noise, delimiters."""
    at = rng.choice(_starts(data)) if rng.random() < 0.5 else rng.randrange(len(data))
    extra = rng.choice(
        (
            b"\0" * 8,
            rng.randbytes(rng.randint(1, 64)),
            b"\xfe\xff\xdd\xe0\0\0\0\0",
            b"\xfe\xff\x0d\xe0\0\0\0\0",
        )
    )
    return data[:at] + extra + data[at:]


def splice(data: bytes, rng: random.Random) -> bytes:
    """Copy a stretch of the file over or into another place."""
    start, at, size = rng.randrange(len(data)), rng.randrange(len(data)), rng.randint(4, 2000)
    part = data[start : start + size]
    return _put(data, at, part) if rng.random() < 0.5 else data[:at] + part + data[at:]


def duplicate(data: bytes, rng: random.Random) -> bytes:
    """Write an element twice, the second time behind a later one."""
    starts = sorted(_starts(data))
    first = rng.randrange(len(starts))
    part = data[starts[first] : starts[min(first + 1, len(starts) - 1)]]
    at = rng.choice(starts[first:])
    return data[:at] + part + data[at:]


def nest(data: bytes, rng: random.Random) -> bytes:
    """Put sequences one in another, up to far deeper than anything real."""
    depth = rng.choice((3, 30, 300, 3000))
    inner = wire.element(0x00100010, "PN", "CNRYDEEP^Nested")
    opened = wire.head(0x00082218, "SQ", wire.UNDEFINED) + wire.head(wire.ITEM, "", wire.UNDEFINED)
    closed = wire.head(wire.ITEM_END, "", 0) + wire.head(wire.SEQUENCE_END, "", 0)
    at = rng.choice(_starts(data))
    return data[:at] + opened * depth + inner + closed * rng.choice((depth, depth, depth - 1)) + data[at:]


def syntax(data: bytes, rng: random.Random) -> bytes:
    """Claim another transfer syntax of the same length of text, or none that exists."""
    at = data.find(b"1.2.840.10008.1.2", 132)
    if at < 0:
        return bits(data, rng)
    return _put(data, at + 17, rng.choice((b".1", b".2", b".3", b"\0\0", b".5")))


CHANGES: tuple[Change, ...] = (
    *(bits, header_bits, header_bits, length, length, length, item_length, item_length, vr, tag, cut, drop),
    *(insert, splice, duplicate, nest, syntax),
)


def mutate(data: bytes, seed: int) -> bytes:
    """Damage ``data`` once, twice or three times, the same way for the same seed."""
    rng = random.Random(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if len(data) > 400:
            data = rng.choice(CHANGES)(data, rng)
    return data

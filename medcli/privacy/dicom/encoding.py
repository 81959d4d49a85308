"""How DICOM data elements lie in bytes: value representations, byte order, the Part 10 frame.

Knows PS3.5 section 7 and Annex A, PS3.10 section 7. Refuses to know what an attribute means or what becomes of it.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache

from medcli.privacy.dicom.dictionary import uids

__all__ = [
    "BIG",
    "DEFLATED",
    "EXPLICIT",
    "IMPLICIT",
    "LONG_VRS",
    "TEXT_VRS",
    "Buffer",
    "Damaged",
    "Encoding",
    "Frame",
]

#: What the walkers read: a whole small file, or a map of a large one.
Buffer = bytes | mmap.mmap

#: VRs with a two-byte gap and a 32-bit length in explicit encodings (PS3.5 table 7.1-1).
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
VRS = LONG_VRS | SHORT_VRS

TEXT_VRS = frozenset(["AE", "LO", "SH", "ST", "LT", "UT", "UC", "UR", "PN"])
#: Bytes of one value of each binary VR.
SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8, "AT": 4}
BULK_VRS = frozenset(["OB", "OW", "OD", "OF", "OL", "OV", "UN"])

IMPLICIT, EXPLICIT, DEFLATED, BIG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
#: Implicit little endian under a vendor's name (GE, "Private Transfer Syntax": pixels are big endian).
GE_PRIVATE = "1.2.840.113619.5.2"
#: Deflated image frames and JPIP Referenced Deflate (data set deflated, pixels elsewhere).
JPIP_DEFLATED = frozenset(("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))

UNDEFINED = 0xFFFFFFFF
#: Sequences inside sequences, at most; deeper is an attack or damage.
MAX_DEPTH = 48


class Damaged(Exception):
    """The bytes are not well-formed DICOM. Carries a reason code, never a value.

    Parameters
    ----------
    reason
        A reason code such as ``damaged`` or ``truncated``.
    """

    def __init__(self, reason: str = "damaged") -> None:
        super().__init__(reason)
        self.reason = reason


class Odd(Exception):
    """The bytes can be read, but not by the stream: a slower reader has to put them in order first."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to lay out a data set: explicit or implicit VR, little or big endian."""

    explicit: bool
    little: bool

    @property
    def order(self) -> str:
        """The struct prefix, ``<`` or ``>``."""
        return "<" if self.little else ">"

    def key(self, tag: int) -> bytes:
        """The four bytes of `tag` as they stand in a file."""
        return struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)

    def tag(self, raw: bytes) -> int:
        """The tag that the four bytes `raw` stand for."""
        group, element = struct.unpack(self.order + "HH", raw)
        return int(group << 16 | element)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """The bytes before a value of `length` bytes.

        Raises
        ------
        Damaged
            ``too-large`` where a 16-bit length can't hold it.
        """
        head = self.key(tag)
        if not self.explicit:
            return head + struct.pack(self.order + "I", length)
        code = vr.encode("ascii")
        if code in LONG_VRS:
            return head + code + b"\0\0" + struct.pack(self.order + "I", length)
        if length > 0xFFFF:
            raise Damaged("too-large")
        return head + code + struct.pack(self.order + "H", length)

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """A whole element; `value` is padded to an even length (PS3.5 6.2)."""
        if len(value) & 1:
            value += b"\0" if vr in ("UI", "OB", "UN") else b" "
        return self.header(tag, vr, len(value)) + value

    def item_header(self, length: int) -> bytes:
        """The bytes before an item's body of `length` bytes (FFFE,E000)."""
        return self.key(0xFFFEE000) + struct.pack(self.order + "I", length)

    def sequence(self, tag: int, body: bytes) -> bytes:
        """A sequence of explicit length around already encoded items."""
        return self.header(tag, "SQ", len(body)) + body

    def item(self, body: bytes) -> bytes:
        """An item of explicit length (FFFE,E000)."""
        return self.key(0xFFFEE000) + struct.pack(self.order + "I", len(body)) + body


IMPLICIT_LE = Encoding(explicit=False, little=True)
EXPLICIT_LE = Encoding(explicit=True, little=True)
EXPLICIT_BE = Encoding(explicit=True, little=False)


@dataclass(slots=True)
class Frame:
    """What stands around a data set in a Part 10 file (PS3.10 section 7).

    Attributes
    ----------
    start
        Offset of the first byte of the data set.
    meta
        Raw values of the file meta elements by tag, as found; empty where there are none.
    syntax
        Transfer Syntax UID under which the data set is to be read.
    encoding
        The same as an :class:`Encoding`.
    """

    start: int
    meta: dict[int, bytes]
    syntax: str
    encoding: Encoding


@lru_cache(maxsize=256)
def encoding_of(syntax: str) -> Encoding:
    """The encoding of a transfer syntax (PS3.5 Annex A).

    Raises
    ------
    Damaged
        ``unknown-transfer-syntax`` for a UID that is not registered.
    """
    if syntax in (IMPLICIT, GE_PRIVATE):
        return IMPLICIT_LE
    if syntax == BIG:
        return EXPLICIT_BE
    if uids().get(syntax, ("", ""))[1] == "Transfer Syntax":
        return EXPLICIT_LE
    raise Damaged("unknown-transfer-syntax")


def uid_text(raw: bytes) -> str:
    """A UID value without its padding."""
    return raw.decode("latin-1").strip("\0 \t\r\n")


def read_frame(data: Buffer) -> Frame | None:
    """Find the data set in `data`; None where this is no DICOM file.

    A file may lack the preamble, the prefix or the whole file meta group; group length is not believed.

    Raises
    ------
    Damaged
        ``empty``, ``truncated``, ``unknown-transfer-syntax``.
    """
    if data[128:132] == b"DICM":
        pos, sure = 132, True
    elif data[:4] == b"DICM":
        pos, sure = 4, True
    else:
        pos, sure = 0, False
    meta, pos = read_meta(data, pos)
    if not sure and not meta and not _plausible(data):
        return None
    if pos >= len(data):
        raise Damaged("truncated" if meta else "empty")
    declared = uid_text(meta.get(0x00020010, b""))
    syntax = declared or _guess(data, pos)
    encoding = encoding_of(syntax)
    if syntax in (IMPLICIT, EXPLICIT, BIG):
        seen = _guess(data, pos)
        if seen != syntax and _believable(data, pos, seen):
            syntax, encoding = seen, encoding_of(seen)
    return Frame(pos, meta, syntax, encoding)


def read_meta(data: Buffer, pos: int) -> tuple[dict[int, bytes], int]:
    """The file meta group from `pos` on: raw values by tag, and where it ends.

    Raises
    ------
    Damaged
        ``truncated`` where an element runs past the end.
    """
    meta: dict[int, bytes] = {}
    size = len(data)
    while data[pos : pos + 2] == b"\x02\x00" and pos + 8 <= size:
        tag = int.from_bytes(data[pos + 2 : pos + 4], "little") | 0x00020000
        vr = data[pos + 4 : pos + 6]
        if vr in LONG_VRS:
            begin, length = pos + 12, int.from_bytes(data[pos + 8 : pos + 12], "little")
        elif vr in SHORT_VRS:
            begin, length = pos + 8, int.from_bytes(data[pos + 6 : pos + 8], "little")
        else:
            begin, length = pos + 8, int.from_bytes(data[pos + 4 : pos + 8], "little")
        if begin + length > size:
            raise Damaged("truncated")
        meta[tag] = bytes(data[begin : begin + length])
        pos = begin + length
    return meta, pos


def _guess(data: Buffer, pos: int) -> str:
    """The uncompressed transfer syntax that the first element at `pos` looks like."""
    if data[pos + 4 : pos + 6] not in VRS:
        return IMPLICIT
    group = int.from_bytes(data[pos : pos + 2], "little")
    return BIG if group & 0xFF == 0 and group else EXPLICIT


def _believable(data: Buffer, pos: int, syntax: str) -> bool:
    """Whether the element at `pos`, read as `syntax`, begins a data set (group 0004 to 0010, length within the file)."""
    order = "big" if syntax == BIG else "little"
    group = int.from_bytes(data[pos : pos + 2], order)  # type: ignore[arg-type]
    if syntax == IMPLICIT:
        length = int.from_bytes(data[pos + 4 : pos + 8], "little")
        return group <= 0x10 and pos + 8 + length <= len(data)
    return group <= 0x10


def _plausible(data: Buffer) -> bool:
    """Whether bytes without prefix and file meta begin like a data set: two elements, ascending, of group 8 or 16."""
    for encoding in (EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE):
        first, pos = _peek(data, 0, encoding)
        if first >> 16 not in (0x0008, 0x0010):
            continue
        second, _ = _peek(data, pos, encoding) if pos < len(data) else (first + 1, 0)
        if first < second and second >> 16 <= 0x7FE0:
            return True
    return False


def _peek(data: Buffer, pos: int, encoding: Encoding) -> tuple[int, int]:
    """Tag of the element at `pos` and where the next one begins; tag -1 where none can stand here."""
    if pos + 8 > len(data):
        return -1, pos
    tag, vr = encoding.tag(data[pos : pos + 4]), data[pos + 4 : pos + 6]
    if not encoding.explicit:
        start, length = pos + 8, int.from_bytes(data[pos + 4 : pos + 8], "little")
    elif vr in LONG_VRS:
        start, length = (
            pos + 12,
            struct.unpack(encoding.order + "I", data[pos + 8 : pos + 12].ljust(4, b"\xff"))[0],
        )
    elif vr in SHORT_VRS:
        start, length = pos + 8, struct.unpack(encoding.order + "H", data[pos + 6 : pos + 8])[0]
    else:
        return -1, pos
    if length == UNDEFINED:
        return (tag if data[start : start + 4] == encoding.key(0xFFFEE000) else -1), len(data)
    return (tag, start + length) if start + length <= len(data) else (-1, pos)

"""Read every text value of a written data set, at every depth, as the characters it stands for.

Knows VRs and character sets. Refuses to know what is looked for in them (:mod:`medcli.privacy.dicom.words` does).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from medcli.privacy.dicom.codes import MARKS, vrs_of
from medcli.privacy.dicom.encoding import IMPLICIT_LE, MAX_DEPTH, TEXT_VRS, UNDEFINED, Buffer, Encoding
from medcli.privacy.dicom.skip import ITEM, ITEM_END, SEQUENCE_END, header, skip
from medcli.privacy.dicom.values import decode

__all__ = ["tagged", "texts"]

CHARSET = 0x00080005
#: VRs whose values are characters, but for the marks that are written by us.
_READ = TEXT_VRS | {"CS", "DA", "TM", "DT", "AS", "UN"}
#: VRs of short length that hold no words: most elements of an image, passed over without another look.
_PASSED = frozenset(b"AT DS FD FL IS SL SS UI UL US".split())
#: Longer values are searched as bytes only.
_LONGEST = 1 << 20
_ITEM_BYTES = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


def texts(data: Buffer, start: int, end: int, encoding: Encoding) -> Iterator[str]:
    """The text values between `start` and `end`, those of items among them: see :func:`tagged`."""
    return (text for _, _, text in tagged(data, start, end, encoding))


def tagged(
    data: Buffer,
    start: int,
    end: int,
    encoding: Encoding,
    *,
    charset: bytes = b"",
    depth: int = 0,
    ends: dict[int, int] | None = None,
) -> Iterator[tuple[int, str, str]]:
    """Tag, VR and text of the text values between `start` and `end`, those of items among them.

    Parameters
    ----------
    data, start, end
        A data set, or an item's body.
    encoding
        How it is laid out.
    charset
        Specific Character Set of the data set around it.
    depth
        How many sequences are around.
    ends
        Remembers where sequences and items of undefined length end.

    Yields
    ------
    tuple
        Tag, VR, and a value with padding and delimiters.

    Raises
    ------
    Damaged, Odd
        Where the bytes are no data set.
    """
    pos, ends = start, {} if ends is None else ends
    short = struct.Struct(encoding.order + "H").unpack_from
    passed = _PASSED if encoding.explicit else frozenset()
    while pos < end and depth <= MAX_DEPTH:
        if data[pos + 4 : pos + 6] in passed and pos + 8 <= end:
            pos += 8 + short(data, pos + 6)[0]
            continue
        tag, raw_vr, value, length = header(data, pos, end, encoding)
        if tag == ITEM_END:
            return
        vr = raw_vr.decode("ascii") or _vr_of(tag)
        if length == UNDEFINED:
            kind = raw_vr or (b"OB" if vr in ("OB", "OW", "OB or OW") else b"SQ")
            pos = skip(data, value, end, encoding, vr=kind, depth=depth, ends=ends)
            if kind not in (b"OB", b"OW"):
                inner = IMPLICIT_LE if raw_vr == b"UN" else encoding
                yield from _items(data, value, pos, inner, charset=charset, depth=depth, ends=ends)
            continue
        pos = value + length
        if tag in MARKS and not depth:
            continue
        if tag == CHARSET:
            charset = data[value:pos]
        if vr == "SQ" or (vr == "UN" and data[value : value + 4] in _ITEM_BYTES):
            inner = IMPLICIT_LE if raw_vr == b"UN" else encoding
            yield from _items(data, value, pos, inner, charset=charset, depth=depth, ends=ends)
        elif vr in _READ and 1 < length <= _LONGEST:
            yield tag, vr, decode(data[value:pos], charset)


def _items(
    data: Buffer, pos: int, end: int, encoding: Encoding, *, charset: bytes, depth: int, ends: dict[int, int]
) -> Iterator[tuple[int, str, str]]:
    while pos < end:
        tag, _, value, length = header(data, pos, end, encoding)
        if tag == SEQUENCE_END or tag != ITEM:
            return
        if length == 0:
            pos = value
        elif length == UNDEFINED:
            stop = _end_of_item(data, value, end, encoding, ends)
            yield from tagged(data, value, stop, encoding, charset=charset, depth=depth + 1, ends=ends)
            pos = stop + 8
        else:
            pos = value + length
            yield from tagged(data, value, pos, encoding, charset=charset, depth=depth + 1, ends=ends)


def _end_of_item(data: Buffer, pos: int, end: int, encoding: Encoding, ends: dict[int, int]) -> int:
    """Where the delimiter of an item of undefined length begins."""
    if pos in ends:
        return ends[pos] - 8
    while pos < end:
        tag, vr, value, length = header(data, pos, end, encoding)
        if tag == ITEM_END:
            return pos
        if length == UNDEFINED:
            pos = skip(data, value, end, encoding, vr=vr or b"SQ", depth=0, ends=ends)
        else:
            pos = value + length
    return end


def _vr_of(tag: int) -> str:
    known = vrs_of(tag)
    return known[0] if known else "UN"

"""One compressed frame as markers part it: how large its picture is, and what it carries that is no part of the picture.

Knows marker segments of JPEG and JPEG-LS (ITU-T T.81 Annex B, T.87 C.2) and of JPEG 2000 (T.800 Annex A). A second
code stream behind the first, a thumbnail in an application segment: no detector would ever see them. Refuses to decode.
"""

from __future__ import annotations

import re

__all__ = ["size_of", "stripped"]

_SOI, _EOI, _SOS, _APP0, _APP15 = 0xD8, 0xD9, 0xDA, 0xE0, 0xEF
#: Bytes of an application segment up to which it holds no picture.
_SHORT = 64
_SOT = 0x90
#: What ends entropy coded data: neither stuffing (below 0x80 in JPEG-LS, 0 in JPEG) nor a restart marker.
_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
#: Frame headers: all of JPEG's but DHT, JPG and DAC, and JPEG-LS's.
_FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
_JPEG, _JPEG_2000 = b"\xff\xd8\xff", b"\xff\x4f\xff\x51"


def size_of(raw: bytes) -> tuple[int, int] | None:
    """Rows and columns as the code stream says them; None where it is none of these families."""
    if raw[:4] == _JPEG_2000 and len(raw) >= 24:
        right, bottom, left, top = (int.from_bytes(raw[at : at + 4], "big") for at in (8, 12, 16, 20))
        return bottom - top, right - left
    if raw[:3] != _JPEG:
        return None
    for marker, start, _ in _segments(raw):
        if marker in _FRAMES:
            return int.from_bytes(raw[start + 5 : start + 7], "big"), int.from_bytes(
                raw[start + 7 : start + 9], "big"
            )
    return None


def stripped(raw: bytes) -> bytes:
    """The code stream without what stands behind its end, and without application segments that no decoder needs.

    The same object where there is nothing but padding to leave out, so that such frames are copied byte for byte.
    Comments stay: they are text, and are searched with the header.
    """
    if raw[:3] == _JPEG:
        parts, end = _jpeg(raw)
    elif raw[:4] == _JPEG_2000:
        end = _jpeg_2000_end(raw)
        parts = [raw[:end]]
    else:
        return raw
    if sum(map(len, parts)) == end and not raw[end:].strip(b"\0\xff"):
        return raw
    clean = b"".join(parts)
    return clean + b"\0" * (len(clean) % 2)


def _segments(raw: bytes) -> list[tuple[int, int, int]]:
    """(marker, start, end) of all segments of a JPEG stream up to its first scan's data, the scan header the last."""
    found, at = [], 2
    while at + 4 <= len(raw) and raw[at] == 0xFF:
        marker = raw[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (_SOI, _EOI):
            break
        end = at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
        found.append((marker, at, end))
        at = end
        if marker == _SOS:
            break
    return found


def _jpeg(raw: bytes) -> tuple[list[bytes], int]:
    """What makes the picture, and where the stream ends."""
    parts, at = [raw[:2]], 2
    while True:
        segments = _segments(b"\xff\xd8" + raw[at:])
        for marker, start, end in segments:
            parts.append(_kept(marker, raw[at - 2 + start : at - 2 + end]))
        at += (segments[-1][2] - 2) if segments else 0
        if not segments or segments[-1][0] != _SOS:
            break
        found = _MARKER.search(raw, at)
        end = found.start() if found else len(raw)
        parts.append(raw[at:end])
        at = end
    if raw[at : at + 2] == b"\xff\xd9":
        parts.append(raw[at : at + 2])
        at += 2
    return parts, at


def _kept(marker: int, segment: bytes) -> bytes:
    """A segment, but for application segments that have room for a thumbnail; JFIF's loses its own.

    Short ones say how samples are coded (SPIFF, Adobe), or are text, which is searched with the header.
    """
    if not _APP0 <= marker <= _APP15 or len(segment) <= _SHORT:
        return segment
    if segment[4:9] == b"JFIF\0":
        return b"\xff\xe0\0\x10" + segment[4:16] + b"\0\0"
    return b""


def _jpeg_2000_end(raw: bytes) -> int:
    """Where a JPEG 2000 code stream ends, behind its EOC marker where there is one."""
    at = 2
    while at + 4 <= len(raw) and raw[at] == 0xFF and raw[at + 1] != _EOI:
        if raw[at + 1] == _SOT:
            length = int.from_bytes(raw[at + 6 : at + 10], "big")
            following = at + length if length >= 14 else raw.find(b"\xff\xd9", at + 12)
            if not at < following <= len(raw):
                return len(raw)
            at = following
        else:
            at += 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    return at + 2 if raw[at : at + 2] == b"\xff\xd9" else min(at, len(raw))

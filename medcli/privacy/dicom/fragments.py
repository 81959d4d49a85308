"""Encapsulated Pixel Data seen as bytes: which of them are readable segments and which are compressed samples.

Knows PS3.5 A.4 and the marker segments of JPEG, JPEG-LS and JPEG 2000 (ITU-T T.81 B.1.1, T.87, T.800 A.1).
Refuses to decode a sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from medcli.privacy.dicom.encoding import Buffer
from medcli.privacy.dicom.read import WINDOW, give_back

__all__ = ["readable"]

#: Markers that stand alone, without a length.
_BARE = frozenset((0x01, 0xD8, 0xD9, 0x4F, *range(0xD0, 0xD8)))
#: Start of Scan (JPEG, JPEG-LS) and Start of Data (JPEG 2000): samples follow.
_SAMPLES = frozenset((0xDA, 0x93))
_END = b"\xff\xd9"
#: Bytes on each side of the border between two fragments that are searched together.
_SEAM = 256
#: How a code stream of JPEG, JPEG-LS or JPEG 2000 begins.
_BEGIN = (b"\xff\xd8", b"\xff\x4f")
#: What may follow samples before more samples: comments, application segments, headers of tile-parts (SOT). Samples
#: themselves never hold these bytes (T.81 F.1.2.3, T.87 A.1, T.800 A.1).
_BETWEEN = re.compile(rb"\xff(?:[\xe0-\xef\xfe]|\x90\0\x0a)")


def fragments(data: Buffer, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of each item's value between `start` and `stop`, the offset table's first."""
    pos = start
    while pos + 8 <= stop and data[pos : pos + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(data[pos + 4 : pos + 8], "little")
        yield pos + 8, pos + 8 + length
        pos += 8 + length


def readable(data: Buffer, start: int, stop: int) -> Iterator[bytes]:
    """The bytes of encapsulated pixel data that may be text: headers, comments, application segments, tails.

    A segment may run over the border between two fragments; what stands at each border is given joined, too.
    """
    given, marked, spill, seam = start, False, 0, b""
    for begin, end in fragments(data, start, stop):
        if end - given > WINDOW:
            give_back(data)
            given = end
        if marked:
            yield seam + data[begin : min(begin + _SEAM, end)]
        seam = (seam + data[max(begin, end - _SEAM) : end])[-_SEAM:]
        head = _head_end(data, min(begin + spill, end), end)
        yield data[begin : min(head, end)]
        spill, head = max(begin + spill - end, head - end, 0), min(head, end)
        marked = marked or data[begin : begin + 2] in _BEGIN
        if marked:
            yield from _between(data, head, end)
        tail = _tail_start(data, head, end)
        if tail < end:
            yield data[tail:end]


def _head_end(data: Buffer, pos: int, stop: int) -> int:
    """Where the compressed samples of a fragment begin (its start, where it begins with no marker).

    Beyond `stop` where a segment says that it goes on in the next fragment.
    """
    while pos + 4 <= stop and data[pos] == 0xFF:
        marker = data[pos + 1]
        if marker in _SAMPLES:
            return pos
        if marker in _BARE or marker == 0xFF:
            pos += 1 if marker == 0xFF else 2
            continue
        pos += 2 + int.from_bytes(data[pos + 2 : pos + 4], "big")
    return pos


def _tail_start(data: Buffer, head: int, stop: int) -> int:
    """Where the bytes behind the last end-of-image marker begin; `stop` where there are none."""
    at = data.rfind(_END, head, stop)
    return at + 2 if at >= 0 else stop


def _between(data: Buffer, pos: int, stop: int) -> Iterator[bytes]:
    """Segments that stand between samples, each with what follows it up to the next samples."""
    while match := _BETWEEN.search(data, pos, stop):
        begin, pos = match.start(), min(max(_head_end(data, match.start(), stop), match.end()), stop)
        yield data[begin:pos]

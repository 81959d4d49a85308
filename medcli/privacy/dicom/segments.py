"""Pieces that a result is made of: new bytes, ranges of the source, ranges of pixels with some bits cleared.

Knows how pieces become bytes. Refuses to know why they are as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby

from medcli.privacy import profiles
from medcli.privacy.dicom.encoding import Buffer, Encoding
from medcli.privacy.dicom.pixels import Masked, Poured

__all__ = ["Segment", "dummy_items", "length_of", "shorten"]

_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OB": "B"}
#: Ranges up to this many bytes are joined with what is beside them.
_SHORT = 64 << 10
#: New bytes, or a range of the source that is copied as it is or with overlay bits cleared.
Segment = bytes | tuple[int, int] | Masked | Poured


def length_of(segment: Segment) -> int:
    """Bytes of a segment."""
    return len(segment) if isinstance(segment, bytes) else segment[1] - segment[0]


def shorten(data: Buffer, segments: list[Segment]) -> list[Segment]:
    """Neighbours joined in memory, but for ranges so long that they are better copied from file to file."""
    result: list[Segment] = []
    waiting: list[bytes] = []
    for segment in segments:
        if isinstance(segment, bytes):
            waiting.append(segment)
        elif length_of(segment) <= _SHORT and not isinstance(segment, Masked | Poured):
            waiting.append(data[segment[0] : segment[1]])
        else:
            result += (b"".join(waiting), segment)
            waiting = []
    result.append(b"".join(waiting))
    return [segment for segment in result if segment]


def dummy_items(encoding: Encoding, tag: int, uid: str) -> bytes:
    """One item that makes the sequence `tag` legal and says nothing (empty where nothing is known of it).

    Parameters
    ----------
    encoding
        The layout of the data set.
    tag
        The sequence.
    uid
        A UID that names nothing, for items that must refer to something.
    """
    return encoding.item(_body(encoding, profiles.sequence_dummy(tag), uid))


def _body(encoding: Encoding, leaves: Sequence[profiles.Leaf], uid: str) -> bytes:
    body = b""
    for tag, group in groupby(leaves, key=lambda leaf: leaf[0][0]):
        children = list(group)
        path, vr, text = children[0]
        if len(path) > 1:
            inner = [(path[1:], vr, text) for path, vr, text in children]
            body += encoding.sequence(tag, encoding.item(_body(encoding, inner, uid)))
        elif vr == "SQ":
            body += encoding.sequence(tag, b"")
        else:
            body += encoding.element(tag, vr, _value(encoding, vr, uid if text == "{uid}" else text))
    return body


def _value(encoding: Encoding, vr: str, text: str) -> bytes:
    """`text` as the bytes of `vr`; binary VRs are given as decimal numbers."""
    if vr not in _FORMATS:
        return text.encode("ascii")
    numbers = [int(part) for part in text.split("\\")]
    return struct.pack(f"{encoding.order}{len(numbers)}{_FORMATS[vr]}", *numbers)

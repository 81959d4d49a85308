"""Pieces that a result is made of: new bytes, ranges of the source, ranges of pixels with some bits cleared.

Knows how pieces become bytes. Refuses to know why they are as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby

from medcli.privacy import profiles
from medcli.privacy.dicom.encoding import Buffer, Encoding
from medcli.privacy.dicom.pixels import Masked

__all__ = ["Segment", "dummy_items", "join"]

_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OB": "B"}
#: New bytes, or a range of the source that is copied as it is or with overlay bits cleared.
Segment = bytes | tuple[int, int] | Masked


def join(data: Buffer, segments: Sequence[Segment]) -> bytes:
    """The segments' bytes, in memory."""
    return b"".join(part if isinstance(part, bytes) else data[part[0] : part[1]] for part in segments)


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

"""Pieces that a result is made of: new bytes, ranges of the source, ranges of pixels with some bits cleared.

Knows how pieces become bytes. Refuses to know why they are as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from medcli.privacy import profiles
from medcli.privacy.dicom.encoding import Buffer, Encoding
from medcli.privacy.dicom.pixels import Masked

__all__ = ["Segment", "dummy_items", "join"]

#: New bytes, or a range of the source that is copied as it is or with overlay bits cleared.
Segment = bytes | tuple[int, int] | Masked


def join(data: Buffer, segments: Sequence[Segment]) -> bytes:
    """The segments' bytes, in memory."""
    return b"".join(part if isinstance(part, bytes) else data[part[0] : part[1]] for part in segments)


def dummy_items(encoding: Encoding, tag: int) -> bytes:
    """One item that makes a sequence legal and says nothing (empty where nothing is known of it)."""
    body = b""
    for child, vr, value in profiles.sequence_dummy(tag):
        if isinstance(value, tuple):
            inner = b"".join(encoding.element(*part) for part in value)
            body += encoding.sequence(child, encoding.item(inner))
        else:
            body += encoding.element(child, vr, value)
    return encoding.item(body)

"""A JPEG file as its markers part it (ITU-T T.81 Annex B): what an image needs, and what goes.

Knows segments. Refuses to know the coded data; :mod:`jpeg_blocks` does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from medcli.privacy.pixels.exif import orientation
from medcli.privacy.pixels.picture_kinds import UnfitPicture

__all__ = ["Component", "Jpeg", "Scan", "read_jpeg"]

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_APP0, _APP1, _APP14, _DHT, _SOS, _DQT, _DRI = 0xE0, 0xE1, 0xEE, 0xC4, 0xDA, 0xDB, 0xDD
#: Baseline, extended sequential, progressive: Huffman, lossy. Others are not read by common viewers.
_FRAMES = (0xC0, 0xC1, 0xC2)
_OTHER_FRAMES = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xDC, 0xDE))


@dataclass(frozen=True, slots=True)
class Component:
    """One colour component of a frame: its identifier, sampling factors and quantisation table."""

    name: int
    across: int
    down: int
    table: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: its header's payload, and its coded data with stuffing and restart markers."""

    header: bytes
    coded: bytes


@dataclass(slots=True)
class Jpeg:
    """What of a file makes its image.

    Attributes
    ----------
    frame
        Marker and payload of the frame header.
    components
        In the frame's order.
    parts
        (marker, payload) of tables, and :class:`Scan`, in order.
    dropped
        Payloads of all other segments, and what stood behind the end.
    turned
        Orientation by Exif.
    transform
        Of the Adobe segment; None without one.
    jfif
        Whether there is a JFIF segment.
    """

    frame: tuple[int, bytes] = (0, b"")
    components: tuple[Component, ...] = ()
    parts: list[tuple[int, bytes] | Scan] = field(default_factory=list)
    dropped: list[bytes] = field(default_factory=list)
    turned: int = 1
    transform: int | None = None
    jfif: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = struct.unpack(">HH", self.frame[1][1:5])
        return width, height

    @property
    def progressive(self) -> bool:
        """Whether the frame is progressive."""
        return self.frame[0] == 0xC2

    def plain(self, parts: list[tuple[int, bytes] | Scan] | None = None) -> bytes:
        """The file without all that the image does not need; with other `parts`, if given."""
        out = [_SOI]
        if self.jfif:
            out.append(_segment(_APP0, b"JFIF\0\1\1\0\0\1\0\1\0\0"))
        if self.transform is not None:
            out.append(_segment(_APP14, b"Adobe\0\x64\0\0\0\0" + bytes([self.transform])))
        for part in self.parts if parts is None else parts:
            if isinstance(part, Scan):
                out += [_segment(_SOS, part.header), part.coded]
            else:
                out.append(_segment(*part))
        return b"".join((*out, _EOI))


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, payload, coded data behind it) up to the end of the image; last, marker 0 and what stands behind it."""
    at = 2
    while True:
        if at + 2 > len(data) or data[at] != 0xFF:
            raise UnfitPicture("picture-damaged")
        while at + 1 < len(data) and data[at + 1] == 0xFF:
            at += 1
        marker, at = data[at + 1], at + 2
        if marker == 0xD9:
            yield 0, data[at:], b""
            return
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data) or marker in (0x00, 0x01, *range(0xD0, 0xD9)):
            raise UnfitPicture("picture-damaged")
        payload, at = data[at + 2 : at + length], at + length
        end = _coded_end(data, at) if marker == _SOS else at
        yield marker, payload, data[at:end]
        at = end


def _coded_end(data: bytes, at: int) -> int:
    """Where coded data end: at the next marker that is neither a stuffed byte nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise UnfitPicture("picture-damaged")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def read_jpeg(data: bytes) -> Jpeg:
    """Take a file apart.

    Raises
    ------
    UnfitPicture
        ``picture-damaged``, or ``picture-unsupported`` for frames that are lossless, arithmetic, hierarchical or of 12 bits.
    """
    jpeg = Jpeg()
    for marker, payload, coded in _segments(data):
        _take(jpeg, marker, payload, coded)
    if not jpeg.components or not any(isinstance(part, Scan) for part in jpeg.parts):
        raise UnfitPicture("picture-damaged")
    return jpeg


def _take(jpeg: Jpeg, marker: int, payload: bytes, coded: bytes) -> None:
    if marker in _OTHER_FRAMES or (marker in _FRAMES and jpeg.components):
        raise UnfitPicture("picture-unsupported")
    if marker in _FRAMES:
        jpeg.frame, jpeg.components = (marker, payload), _components(payload)
        jpeg.parts.append((marker, payload))
    elif marker == _SOS:
        jpeg.parts.append(Scan(payload, coded))
    elif marker in (_DHT, _DQT, _DRI):
        jpeg.parts.append((marker, payload))
    else:
        _drop(jpeg, marker, payload)


def _drop(jpeg: Jpeg, marker: int, payload: bytes) -> None:
    if marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        jpeg.transform = payload[11]
    elif marker == _APP0 and payload.startswith(b"JFIF\0"):
        jpeg.jfif = True
    elif marker == _APP1 and payload.startswith(b"Exif\0\0") and jpeg.turned == 1:
        jpeg.turned = orientation(payload)
    jpeg.dropped.append(payload)


def _components(payload: bytes) -> tuple[Component, ...]:
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise UnfitPicture("picture-damaged")
    if payload[0] != 8 or payload[5] not in (1, 3, 4):
        raise UnfitPicture("picture-unsupported")
    found = tuple(
        Component(payload[at], payload[at + 1] >> 4, payload[at + 1] & 15, payload[at + 2])
        for at in range(6, len(payload), 3)
    )
    if any(not (1 <= one.across <= 4 and 1 <= one.down <= 4) for one in found):
        raise UnfitPicture("picture-damaged")
    return found

"""A WebP file as its chunks part it (RFC 9649): what an image needs, and what goes.

Knows the container. Refuses to know the coded data, and animations.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from medcli.privacy.pixels.exif import orientation
from medcli.privacy.pixels.picture_kinds import UnfitPicture, within_limits

__all__ = ["WebP", "read_webp"]

_ANIMATION, _ALPHA = 0x02, 0x10


@dataclass(slots=True)
class WebP:
    """What of a file makes its image.

    Attributes
    ----------
    size
        Width and height.
    chunks
        The coded picture, and its alpha plane where it has one.
    alpha
        Whether the extended header says that there is transparency.
    extended
        Whether there is an extended header.
    turned
        Orientation by Exif.
    dropped
        The content of all other chunks, and what stood behind the end.
    """

    size: tuple[int, int] = (0, 0)
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    alpha: bool = False
    extended: bool = False
    turned: int = 1
    dropped: list[bytes] = field(default_factory=list)

    def plain(self) -> bytes:
        """The file without all that the image does not need."""
        body = b"WEBP"
        if self.extended:
            width, height = self.size
            flags = bytes((_ALPHA if self.alpha else 0, 0, 0, 0))
            body += _chunk(
                b"VP8X", flags + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
            )
        body += b"".join(_chunk(*one) for one in self.chunks)
        return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def read_webp(data: bytes) -> WebP:
    """Take a file apart.

    Raises
    ------
    UnfitPicture
        ``picture-damaged``, ``picture-too-large`` or ``picture-animated``.
    """
    webp, end, at = WebP(), 8 + int.from_bytes(data[4:8], "little"), 12
    if end > len(data):
        raise UnfitPicture("picture-damaged")
    while at + 8 <= end:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        content = data[at + 8 : at + 8 + length]
        if at + 8 + length > end:
            raise UnfitPicture("picture-damaged")
        _take(webp, kind, content, len(data))
        at += 8 + length + (length & 1)
    webp.dropped.append(data[at:])
    if not any(kind in (b"VP8 ", b"VP8L") for kind, _ in webp.chunks):
        raise UnfitPicture("picture-damaged")
    return webp


def _take(webp: WebP, kind: bytes, content: bytes, size: int) -> None:
    if kind in (b"ANIM", b"ANMF"):
        raise UnfitPicture("picture-animated")
    if kind == b"VP8X" and len(content) >= 10:
        if content[0] & _ANIMATION:
            raise UnfitPicture("picture-animated")
        webp.extended, webp.alpha = True, bool(content[0] & _ALPHA)
        webp.size = (
            1 + int.from_bytes(content[4:7], "little"),
            1 + int.from_bytes(content[7:10], "little"),
        )
        within_limits(size, *webp.size)
    elif kind in (b"VP8 ", b"VP8L", b"ALPH") and kind not in (known for known, _ in webp.chunks):
        if kind != b"ALPH":
            webp.size = coded = _coded_size(kind, content)
            within_limits(size, *coded)
        webp.chunks.append((kind, content))
    else:
        if kind == b"EXIF":
            webp.turned = orientation(content)
        webp.dropped.append(content)


def _coded_size(kind: bytes, content: bytes) -> tuple[int, int]:
    """Width and height as the coded data say them (RFC 6386 9.1; RFC 9649 3.4)."""
    if kind == b"VP8 ":
        if content[3:6] != b"\x9d\x01\x2a":
            raise UnfitPicture("picture-damaged")
        width, height = struct.unpack("<HH", content[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if content[:1] != b"\x2f" or len(content) < 5:
        raise UnfitPicture("picture-damaged")
    bits = int.from_bytes(content[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)

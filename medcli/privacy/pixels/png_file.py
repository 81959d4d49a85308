"""A PNG file as its chunks part it (PNG, third edition, 5 and 11): what an image needs, and what goes.

Knows chunks and how long the coded data must be. Refuses to unfilter: pixels are :mod:`picture_pages`'s.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from medcli.privacy.pixels.exif import orientation
from medcli.privacy.pixels.picture_kinds import UnfitPicture, within_limits

__all__ = ["Png", "read_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: What changes how the pixels are shown, in numbers only. iCCP holds text, bKGD and pHYs say nothing a reader needs.
_KEPT = (b"IHDR", b"sBIT", b"cHRM", b"gAMA", b"sRGB", b"PLTE", b"tRNS")
_SIZED = {b"IHDR": 13, b"cHRM": 32, b"gAMA": 4, b"sRGB": 1}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: Bytes behind the rows that are looked at.
_MORE = 1 << 16
#: Adam7 (8.2): first row, first column, row step, column step of each pass.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclass(slots=True)
class Png:
    """What of a file makes its image.

    Attributes
    ----------
    width, height, depth, colour
        Of the header; `depth` in bits a sample, `colour` the colour type.
    turned
        Orientation by Exif.
    chunks
        Kept ones but the coded data, in their order.
    coded
        The filtered rows, compressed anew where anything stood behind them.
    dropped
        The content of all other chunks, and what stood behind the end.
    """

    width: int = 0
    height: int = 0
    depth: int = 0
    colour: int = 0
    interlaced: bool = False
    turned: int = 1
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    coded: bytes = b""
    dropped: list[bytes] = field(default_factory=list)

    def plain(self) -> bytes:
        """The file without all that the image does not need."""
        body = b"".join(_chunk(*one) for one in self.chunks)
        return _SIGNATURE + body + _chunk(b"IDAT", self.coded) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def read_png(data: bytes) -> Png:
    """Take a file apart.

    Raises
    ------
    UnfitPicture
        ``picture-damaged``, ``picture-too-large``, ``picture-animated`` or ``picture-unsupported``.
    """
    png, coded, at = Png(), [], len(_SIGNATURE)
    while True:
        if at + 12 > len(data):
            raise UnfitPicture("picture-damaged")
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        checked = data[at + 8 + length : at + 12 + length]
        if len(content) != length or int.from_bytes(checked, "big") != zlib.crc32(kind + content):
            raise UnfitPicture("picture-damaged")
        at += 12 + length
        if kind == b"IEND":
            png.dropped += [content, data[at:]]
            break
        if kind == b"IDAT":
            coded.append(content)
        else:
            _take(png, kind, content, len(data))
    _take_coded(png, b"".join(coded))
    return png


def _take(png: Png, kind: bytes, content: bytes, size: int) -> None:
    if not png.width and kind != b"IHDR":
        raise UnfitPicture("picture-damaged")
    if kind == b"acTL":
        raise UnfitPicture("picture-animated")
    twice = kind in (known for known, _ in png.chunks)
    if kind in _KEPT and not twice and len(content) == _SIZED.get(kind, len(content)):
        if kind == b"IHDR":
            _take_header(png, content, size)
        png.chunks.append((kind, content))
        return
    if kind[:1].isupper():
        # A critical chunk that is not known: the image can't be shown without it (5.4).
        raise UnfitPicture("picture-unsupported" if kind not in _KEPT else "picture-damaged")
    if kind == b"eXIf":
        png.turned = orientation(content)
    png.dropped.append(content)
    if kind in (b"zTXt", b"iTXt", b"iCCP"):
        png.dropped.append(_inflated(content))


def _take_header(png: Png, content: bytes, size: int) -> None:
    png.width, png.height, png.depth, png.colour, _, _, interlace = struct.unpack(">IIBBBBB", content)
    png.interlaced = interlace == 1
    if png.colour not in _SAMPLES or png.depth not in (1, 2, 4, 8, 16) or interlace > 1:
        raise UnfitPicture("picture-damaged")
    within_limits(size, png.width, png.height, depth=max(_SAMPLES[png.colour] * png.depth // 8, 1))


def _inflated(content: bytes) -> bytes:
    """The first text of a compressed text chunk, so that it can be searched for; empty where it is damaged."""
    start = content.find(b"\0")
    for at in range(start + 1, min(start + 128, len(content))):
        if content[at : at + 1] == b"\x78":
            try:
                return zlib.decompressobj().decompress(content[at:], 1 << 16)
            except zlib.error:
                continue
    return b""


def _rows(png: Png) -> int:
    """Bytes of the filtered rows."""
    bits = _SAMPLES[png.colour] * png.depth

    def rows(width: int, height: int) -> int:
        return height * (1 + (width * bits + 7) // 8) if width > 0 and height > 0 else 0

    if not png.interlaced:
        return rows(png.width, png.height)
    return sum(
        rows(-(-(png.width - left) // across), -(-(png.height - top) // down))
        for top, left, down, across in _PASSES
    )


def _take_coded(png: Png, coded: bytes) -> None:
    """Check that the coded data hold the rows, and nothing else."""
    if not png.width or (png.colour == 3 and not any(kind == b"PLTE" for kind, _ in png.chunks)):
        raise UnfitPicture("picture-damaged")
    size, inflater = _rows(png), zlib.decompressobj()
    try:
        rows = inflater.decompress(coded, size)
        if not inflater.eof:
            rows += inflater.decompress(inflater.unconsumed_tail, _MORE)
    except zlib.error:
        raise UnfitPicture("picture-damaged") from None
    if len(rows) < size:
        raise UnfitPicture("picture-damaged")
    if len(rows) > size or inflater.unused_data or not inflater.eof:
        png.dropped += [rows[size:], inflater.unused_data]
        coded = zlib.compress(rows[:size])
    png.coded = coded

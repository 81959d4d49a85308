"""Whether a picture that was written holds pixels and nothing else: its bytes are parted again, and searched.

Knows which chunks, segments and tags may be there, and what its source had to lose. Refuses to trust the writer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from medcli.privacy.pixels.jpeg_file import Jpeg, Scan, read_jpeg
from medcli.privacy.pixels.picture_kinds import UnfitPicture
from medcli.privacy.pixels.png_file import Png, read_png
from medcli.privacy.pixels.webp_file import WebP, read_webp

__all__ = ["holds_more", "needles", "texts_of_tiff"]

#: TIFF 6.0: size, bits, compression, photometric, strips, samples, planes, predictor, palette, extra samples, format;
#: resolution and its unit, which the writer puts there itself.
_TIFF_TAGS = frozenset(
    (254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 284, 296, 317, 320, 338, 339)
)
_TIFF_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)
_READERS: dict[str, Callable[[bytes], Png | Jpeg | WebP]] = {
    "png": read_png,
    "jpeg": read_jpeg,
    "webp": read_webp,
}
_READABLE = re.compile(rb"[\x20-\x7e]{6,}|(?:[\x20-\x7e]\0){6,}")
_LONG = re.compile(rb"[\x20-\x7e]{24,}")
_MOST_NEEDLES, _LONGEST = 4000, 64
#: Words that formats themselves put everywhere.
_ORDINARY = (b"http://ns.adobe.com/", b"http://www.w3.org/", b"Photoshop 3.0", b"JFIF", b"Adobe")


def holds_more(kind: str, written: bytes, sought: Iterable[bytes]) -> bool:
    """Whether a written picture holds anything besides its image, or any of what is sought.

    Raises
    ------
    UnfitPicture
        Where it can't be read.
    """
    # The usual Huffman tables are made of letters: a thumbnail that went had the same.
    where = _but_tables(written) if kind == "jpeg" else written
    coded = _but_greys(written) if kind == "png" else where
    if any(needle in where for needle in sought):
        return True
    if kind in ("png", "jpeg", "webp"):
        dropped = _READERS[kind](written).dropped
        allowed = _own_segments if kind == "jpeg" else (lambda _: False)
        return any(part and not allowed(part) for part in dropped) or _speaks(coded)
    if kind == "tiff":
        return any(tag not in _TIFF_TAGS for tag, _ in _tiff_entries(written))
    return not _is_bare_bitmap(written)


def _but_tables(written: bytes) -> bytes:
    parts = read_jpeg(written).parts
    return b"\n".join(part.header + part.coded for part in parts if isinstance(part, Scan))


def _but_greys(written: bytes) -> bytes:
    """A PNG whose palette lacks its greys: a ramp of them spells the alphabet, each letter three times."""
    png = read_png(written)
    palette = next((content for kind, content in png.chunks if kind == b"PLTE"), b"")
    entries = [palette[at : at + 3] for at in range(0, len(palette), 3)]
    colours = b"".join(entry for entry in entries if len(set(entry)) > 1)
    return written.replace(palette, colours, 1) if palette else written


def _own_segments(payload: bytes) -> bool:
    """The two segments that are written on purpose."""
    return payload == b"JFIF\0\1\1\0\0\1\0\1\0\0" or (
        len(payload) == 12 and payload.startswith(b"Adobe\0\x64\0\0\0\0")
    )


def _speaks(written: bytes) -> bool:
    """Whether readable text of many letters stands in coded data, where chance makes none."""
    return any(len(set(run[0])) > 9 for run in _LONG.finditer(written))


def needles(dropped: Iterable[bytes]) -> frozenset[bytes]:
    """What had to go, as far as it can be read: runs of six characters and more, of one byte or two each."""
    found: set[bytes] = set()
    for part in _but_pictures(dropped):
        for run in _READABLE.finditer(part[: 1 << 20]):
            text = run[0][:_LONGEST]
            if len(set(text)) > 3 and not text.startswith(_ORDINARY):
                found.add(text)
            if len(found) >= _MOST_NEEDLES:
                return frozenset(found)
    return frozenset(found)


def _but_pictures(dropped: Iterable[bytes]) -> Iterator[bytes]:
    """Parts without the coded data of further pictures in them: thumbnails, and what cameras append."""
    for part in dropped:
        at = part.find(b"\xff\xd8\xff")
        if at < 0:
            yield part
            continue
        yield part[:at]
        try:
            yield from _but_pictures(read_jpeg(part[at:]).dropped)
        except UnfitPicture:
            yield part[at:]


def texts_of_tiff(data: bytes) -> list[bytes]:
    """The values of all tags of a TIFF that are not its image's own."""
    try:
        return [value for tag, value in _tiff_entries(data) if tag not in _TIFF_TAGS]
    except UnfitPicture:
        return []


def _tiff_entries(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, value) of all directories of a classic TIFF; values above 1 MiB are cut."""
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(data[:4])
    if order is None:
        raise UnfitPicture("picture-unsupported")

    def number(at: int, size: int) -> int:
        if at + size > len(data):
            raise UnfitPicture("picture-damaged")
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    at, seen = number(4, 4), set[int]()
    while at:
        if at in seen:
            raise UnfitPicture("picture-damaged")
        seen.add(at)
        count = number(at, 2)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            kind, many = number(entry + 2, 2), number(entry + 4, 4)
            size = many * (_TIFF_SIZES[kind] if kind < len(_TIFF_SIZES) else 1)
            start = entry + 8 if size <= 4 else number(entry + 8, 4)
            yield number(entry, 2), data[start : start + min(size, 1 << 20)]
        at = number(at + 2 + 12 * count, 4)


def _is_bare_bitmap(data: bytes) -> bool:
    """Whether a BMP holds its header, its palette and rows of the right length, and ends there."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little")

    header, start, width, height = number(14, 4), number(10, 4), number(18, 4), number(22, 4)
    bits, coding, colours = number(28, 2), number(30, 4), number(46, 4)
    row = (width * bits + 31) // 32 * 4
    palette = 4 * (colours or (1 << bits if bits <= 8 else 0))
    masks = 16 if coding == 3 and header == 40 else 0
    return (
        data[:2] == b"BM"
        and coding in (0, 3)
        and start == 14 + header + masks + palette
        and start + row * height == number(2, 4) == len(data)
    )

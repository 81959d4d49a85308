"""Which pictures there are: told by their first bytes, never by their names; and the words for what is wrong with one.

Knows signatures and limits. Refuses to decode.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "HEAD",
    "KINDS",
    "LARGEST",
    "SUFFIXES",
    "UnfitPicture",
    "picture_kind",
    "recognise",
    "within_limits",
]

#: Bytes that are enough to recognise a picture.
HEAD = 32
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "bmp": ".bmp", "webp": ".webp"}
KINDS = tuple(SUFFIXES)
#: Pixels of one page; decoded, twelve bytes each at most are held. A film scan at 400 dpi has 33 million.
LARGEST = 64_000_000
#: Bytes of a file, and of all its decoded pages.
_FILE, _PAGES = 256 << 20, 384 << 20


class UnfitPicture(Exception):
    """A picture can't be released. Carries a reason code and nothing of the picture.

    Parameters
    ----------
    reason
        ``picture-damaged``, ``picture-too-large``, ``picture-animated``, ``picture-unsupported``, ``text-left-in-pixels``,
        ``detector-failed``, ``withheld-by-reviewer``, ``residue`` or ``unsound``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def recognise(head: bytes) -> str:
    """The kind of a picture by its first :data:`HEAD` bytes; empty where it is none of :data:`KINDS`."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    # A BMP says its header's size (12 to 124) and has no further mark.
    sized = int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)
    return "bmp" if head.startswith(b"BM") and sized else ""


def picture_kind(source: bytes | Path | str) -> str:
    """The kind of picture that a file is, by its first bytes; empty for none."""
    if isinstance(source, bytes):
        return recognise(source[:HEAD])
    try:
        with open(source, "rb") as stream:
            return recognise(stream.read(HEAD))
    except OSError:
        return ""


def within_limits(size: int, width: int, height: int, pages: int = 1, depth: int = 4) -> None:
    """Refuse what would not fit into a worker's memory, before anything is decoded.

    Parameters
    ----------
    size
        Bytes of the file.
    width, height, pages
        In pixels.
    depth
        Bytes a pixel, decoded.

    Raises
    ------
    UnfitPicture
        ``picture-damaged`` or ``picture-too-large``.
    """
    if width < 1 or height < 1:
        raise UnfitPicture("picture-damaged")
    pixels = width * height
    if size > _FILE or pixels > LARGEST or pixels * pages * depth > _PAGES:
        raise UnfitPicture("picture-too-large")

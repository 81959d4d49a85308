"""What kind of picture bytes are, and whether they decode.

Knows magic numbers; refuses to change a byte.
"""

from __future__ import annotations

import os
import warnings

from medcli.errors import ItemFailed, MissingExtra

NOT_A_PICTURE = "not-a-picture"
DAMAGED = "does-not-decode"
ENDINGS = ("jpg", "png", "gif", "tif", "webp", "bmp")

_MAGIC = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tif"),
    (b"MM\x00*", "tif"),
    (b"II+\x00", "tif"),
    (b"MM\x00+", "tif"),
    (b"BM", "bmp"),
)


def ending_of(head: bytes) -> str:
    """The ending of a picture that begins with these bytes (16 or more).

    Raises
    ------
    ItemFailed
        ``not-a-picture``.
    """
    for magic, ending in _MAGIC:
        if head.startswith(magic):
            return ending
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    raise ItemFailed(NOT_A_PICTURE)


def check(path: str | os.PathLike[str]) -> None:
    """Decode a picture, its first frame, to its end, and forget it.

    A JPEG is decoded to an eighth of its size in grey: all its codes are read, which is where damage shows, but most of
    the arithmetic is left out, and half the time with it.

    Raises
    ------
    ItemFailed
        ``does-not-decode``.
    MissingExtra
        Without Pillow.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("download", "decoding pictures (or say --no-decode)") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large figure is no attack here: nothing is kept
            with Image.open(path) as picture:
                picture.draft("L", (1, 1))
                picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ItemFailed(DAMAGED) from None

"""Frames of one data set, decoded one at a time, whatever their transfer syntax.

Knows native frames, single bits that run over the borders of bytes, and encapsulated ones. Refuses to hold more than
a frame.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from medcli.privacy.pixels import capsules, codecs
from medcli.privacy.pixels.codestream import stripped
from medcli.privacy.pixels.image import Image, Unclean
from medcli.privacy.pixels.places import LENGTHS, OFFSETS, Places

__all__ = ["Frames"]

#: Frames of more pixels than this are refused: nobody could look at them in bounded memory.
_LARGEST = 1 << 27


def _as_decoded(places: Places) -> Image:
    """The form that frames have when they are decoded: compressed ones lie by pixel, and lossy colour becomes RGB."""
    image, syntax = places.image, places.frame.syntax
    if not places.pixel.undefined or image.samples < 3:
        return (
            image if not places.pixel.undefined else replace(image, planar=False, little=True, swapped=False)
        )
    photometric = image.photometric.replace("YBR_FULL_422", "YBR_FULL")
    if syntax in codecs.JPEG_LOSSY or photometric in ("YBR_RCT", "YBR_ICT"):
        photometric = "RGB"
    return replace(
        image, photometric=photometric, planar=False, little=True, swapped=False, coded=image.photometric
    )


class Frames:
    """The frames of one data set.

    Raises
    ------
    Unclean
        Where frames can't be told apart or decoded.
    """

    def __init__(self, places: Places) -> None:
        self.places, self.syntax = places, places.frame.syntax
        self.image = _as_decoded(places)
        self.image.check()
        if codecs.VIDEO.match(self.syntax):
            raise Unclean("video")
        if self.image.rows * self.image.columns > _LARGEST:
            raise Unclean("pixels-unusual")
        pixel = places.pixel
        self.encapsulated = pixel.undefined
        if self.image.swapped and self.image.frame_bits // 8 % 2:
            raise Unclean("pixels-unusual")
        if self.encapsulated == codecs.is_native(self.syntax):
            raise Unclean("pixels-unusual")
        self.capsule = (
            capsules.capsule(
                places.data,
                pixel.value,
                pixel.end,
                self.image.frames,
                places.entries(OFFSETS),
                single=self.syntax in (codecs.RLE, codecs.ENCAPSULATED_RAW),
            )
            if self.encapsulated
            else None
        )
        self.extended = self.encapsulated and bool(places.entries(OFFSETS) or places.entries(LENGTHS))
        if (
            not self.encapsulated
            and pixel.end - pixel.value < (self.image.frame_bits * self.image.frames + 7) // 8
        ):
            raise Unclean("pixels-unusual")

    def __len__(self) -> int:
        return self.image.frames

    def raw(self, number: int) -> bytes:
        """A frame's bytes as they are stored; single bits as a byte each."""
        if self.capsule is not None:
            return capsules.joined(self.places.data, self.capsule.frames[number])
        bits, start = self.image.frame_bits, self.places.pixel.value
        if self.image.allocated == 1:
            return self._bits(number * bits, bits)
        first = start + number * bits // 8
        return self.places.data[first : first + bits // 8]

    def carrying(self) -> bool:
        """Whether a frame's code stream carries what is no part of its picture; see :mod:`codestream`."""
        if self.capsule is None:
            return False
        return any(stripped(raw) is not raw or raw[4:8] == b"jP  " for raw in map(self.raw, range(len(self))))

    def words(self, number: int) -> Any:
        """A frame as :meth:`medcli.privacy.pixels.image.Image.unpack` gives it."""
        raw = self.raw(number)
        if self.capsule is not None:
            return codecs.decode(self.syntax, self.image, raw)
        return self.image.unpack(raw)

    def digest(self, number: int) -> bytes:
        """SHA-256 of a frame as it is stored."""
        return hashlib.sha256(self.raw(number)).digest()

    def _bits(self, first: int, count: int) -> bytes:
        import numpy as np

        start = self.places.pixel.value + first // 8
        raw = self.places.data[start : self.places.pixel.value + (first + count + 7) // 8]
        return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[
            first % 8 : first % 8 + count
        ].tobytes()

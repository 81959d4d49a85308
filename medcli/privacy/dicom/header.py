"""What the top level of a data set says of itself, as far as the work on it needs that.

Knows identifiers, the Image Pixel module's numbers and the pixel gate's clues. Refuses to change anything but overlay
planes that lie in unused bits of the pixels.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Literal

from medcli.privacy.dicom import codes, pixels
from medcli.privacy.dicom.codes import PIXEL_DATA
from medcli.privacy.dicom.encoding import GE_PRIVATE, LONG_VRS, Buffer, Damaged, Encoding, Frame, uid_text
from medcli.privacy.dicom.pseudonyms import normal
from medcli.privacy.dicom.read import pieces
from medcli.privacy.dicom.segments import Segment
from medcli.privacy.dicom.values import decode
from medcli.privacy.dicom.walk import Element, Walk, walk

__all__ = ["Header", "is_uid"]


#: Bits of Float and Double Float Pixel Data, which have no Bits Allocated to believe.
_FLOAT_BITS = {0x7FE00008: 32, 0x7FE00009: 64}
#: Digits of a number of frames, at most: an IS has no more than 12 bytes.
MOST_DIGITS = 13
_UID = re.compile(r"[0-9.]{1,64}\Z")


def is_uid(text: str) -> bool:
    """Whether `text` holds only what a UID may hold, and no more of it than 64 characters."""
    return bool(_UID.match(text))


class _Sought:
    """A table for a walk that looks for a few attributes, and judges nothing."""

    def __init__(self, tags: Collection[int]) -> None:
        self._tags = tags
        self._keys: dict[bytes, int] = {}

    def keys(self, encoding: Encoding) -> dict[bytes, int]:  # noqa: ARG002 - a walk has one encoding
        """As :meth:`medcli.privacy.dicom.table.Table.keys`."""
        return self._keys

    def learn(self, encoding: Encoding, key: bytes) -> int:
        """As :meth:`medcli.privacy.dicom.table.Table.learn`."""
        tag, code = encoding.tag(key[:4]), codes.KEEP
        if tag in codes.PIXEL_TAGS:
            code = codes.PIXELS
        elif tag in self._tags:
            code = codes.WATCH
        elif key[4:6] in LONG_VRS or not encoding.explicit:
            code = codes.KEEP_LONG
        number = self._keys[bytes(key)] = tag << codes.TAG_SHIFT | code
        return number


class Header:
    """What the top level of a data set says of itself, as far as the work needs it."""

    def __init__(self, data: Buffer, frame: Frame, found: Walk) -> None:
        self.data, self.frame = data, frame
        self.elements = found.elements
        self.seen: dict[int, Element] = {element.tag: element for element in found.elements}
        self.charset = self._raw(0x00080005)
        sop_class = self._uid(0x00080016) or uid_text(frame.meta.get(0x00020002, b""))
        #: Empty where none is named, or where what stands there is no UID: it goes into the file meta as it is.
        self.sop_class = sop_class if is_uid(sop_class) else ""
        self.instance = self._uid(0x00080018) or uid_text(frame.meta.get(0x00020003, b""))
        self.study, self.series = self._uid(0x0020000D), self._uid(0x0020000E)
        self.patient_id, self.issuer = self._text(0x00100020), self._text(0x00100021)
        self.modality = self._raw(0x00080060).decode("latin-1").strip("\0 ")
        self.pixels = next(
            (self.seen[tag] for tag in sorted(codes.PIXEL_TAGS, reverse=True) if tag in self.seen), None
        )

    def _raw(self, tag: int) -> bytes:
        element = self.seen.get(tag)
        return self.data[element.value : element.end] if element else b""

    def _uid(self, tag: int) -> str:
        return uid_text(self._raw(tag))

    def _text(self, tag: int) -> str:
        return normal(decode(self._raw(tag), self.charset))

    def digest(self, *, whole: bool = False) -> bytes:
        """SHA-256 of the data set without its pixels, or `whole`: 32 bytes.

        Pixels with overlay planes that have to go are always in it.
        """
        digest, pixel = hashlib.sha256(), self.seen.get(PIXEL_DATA)
        if (
            whole
            or pixel is None
            or pixels.embedded_overlay(self.elements, self.data, self.frame.encoding, self.numbers())
        ):
            ranges = [(self.frame.start, len(self.data))]
        else:
            ranges = [(self.frame.start, pixel.value), (pixel.end, len(self.data))]
        for start, stop in ranges:
            for piece in pieces(self.data, start, stop):
                digest.update(piece)
        return digest.digest()

    def numbers(self) -> dict[int, int]:
        """The integers of the Image Pixel module by tag."""
        order: Literal["little", "big"] = "little" if self.frame.encoding.little else "big"
        tags = (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
        found = {tag: _number(self._raw(tag), order) for tag in tags if tag in self.seen}
        frames = self._raw(0x00280008).strip(b"\0 ")
        if frames:
            found[0x00280008] = int(frames) if frames.isdigit() and len(frames) < MOST_DIGITS else -1
        return found

    def not_examined(self) -> str:
        """The reason code to withhold a file whose pixels or sound may identify; empty where nothing says so."""
        if pixels.is_speech(self.sop_class):
            return "audio-not-examined"
        return "pixels-not-examined" if self.pixels and self.shows_text() else ""

    def word(self, tag: int) -> str:
        """A text that is noted, without padding; empty where there is none."""
        return self._raw(tag).decode("latin-1").strip("\0 ")

    def sought(self, *tags: int) -> dict[int, str]:
        """Texts by tag, of the outermost data set, whether noted or not; walks the header once more."""
        found = walk(self.data, self.frame.start, len(self.data), self.frame.encoding, _Sought(tags))
        return {
            element.tag: self.data[element.value : element.end].decode("latin-1").strip("\0 ")
            for element in found.elements
            if element.code == codes.WATCH
        }

    def shows_text(self) -> str:
        """Why the pixels may show text; empty where the header says nothing so."""
        tags = (0x00080008, 0x00080060, 0x00080064, 0x00280301)
        texts = {tag: self._raw(tag).decode("latin-1").strip("\0 ") for tag in tags}
        palette = self._raw(0x00280004).strip(b"\0 ") == b"PALETTE COLOR"
        colour = palette or self.numbers().get(0x00280002, 1) > 1
        return pixels.may_show_text(self.sop_class, self.frame.syntax, texts, colour=colour)

    def check_pixels(self) -> None:
        """Refuse native pixels whose length can't be told, or that are followed by more than padding.

        What stands there may be anything, and pixels are not searched. Of the three kinds of pixels an object has one.

        Raises
        ------
        Damaged
            ``pixel-length``.
        """
        present = [self.seen[tag] for tag in codes.PIXEL_TAGS if tag in self.seen]
        if len(present) > 1:
            raise Damaged("pixel-length")
        if not present or present[0].undefined:
            return
        pixel, numbers = present[0], self.numbers()
        if pixel.tag in _FLOAT_BITS:
            numbers[0x00280100] = _FLOAT_BITS[pixel.tag]
        photometric = self._raw(0x00280004).decode("latin-1").strip("\0 ")
        expected = pixels.expected_length(numbers, photometric)
        if expected is None:
            raise Damaged("pixel-length")
        if pixel.end - pixel.value <= expected + 1:
            return
        if any(piece.strip(b"\0") for piece in pieces(self.data, pixel.value + expected, pixel.end)):
            raise Damaged("pixel-length")

    def mask_overlays(self, segments: list[Segment]) -> tuple[list[Segment], pixels.Masked | None]:
        """Clear overlay planes that lie in unused bits of native pixels.

        Raises
        ------
        Damaged
            ``overlay-in-compressed-pixels`` where the pixels would have to be decoded first.
        """
        pixel, numbers = self.seen.get(PIXEL_DATA), self.numbers()
        if pixel is None or not pixels.embedded_overlay(
            self.elements, self.data, self.frame.encoding, numbers
        ):
            return segments, None
        if pixel.undefined:
            raise Damaged("overlay-in-compressed-pixels")
        allocated, stored = numbers[0x00280100], numbers[0x00280101]
        high = numbers.get(0x00280102, stored - 1)
        if allocated not in (8, 16, 32) or not stored <= high + 1 <= allocated:
            raise Damaged("overlay-in-unusual-pixels")
        little = self.frame.encoding.little and self.frame.syntax != GE_PRIVATE
        signed = numbers.get(0x00280103) == 1
        masked = pixels.Masked(pixel.value, pixel.end, allocated, stored, high, signed, little)
        return list(_replaced(segments, masked)), masked


def _number(raw: bytes, order: Literal["little", "big"]) -> int:
    """A US, or the same number under another binary VR of two or four bytes."""
    return int.from_bytes(raw if len(raw) == 4 else raw[:2], order)


def _replaced(segments: list[Segment], masked: pixels.Masked) -> Iterator[Segment]:
    """`segments` with the range of the pixels in its masked form."""
    for segment in segments:
        plain = type(segment) is tuple and segment[0] <= masked.start and masked.stop <= segment[1]
        if not plain:
            yield segment
            continue
        begin, end = segment[0], segment[1]
        yield from ((begin, masked.start), masked, (masked.stop, end))

"""What the top level of a data set says of itself, as far as the work on it needs that.

Knows identifiers, the Image Pixel module's numbers and the pixel gate's clues. Refuses to change anything but overlay
planes that lie in unused bits of the pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from medcli.privacy.dicom import codes, pixels
from medcli.privacy.dicom.encoding import GE_PRIVATE, Buffer, Damaged, Frame, uid_text
from medcli.privacy.dicom.pseudonyms import normal
from medcli.privacy.dicom.read import pieces
from medcli.privacy.dicom.segments import Segment
from medcli.privacy.dicom.values import decode
from medcli.privacy.dicom.walk import Element, Walk

__all__ = ["Header"]


_UID = re.compile(r"[0-9.]{1,64}\Z")


class Header:
    """What the top level of a data set says of itself, as far as the work needs it."""

    def __init__(self, data: Buffer, frame: Frame, found: Walk) -> None:
        self.data, self.frame = data, frame
        self.elements = found.elements
        self.seen: dict[int, Element] = {element.tag: element for element in found.elements}
        self.charset = self._raw(0x00080005)
        sop_class = self._uid(0x00080016) or uid_text(frame.meta.get(0x00020002, b""))
        #: Empty where none is named, or where what stands there is no UID: it goes into the file meta as it is.
        self.sop_class = sop_class if _UID.match(sop_class) else ""
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

    def numbers(self) -> dict[int, int]:
        """The integers of the Image Pixel module by tag."""
        order: Literal["little", "big"] = "little" if self.frame.encoding.little else "big"
        tags = (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
        found = {tag: int.from_bytes(self._raw(tag)[:2], order) for tag in tags if tag in self.seen}
        frames = self._raw(0x00280008).strip(b"\0 ")
        if frames:
            found[0x00280008] = int(frames) if frames.isdigit() else -1
        return found

    def not_examined(self) -> str:
        """The reason code to withhold a file whose pixels or sound may identify; empty where nothing says so."""
        if pixels.is_speech(self.sop_class):
            return "audio-not-examined"
        return "pixels-not-examined" if self.pixels and self._shows_text() else ""

    def _shows_text(self) -> str:
        tags = (0x00080008, 0x00080060, 0x00080064, 0x00280301)
        texts = {tag: self._raw(tag).decode("latin-1").strip("\0 ") for tag in tags}
        palette = self._raw(0x00280004).strip(b"\0 ") == b"PALETTE COLOR"
        colour = palette or self.numbers().get(0x00280002, 1) > 1
        return pixels.may_show_text(self.sop_class, self.frame.syntax, texts, colour=colour)

    def check_pixels(self) -> None:
        """Refuse native pixels that are followed by more than padding: whatever stands there is no pixel.

        Raises
        ------
        Damaged
            ``pixel-length``.
        """
        pixel = self.seen.get(0x7FE00010)
        if pixel is None or pixel.undefined:
            return
        photometric = self._raw(0x00280004).decode("latin-1").strip("\0 ")
        expected = pixels.expected_length(self.numbers(), photometric)
        if expected is None or pixel.end - pixel.value <= expected + 1:
            return
        if any(piece.strip(b"\0") for piece in pieces(self.data, pixel.value + expected, pixel.end)):
            raise Damaged("pixel-length")

    def mask_overlays(self, segments: list[Segment]) -> tuple[list[Segment], bool]:
        """Clear overlay planes that lie in unused bits of native pixels.

        Raises
        ------
        Damaged
            ``overlay-in-compressed-pixels`` where the pixels would have to be decoded first.
        """
        pixel, numbers = self.seen.get(0x7FE00010), self.numbers()
        if pixel is None or not pixels.embedded_overlay(
            self.elements, self.data, self.frame.encoding, numbers
        ):
            return segments, False
        if pixel.undefined:
            raise Damaged("overlay-in-compressed-pixels")
        allocated, stored = numbers[0x00280100], numbers[0x00280101]
        if allocated not in (8, 16, 32):
            raise Damaged("overlay-in-unusual-pixels")
        high = numbers.get(0x00280102, stored - 1)
        little = self.frame.encoding.little and self.frame.syntax != GE_PRIVATE
        signed = numbers.get(0x00280103) == 1
        masked = pixels.Masked(pixel.value, pixel.end, allocated, stored, high, signed, little)
        return list(_replaced(segments, masked)), True


def _replaced(segments: list[Segment], masked: pixels.Masked) -> Iterator[Segment]:
    """`segments` with the range of the pixels in its masked form."""
    for segment in segments:
        plain = type(segment) is tuple and segment[0] <= masked.start and masked.stop <= segment[1]
        if not plain:
            yield segment
            continue
        begin, end = segment[0], segment[1]
        yield from ((begin, masked.start), masked, (masked.stop, end))

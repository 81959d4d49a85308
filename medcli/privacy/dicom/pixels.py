"""Pixel Data as far as headers tell: whether it may show text, how long it should be, bits that are no pixels.

Knows PS3.3 C.7.6.3 and C.9.2, and the reasoned list of what commonly carries burned-in text. Refuses to decode:
cleaning pixels is another module's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from medcli.privacy import profiles
from medcli.privacy.dicom.encoding import Buffer, Encoding
from medcli.privacy.dicom.walk import Element

__all__ = ["CHUNK", "Masked", "Poured", "embedded_overlay", "expected_length", "is_speech", "may_show_text"]

#: Bytes that are masked at a time; a multiple of any pixel's.
CHUNK = 4 << 20
_VIDEO = tuple(f"1.2.840.10008.1.2.4.10{n}{part}" for n in range(9) for part in ("", ".1"))


class Masked(NamedTuple):
    """A range of native pixels whose bits outside the stored ones are cleared (embedded overlays, PS3.5 8.1.2)."""

    start: int
    stop: int
    allocated: int
    stored: int
    high: int
    signed: bool
    little: bool

    def chunks(self, data: Buffer) -> Iterator[bytes]:
        """The cleared bytes, a few MiB at a time."""
        import numpy as np

        kind = f"{'<' if self.little else '>'}u{self.allocated // 8}"
        mask = ((1 << self.stored) - 1) << (self.high - self.stored + 1)
        full = (1 << self.allocated) - 1
        for at in range(self.start, self.stop, CHUNK):
            raw = data[at : min(at + CHUNK, self.stop)]
            whole = len(raw) - len(raw) % (self.allocated // 8)
            words = np.frombuffer(raw[:whole], dtype=kind)
            cleared = words & np.array(mask, dtype=kind)
            if self.signed:
                above = full & ~((1 << (self.high + 1)) - 1)
                negative = (words >> self.high) & 1
                cleared = np.where(negative, cleared | np.array(above, dtype=kind), cleared).astype(kind)
            yield cleared.astype(kind).tobytes() + raw[whole:]


class Poured(NamedTuple):
    """Bytes of known length that are made while they are written."""

    start: int
    stop: int
    pour: Callable[[], Iterator[bytes]]

    def chunks(self, data: Buffer) -> Iterator[bytes]:  # noqa: ARG002 - as Masked.chunks
        """The bytes."""
        return self.pour()


def is_speech(sop_class: str) -> bool:
    """Whether the objects of a class are sound recordings: a voice identifies, and nothing tells what it says."""
    return ("audio", sop_class) in profiles.burned_in()


def may_show_text(sop_class: str, syntax: str, texts: Mapping[int, str], *, colour: bool = False) -> str:
    """Why the pixels of a file may show text, by its header; empty where nothing says so.

    Parameters
    ----------
    sop_class, syntax
        UIDs.
    texts
        Values of Image Type, Modality, Conversion Type and Burned In Annotation by tag.
    colour
        Whether the pixels have three samples or a palette.
    """
    if texts.get(0x00280301, "").strip().upper() == "YES":
        return "Burned In Annotation is YES"
    if syntax in _VIDEO:
        return "video"
    rules = profiles.burned_in()
    asked = [("sop_class", sop_class), ("modality", texts.get(0x00080060, "").strip().upper())]
    asked += [("conversion_type", texts.get(0x00080064, "").strip().upper())]
    asked += [("colour", sop_class)] if colour else []
    image_type = [part.strip().upper() for part in texts.get(0x00080008, "").split("\\")]
    asked += [("image_type", part) for part in image_type]
    return next((rules[pair] for pair in asked if pair in rules), "")


def expected_length(numbers: Mapping[int, int], photometric: str) -> int | None:
    """Bytes of native Pixel Data without padding, from the image's numbers by tag.

    None where one is missing, or where the number of frames is none (given as -1).
    """
    if numbers.get(0x00280008, 1) < 0:
        return None
    try:
        pixels = numbers[0x00280010] * numbers[0x00280011] * max(numbers.get(0x00280008, 1), 1)
        samples = pixels * (2 if photometric == "YBR_FULL_422" else numbers.get(0x00280002, 1))
        return (samples * numbers[0x00280100] + 7) // 8
    except KeyError:
        return None


def embedded_overlay(
    elements: list[Element], data: Buffer, encoding: Encoding, numbers: Mapping[int, int]
) -> bool:
    """Whether an overlay plane lies in unused bits of the pixels.

    A 60xx group says so by a bit position outside the stored bits, or by having no data of its own.
    """
    groups: dict[int, set[int]] = {}
    positions: dict[int, int] = {}
    for element in elements:
        group = element.tag >> 16
        if group & 0xFF01 == 0x6000:
            groups.setdefault(group, set()).add(element.tag & 0xFFFF)
            if element.tag & 0xFFFF == 0x0102:
                raw = data[element.value : element.end]
                positions[group] = int.from_bytes(raw[:2], "little" if encoding.little else "big")
    stored = numbers.get(0x00280101, 0)
    high = numbers.get(0x00280102, stored - 1)
    planes = [(positions.get(group, 0), 0x3000 in found) for group, found in groups.items()]
    outside = [
        (place, data)
        for place, data in planes
        if not max(high - stored, 0) < place <= high and (place or not data)
    ]
    return bool(outside) and 0 < stored < numbers.get(0x00280100, 0)

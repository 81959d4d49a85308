"""Where a data set keeps what the cleaning of pixels reads and changes, and how changes are put into it.

Knows elements of the top level and their places. Refuses to know what is done to pixels.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from medcli.privacy.dicom import codes
from medcli.privacy.dicom.codes import PIXEL_DATA
from medcli.privacy.dicom.encoding import GE_PRIVATE, Buffer, Encoding, Frame
from medcli.privacy.dicom.walk import Element, walk
from medcli.privacy.pixels.image import Image, Unclean

if TYPE_CHECKING:
    from pydicom import Dataset

    from medcli.privacy.dicom.header import Header
    from medcli.privacy.dicom.segments import Segment
    from medcli.privacy.pixels.showing import Palette

__all__ = ["Places", "before", "device_of", "palette_of", "places", "window_of"]

METHOD, METHOD_CODES = 0x00120062, 0x00120064
PHOTOMETRIC, PLANAR, BURNED_IN, FEATURES, LOSSY = 0x00280004, 0x00280006, 0x00280301, 0x00280302, 0x00282110
OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002
_CHANGED = (
    *(METHOD, 0x00120063, METHOD_CODES, PHOTOMETRIC, PLANAR),
    *(BURNED_IN, FEATURES, LOSSY, OFFSETS, LENGTHS),
)
_FLOATS = {0x7FE00008: 32, 0x7FE00009: 64}


class _Table:
    """A table for the walk: notes what may be changed, and the pixels."""

    def keys(self, encoding: Encoding) -> dict[bytes, int]:  # noqa: ARG002
        return {}

    def learn(self, encoding: Encoding, key: bytes) -> int:
        tag = encoding.tag(key[:4])
        code = codes.KEEP_LONG
        if tag in codes.PIXEL_TAGS:
            code = codes.PIXELS
        elif tag in _CHANGED:
            code = codes.WATCH
        return tag << codes.TAG_SHIFT | code


class Places:
    """One data set.

    Attributes
    ----------
    dataset
        What stands before the pixels, read by pydicom.
    pixel
        The element of the pixels.
    image
        Their form.
    overlaid
        Whether overlay groups (60xx) are left, which nobody looks at.
    """

    def __init__(
        self, data: Buffer, frame: Frame, elements: list[Element], slots: list[int], dataset: Dataset
    ) -> None:
        self.data, self.frame, self.dataset = data, frame, dataset
        self._elements = {element.tag: element for element in elements}
        self._slots = dict(zip(_CHANGED, slots, strict=True))
        self.pixel = next(self._elements[tag] for tag in codes.PIXEL_TAGS if tag in self._elements)
        self.image = _image(dataset, frame, self.pixel)
        self.overlaid = any(0x6000 <= element.tag.group <= 0x60FF for element in dataset)

    def entries(self, tag: int) -> tuple[int, ...]:
        """64-bit entries of an extended offset table."""
        import struct

        element = self._elements.get(tag)
        raw = self.data[element.value : element.end] if element else b""
        return struct.unpack(f"<{len(raw) // 8}Q", raw[: len(raw) // 8 * 8])

    def changed(self, new: dict[int, bytes], pixels: list[Segment], head: bytes) -> list[Segment]:
        """Segments of the data set with other elements in their places.

        Parameters
        ----------
        new
            Tag -> whole element; no bytes: it goes. A tag that is not there is set in. The marks go under METHOD, all
            three together.
        pixels
            What stands in place of the pixels' element.
        head
            What stands before the data set.
        """
        edits: list[tuple[int, int, list[Segment]]] = []
        for tag, element in new.items():
            old = self._elements.get(tag)
            if tag == METHOD:
                last = self._elements.get(METHOD_CODES) or self._elements[0x00120063]
                assert old is not None
                edits.append((old.start, last.end, [element]))
            elif old is not None:
                edits.append((old.start, old.end, [element]))
            elif element:
                edits.append((self._slots[tag], self._slots[tag], [element]))
        edits.append((self.pixel.start, self.pixel.end, pixels))
        segments: list[Segment] = [head]
        cursor = self.frame.start
        for start, end, instead in sorted(edits, key=lambda edit: edit[:2]):
            segments += [(cursor, start), *instead]
            cursor = end
        segments.append((cursor, len(self.data)))
        return [one for one in segments if (one if isinstance(one, bytes) else one[0] != one[1])]


def places(data: Buffer, frame: Frame) -> Places:
    """Read a data set that was walked before, so nothing in it is odd."""
    found = walk(data, frame.start, len(data), frame.encoding, _Table(), wanted=_CHANGED)
    pixel = next(element for element in found.elements if element.tag in codes.PIXEL_TAGS)
    return Places(data, frame, found.elements, found.slots, before(data, frame, pixel.start))


def before(data: Buffer, frame: Frame, stop: int) -> Dataset:
    """What stands before offset `stop`, as pydicom reads it."""
    import warnings

    from pydicom.filereader import read_dataset

    stream = cast("Any", BytesIO(data[frame.start : stop]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = read_dataset(stream, not frame.encoding.explicit, frame.encoding.little)
        # Tables of colours are bytes whose order pydicom looks up here.
        dataset.set_original_encoding(not frame.encoding.explicit, frame.encoding.little)
        return dataset


def _image(dataset: Dataset, frame: Frame, pixel: Element) -> Image:
    """The Image Pixel module.

    Raises
    ------
    Unclean
        ``pixels-unusual`` where a number is missing.
    """
    real = _FLOATS.get(pixel.tag, 0)
    little = frame.encoding.little and frame.syntax != GE_PRIVATE
    try:
        allocated = real or int(dataset.BitsAllocated)
        stored = real or int(dataset.get("BitsStored", allocated))
        image = Image(
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            frames=int(dataset.get("NumberOfFrames") or 1),
            samples=int(dataset.get("SamplesPerPixel", 1)),
            allocated=allocated,
            stored=stored,
            high=int(dataset.get("HighBit", stored - 1)) if not real else real - 1,
            signed=dataset.get("PixelRepresentation") == 1,
            photometric=str(dataset.get("PhotometricInterpretation", "MONOCHROME2")).strip(),
            planar=dataset.get("PlanarConfiguration") == 1,
            little=little,
            swapped=not little and allocated <= 8 and pixel.vr != b"OB",
            real=bool(real),
        )
    except (AttributeError, TypeError, ValueError):
        raise Unclean("pixels-unusual") from None
    return image


def element_of(encoding: Encoding, image: Image, tag: int, length: int) -> bytes:
    """The header of native pixels of `length` bytes."""
    if tag != PIXEL_DATA:
        return encoding.header(tag, "OF" if image.allocated == 32 else "OD", length)
    return encoding.header(tag, "OB" if image.allocated <= 8 and encoding.explicit else "OW", length)


def device_of(where: Places, source: Header | None) -> Dataset:
    """The header by which a device is known: the source's, for the written one may say less."""
    if source is None or source.pixels is None:
        return where.dataset
    return before(source.data, source.frame, source.pixels.start)


def window_of(where: Places) -> tuple[float, float] | None:
    """The header's first window in stored values."""
    dataset = where.dataset
    try:
        centre, width = (
            float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
            for value in (dataset.WindowCenter, dataset.WindowWidth)
        )
        slope, intercept = (
            float(dataset.get("RescaleSlope") or 1),
            float(dataset.get("RescaleIntercept") or 0),
        )
        return ((centre - intercept) / slope, width / abs(slope)) if slope else None
    except (AttributeError, TypeError, ValueError, IndexError):
        return None


def palette_of(where: Places) -> Palette | None:
    """Colours of a PALETTE COLOR image (PS3.3 C.7.9), 8 bits each.

    Raises
    ------
    Unclean
        ``pixels-unusual`` where the tables can't be read.
    """
    if where.image.photometric != "PALETTE COLOR":
        return None
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut

    try:
        entries, first, _ = (int(value) for value in where.dataset.RedPaletteColorLookupTableDescriptor)
        indices = np.arange(first, first + (entries or 1 << 16))
        table = apply_color_lut(indices, where.dataset)[:, :3].astype(np.float64)
        # Some tables hold 8 bits in 16: what counts here is how they differ.
        return (table * (255 / max(table.max(), 1))).astype(np.uint8), first
    except Exception:  # noqa: BLE001 - pydicom's errors quote values
        raise Unclean("pixels-unusual") from None

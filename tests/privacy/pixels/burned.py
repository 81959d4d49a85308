"""DICOM files with a string burned in at a known place, in every transfer syntax and form that can be made here.

Knows pydicom's and imagecodecs's encoders. Shares no code with ``medcli.privacy``, so that it can disagree with it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import UID, generate_uid

from medcli.privacy.pixels.detector import Quad, Reading

ROWS, COLUMNS, FRAMES = 324, 386, 3
#: Left, top, right, bottom of what stands for text.
BOX = (21, 31, 141, 52)

LE, IMPLICIT, BE, DEFLATED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
RLE, BASELINE, EXTENDED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS, LOSSLESS_SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JLS, JLS_NEAR, J2K, J2K_LOSSY = (f"1.2.840.10008.1.2.4.{n}" for n in (80, 81, 90, 91))
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = (f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203))
NATIVE = (IMPLICIT, LE, DEFLATED, BE)


@dataclass(frozen=True)
class Form:
    """How samples are stored."""

    name: str
    allocated: int = 8
    stored: int = 8
    signed: bool = False
    samples: int = 1
    photometric: str = "MONOCHROME2"
    planar: int = 0


MONO8, MONO12 = Form("mono8"), Form("mono12", 16, 12)
SIGNED16, SIGNED12, MONO16 = (
    Form("signed16", 16, 16, signed=True),
    Form("signed12", 16, 12, signed=True),
    Form("mono16", 16, 16),
)
INVERSE, PALETTE = Form("inverse", photometric="MONOCHROME1"), Form("palette", photometric="PALETTE COLOR")
RGB, PLANES = (
    Form("rgb", samples=3, photometric="RGB"),
    Form("planes", samples=3, photometric="RGB", planar=1),
)
YBR = Form("ybr", samples=3, photometric="YBR_FULL")
HALVED = Form("halved", samples=3, photometric="YBR_FULL_422")
BITS, MONO32 = Form("bits", 1, 1), Form("mono32", 32, 32)


class Fixed:
    """A detector that always finds the box, in a picture of one tile, and the control string below it."""

    name = "fixed"

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self.boxes = boxes or (BOX,)
        self.looks = 0

    def find(self, picture: Any, *, sensitive: bool = False) -> list[Quad]:
        self.looks += 1
        high = picture.shape[0]
        return [_quad(box, 6) for box in self.boxes if not sensitive] + [
            _quad((10, high - 20, 90, high - 6), 0)
        ]

    def read(self, picture: Any, quads: Any) -> list[Reading]:
        return [Reading("", 0.0) for _ in quads]


def _quad(box: tuple[int, int, int, int], by: int) -> Quad:
    left, top, right, bottom = (edge + by for edge in box)
    return Quad((left, top, right, top, right, bottom, left, bottom), 0.9)


def samples(form: Form, frame: int) -> Any:
    """Stored values of a frame: texture, and at BOX a pattern of the two ends of the range."""
    rng = np.random.default_rng(frame + form.allocated)
    top = (1 << form.stored) - 1
    low = -(1 << (form.stored - 1)) if form.signed else 0
    shape = (ROWS, COLUMNS) + ((3,) if form.samples == 3 else ())
    grain = rng.integers(0, max(top // 4, 1) + 1, shape)
    smooth = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) * (top // 4) // (ROWS + COLUMNS)
    values = low + 1 + grain // 8 + (smooth[..., None] if form.samples == 3 else smooth) if top > 1 else grain
    left, upper, right, lower = BOX
    values[upper:lower, left:right] = low + top * ((np.arange(right - left) // 3) % 2).reshape(
        (-1, 1) if form.samples == 3 else (-1,)
    )
    return values


def dataset(form: Form, syntax: str, frames: int = FRAMES, *, offsets: str = "basic") -> Dataset:
    """A secondary capture of that form."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = (
        "1.2.840.10008.5.1.4.1.1.7",
        generate_uid(entropy_srcs=[form.name, syntax]),
    )
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID, ds.Modality = "Quistgaard^Ottoline", "48151623", "OT"
    ds.Rows, ds.Columns, ds.NumberOfFrames = ROWS, COLUMNS, frames
    ds.SamplesPerPixel, ds.PhotometricInterpretation = form.samples, form.photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = form.allocated, form.stored, form.stored - 1
    ds.PixelRepresentation = int(form.signed)
    if form.samples == 3:
        ds.PlanarConfiguration = form.planar
    if form.photometric == "PALETTE COLOR":
        for colour, step in (("Red", 1), ("Green", 3), ("Blue", 7)):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = ((np.arange(256) * step % 256) << 8).astype(">u2" if syntax == BE else "<u2")
            setattr(ds, f"{colour}PaletteColorLookupTableData", table.tobytes())
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        ds.SOPInstanceUID,
    )
    coded = [coded_frame(form, syntax, samples(form, number)) for number in range(frames)]
    if syntax in NATIVE:
        ds.PixelData = native(form, syntax, coded)
        ds["PixelData"].VR = "OB" if form.allocated <= 8 and syntax not in (IMPLICIT, BE) else "OW"
    elif offsets == "extended":
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(coded)
        ds["PixelData"].VR = "OB"
    else:
        ds.PixelData = encapsulate(coded, has_bot=offsets == "basic")
        ds["PixelData"].VR = "OB"
    return ds


def native(form: Form, syntax: str, coded: list[bytes]) -> bytes:
    if form.allocated == 1:
        bits = np.concatenate([np.frombuffer(frame, np.uint8) for frame in coded])
        raw = np.packbits(bits, bitorder="little").tobytes()
    else:
        raw = b"".join(coded)
    raw += b"\0" * (len(raw) % 2)
    return np.frombuffer(raw, "u2").byteswap().tobytes() if syntax == BE and form.allocated <= 8 else raw


def words(form: Form, values: Any, order: str = "<") -> Any:
    mask = (1 << form.allocated) - 1 if form.signed else (1 << form.stored) - 1
    return (values & mask).astype(f"{order}u{max(form.allocated // 8, 1)}")


def coded_frame(form: Form, syntax: str, values: Any) -> bytes:
    """One frame under the syntax."""
    import imagecodecs as codecs

    if syntax in NATIVE:
        laid = words(form, values, ">" if syntax == BE else "<")
        if form.photometric == "YBR_FULL_422":
            pairs = laid.reshape(ROWS, COLUMNS // 2, 2, 3)
            return np.concatenate([pairs[..., 0], pairs[:, :, 0, 1:]], axis=2).tobytes()
        return (laid.transpose(2, 0, 1) if form.planar else laid).tobytes()
    laid = words(form, values)
    if syntax == RLE:
        size = form.allocated // 8
        planes = [laid] if form.samples == 1 else [laid[..., at] for at in range(3)]
        segments = [
            _segment(np.ascontiguousarray(plane).view(np.uint8).reshape(-1, size)[:, byte])
            for plane in planes
            for byte in range(size - 1, -1, -1)
        ]  # fmt: skip
        starts = [64 + sum(map(len, segments[:at])) for at in range(len(segments))]
        header = np.array([len(segments), *starts, *[0] * (15 - len(segments))], "<u4").tobytes()
        return header + b"".join(segments)
    if syntax in (BASELINE, EXTENDED):
        if form.samples == 3:
            raw = codecs.jpeg8_encode(
                laid, level=92, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"
            )
        else:
            raw = codecs.jpeg8_encode(laid, level=92, bitspersample=form.stored)
    elif syntax in (LOSSLESS, LOSSLESS_SV1):
        spaces = {"colorspace": "RGB", "outcolorspace": "RGB"} if form.samples == 3 else {}
        raw = codecs.jpeg8_encode(
            laid,
            lossless=True,
            predictor=1 if syntax == LOSSLESS_SV1 else 4,
            bitspersample=form.stored,
            **spaces,
        )
    elif syntax in (JLS, JLS_NEAR):
        raw = codecs.jpegls_encode(laid, level=0 if syntax == JLS else 2)
    elif syntax in (J2K, J2K_LOSSY):
        signed = laid.view(laid.dtype.str.replace("u", "i")) if form.signed else laid
        lossy = (
            {"level": 40, "reversible": False} if syntax == J2K_LOSSY else {"level": 0, "reversible": True}
        )
        raw = codecs.jpeg2k_encode(
            signed, codecformat="j2k", bitspersample=form.stored, mct=form.samples == 3, **lossy
        )
    else:
        raw = codecs.htj2k_encode(laid, reversible=syntax != HTJ2K_LOSSY)
    return bytes(raw) + b"\0" * (len(raw) % 2)


def _segment(plane: Any) -> bytes:
    """PackBits of literal runs only, row by row (PS3.5 G.3.1), padded to an even length."""
    out = bytearray()
    for row in plane.reshape(ROWS, COLUMNS):
        for at in range(0, COLUMNS, 128):
            part = row[at : at + 128].tobytes()
            out += bytes([len(part) - 1]) + part
    return bytes(out) + b"\0" * (len(out) % 2)


def file_of(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()

"""Every transfer syntax and form of pixels: outside the boxes nothing changes, inside nothing is left, readers agree."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from medcli.privacy.dicom.scrubber import Scrubber
from medcli.privacy.pixels.cleaner import PixelCleaner
from medcli.privacy.pixels.policy import PixelPolicy
from medcli.privacy.policy import Policy
from tests.privacy.pixels import burned
from tests.privacy.pixels.burned import (
    BASELINE,
    BE,
    BITS,
    BOX,
    DEFLATED,
    EXTENDED,
    HALVED,
    HTJ2K,
    HTJ2K_LOSSY,
    HTJ2K_RPCL,
    IMPLICIT,
    INVERSE,
    J2K,
    J2K_LOSSY,
    JLS,
    JLS_NEAR,
    LE,
    LOSSLESS,
    LOSSLESS_SV1,
    MONO8,
    MONO12,
    MONO16,
    MONO32,
    NATIVE,
    PALETTE,
    PLANES,
    RGB,
    RLE,
    SIGNED12,
    SIGNED16,
    YBR,
    Fixed,
    Form,
)  # fmt: skip

NATIVE_FORMS = (
    MONO8,
    MONO12,
    MONO16,
    SIGNED12,
    SIGNED16,
    MONO32,
    INVERSE,
    PALETTE,
    RGB,
    PLANES,
    YBR,
    HALVED,
    BITS,
)
CASES = [
    (syntax, form)
    for syntax in NATIVE
    for form in NATIVE_FORMS
    if (syntax, form) not in ((BE, MONO32), (BE, BITS))
]
CASES += [(RLE, form) for form in (MONO8, MONO12, SIGNED16, MONO32, PALETTE, RGB, YBR)]
CASES += [
    (syntax, form) for syntax in (LOSSLESS, LOSSLESS_SV1) for form in (MONO8, MONO12, MONO16, SIGNED16, RGB)
]
CASES += [(syntax, form) for syntax in (JLS, JLS_NEAR) for form in (MONO8, MONO12, MONO16, RGB)]
CASES += [(syntax, form) for syntax in (J2K, J2K_LOSSY) for form in (MONO8, MONO12, MONO16, SIGNED16, RGB)]
CASES += [(syntax, form) for syntax in (HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY) for form in (MONO8, MONO16, RGB)]
CASES += [(BASELINE, MONO8), (BASELINE, RGB), (EXTENDED, MONO8), (EXTENDED, MONO12)]


def scrubber(detector: Fixed | None = None, **look: object) -> Scrubber:
    policy = Policy(pixels="auto", look=PixelPolicy(**look))
    made = Scrubber(policy, b"k" * 32)
    made._pixels = PixelCleaner(policy.look, b"k" * 32, detector or Fixed())
    return made


def inside() -> np.ndarray:
    """Where pixels may differ: the box with its margins."""
    mask = np.zeros((burned.ROWS, burned.COLUMNS), bool)
    left, top, right, bottom = BOX
    mask[top - 7 : bottom + 7, left - 7 : right + 7] = True
    return mask


def arrays(raw: bytes) -> tuple[pydicom.Dataset, np.ndarray]:
    ds = pydicom.dcmread(io.BytesIO(raw))
    frames = [decoded(ds, number) for number in range(int(ds.get("NumberOfFrames") or 1))]
    return ds, np.stack(frames)


def decoded(ds: pydicom.Dataset, number: int) -> np.ndarray:
    """pydicom's decoding; of 12-bit JPEG, which its plugins do not read, imagecodecs's."""
    if ds.file_meta.TransferSyntaxUID == EXTENDED:
        import imagecodecs
        from pydicom.encaps import get_frame

        return imagecodecs.jpeg8_decode(
            get_frame(ds.PixelData, number, number_of_frames=int(ds.NumberOfFrames))
        )
    return pixel_array(ds, index=number, raw=ds.file_meta.TransferSyntaxUID != BASELINE)


def source(form: Form, syntax: str, offsets: str = "basic") -> bytes:
    ds = burned.dataset(form, syntax, offsets=offsets)
    if syntax in (BASELINE, EXTENDED) and form.samples == 3:
        ds.PhotometricInterpretation = "YBR_FULL_422"
    if syntax in (J2K, J2K_LOSSY) and form.samples == 3:
        ds.PhotometricInterpretation = "YBR_RCT" if syntax == J2K else "YBR_ICT"
    return burned.file_of(ds)


@pytest.mark.parametrize(("syntax", "form"), CASES, ids=lambda one: getattr(one, "name", one))
def test_only_the_box_changes_and_readers_agree(syntax: str, form: Form, tmp_path: Path) -> None:
    raw, target = source(form, syntax), tmp_path / "out"
    result = scrubber().scrub(raw, target)
    assert (result.status, result.reason) == ("released", "")
    before, old = arrays(raw)
    after, new = arrays(target.read_bytes())
    lossy = syntax in (BASELINE, EXTENDED)
    assert after.file_meta.TransferSyntaxUID == (LE if lossy else syntax)
    assert after.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    np.testing.assert_array_equal(new[:, ~inside()], old[:, ~inside()])
    left, top, right, bottom = BOX
    filled = new[:, top:bottom, left:right]
    assert len(np.unique(filled.reshape(-1, filled.shape[3]) if filled.ndim == 4 else filled, axis=0)) == 1
    if lossy:
        assert after.LossyImageCompression == "01"
        assert after.PhotometricInterpretation == (
            "RGB" if form.samples == 3 else before.PhotometricInterpretation
        )
    else:
        assert after.PhotometricInterpretation == before.PhotometricInterpretation
    if (syntax, form) not in (
        (LE, BITS),
        (BE, BITS),
        (DEFLATED, BITS),
        (IMPLICIT, BITS),
    ) and form is not MONO32:
        assert gdcm_reads(target) or syntax in (HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY, BE)


def gdcm_reads(path: Path) -> bool:
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    return bool(reader.Read()) and len(reader.GetImage().GetBuffer()) > 0


@pytest.mark.parametrize("offsets", ["basic", "none", "extended"])
def test_offset_tables_point_to_the_new_frames(offsets: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    scrubber().scrub(source(MONO8, RLE, offsets), target)
    ds = pydicom.dcmread(target)
    from pydicom.encaps import get_frame, parse_basic_offsets

    assert len(parse_basic_offsets(ds.PixelData)) == (3 if offsets == "basic" else 0)
    assert ("ExtendedOffsetTable" in ds) == (offsets == "extended")
    extended = (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths) if offsets == "extended" else None
    frames = [get_frame(ds.PixelData, n, number_of_frames=3, extended_offsets=extended) for n in range(3)]
    assert all(frame[:4] == b"\1\0\0\0" for frame in frames)
    np.testing.assert_array_equal(
        arrays(target.read_bytes())[1][:, ~inside()], arrays(source(MONO8, RLE))[1][:, ~inside()]
    )


def test_frames_that_do_not_change_are_spliced(tmp_path: Path) -> None:
    ds = burned.dataset(MONO8, RLE)
    from pydicom.encaps import encapsulate, get_frame

    blank = burned.samples(MONO8, 1)
    blank[inside()] = 1  # the least value, which is what boxes are filled with
    still = burned.coded_frame(MONO8, RLE, blank)
    others = [burned.coded_frame(MONO8, RLE, burned.samples(MONO8, number)) for number in (0, 2)]
    ds.PixelData = encapsulate([others[0], still, others[1]])
    target = tmp_path / "out"
    assert scrubber().scrub(burned.file_of(ds), target).status == "released"
    after = pydicom.dcmread(target)
    frames = [get_frame(after.PixelData, number, number_of_frames=3) for number in range(3)]
    assert frames[1] == still
    assert frames[0] != others[0]


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102.1", "1.2.840.10008.1.2.4.107"]
)
def test_video_is_withheld(syntax: str, tmp_path: Path) -> None:
    ds = burned.dataset(MONO8, RLE)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    result = scrubber().scrub(burned.file_of(ds), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "video")
    assert list(tmp_path.iterdir()) == []


def test_single_bits_in_big_endian_are_withheld(tmp_path: Path) -> None:
    result = scrubber().scrub(source(BITS, BE), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "pixels-unusual")


def test_a_frame_that_cannot_be_decoded_withholds_the_file(tmp_path: Path) -> None:
    ds = burned.dataset(MONO8, JLS)
    from pydicom.encaps import encapsulate

    ds.PixelData = encapsulate([b"\xff\xd8\xff\xf7nothing that decodes"] * 3)
    result = scrubber().scrub(burned.file_of(ds), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "pixels-undecodable")
    assert list(tmp_path.iterdir()) == []

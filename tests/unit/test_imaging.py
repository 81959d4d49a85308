"""Pictures of every kind become what a viewer would show, and broken ones a reason code."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from medcli import imaging
from medcli.errors import ItemFailed

RAMP = np.arange(64, dtype=np.uint16).reshape(8, 8)


def dicom(pixels: np.ndarray, folder: Path, **values: object) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    shape = pixels.shape[:-1] if colour else pixels.shape
    if len(shape) == 3:
        dataset.NumberOfFrames = shape[0]
    dataset.Rows, dataset.Columns = shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    bits = 8 * pixels.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.PixelData = pixels.tobytes()
    path = folder / "x.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def grey(path: Path, **options: object) -> np.ndarray:
    return np.asarray(imaging.open_picture(path, **options))


def test_a_dicom_without_a_window_is_stretched(tmp_path: Path) -> None:
    assert (grey(dicom(RAMP, tmp_path)) == np.rint(RAMP / 63 * 255)).all()


def test_the_headers_window_is_linear_after_rescale(tmp_path: Path) -> None:
    path = dicom(
        RAMP, tmp_path, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=[-50, 7], WindowWidth=[41, 9]
    )
    hounsfield = RAMP * 2.0 - 100
    expected = np.rint(np.clip((hounsfield + 50.5) / 40 + 0.5, 0, 1) * 255)
    assert (grey(path) == expected).all()


def test_a_given_window_wins(tmp_path: Path) -> None:
    path = dicom(RAMP, tmp_path, WindowCenter=1000, WindowWidth=2)
    assert (grey(path, window=(32, 64)) == np.rint(np.clip((RAMP - 31.5) / 63 + 0.5, 0, 1) * 255)).all()


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_other_window_functions(tmp_path: Path, function: str) -> None:
    shown = grey(dicom(RAMP, tmp_path, WindowCenter=32, WindowWidth=16, VOILUTFunction=function))
    assert 127 <= shown.ravel()[32] <= 128
    assert (np.diff(shown.ravel().astype(int)) >= 0).all()


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain = grey(dicom(RAMP, tmp_path))
    assert (grey(dicom(RAMP, tmp_path, PhotometricInterpretation="MONOCHROME1")) == 255 - plain).all()


def test_a_voi_table_is_looked_up(tmp_path: Path) -> None:
    item = Dataset()
    item.LUTDescriptor = [64, 0, 8]
    item.add_new("LUTData", "US", list(range(63, -1, -1)))
    path = dicom(RAMP, tmp_path, VOILUTSequence=Sequence([item]))
    assert (grey(path) == 63 - RAMP).all()


def test_padding_does_not_eat_the_range(tmp_path: Path) -> None:
    signed = RAMP.astype(np.int16) + 100
    signed[0, 0] = -2000
    shown = grey(dicom(signed, tmp_path, PixelPaddingValue=-2000))
    assert shown[0, 0] == 0
    assert shown[0, 1] == 0
    assert shown[7, 7] == 255


def test_frames_are_counted_from_one(tmp_path: Path) -> None:
    frames = np.stack([np.full((4, 4), n, np.uint8) for n in (10, 20, 30)])
    path = dicom(frames, tmp_path, WindowCenter=128, WindowWidth=256)
    assert imaging.frames_of(path) == 3
    assert grey(path, frame=2)[0, 0] == 20
    with pytest.raises(ItemFailed, match=imaging.NO_FRAME):
        imaging.open_picture(path, frame=4)


def test_an_enhanced_objects_window_is_found(tmp_path: Path) -> None:
    voi, shared = Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth = 32, 8
    shared.FrameVOILUTSequence = Sequence([voi])
    path = dicom(RAMP, tmp_path, SharedFunctionalGroupsSequence=Sequence([shared]))
    assert grey(path)[0, 0] == 0
    assert grey(path).ravel()[40] == 255


def test_palette_and_rgb_are_colour(tmp_path: Path) -> None:
    indexes = np.arange(4, dtype=np.uint8).reshape(2, 2)
    table = np.array([0, 0x4000, 0x8000, 0xFF00], dtype=np.uint16).tobytes()
    palette = {
        f"{colour}PaletteColorLookupTable{part}": value
        for colour in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [4, 0, 16]), ("Data", table))
    }
    path = dicom(indexes, tmp_path, PhotometricInterpretation="PALETTE COLOR", **palette)
    picture = imaging.open_picture(path)
    assert picture.mode == "RGB"
    assert [picture.getpixel((x, y))[0] for y in (0, 1) for x in (0, 1)] == [0, 64, 128, 255]
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[..., 1] = 7
    assert imaging.open_picture(dicom(rgb, tmp_path)).getpixel((0, 0)) == (0, 7, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_picture_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    Image.new("RGB", (6, 4), (200, 10, 10)).save(path, kind)
    picture = imaging.open_picture(path)
    assert (picture.mode, picture.size, imaging.size_of(path)) == ("RGB", (6, 4), (6, 4))
    assert imaging.open_picture(path.read_bytes()).tobytes() == picture.tobytes()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (6, 4))
    image.save(tmp_path / "a.jpg", exif=exif)
    assert imaging.open_picture(tmp_path / "a.jpg").size == imaging.size_of(tmp_path / "a.jpg") == (4, 6)


@pytest.mark.parametrize(
    ("mode", "becomes"), [("1", "L"), ("L", "L"), ("LA", "L"), ("P", "RGB"), ("RGBA", "RGBA"), ("I;16", "L")]
)
def test_modes(tmp_path: Path, mode: str, becomes: str) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / "a.png")
    assert imaging.open_picture(tmp_path / "a.png").mode == becomes


def test_deep_grey_is_stretched(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.tif")
    assert grey(tmp_path / "a.tif").max() == 255


@pytest.mark.parametrize(
    "content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n broken", b"\0" * 128 + b"DICM"]
)
def test_broken_files_are_reason_codes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "DOE^JANE.png"
    path.write_bytes(content)
    for source in (path, content):
        with pytest.raises(ItemFailed) as told:
            imaging.open_picture(source)
        assert told.value.kind in (imaging.UNREADABLE, imaging.NO_PIXELS)
        with pytest.raises(ItemFailed):
            imaging.size_of(source)


def test_a_missing_file_is_a_reason_code(tmp_path: Path) -> None:
    with pytest.raises(ItemFailed, match=imaging.MISSING):
        imaging.open_picture(tmp_path / "gone.png")


def test_equal_pixels_hash_alike() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    Image.new("L", (3, 3), 9).save(first, "PNG", compress_level=0)
    Image.new("L", (3, 3), 9).save(second, "BMP")
    one, two = (imaging.open_picture(x.getvalue()) for x in (first, second))
    assert imaging.pixel_hash(one) == imaging.pixel_hash(two)
    assert imaging.pixel_hash(one) != imaging.pixel_hash(Image.new("L", (9, 1), 9))

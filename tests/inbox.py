"""Small inboxes of made-up patients, for tests of what happens around the de-identifier."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

ROOT = "1.2.826.0.1.3680043.2.9999"
MR = "1.2.840.10008.5.1.4.1.1.4"


def dicom(
    number: int = 1,
    *,
    patient: str = "MRN-4711",
    name: str = "Quittenbaum^Adelheid",
    study: int = 1,
    series: int = 1,
    pixels: bytes = bytes(128),
    **elements: object,
) -> bytes:
    """A small MR image; the same numbers give the same bytes."""
    ds = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    ds.SOPClassUID = MR
    ds.SOPInstanceUID = f"{ROOT}.{study}.{series}.{number}"
    ds.StudyInstanceUID = f"{ROOT}.{study}"
    ds.SeriesInstanceUID = f"{ROOT}.{study}.{series}"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = name, patient, "19380412", "F"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20230914", "081500", "ACC-88123", "7"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.ImageType = (
        "MR",
        series,
        number,
        ["ORIGINAL", "PRIMARY", "M"],
    )
    ds.ReferringPhysicianName, ds.InstitutionName = "Zwetschgenmus^Korbinian", "Klinikum Hinterwald"
    ds.SeriesDescription = "t1 tse of Adelheid"
    ds.Rows = ds.Columns = 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.PixelData = pixels
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        ds.SOPInstanceUID,
    )
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def fill(folder: Path, files: int, *, per_series: int = 10, first: int = 0) -> Path:
    """`files` images of several patients, studies and series, in folders that carry the patients' names."""
    for number in range(first, first + files):
        series = number // per_series
        patient = series // 3
        place = folder / f"Quittenbaum_{patient}" / f"s{series}"
        place.mkdir(parents=True, exist_ok=True)
        content = dicom(number, patient=f"MRN-{patient:04}", study=patient + 1, series=series + 1)
        (place / f"IM{number:05}").write_bytes(content)
    return folder


def directory(folder: Path) -> None:
    """A DICOMDIR that says nothing but that it is one."""
    ds = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.99"
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.FileSetID = "ADELHEID"
    ds.DirectoryRecordSequence = [Dataset()]
    ds.save_as(folder / "DICOMDIR", enforce_file_format=True)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

"""Small DICOM files to try the core on: one CT that knows everything of its patient, built by pydicom or by hand."""

from __future__ import annotations

import dataclasses
import io
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from medcli.privacy.dicom import Scrubbed, Scrubber
from medcli.privacy.policy import Policy
from tests.privacy import recode, wire

KEY = bytes(range(32))
CT, MR, SR, PDF = (f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("2", "4", "88.11", "104.1"))
ROOT = "1.3.6.1.4.1.99999"
STUDY, SERIES, INSTANCE, FRAME = (f"{ROOT}.{n}" for n in ("71.1", "72.22", "73.333", "74.4444"))
NAME, PATIENT = "Mustermann^Erika", "PAT-4711-X"
PIXELS = struct.pack("<64H", *(value * 61 % 4096 for value in range(64)))
#: The plainest policy, and one that asks nothing of the pixels.
BASIC, ANYTHING = Policy(), Policy(pixels="off")


class Outcome(NamedTuple):
    """What became of a file: the result, and the released bytes and data set (None where withheld)."""

    result: Scrubbed
    data: bytes
    ds: Dataset


Scrub = Callable[..., Outcome]


def ct(**changes: object) -> Dataset:
    """A CT of 8 x 8 pixels, 12 of 16 bits stored; attributes by keyword, None leaves one out."""
    ds = Dataset()
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID, ds.SOPInstanceUID = CT, INSTANCE
    ds.StudyDate, ds.ContentDate, ds.StudyTime = "20150304", "20150305", "101112.131415"
    ds.AccessionNumber, ds.Modality, ds.Manufacturer = "ACC-900123", "CT", "Maker"
    ds.InstitutionName, ds.StationName = "Charite Campus Nord", "CTWARD17"
    ds.ReferringPhysicianName = "Weissbrot^Konrad"
    ds.StudyDescription = "Thorax nativ"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = NAME, PATIENT, "19310809", "F"
    ds.PatientAge = "083Y"
    ds.SliceThickness, ds.KVP = "5", "120"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.StudyID = STUDY, SERIES, "ST8"
    ds.FrameOfReferenceUID = FRAME
    ds.InstanceNumber = "7"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.Rows, ds.Columns = 1, "MONOCHROME2", 8, 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.add_new(0x7FE00010, "OW", PIXELS)
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def without_pixels(sop_class: str = SR, **changes: object) -> Dataset:
    """A data set of the same patient that holds no image."""
    ds = ct(SOPClassUID=sop_class, Modality="OT", PixelData=None)
    for element in list(ds):
        if element.tag.group == 0x28:
            del ds[element.tag]
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def encode(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """`ds` as a Part 10 file, as pydicom writes it."""
    ds = pydicom.FileDataset("", ds, preamble=bytes(128))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CT)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", INSTANCE)
    if "PixelData" in ds and syntax == wire.BIG and ds["PixelData"].VR == "OW":
        ds = _swapped(ds)
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def _swapped(ds: Dataset) -> Dataset:
    value = ds.PixelData
    ds["PixelData"].value = b"".join(value[at : at + 2][::-1] for at in range(0, len(value), 2))
    return ds


def part10(body: bytes, syntax: str = wire.EXPLICIT, *, sop_class: str = CT) -> bytes:
    """A data set's bytes with preamble, prefix and file meta around them."""
    meta = (
        wire.element(0x00020002, "UI", sop_class)
        + wire.element(0x00020003, "UI", INSTANCE)
        + wire.element(0x00020010, "UI", syntax)
    )
    file = wire.File(bytes(128) + b"DICM", tuple(wire.elements(meta)), syntax, body)
    return wire.join(file)


def by_hand(elements: Mapping[int, bytes], *, sop_class: str = SR, syntax: wire.Syntax = wire.PLAIN) -> bytes:
    """A file of the given raw elements, and of the identifiers that any file has, in ascending order."""
    body = {
        0x00080016: wire.element(0x00080016, "UI", sop_class, syntax),
        0x00080018: wire.element(0x00080018, "UI", INSTANCE, syntax),
        0x00100010: wire.element(0x00100010, "PN", NAME, syntax),
        0x00100020: wire.element(0x00100020, "LO", PATIENT, syntax),
        0x0020000D: wire.element(0x0020000D, "UI", STUDY, syntax),
        0x0020000E: wire.element(0x0020000E, "UI", SERIES, syntax),
        **elements,
    }
    uid = wire.IMPLICIT if syntax.implicit else wire.EXPLICIT if syntax.little else wire.BIG
    return part10(b"".join(body[tag] for tag in sorted(body)), uid, sop_class=sop_class)


def read(data: bytes) -> Dataset:
    """The data set of a released file, as pydicom reads it."""
    return pydicom.dcmread(io.BytesIO(data))


@cache
def scrubber(policy: Policy = BASIC, key: bytes = KEY) -> Scrubber:
    """One scrubber a policy: compiling the table again and again would be most of the tests' time."""
    return Scrubber(policy, key)


def scrub_to(target: Path, source: bytes | Path | Dataset, policy: Policy = BASIC) -> Outcome:
    """Scrub into `target` and check what holds for every file: a target exists exactly where it was released."""
    target.unlink(missing_ok=True)
    data = encode(source) if isinstance(source, Dataset) else source
    result = (scrubber(policy) if policy.subjects is None else Scrubber(policy, KEY)).scrub(data, target)
    assert target.exists() == (result.status == "released")
    assert bool(result.reason) == (result.status == "withheld")
    if result.status != "released":
        return Outcome(result, b"", Dataset())
    written = target.read_bytes()
    assert len(written) == result.size
    return Outcome(result, written, read(written))


def gone(outcome: Outcome, *secrets: bytes) -> None:
    """Nothing of the usual patient is left in what was released, nor in what is said of it."""
    low = outcome.data.lower()
    for secret in (b"mustermann", b"erika", PATIENT.lower().encode(), STUDY.encode(), b"19310809", *secrets):
        assert secret not in low
    said = repr(dataclasses.replace(outcome.result, crosswalk=())).lower()
    for secret in (NAME, PATIENT, STUDY, SERIES, INSTANCE):
        assert secret.lower() not in said


def withheld(outcome: Outcome, reason: str) -> None:
    assert (outcome.result.status, outcome.result.reason) == ("withheld", reason)
    gone(outcome)


def with_overlay(syntax: str = "", **changes: object) -> bytes:
    ds = ct(**changes)
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000102, "US", 12)
    return recode.encapsulate(encode(ds), syntax, [bytes(range(64))]) if syntax else encode(ds)

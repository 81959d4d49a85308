"""A DICOMDIR written anew for the released files of one file-set (PS3.10 section 8, PS3.3 Annex F).

Knows directory records. The source's own DICOMDIR is never read: whatever stands in the new one comes from released
files. Refuses to know which files are released and why.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medcli.privacy.dicom.encoding import EXPLICIT, EXPLICIT_LE
from medcli.privacy.dicom.marks import file_meta
from medcli.privacy.dicom.values import dummy

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["CLASS", "Member", "build"]

#: Media Storage Directory Storage.
CLASS = "1.2.840.10008.1.3.10"
_HAS_MODIFIER = "HAS CONCEPT MOD"


class Member(NamedTuple):
    """One released file of the file-set, and the identity that its records are filed under.

    Attributes
    ----------
    file_id
        Its path in the file-set, with ``/``.
    patient, study, series, instance
        New Patient ID and UIDs.
    """

    file_id: str
    patient: str
    study: str
    series: str
    instance: str


@dataclass(slots=True)
class Record:
    """A directory record: its encoded body, whose offsets are still zero, and the records below it."""

    body: bytes
    below: list[Record] = field(default_factory=list)
    at: int = 0


def build(root: Path, members: Iterable[Member], uid: str) -> bytes:
    """The bytes of a DICOMDIR.

    Parameters
    ----------
    root
        The file-set's folder in the release.
    members
        Its files; the order does not matter.
    uid
        The file-set's own UID.

    Returns
    -------
    bytes
        A Part 10 file in Explicit VR Little Endian, as PS3.10 8.6 wants it.
    """
    tree = _Tree()
    for member in sorted(members):
        tree.add(member, _header(root / member.file_id))
    return file_meta(CLASS, uid, EXPLICIT) + _encode(tree.sorted(), len(file_meta(CLASS, uid, EXPLICIT)))


@lru_cache(maxsize=1)
def _table() -> tuple[Mapping[str, tuple[str, tuple[tuple[str, str], ...]]], Mapping[str, str]]:
    """Record type -> (level, ((keyword, type), ...)), and SOP Class UID -> record type."""
    text = resources.files(__package__).joinpath("directory_records.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")][1:]
    records, classes = {}, {}
    for line in lines:
        name, level, keys, uids = line.split("\t")
        pairs = (key.split("/") for key in keys.split())
        records[name] = (level, tuple((keyword, kind) for keyword, kind in pairs))
        classes.update(dict.fromkeys(uids.split(), name))
    return records, classes


@lru_cache(maxsize=1)
def _wanted() -> list[str]:
    records, _ = _table()
    keys = {keyword for _, pairs in records.values() for keyword, _ in pairs}
    return sorted(keys | {"SpecificCharacterSet", "SOPClassUID"})


def _header(path: Path) -> Dataset:
    from pydicom import dcmread

    return dcmread(path, stop_before_pixels=True, specific_tags=_wanted())


class _Tree:
    """Patients, studies, series and instances, each once."""

    def __init__(self) -> None:
        self._top: dict[tuple[Any, ...], Record] = {}
        self._found: dict[tuple[Any, ...], Record] = {}
        self._order: dict[int, tuple[Any, ...]] = {}

    def add(self, member: Member, header: Dataset) -> None:
        """File one instance."""
        records, classes = _table()
        name = classes.get(str(header.get("SOPClassUID", "")), "IMAGE")
        leaf = Record(_body(name, header, member))
        if records[name][0] == "root":
            self._put((name, member.instance), leaf, None, "")
            return
        above: Record | None = None
        path: tuple[Any, ...] = ()
        for level, uid in (("PATIENT", member.patient), ("STUDY", member.study), ("SERIES", member.series)):
            path = (*path, uid)
            record = self._found.get(path)
            if record is None:
                record = self._put(path, Record(_body(level, header, member)), above, _rank(level, header))
            above = record
        number = str(header.get("InstanceNumber", "") or "")
        self._put((*path, member.instance), leaf, above, number.zfill(12))

    def _put(self, path: tuple[Any, ...], record: Record, above: Record | None, rank: str) -> Record:
        self._found[path] = record
        self._order[id(record)] = (rank, path)
        if above is None:
            self._top[path] = record
        else:
            above.below.append(record)
        return record

    def sorted(self) -> list[Record]:
        """The top records; every level in the order of its numbers and dates, then of its UIDs."""
        for record in self._found.values():
            record.below.sort(key=lambda one: self._order[id(one)])
        return sorted(self._top.values(), key=lambda one: self._order[id(one)])


def _rank(level: str, header: Dataset) -> str:
    if level == "SERIES":
        return str(header.get("SeriesNumber", "") or "").zfill(12)
    return str(header.get("StudyDate", "") or "") if level == "STUDY" else ""


def _body(name: str, header: Dataset, member: Member) -> bytes:
    """A record's elements, encoded; the two offsets are zero."""
    from pydicom import Dataset

    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = name
    if "SpecificCharacterSet" in header:
        record["SpecificCharacterSet"] = header["SpecificCharacterSet"]
    level, keys = _table()[0][name]
    if level != "inner":
        record.ReferencedFileID = member.file_id.split("/")
        record.ReferencedSOPClassUIDInFile = header.SOPClassUID
        record.ReferencedSOPInstanceUIDInFile = member.instance
        record.ReferencedTransferSyntaxUIDInFile = header.file_meta.TransferSyntaxUID
    for keyword, kind in keys:
        _copy(record, header, keyword, kind, member)
    return _encoded(record)


def _copy(record: Dataset, header: Dataset, keyword: str, kind: str, member: Member) -> None:
    """Bring one key into a record: as the file has it, or, where it must have a value and has none, a dummy."""
    filed = {
        "PatientID": member.patient,
        "StudyInstanceUID": member.study,
        "SeriesInstanceUID": member.series,
    }
    if keyword in filed:
        setattr(record, keyword, filed[keyword])
        return
    element = header[keyword] if keyword in header else None  # noqa: SIM401 - get() would give the value
    if keyword == "ContentSequence" and element is not None:
        items = [item for item in element.value if item.get("RelationshipType") == _HAS_MODIFIER]
        if items:
            record.ContentSequence = items
        return
    if element is not None and not element.is_empty:
        record[keyword] = element
    elif kind != "1C":
        from pydicom.datadict import dictionary_VR, tag_for_keyword

        tag = tag_for_keyword(keyword)
        assert tag is not None
        vr = dictionary_VR(tag).split(" or ")[0]
        record.add_new(tag, vr, _dummy(vr) if kind == "1" else ([] if vr == "SQ" else None))


def _dummy(vr: str) -> Any:
    if vr == "SQ":
        from pydicom import Dataset

        return [Dataset()]
    if vr in ("US", "UL", "SS", "SL", "FL", "FD"):
        return 0
    return dummy(vr).decode("ascii")


def _encoded(record: Dataset) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, record)
    return buffer.getvalue()


def _encode(top: list[Record], begin: int) -> bytes:
    """The data set: offsets are counted from the start of the file, to the record's item tag (PS3.3 F.3.2.2)."""
    put = EXPLICIT_LE.element
    head = put(0x00041130, "CS", b"")

    def offsets(first: int, last: int) -> bytes:
        return (
            put(0x00041200, "UL", struct.pack("<I", first))
            + put(0x00041202, "UL", struct.pack("<I", last))
            + put(0x00041212, "US", struct.pack("<H", 0))
        )

    at = begin + len(head) + len(offsets(0, 0)) + 12
    for record in _walk(top):
        record.at = at
        at += 8 + len(record.body)
    items = b"".join(EXPLICIT_LE.item(body) for body in _linked(top))
    ends = (top[0].at, top[-1].at) if top else (0, 0)
    return head + offsets(*ends) + EXPLICIT_LE.sequence(0x00041220, items)


def _walk(records: list[Record]) -> Iterable[Record]:
    for record in records:
        yield record
        yield from _walk(record.below)


def _linked(records: list[Record]) -> Iterable[bytes]:
    """The bodies with their offsets: to the next record of the level at byte 8, to the first one below at 30."""
    for number, record in enumerate(records):
        following = records[number + 1].at if number + 1 < len(records) else 0
        below = record.below[0].at if record.below else 0
        body = record.body
        yield body[:8] + struct.pack("<I", following) + body[12:30] + struct.pack("<I", below) + body[34:]
        yield from _linked(record.below)

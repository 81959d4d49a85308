"""File-sets: a new DICOMDIR over released files, legal, complete and stable."""

from __future__ import annotations

import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.fileset import FileSet

import medcli
from medcli.privacy import dicomdir
from medcli.privacy.outcome import Result
from tests.inbox import dicom, directory, fill, tree


def scrub(inbox: Path, **options: Any) -> Result:
    return medcli.scrub(inbox, output=inbox.parent / "release", workers=1, **options)


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    fill(inbox / "cd", 25, per_series=4)
    directory(inbox / "cd")
    return inbox


def the_dicomdir(folder: Path) -> Path:
    (path,) = folder.rglob("DICOMDIR")
    return path


def listed(path: Path) -> dict[str, str]:
    """File ID -> SOP Instance UID, as pydicom's FileSet reads it; every file is opened."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files = FileSet(path)
        found = {
            Path(one.path).relative_to(path.parent).as_posix(): one.load().SOPInstanceUID for one in files
        }
        files._stage["t"].cleanup()
    return found


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path).file_meta.MediaStorageSOPInstanceUID)


@pytest.mark.parametrize("layout", ["study", "mirror"])
def test_the_tree_of_a_dicomdir_is_released_as_a_file_set(disc: Path, layout: str) -> None:
    (disc / "other").write_bytes(dicom(99, study=50))
    scrub(disc, layout=layout)
    release = disc.parent / "release"
    path = the_dicomdir(release)
    names = {name for name in tree(path.parent) if name != "DICOMDIR"}
    assert len(names) == 25
    assert all(re.fullmatch(r"[A-Z0-9_]{1,8}(/[A-Z0-9_]{1,8}){0,7}", name) for name in names)
    assert listed(path).keys() == names
    assert len(tree(release)) == 27


def test_dcmtk_and_dicom3tools_accept_it(disc: Path) -> None:
    scrub(disc)
    path = the_dicomdir(disc.parent / "release")
    if shutil.which("dcmdump"):
        dumped = subprocess.run(["dcmdump", "-q", str(path)], capture_output=True, text=True, check=False)
        assert (dumped.returncode, dumped.stderr) == (0, "")
    if shutil.which("dciodvfy"):
        checked = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in checked.stderr


def test_nothing_of_the_sources_dicomdir_and_no_identity_stands_in_it(disc: Path) -> None:
    scrub(disc)
    content = the_dicomdir(disc.parent / "release").read_bytes()
    for needle in (b"ADELHEID", b"Quittenbaum", b"MRN-", b"3680043", b"20230914", b"ACC-"):
        assert needle.lower() not in content.lower()


def test_withheld_files_are_not_in_it_and_a_set_without_files_has_none(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    directory(inbox)
    (inbox / "half").write_bytes(dicom(1)[:300])
    scrub(inbox)
    assert tree(tmp_path / "release") == {}
    (inbox / "whole").write_bytes(dicom(2))
    scrub(inbox)
    assert len(listed(the_dicomdir(tmp_path / "release"))) == 1


def test_a_grown_disc_keeps_its_names_and_its_uid(disc: Path) -> None:
    scrub(disc)
    path = the_dicomdir(disc.parent / "release")
    first, uid = listed(path), uid_of(path)
    manifest = disc.parent / "release-manifest.json"
    told, made = manifest.read_bytes(), path.stat().st_mtime_ns
    scrub(disc)
    assert (manifest.read_bytes(), path.stat().st_mtime_ns) == (told, made)
    fill(disc / "cd", 3, per_series=4, first=25)
    scrub(disc)
    second = listed(path)
    assert second.items() > first.items()
    assert len(second) == 28
    assert uid_of(path) == uid


def test_a_disc_in_an_archive_is_a_file_set_too_and_the_account_names_it(disc: Path) -> None:
    import csv

    shutil.make_archive(str(disc.parent / "more" / "disc"), "gztar", disc / "cd")
    medcli.scrub(disc.parent / "more", output=disc.parent / "release", workers=1)
    path = the_dicomdir(disc.parent / "release")
    assert len(listed(path)) == 25
    with (disc.parent / "release-confidential" / "files.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["status"] == "dicomdir"]
    assert [(row["member"], row["output"]) for row in rows] == [
        ("./DICOMDIR", path.relative_to(disc.parent / "release").as_posix())
    ]


def test_a_dicomdir_that_comes_later_renames_nothing(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 3)
    scrub(inbox)
    before = tree(tmp_path / "release")
    directory(inbox)
    fill(inbox, 2, first=3)
    scrub(inbox)
    after = tree(tmp_path / "release")
    assert after.items() > before.items()
    assert len(listed(the_dicomdir(tmp_path / "release"))) == 2


def test_every_record_type_gets_its_keys_with_legal_values(tmp_path: Path) -> None:
    """A bare object of every class in the table: whatever it lacks, pydicom's FileSet takes the DICOMDIR."""
    _, classes = dicomdir._table()
    members = []
    for number, uid in enumerate(sorted(classes)):
        name = f"F{number:04}"
        (tmp_path / name).write_bytes(dicom(number, SOPClassUID=uid, InstanceNumber=None, SeriesNumber=None))
        members.append(dicomdir.Member(name, "P", "2.25.1", "2.25.2", f"2.25.{number + 3}"))
    path = tmp_path / "DICOMDIR"
    path.write_bytes(dicomdir.build(tmp_path, members, "2.25.9"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = pydicom.dcmread(path).DirectoryRecordSequence
    types = {record.DirectoryRecordType for record in records}
    assert types == {"PATIENT", "STUDY", "SERIES", *classes.values()}
    table, _ = dicomdir._table()
    for record in records:
        for keyword, kind in table[record.DirectoryRecordType][1]:
            if kind == "1":
                assert record[keyword].value not in (None, ""), (record.DirectoryRecordType, keyword)
    assert {one.ReferencedFileID for one in records if "ReferencedFileID" in one} == {
        one.file_id for one in members
    }


def test_records_are_linked_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    members = []
    for number in (10, 9, 1, 11):
        (tmp_path / f"F{number}").write_bytes(dicom(number))
        members.append(dicomdir.Member(f"F{number}", "P", "2.25.1", "2.25.2", f"2.25.{number}"))
    data = dicomdir.build(tmp_path, members, "2.25.9")
    (tmp_path / "DICOMDIR").write_bytes(data)
    ds = pydicom.dcmread(tmp_path / "DICOMDIR")
    at = {record.seq_item_tell: record for record in ds.DirectoryRecordSequence}
    record, path = at[ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity], []
    while record.DirectoryRecordType != "IMAGE":
        path.append(record.DirectoryRecordType)
        record = at[record.OffsetOfReferencedLowerLevelDirectoryEntity]
    order = [record.InstanceNumber]
    while record.OffsetOfTheNextDirectoryRecord:
        record = at[record.OffsetOfTheNextDirectoryRecord]
        order.append(record.InstanceNumber)
    assert path == ["PATIENT", "STUDY", "SERIES"]
    assert order == [1, 9, 10, 11]

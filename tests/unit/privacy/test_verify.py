"""A release checked again: nothing to find, and everything planted found."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

import medcli
from medcli.errors import InputError, SetupError, UsageError
from medcli.privacy.outcome import Result
from tests.inbox import dicom, directory, fill, tree


@pytest.fixture
def release(tmp_path: Path) -> Path:
    inbox = fill(tmp_path / "inbox", 12)
    directory(fill(inbox / "cd", 4, first=40))
    medcli.scrub(
        inbox, output=tmp_path / "release", workers=1, retain=["modified-dates"], date_shift=(-50, -10)
    )
    return tmp_path / "release"


def kinds(result: Result) -> set[tuple[str, str]]:
    return {(one["kind"], one["attribute"]) for one in result.facts["findings"]}  # type: ignore[attr-defined]


def with_source(release: Path, **options: Any) -> Result:
    key = release.parent / "release-confidential" / "key"
    options = {"date_shift": (-50, -10)} | options
    options = {"source": release.parent / "inbox"} | options
    return medcli.scrub(verify=release, key_file=key, **options)


def one_of(release: Path) -> Path:
    return min(release.rglob("*.dcm"))


def resign(release: Path, path: Path) -> None:
    """Let the manifest agree with a file that was tampered with."""
    import hashlib

    manifest = release.parent / "release-manifest.json"
    text = manifest.read_text()
    for entry in json.loads(text)["files"]:
        if entry["path"] == path.relative_to(release).as_posix():
            data = path.read_bytes()
            new = {**entry, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            text = text.replace(json.dumps(entry), json.dumps(new))
    manifest.write_text(text)


def test_a_sound_release_has_no_findings_and_nothing_is_written(release: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in release.parent.rglob("*")}
    for result in (medcli.scrub(verify=release), with_source(release)):
        assert (result.exit_code, result.facts["findings"], result.facts["files"]) == (0, [], 17)
    assert with_source(release).facts["compared_with_source"] == 16
    assert {path: path.stat().st_mtime_ns for path in release.parent.rglob("*")} == before


def test_missing_changed_and_foreign_files_are_found(release: Path) -> None:
    first, second, *_ = sorted(release.rglob("*.dcm"))
    first.unlink()
    second.write_bytes(second.read_bytes() + b"\0\0")
    (release / "note.txt").write_bytes(b"x")
    result = medcli.scrub(verify=release)
    assert result.exit_code == 6
    assert {kind for kind, _ in kinds(result)} >= {"missing", "changed", "not-in-manifest"}


def set_mark(ds: pydicom.Dataset) -> None:
    ds.PatientIdentityRemoved = "NO"


def drop_codes(ds: pydicom.Dataset) -> None:
    del ds.DeidentificationMethodCodeSequence


def old_uid(ds: pydicom.Dataset) -> None:
    ds.FrameOfReferenceUID = "1.2.826.0.1.3680043.2.9999.1"


def other_media_uid(ds: pydicom.Dataset) -> None:
    ds.file_meta.MediaStorageSOPInstanceUID = "2.25.1"


def source_ae(ds: pydicom.Dataset) -> None:
    ds.file_meta.SourceApplicationEntityTitle = "KLINIK"


def preamble(ds: pydicom.Dataset) -> None:
    ds.preamble = b"Quittenbaum".ljust(128)


def other_patient(ds: pydicom.Dataset) -> None:
    ds.PatientID = "X"


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (set_mark, ("mark", "PatientIdentityRemoved")),
        (drop_codes, ("mark", "DeidentificationMethodCodeSequence")),
        (old_uid, ("old-uid", "(0020,0052)")),
        (other_media_uid, ("uid", "MediaStorageSOPInstanceUID")),
        (source_ae, ("file-meta", "")),
        (preamble, ("file-meta", "")),
        (other_patient, ("two-patients", "PatientID")),
    ],
)
def test_a_file_that_breaks_a_promise_is_found_even_with_a_fitting_manifest(
    release: Path, change: Callable[[pydicom.Dataset], None], finding: tuple[str, str]
) -> None:
    path = one_of(release)
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path, enforce_file_format=False)
    resign(release, path)
    assert kinds(medcli.scrub(verify=release)) == {finding}


def test_a_planted_identity_is_found_with_the_source_and_not_quoted(release: Path) -> None:
    path = one_of(release)
    ds = pydicom.dcmread(path)
    ds.ImageComments = "Frau Quittenbaum"
    ds.save_as(path)
    resign(release, path)
    assert medcli.scrub(verify=release).exit_code == 0
    result = with_source(release)
    assert kinds(result) == {("residue", "(0010,0010)")}
    assert "Quittenbaum" not in result.text + json.dumps(result.facts)


def test_a_dicomdir_that_lists_other_files_is_found(release: Path) -> None:
    path = next(release.rglob("DICOMDIR"))
    inside = next(name for name in tree(path.parent) if name != "DICOMDIR").rpartition("/")[2]
    path.write_bytes(path.read_bytes().replace(inside.encode(), b"ZZZZZZZZ"))
    resign(release, path)
    assert kinds(medcli.scrub(verify=release)) == {("dicomdir", "")}


def test_a_dicomdir_need_not_list_what_lies_in_a_file_set_inside_it(tmp_path: Path) -> None:
    directory(fill(tmp_path / "inbox", 2))
    directory(fill(tmp_path / "inbox" / "deeper", 2, first=40))
    medcli.scrub(tmp_path / "inbox", output=tmp_path / "release", layout="mirror", workers=1)
    release = tmp_path / "release"
    assert len(list(release.rglob("DICOMDIR"))) == 2
    assert medcli.scrub(verify=release).facts["findings"] == []
    inner = max(release.rglob("DICOMDIR"), key=lambda path: len(path.parts))
    name = next(path for path in inner.parent.rglob("*") if path.is_file() and path != inner).name
    inner.write_bytes(inner.read_bytes().replace(name.encode(), b"ZZZZZZZZ"))
    resign(release, inner)
    assert kinds(medcli.scrub(verify=release)) == {("dicomdir", "")}


def test_files_whose_source_is_not_there_are_counted_and_none_at_all_is_an_error(
    release: Path, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "inbox" / "cd")
    result = with_source(release)
    assert (result.facts["compared_with_source"], result.facts["without_source"]) == (12, 4)
    assert "not searched" in result.text
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="None of the released files"):
        with_source(release, source=fill(tmp_path / "other", 2, first=900))


def test_what_this_account_may_not_read_is_not_called_missing(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = one_of(release)
    opened, read = Path.open, Path.read_bytes

    def refuse(path: Path) -> None:
        if path in (closed, release.parent / "release-manifest.json"):
            raise PermissionError(errno.EACCES, "")

    def read_bytes(path: Path) -> bytes:
        refuse(path)
        return read(path)

    def open_(path: Path, *arguments: Any, **options: Any) -> Any:
        refuse(path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert kinds(medcli.scrub(verify=release)) == {("unreadable", "")}
    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(InputError, match="manifest beside the release can't be read"):
        medcli.scrub(verify=release)


def test_a_damaged_or_missing_manifest_and_a_wrong_key_are_errors(release: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    medcli.scrub(tmp_path / "inbox", output=tmp_path / "r2", key_file=other, workers=1)
    with pytest.raises(UsageError, match="not the one"):
        medcli.scrub(verify=release, source=tmp_path / "inbox", key_file=other)
    with pytest.raises(SetupError, match="does not exist"):
        medcli.scrub(verify=release, source=tmp_path / "inbox", key_file=tmp_path / "none")
    manifest = tmp_path / "release-manifest.json"
    whole = manifest.read_bytes()
    for content in (b"{}", whole[: len(whole) // 2], b""):
        manifest.write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            medcli.scrub(verify=release)
    manifest.unlink()
    with pytest.raises(InputError, match="no manifest"):
        medcli.scrub(verify=release)
    with pytest.raises(InputError, match="does not exist"):
        medcli.scrub(verify=tmp_path / "nothing")


def test_a_release_of_an_archive_is_compared_too(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "cd.zip", "w") as archive:
        archive.writestr("a", dicom(1))
    medcli.scrub(tmp_path / "cd.zip", output=tmp_path / "release", workers=1)
    key = tmp_path / "release-confidential" / "key"
    result = medcli.scrub(verify=tmp_path / "release", source=tmp_path / "cd.zip", key_file=key)
    assert (result.exit_code, result.facts["compared_with_source"]) == (0, 1)

"""Paths that coincide, files of others, runs beside each other: refused before anything is harmed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import medcli
from medcli.errors import InputError, SetupError, UsageError
from medcli.jobs import lock
from tests.cli.test_scrub import run, without_rights
from tests.inbox import dicom, directory, fill, tree


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sources": "release-manifest.json"}, "manifest beside --output and source 1"),
        ({"key_file": "release-manifest.json"}, "--key-file names the manifest"),
        ({"confidential": "release-manifest.json"}, "--confidential names the manifest"),
        ({"state": "release-manifest.json"}, "--state names the manifest"),
        ({"key_file": "release-confidential/files.csv"}, "--key-file names files.csv"),
        ({"key_file": "release-confidential/catalogue.sqlite"}, "--key-file names catalogue.sqlite"),
        ({"key_file": "private/summary.json", "confidential": "private"}, "--key-file names summary.json"),
        ({"key_file": "release-confidential/state"}, "--key-file names the folder of --state"),
        ({"key_file": "state/ledger.sqlite", "state": "state"}, "--key-file names the ledger"),
        ({"state": "release-confidential/notes"}, "--state names notes"),
        ({"subjects": "release-manifest.json"}, "--subjects names the manifest"),
        ({"rules": "release-confidential/crosswalk.csv"}, "--rules names crosswalk.csv"),
        ({"subjects": "release-confidential/key"}, "--subjects names --key-file"),
        ({"key_file": "inbox/key"}, "--key-file and source 1 lie inside each other"),
        ({"sources": "private/key", "key_file": "private/key"}, "--key-file and source 1"),
    ],
)
def test_paths_of_which_one_would_replace_another_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "inbox", 1)
    for name in ("release-manifest.json", "private/key", "private/summary.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"precious")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=says):
        medcli.scrub(options.pop("sources", "inbox"), output="release", **options)
    assert tree(tmp_path) == before


def test_a_file_of_others_where_the_manifest_belongs_is_not_replaced(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    manifest = tmp_path / "release-manifest.json"
    manifest.write_text('{"mine": 1}')
    code, _, err = run("scrub", tmp_path / "inbox", "--output", tmp_path / "release")
    assert (code, manifest.read_text()) == (2, '{"mine": 1}')
    assert "did not write" in err
    manifest.unlink()
    for _ in range(2):
        assert run("scrub", tmp_path / "inbox", "--output", tmp_path / "release", "--workers", "1")[0] == 0


def test_a_shared_folder_does_not_become_the_confidential_one(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    (shared / "letter").touch()
    command = (
        "scrub",
        tmp_path / "inbox",
        "--output",
        tmp_path / "release",
        "--workers",
        "1",
        "--confidential",
        shared,
    )
    code, _, err = run(*command)
    assert (code, shared.stat().st_mode & 0o777) == (2, 0o755)
    assert "holds other things" in err
    shared.chmod(0o700)
    assert run(*command)[0] == 0


def test_a_second_run_on_one_output_is_refused_whatever_its_confidential_folder(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    (tmp_path / "release").mkdir()
    options = {"output": tmp_path / "release", "workers": 1}
    with (
        lock.hold_itself(tmp_path / "release", "a", "b"),
        pytest.raises(SetupError, match="Another run is") as told,
    ):
        medcli.scrub(inbox, confidential=tmp_path / "other", **options)  # type: ignore[arg-type]
    assert "choose" not in told.value.hint
    medcli.scrub(inbox, confidential=tmp_path / "other", **options)  # type: ignore[arg-type]
    notes = tmp_path / "other" / "notes"
    with lock.hold(notes), pytest.raises(SetupError, match="Another run is working on this release") as told:
        medcli.scrub(inbox, confidential=tmp_path / "other", **options)  # type: ignore[arg-type]
    assert "choose" not in told.value.hint


def test_two_releases_do_not_share_a_ledger(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 2)
    options = {"state": tmp_path / "state", "workers": 1}
    medcli.scrub(inbox, output=tmp_path / "one", **options)  # type: ignore[arg-type]
    key = tmp_path / "one-confidential" / "key"
    with pytest.raises(UsageError, match="another setting of: output"):
        medcli.scrub(inbox, output=tmp_path / "two", key_file=key, **options)  # type: ignore[arg-type]


def test_a_state_that_cannot_be_made_is_exit_code_3(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    (tmp_path / "file").touch()
    code, _, err = run(
        "scrub", tmp_path / "inbox", "--output", tmp_path / "release", "--state", tmp_path / "file" / "state"
    )
    assert code == 3
    assert "The state folder can't be made" in err


def test_nothing_to_read_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one").symlink_to("/etc/hostname")
    before = sorted(tmp_path.rglob("*"))
    for name, says in (("empty", "no files in the sources"), ("links", "links, which are not followed")):
        for more in ({}, {"dry_run": True}):
            with pytest.raises(InputError, match=says):
                medcli.scrub(tmp_path / name, output=tmp_path / "release", workers=1, **more)
    assert sorted(tmp_path.rglob("*")) == before


def test_links_beside_files_are_counted_and_told(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    (inbox / "link").symlink_to("/etc/hostname")
    code, out, _ = run("scrub", inbox, "--output", tmp_path / "release", "--workers", "1")
    assert code == 0
    assert "links, which are not followed" in out
    summary = json.loads((tmp_path / "release-confidential" / "summary.json").read_text())
    assert summary["ignored"] == {"symlink": 1}


def test_a_source_without_rights_is_told_without_its_path(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    (tmp_path / "inbox").chmod(0o300)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    with without_rights():
        code, _, err = run("scrub", tmp_path / "inbox", "--output", tmp_path / "release")
    (tmp_path / "inbox").chmod(0o700)
    assert code == 4
    assert "inbox" not in err


def test_the_date_shift_is_confidential(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    options = {"output": tmp_path / "release", "workers": 1, "date_shift": (-7, -7)}
    medcli.scrub(inbox, retain="modified-dates", **options)  # type: ignore[arg-type]
    manifest = (tmp_path / "release-manifest.json").read_text()
    assert "-7" not in manifest
    private = tmp_path / "release-confidential"
    assert json.loads((private / "summary.json").read_text())["date_shift"] == [-7, -7]
    again = {"verify": tmp_path / "release", "source": inbox, "key_file": private / "key"}
    assert medcli.scrub(date_shift=(-7, -7), **again).exit_code == 0  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="another --date-shift"):
        medcli.scrub(**again)  # type: ignore[arg-type]


def test_a_release_that_keeps_who_the_patient_is_verifies(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    (tmp_path / "rules").write_text("attribute,action,reason\nPatientName,K,asked for\n")
    medcli.scrub(inbox, output=tmp_path / "release", workers=1, rules=tmp_path / "rules")
    assert json.loads((tmp_path / "release-manifest.json").read_text())["identity_kept"]
    assert medcli.scrub(verify=tmp_path / "release").facts["findings"] == []


def test_a_run_that_was_killed_before_its_first_file_is_taken_up(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 2)
    output = tmp_path / "release"
    (tmp_path / "release-confidential").mkdir(mode=0o700)
    medcli.scrub(inbox, output=output, workers=1)
    places = [path.relative_to(output) for path in output.rglob("*.dcm")]
    staging = tmp_path / "held"
    for place in places:  # as a kill between two renames would have left it
        (output / place).rename(tmp_path / place.name)
    assert not staging.exists()
    assert medcli.scrub(inbox, output=output, workers=1, restart=True).exit_code == 0
    assert len(tree(output)) == 2


def test_what_a_kill_leaves_of_drafts_is_never_in_the_release_and_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = fill(tmp_path / "inbox", 2)
    directory(inbox)
    from medcli import files

    class Killed(BaseException):
        pass

    real, count = os.replace, [0]

    def replace(one: str, other: str) -> None:
        count[0] -= 1
        if count[0] == 0:
            raise Killed
        real(one, other)

    for number in range(1, 7):
        output = tmp_path / f"release{number}"
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", replace)
            patch.setattr(Path, "unlink", lambda *_, **__: None)
            count[0] = number
            with pytest.raises(Killed) if number < 6 else pytest.raises(AssertionError):
                medcli.scrub(inbox, output=output, workers=1)
                raise AssertionError
        if number < 6:
            assert not [name for name in tree(output) if ".part" in name]
        assert medcli.scrub(inbox, output=output, workers=1).exit_code == 0
        left = list(tmp_path.rglob("*.part"))
        assert left == [], number
        assert medcli.scrub(verify=output).exit_code == 0


def test_the_copies_of_a_key_that_a_kill_leaves_are_swept(tmp_path: Path) -> None:
    from medcli.privacy import keys

    key = keys.make(tmp_path / "key")
    (tmp_path / ".key.0123456789abcdef.part").touch()
    (tmp_path / ".key.mine.part").touch()
    assert keys.make(tmp_path / "key") == key
    assert sorted(path.name for path in tmp_path.iterdir()) == [".key.mine.part", "key"]


def test_verify_sees_links_and_foreign_folders(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "1").write_bytes(dicom(1))
    output = tmp_path / "release"
    medcli.scrub(inbox, output=output, workers=1)
    (output / "etc").symlink_to("/etc")
    (output / "Quittenbaum").mkdir()
    (place,) = output.rglob("*.dcm")
    place.rename(tmp_path / "kept")
    place.symlink_to(tmp_path / "kept")
    found = medcli.scrub(verify=output).facts["findings"]
    name = place.relative_to(output).as_posix()
    assert {(one["kind"], one["path"]) for one in found} == {  # type: ignore[attr-defined]
        ("not-in-manifest", "etc"),
        ("not-in-manifest", "Quittenbaum"),
        ("changed", name),
    }


def test_what_a_file_or_the_environment_set_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    (tmp_path / "medcli.toml").write_text('[scrub]\nretain = ["uids"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDCLI_SCRUB_PIXELS", "off")
    monkeypatch.setenv("MEDCLI_SCRUB_WORKERS", "1")
    code, _, err = run("scrub", inbox, "--output", "release")
    assert (code, err) == (0, "Set by the environment: pixels.\nSet by the settings file: retain.\n")


def test_a_large_file_that_is_cut_short_while_it_is_read_costs_itself_only(tmp_path: Path) -> None:
    """Through a reader that cuts it after it was mapped; where that ends the process, the run goes on."""
    inbox = fill(tmp_path / "inbox", 2)
    (inbox / "large").write_bytes(dicom(9, Rows=4096, Columns=4097, pixels=bytes(2 * 4096 * 4097)))
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\nfrom medcli.cli import main\nfrom medcli.privacy.dicom import read\n"
        "real = read.mmap.mmap\n"
        "def cut(descriptor, length, **options):\n"
        "    mapped = real(descriptor, length, **options)\n"
        f"    os.truncate({str(inbox / 'large')!r}, 10)\n"
        "    return mapped\n"
        "class Patched:\n    mmap = staticmethod(cut)\n    def __getattr__(self, name): return getattr(real_module, name)\n"
        "real_module = read.mmap\nread.mmap = Patched()\n"
        "if __name__ == '__main__':\n    sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, script, "scrub", inbox, "--output", tmp_path / "release", "--workers", "1"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (5, "")
    assert len(tree(tmp_path / "release")) == 2


def test_shifted_dates_beside_kept_uids_are_warned_of(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    options = ("--output", tmp_path / "release", "--workers", "1", "--retain", "modified-dates")
    code, out, err = run("scrub", inbox, *options, "--retain", "uids", "--json")
    assert code == 0
    assert err.startswith("Warning: UIDs that are kept")
    assert json.loads(out)["exit_code"] == 0


def test_large_members_of_archives_never_lie_beside_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    from medcli.privacy.dicom.scrubber import Scrubber

    (tmp_path / "inbox").mkdir()
    with zipfile.ZipFile(tmp_path / "inbox" / "cd.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large", dicom(1, Rows=4096, Columns=4097, pixels=bytes(2 * 4096 * 4097)))
    real, seen = Scrubber.scrub, []

    def watching(self: Scrubber, source: Path, target: Path) -> object:
        seen.append(source)
        return real(self, source, target)

    monkeypatch.setattr(Scrubber, "scrub", watching)
    medcli.scrub(tmp_path / "inbox", output=tmp_path / "release", workers=1)
    (place,) = seen
    assert place.is_relative_to(tmp_path / "release-confidential")
    assert [path.name for path in (tmp_path / "release-confidential" / "notes").iterdir()] == ["lock"]


def test_what_is_unclear_in_the_source_is_no_finding_of_verify(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "1").write_bytes(dicom(1))
    (inbox / "2").write_bytes(dicom(2, patient=""))
    (inbox / "3").write_bytes(dicom(3, study=3, SeriesInstanceUID="1.2.3"))
    (inbox / "4").write_bytes(dicom(4, study=4, SeriesInstanceUID="1.2.3"))
    medcli.scrub(inbox, output=tmp_path / "release", workers=1)
    assert len(tree(tmp_path / "release")) == 4
    assert medcli.scrub(verify=tmp_path / "release").facts["findings"] == []


@pytest.mark.parametrize("layout", ["study", "mirror"])
def test_a_dicomdir_that_comes_late_is_told(tmp_path: Path, layout: str) -> None:
    inbox = fill(tmp_path / "inbox", 3)
    options = {"output": tmp_path / "release", "workers": 1, "layout": layout}
    medcli.scrub(inbox, **options)  # type: ignore[arg-type]
    directory(inbox)
    cd = fill(tmp_path / "inbox" / "cd", 2, first=40)
    directory(cd)
    for _ in range(2):
        medcli.scrub(inbox, **options)  # type: ignore[arg-type]
        rows = (tmp_path / "release-confidential" / "files.csv").read_text().splitlines()
        told = sorted(row.rpartition(",")[2] for row in rows if ",dicomdir," in row)
        assert told == ["", "dicomdir-came-late"]
        assert medcli.scrub(verify=tmp_path / "release").exit_code == 0


def test_output_that_nobody_reads_and_too_few_files_are_no_mistakes_of_medcli(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    command = f"{sys.executable} -m medcli scrub {tmp_path}/inbox --output {tmp_path}/release --workers 1"
    root = Path(__file__).parents[2]
    for wrapped in (f"{command} >&-", f"{command} >&- 2>&-", f"set -o pipefail; {command} | true"):
        done = subprocess.run(["bash", "-c", wrapped], cwd=root, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), wrapped
    few = subprocess.run(
        ["bash", "-c", f"ulimit -n 10; {command.replace('release', 'r2')}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert few.returncode == 3, few.stderr
    assert "Hint:" in few.stderr


def open_to_all(folder: Path) -> None:
    for parent in (folder, *folder.parents[:3]):  # pytest's own, one more where tests run side by side
        parent.chmod(parent.stat().st_mode | 0o055)


def test_what_another_account_closed_is_said_in_a_sentence(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    assert run("scrub", inbox, "--output", tmp_path / "release", "--workers", "1")[0] == 0
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    open_to_all(tmp_path)
    closed, release = tmp_path / "closed", tmp_path / "open" / "release"
    with without_rights():
        for says, expected, *options in (
            ("--confidential can't be looked into", 3, inbox, "--output", tmp_path / "release"),
            (
                "--confidential can't be looked into",
                3,
                inbox,
                "--output",
                release,
                "--confidential",
                closed / "x",
            ),
            ("key file can't be reached", 3, inbox, "--output", release, "--key-file", closed / "key"),
            (
                "key file can't be reached",
                3,
                inbox,
                "--dry-run",
                "--output",
                release,
                "--key-file",
                closed / "key",
            ),
            ("Source 1 can't be reached: Permission denied", 4, closed / "x", "--output", release),
        ):
            code, _, err = run("scrub", "--workers", "1", *options)
            assert (code, says in err, "Permission denied" in err) == (expected, True, True), err
    assert list(release.parent.iterdir()) == []


def test_the_root_of_the_file_system_is_no_release(tmp_path: Path) -> None:
    code, _, err = run("scrub", fill(tmp_path / "inbox", 1), "--output", "/")
    assert code == 2
    assert "root of the file system" in err
    assert run("scrub", "--verify", "/")[0] == 2

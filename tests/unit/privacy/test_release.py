"""Decisions over all files, publication, reports: one run after another over an inbox."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import medcli
from medcli.errors import InputError, SetupError, UsageError
from medcli.privacy import keys, report
from medcli.privacy.outcome import Result
from medcli.privacy.policy import Policy, Rule, Subject
from tests.inbox import dicom, directory, fill, tree


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def put(inbox: Path, **files: bytes) -> None:
    for name, content in files.items():
        (inbox / name).write_bytes(content)


def scrub(inbox: Path, **options: Any) -> Result:
    options.setdefault("output", inbox.parent / "release")
    options.setdefault("workers", 1)
    return medcli.scrub(inbox, **options)


def account(inbox: Path) -> dict[str, tuple[str, str, str]]:
    """Source (its last part) and member -> status, reason, output."""
    with (inbox.parent / "release-confidential" / "files.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {
        "!".join(filter(None, (Path(row["source"]).name, row["member"]))): (
            row["status"],
            row["reason"],
            row["output"],
        )
        for row in rows
    }


def statuses(inbox: Path) -> dict[str, str]:
    return {name: reason or status for name, (status, reason, _) in account(inbox).items()}


def lines(inbox: Path) -> list[dict[str, Any]]:
    text = (inbox.parent / "release-confidential" / "report.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_releases_and_accounts_for_every_file(inbox: Path) -> None:
    put(inbox, a=dicom(1), b=dicom(2), c=b"no dicom, no text: \0", d=b"", e=dicom(3)[:400])
    result = scrub(inbox)
    assert result.exit_code == 5
    assert statuses(inbox) == {
        "a": "released",
        "b": "released",
        "c": "not-dicom",
        "d": "empty",
        "e": "truncated",
    }
    release = tree(inbox.parent / "release")
    assert sorted(release) == sorted(output for _, _, output in account(inbox).values() if output)
    assert result.facts["status"] == {"released": 2, "withheld": 2, "ignored": 1}
    hidden = [path.name for path in inbox.parent.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_what_is_private_is_private_and_the_rest_is_value_free(inbox: Path) -> None:
    fill(inbox, 3)
    put(inbox, broken=b"\x08\x00\x05\x00CS")
    scrub(inbox, crosswalk=True)
    confidential = inbox.parent / "release-confidential"
    assert confidential.stat().st_mode & 0o777 == 0o700
    for name in ("key", "files.csv", "crosswalk.csv", "report.jsonl", "summary.json", "catalogue.sqlite"):
        assert (confidential / name).stat().st_mode & 0o777 == 0o600, name
    state = b"".join(path.read_bytes() for path in (confidential / "state").rglob("*") if path.is_file())
    public = (inbox.parent / "release-manifest.json").read_bytes() + b"".join(
        tree(inbox.parent / "release").values()
    )
    told = (confidential / "report.jsonl").read_bytes() + (confidential / "summary.json").read_bytes()
    for needle in (
        b"Quittenbaum",
        b"Adelheid",
        b"MRN-",
        b"19380412",
        b"ACC-88123",
        b"3680043",
        str(inbox).encode(),
    ):
        assert needle.lower() not in (state + public + told).lower(), needle
    assert b"MRN-0000" in (confidential / "crosswalk.csv").read_bytes()
    assert b"Quittenbaum_0" in (confidential / "files.csv").read_bytes()


def test_identical_copies_are_released_once_the_first_in_order(inbox: Path) -> None:
    put(inbox, b=dicom(1), a=dicom(1), c=dicom(1))
    assert scrub(inbox).exit_code == 0
    result = account(inbox)
    assert [result[name][0] for name in "abc"] == ["released", "duplicate", "duplicate"]
    assert len({output for _, _, output in result.values()}) == 1
    assert len(tree(inbox.parent / "release")) == 1


def test_different_objects_with_one_instance_uid_are_all_withheld(inbox: Path) -> None:
    put(inbox, a=dicom(1), b=dicom(1, pixels=bytes(127) + b"\1"), c=dicom(1), d=dicom(2))
    assert scrub(inbox).exit_code == 5
    conflict = "sop-instance-conflict"
    assert statuses(inbox) == {"a": conflict, "b": conflict, "c": conflict, "d": "released"}
    assert len(tree(inbox.parent / "release")) == 1


def test_a_study_that_names_two_patients_is_withheld_whole(inbox: Path) -> None:
    put(
        inbox,
        a=dicom(1, patient="A"),
        b=dicom(2, patient="B"),
        c=dicom(3, patient=""),
        d=dicom(1, study=2, patient="A"),
    )
    assert scrub(inbox).exit_code == 5
    two = "study-names-two-patients"
    assert statuses(inbox) == {"a": two, "b": two, "c": two, "d": "released"}


def test_what_was_released_stays_and_what_contradicts_it_is_withheld(inbox: Path) -> None:
    put(inbox, a=dicom(1, patient="A"))
    assert scrub(inbox).exit_code == 0
    before = tree(inbox.parent / "release")
    put(
        inbox,
        b=dicom(1, patient="A", pixels=bytes(127) + b"\1"),
        c=dicom(2, patient="B"),
        d=dicom(1, patient="A"),
        e=dicom(3, patient="A"),
    )
    assert scrub(inbox).exit_code == 5
    after = statuses(inbox)
    assert after.pop("b") == "sop-instance-conflict"
    assert after.pop("c") == "study-names-two-patients"
    # A copy of what was released adds nothing. A further file of the study is ambiguous as long as the stranger is there.
    assert after == {"a": "released", "d": "sop-instance-conflict", "e": "study-names-two-patients"}
    assert tree(inbox.parent / "release") == before


def test_a_rerun_over_a_grown_inbox_adds_and_neither_renames_nor_rewrites(inbox: Path) -> None:
    fill(inbox, 10)
    scrub(inbox)
    release = inbox.parent / "release"
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in release.rglob("*.dcm")}
    fill(inbox, 5, first=10)
    result = scrub(inbox)
    assert result.facts["from_earlier_runs"] == 10
    after = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in release.rglob("*.dcm")}
    assert after.items() > before.items()
    assert len(after) == 15
    assert len(json.loads((inbox.parent / "release-manifest.json").read_text())["files"]) == 15


def test_what_left_the_inbox_stays_in_release_manifest_and_account(inbox: Path) -> None:
    put(inbox, a=dicom(1), b=dicom(2), junk=b"\0")
    scrub(inbox)
    for name in ("a", "junk"):
        (inbox / name).unlink()
    put(inbox, c=dicom(3))
    result = scrub(inbox)
    assert result.facts["status"] == {"released": 2}
    assert list(statuses(inbox)) == ["b", "c", "a"]
    assert len(json.loads((inbox.parent / "release-manifest.json").read_text())["files"]) == 3


def test_retry_failed_does_again_what_a_conflict_withheld(inbox: Path) -> None:
    put(inbox, a=dicom(1), b=dicom(1, pixels=bytes(127) + b"\1"), c=dicom(5)[:300])
    scrub(inbox)
    (inbox / "b").unlink()
    assert scrub(inbox).exit_code == 5
    assert statuses(inbox) == {"a": "sop-instance-conflict", "c": "truncated"}
    assert scrub(inbox, retry_failed=True).exit_code == 5
    assert statuses(inbox) == {"a": "released", "c": "truncated"}
    assert scrub(inbox).exit_code == 5
    assert statuses(inbox) == {"a": "released", "c": "truncated"}
    assert len(tree(inbox.parent / "release")) == 1


def test_a_conflict_inside_an_archive_can_be_retried_too(inbox: Path) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("one", dicom(1))
        archive.writestr("two", dicom(2))
    put(inbox, b=dicom(1, pixels=bytes(127) + b"\1"), x=buffer.getvalue())
    scrub(inbox)
    assert statuses(inbox) == {
        "b": "sop-instance-conflict",
        "x!one": "sop-instance-conflict",
        "x!two": "released",
    }
    (inbox / "b").unlink()
    scrub(inbox, retry_failed=True)
    assert statuses(inbox) == {"x!one": "released", "x!two": "released"}
    assert len(tree(inbox.parent / "release")) == 2


def test_a_retry_can_be_repeated_and_an_interrupted_run_does_not_lose_it(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(inbox, a=dicom(1), b=dicom(1, pixels=bytes(127) + b"\1"), c=dicom(2))
    scrub(inbox)
    for _ in range(2):
        scrub(inbox, retry_failed=True)
        assert statuses(inbox) == {
            "a": "sop-instance-conflict",
            "b": "sop-instance-conflict",
            "c": "released",
        }
    (inbox / "b").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(
            "medcli.privacy.job.ScrubJob.finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            scrub(inbox)
    scrub(inbox, retry_failed=True)
    assert statuses(inbox) == {"a": "released", "c": "released"}


def test_a_file_that_was_away_when_its_run_was_resumed_is_done_again(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(inbox, a=dicom(1), b=dicom(2))
    with monkeypatch.context() as patch:
        patch.setattr(
            "medcli.privacy.job.ScrubJob.finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            scrub(inbox)
    (inbox / "a").rename(inbox.parent / "a")
    assert scrub(inbox).exit_code == 0
    (inbox.parent / "a").rename(inbox / "a")
    assert scrub(inbox).exit_code == 5
    assert statuses(inbox) == {"a": "staged-file-lost", "b": "released"}
    assert scrub(inbox).exit_code == 0
    assert statuses(inbox) == {"a": "released", "b": "released"}


@pytest.mark.parametrize("layout", ["study", "mirror"])
def test_products_are_the_same_bytes_for_one_worker_and_for_three(inbox: Path, layout: str) -> None:
    fill(inbox, 24)
    put(inbox, copy=dicom(0, patient="MRN-0000"), junk=b"junk", half=dicom(9)[:300])
    directory(inbox / "Quittenbaum_0")
    products = []
    for workers in (1, 3):
        folder = inbox.parent / f"with{workers}"
        folder.mkdir()
        if products:
            (folder / "c").mkdir(mode=0o700)
            shutil.copy2(inbox.parent / "with1" / "c" / "key", folder / "c" / "key")
        scrub(
            inbox,
            output=folder / "r",
            confidential=folder / "c",
            workers=workers,
            layout=layout,
            crosswalk=True,
        )
        names = ("files.csv", "crosswalk.csv", "report.jsonl")
        told = {name: (folder / "c" / name).read_bytes() for name in names}
        products.append((tree(folder / "r"), told, (folder / "r-manifest.json").read_bytes()))
    assert products[0] == products[1]


def test_the_mirror_has_the_inputs_shape_and_none_of_its_names(inbox: Path) -> None:
    fill(inbox, 25)
    scrub(inbox, layout="mirror")
    outputs = [output for _, _, output in account(inbox).values()]
    assert {output.count("/") for output in outputs} == {3}
    assert len({output.rpartition("/")[0] for output in outputs}) == 3
    assert not any("Quitte" in output or "IM0" in output for output in outputs)


def test_a_changed_file_under_the_same_mirrored_name_does_not_replace_what_was_released(inbox: Path) -> None:
    put(inbox, a=dicom(1))
    scrub(inbox, layout="mirror")
    before = tree(inbox.parent / "release")
    put(inbox, a=dicom(2))
    scrub(inbox, layout="mirror")
    after = tree(inbox.parent / "release")
    assert len(after) == 2
    assert after.items() > before.items()


def test_archives_are_released_member_by_member(inbox: Path) -> None:
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (
            ("Quitte/1", dicom(1)),
            ("Quitte/2", dicom(2)),
            ("note.txt", b"hi"),
            ("note.bin", b"hi\0"),
            ("Quitte/3", dicom(1)),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    put(inbox, **{"cd.tar": buffer.getvalue()})
    put(inbox, empty=b"PK\x05\x06" + bytes(18))
    assert scrub(inbox).exit_code == 0
    expected = {
        "cd.tar!Quitte/1": "released",
        "cd.tar!Quitte/2": "released",
        "cd.tar!note.txt": "released",
        "cd.tar!note.bin": "not-dicom",
        "cd.tar!Quitte/3": "duplicate",
        "empty": "empty-archive",
    }
    assert statuses(inbox) == expected
    assert scrub(inbox).exit_code == 0
    assert statuses(inbox) == expected


def test_a_file_above_the_limit_goes_by_name_and_is_withheld_where_it_changes(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medcli.privacy import sources, worker

    monkeypatch.setattr(sources, "WHOLE", 100)
    put(inbox, a=dicom(1), b=dicom(2))
    real = worker.sources.unchanged
    monkeypatch.setattr(
        worker.sources, "unchanged", lambda file, found: found.path != "b" and real(file, found)
    )
    scrub(inbox)
    assert statuses(inbox) == {"a": "released", "b": "changed"}
    assert len(tree(inbox.parent / "release")) == 1


def test_an_unforeseen_error_costs_one_file_and_says_no_value(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medcli.privacy.dicom.scrubber import Scrubber

    real = Scrubber.scrub

    def fragile(self: Scrubber, source: bytes, target: str) -> object:
        if b"MRN-0" in source:
            raise ValueError("Quittenbaum")
        return real(self, source, target)

    monkeypatch.setattr(Scrubber, "scrub", fragile)
    put(inbox, a=dicom(1, patient="MRN-0"), b=dicom(2, study=2))
    assert scrub(inbox).exit_code == 5
    assert statuses(inbox) == {"a": "bug", "b": "released"}
    assert lines(inbox)[0]["error"] == "ValueError"
    assert "Quitten" not in json.dumps(lines(inbox))


def test_a_residue_is_exit_code_6(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medcli.privacy.dicom import scrubber

    monkeypatch.setattr(scrubber.proof, "examine", lambda *_, **__: ("residue", "(0010,0010)", ""))
    put(inbox, a=dicom(1))
    result = scrub(inbox)
    assert result.exit_code == 6
    assert lines(inbox)[0]["attribute"] == "(0010,0010)"
    assert tree(inbox.parent / "release") == {}


def test_a_lost_key_is_asked_for_and_not_drawn_again(inbox: Path) -> None:
    put(inbox, a=dicom(1))
    scrub(inbox)
    key = inbox.parent / "release-confidential" / "key"
    kept = key.rename(inbox.parent / "backup")
    for named in ({}, {"key_file": inbox.parent / "none"}):
        with pytest.raises(SetupError, match="key of this release is missing") as error:
            scrub(inbox, **named)
        assert "backup" in error.value.hint
    assert not key.exists()
    assert not (inbox.parent / "none").exists()
    kept.rename(key)
    assert scrub(inbox).exit_code == 0


def test_whoever_is_told_of_withheld_files_is_told_where_to_look(inbox: Path) -> None:
    put(inbox, a=dicom(1))
    assert "files.csv; what to do" not in scrub(inbox).text
    put(inbox, b=dicom(3)[:400])
    assert "files.csv; what to do: docs/privacy.md#reason-codes" in scrub(inbox).text


def test_another_setting_another_key_or_a_foreign_folder_is_refused(inbox: Path) -> None:
    put(inbox, a=dicom(1))
    scrub(inbox)
    with pytest.raises(UsageError, match=r"setting of: profile .*strict.*, retain .*uids"):
        scrub(inbox, profile="strict", retain=["uids"])
    keys.make(inbox.parent / "other-key")
    with pytest.raises(UsageError, match=r"another setting of: key-file\."):
        scrub(inbox, key_file=inbox.parent / "other-key")
    (inbox.parent / "full").mkdir()
    put(inbox.parent / "full", letter=b"x")
    with pytest.raises(UsageError, match="not empty"):
        scrub(inbox, output=inbox.parent / "full")
    assert not (inbox.parent / "full-confidential").exists()
    with pytest.raises(UsageError, match="not empty"):
        scrub(inbox, output=inbox.parent / "full", confidential=inbox.parent / "release-confidential")
    put(inbox.parent, file=b"x")
    with pytest.raises(UsageError, match="is a file"):
        scrub(inbox, output=inbox.parent / "file")


def test_a_release_that_was_taken_away_is_noticed_and_can_be_made_anew(inbox: Path) -> None:
    put(inbox, a=dicom(1), b=dicom(2))
    scrub(inbox)
    before = tree(inbox.parent / "release")
    shutil.rmtree(inbox.parent / "release")
    with pytest.raises(UsageError, match="not at --output"):
        scrub(inbox)
    assert scrub(inbox, restart=True).exit_code == 0
    assert tree(inbox.parent / "release") == before
    assert scrub(inbox, restart=True).exit_code == 0
    assert tree(inbox.parent / "release") == before


def test_nothing_to_read_is_an_input_error(inbox: Path) -> None:
    with pytest.raises(InputError, match="no files"):
        scrub(inbox)
    (inbox / "link").symlink_to("/etc")
    with pytest.raises(InputError, match="no files"):
        scrub(inbox)


def test_subjects_name_the_release_and_may_grow_but_not_change(inbox: Path) -> None:
    put(inbox, a=dicom(1, patient="A"), b=dicom(1, study=2, patient="B"))
    table = inbox.parent / "subjects.csv"
    table.write_text("patient_id,subject_id,days\nA,S-1,-10\n")
    scrub(inbox, subjects=table, retain=["modified-dates"])
    assert statuses(inbox) == {"a": "released", "b": "unknown-subject"}
    assert account(inbox)["a"][2].startswith("S-1/")
    table.write_text("patient_id,subject_id,days\nA,S-1,-10\nB,S-2,-20\n")
    scrub(inbox, subjects=table, retain=["modified-dates"], retry_failed=True)
    assert statuses(inbox) == {"a": "released", "b": "released"}
    table.write_text("patient_id,subject_id,days\nA,S-1,-11\n")
    with pytest.raises(UsageError, match="another identifier or offset"):
        scrub(inbox, subjects=table, retain=["modified-dates"])


def test_a_damaged_catalogue_is_a_set_up_error_that_quotes_nothing(inbox: Path) -> None:
    put(inbox, a=dicom(1))
    scrub(inbox)
    path = inbox.parent / "release-confidential" / "catalogue.sqlite"
    path.write_bytes(b"Quittenbaum" * 1000)
    with pytest.raises(SetupError, match=r"catalogue .* can't be used") as error:
        scrub(inbox)
    assert "Quitten" not in f"{error.value}{error.value.hint}"


def test_two_runs_on_one_release_are_refused(inbox: Path) -> None:
    from medcli.jobs.lock import hold

    put(inbox, a=dicom(1))
    scrub(inbox)
    with (
        hold(inbox.parent / "release-confidential" / "notes"),
        pytest.raises(SetupError, match="Another run"),
    ):
        scrub(inbox, state=inbox.parent / "elsewhere")


@pytest.mark.parametrize(
    ("policy", "claimed"),
    [
        (Policy(), True),
        (Policy("strict"), True),
        (Policy(retain=frozenset({"patient-characteristics"})), True),
        *[(Policy(retain=frozenset({name})), False) for name in ("uids", "full-dates", "modified-dates")],
        *[(Policy(retain=frozenset({name})), False) for name in ("device-identity", "institution-identity")],
        (Policy(retain=frozenset({"safe-private"})), False),
        (Policy(pixels="off"), False),
        (Policy(rules=(Rule("00100010", "K", "x"),)), False),
        (Policy(rules=(Rule("00180060", "X", "x"),)), True),
        (Policy(subjects={("A", ""): Subject("S", None)}), False),
    ],
)
def test_safe_harbor_is_claimed_only_where_it_can_be(policy: Policy, claimed: bool) -> None:
    claim = report.method(policy)["hipaa_safe_harbor"]
    assert claim["claimed"] is claimed
    assert bool(claim["because"]) is not claimed


def test_a_plan_writes_nothing_and_says_what_a_run_would_say(inbox: Path) -> None:
    fill(inbox, 6)
    put(inbox, copy=dicom(0, patient="MRN-0000"), half=dicom(9)[:300], junk=b"x")
    before = sorted(inbox.parent.rglob("*"))
    plan = scrub(inbox, dry_run=True)
    assert sorted(inbox.parent.rglob("*")) == before
    assert any("Table E.1-1" in line for line in plan.facts["profile_in_words"])
    run = scrub(inbox)
    for name in ("status", "withheld", "route", "exit_code", "items"):
        assert plan.facts[name] == run.facts[name], name
    again = scrub(inbox, dry_run=True, workers=2)
    assert again.facts["status"] == run.facts["status"]


def test_two_discs_with_files_of_one_name_size_and_time_are_both_read(tmp_path: Path) -> None:
    import os

    for number in (1, 2):
        disc = tmp_path / f"p{number}" / "DICOM"
        disc.mkdir(parents=True)
        (disc / "IM1").write_bytes(dicom(1, patient=f"MRN-{number}", study=number))
        os.utime(disc / "IM1", ns=(1, 1))
        medcli.scrub(disc, output=tmp_path / "release", workers=1)
    assert len(tree(tmp_path / "release")) == 2
    again = medcli.scrub(disc, output=tmp_path / "release", workers=1)
    assert again.facts["from_earlier_runs"] == 1
    disc.parent.rename(tmp_path / "p3")
    moved = medcli.scrub(tmp_path / "p3" / "DICOM", output=tmp_path / "release", workers=1)
    assert moved.facts["status"] == {"duplicate": 1}
    assert len(tree(tmp_path / "release")) == 2


def test_a_member_in_a_thousand_folders_stops_nothing(inbox: Path) -> None:
    import io
    import tarfile

    with tarfile.open(inbox / "cd.tar", "w") as archive:
        for name in ("a/" * 1000 + "x.dcm", "b"):
            info, content = tarfile.TarInfo(name), dicom(len(name))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert scrub(inbox, layout="mirror").exit_code == 0
    assert len(tree(inbox.parent / "release")) == 2


def test_an_archive_of_many_members_is_one_item_in_many_parts(inbox: Path) -> None:
    import io
    import zipfile

    with zipfile.ZipFile(inbox / "cd.zip", "w") as archive:
        for number in range(1300):
            archive.writestr(f"{number}.txt", b"\0text")
        archive.writestr("last", dicom(1))
    result = scrub(inbox, workers=2)
    assert result.facts["items"] == 1
    assert result.facts["status"] == {"ignored": 1300, "released": 1}
    assert list(account(inbox))[-1] == "cd.zip!last"
    assert medcli.scrub(inbox, output=inbox.parent / "plan", dry_run=True, workers=1).facts["status"] == {
        "ignored": 1300,
        "released": 1,
    }
    assert io.BytesIO(tree(inbox.parent / "release").popitem()[1]).read(132)[128:] == b"DICM"


@pytest.mark.slow
def test_an_archive_of_200_000_members_and_a_plan_of_a_large_one_take_little_memory(tmp_path: Path) -> None:
    import io
    import os
    import re
    import subprocess
    import sys
    import tarfile
    import zipfile

    (tmp_path / "zip").mkdir()
    with zipfile.ZipFile(tmp_path / "zip" / "cd.zip", "w") as archive:
        for number in range(200_000):
            archive.writestr(f"folder of some name/{number}.txt", b"text")
    (tmp_path / "tar").mkdir()
    with tarfile.open(tmp_path / "tar" / "cd.tgz", "w:gz", compresslevel=1) as packed:
        info = tarfile.TarInfo("x")
        for number in range(200_000):
            info.name, info.size = f"folder of some name/{number}.txt", 4
            packed.addfile(info, io.BytesIO(b"text"))
    (tmp_path / "large").mkdir()
    with zipfile.ZipFile(
        tmp_path / "large" / "cd.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        archive.writestr("large", dicom(1)[:132] + bytes(900 << 20))
    script = (
        "import re, resource, sys\nfrom medcli.cli import main\nif __name__ == '__main__':\n    main(sys.argv[1:])\n"
        "    own = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "    print(max(own, children) // 1024, file=sys.stderr)"
    )
    (tmp_path / "script.py").write_text(script)
    for name, *options in (("zip",), ("tar",), ("zip", "--workers", "2"), ("large", "--dry-run")):
        output = tmp_path / "-".join(["r", name, *options])
        done = subprocess.run(
            [sys.executable, "script.py", "scrub", name, "--output", output, "--workers", "1", *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert int(done.stderr.split()[-1]) < 200, (name, options)
        assert name == "large" or re.search(r"ignored +200,000", done.stdout)

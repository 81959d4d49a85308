"""``medcli scrub`` on texts: files and folders that mix them with DICOM files and images."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_scrub import run, start
from tests.inbox import dicom, fill, tree

NOTES = (
    '{"patient_name": "Quittenbaum, Adelheid",  "mrn": 88123477, "text": "Mrs. Quittenbaum (MRN 88123477) was seen on'
    ' 03\\/04\\/2020 by Dr. Korbinian Zwetschgenmus. T1 and L4\\/5, BP 120\\/80.", "n": 1.50, "tags": ["\\u00e9", null]}\r\n'
    '\n{ "text" : "No focal consolidation." }'
)


def release(folder: Path, *options: str | Path, source: str = "inbox", code: int = 0) -> dict[str, str]:
    """Texts of the release by name of their source."""
    told = run("scrub", folder / source, "--output", folder / "release", "--workers", "1", *options)
    assert told[0] == code, told
    return released(folder)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "release-confidential" / "files.csv").open(newline="") as table:
        return list(csv.DictReader(table))


def released(folder: Path) -> dict[str, str]:
    return {
        Path(row["source"]).name: (folder / "release" / row["output"]).read_bytes().decode()
        for row in rows(folder)
        if row["status"] == "released" and not row["output"].endswith(".dcm")
    }


def reasons(folder: Path) -> dict[str, str]:
    return {Path(row["source"]).name: row["reason"] or row["status"] for row in rows(folder)}


def put(folder: Path, **files: str | bytes) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("__", ".")).write_bytes(data)


def test_json_lines_are_cleaned_and_nothing_else_changes(tmp_path: Path) -> None:
    put(tmp_path, notes__jsonl=NOTES)
    (text,) = release(tmp_path, source="notes.jsonl").values()
    assert text == (
        '{"patient_name": "[NAME]",  "mrn": "[MRN]", "text": "Mrs. [NAME] (MRN [MRN]) was seen on'
        ' [DATE] by Dr. [NAME]. T1 and L4\\/5, BP 120\\/80.", "n": 1.50, "tags": ["\\u00e9", null]}\r\n'
        '\n{ "text" : "No focal consolidation." }'
    )


def test_only_chosen_fields_and_known_ones_are_cleaned(tmp_path: Path) -> None:
    line = '{"text": "seen 3/4/2020", "other": "seen 5/6/2021", "dob": "1931-02-03", "a": {"b": [{"c": "on 7/8/2020"}]}}\n'
    put(tmp_path, x__jsonl=line)
    (text,) = release(tmp_path, "--fields", "text,a.b.c", source="x.jsonl").values()
    assert json.loads(text) == {
        "text": "seen [DATE]",
        "other": "seen 5/6/2021",
        "dob": "[DATE]",
        "a": {"b": [{"c": "on [DATE]"}]},
    }


def test_what_is_removed_may_not_stand_in_a_field_that_is_not_cleaned(tmp_path: Path) -> None:
    put(
        tmp_path,
        x__jsonl='{"patient_name": "Adelheid Quittenbaum", "text": "well", "file": "/a/Quittenbaum_1.png"}\n',
    )
    assert release(tmp_path, "--fields", "text", source="x.jsonl", code=6) == {}
    assert reasons(tmp_path) == {"x.jsonl": "residue"}
    report = (tmp_path / "release-confidential" / "report.jsonl").read_text()
    assert '"attribute":"record 1"' in report
    assert "Quittenbaum" not in report


def test_a_mixed_folder_is_told_apart_by_content_and_texts_know_the_headers(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    fill(inbox, 1)
    put(
        inbox,
        report=b"Report for MRN-0000.\nADELHEID was well, says Zwetschgenmus of Hinterwald. quittenbaum.\n",
        t__csv='id,note\n1,"Mr. Smith said ""hi"", 3/4/2020"\n2,fine\n',
        x__xml="<?xml version='1.0'?><r><familyName>Miller</familyName><t a='1'>Mr. Miller &amp; co</t></r>",
        d__json='{\n  "text": "Dr. Jane Miller called",\n  "k": [1, 2.0]\n}\n',
        p__png=b"\x89PNG\r\n\x1a\n" + bytes(30),
        b__bin=bytes(range(200)),
    )
    with zipfile.ZipFile(inbox / "cd.zip", "w") as archive:
        archive.writestr("note.txt", "Mr. Miller, MRN-0777: Gustav is well.")
        archive.writestr(
            "IM1", dicom(700, study=900, series=900, patient="MRN-0777", name="Hagebutte^Gustav")
        )
    texts = release(tmp_path)
    assert texts == {
        "report": "Report for [MRN].\n[NAME] was well, says [NAME] of [FACILITY]. [NAME].\n",
        "t.csv": 'id,note\n1,"Mr. [NAME] said ""hi"", [DATE]"\n2,fine\n',
        "x.xml": "<?xml version='1.0'?><r><familyName>[NAME]</familyName><t a='1'>Mr. [NAME] &amp; co</t></r>",
        "d.json": '{\n  "text": "Dr. [NAME] called",\n  "k": [1, 2.0]\n}\n',
        "cd.zip": "Mr. [NAME], [MRN]: [NAME] is well.",
    }
    assert reasons(tmp_path)["p.png"] == "plain-image"
    assert reasons(tmp_path)["b.bin"] == "not-dicom"
    names = [path for path in tree(tmp_path / "release") if not path.endswith(".dcm")]
    assert all(re.fullmatch(r"texts(/[A-Z2-7]{12})+\.(txt|csv|xml|json)", name) for name in names), names
    manifest = json.loads((tmp_path / "release-manifest.json").read_text())
    assert manifest["hipaa_safe_harbor"]["claimed"] is False
    assert [entry["path"] for entry in manifest["files"] if entry.get("text")] == sorted(names)
    assert run("scrub", "--verify", tmp_path / "release")[0] == 0
    key = tmp_path / "release-confidential" / "key"
    code, out, _ = run(
        "scrub", "--verify", tmp_path / "release", "--source", inbox, "--key-file", key, "--json"
    )
    assert (code, json.loads(out)["findings"], json.loads(out)["compared_with_source"]) == (0, [], 7)
    path = tmp_path / "release" / next(name for name in names if name.endswith(".txt"))
    path.write_bytes(path.read_bytes() + b" Adelheid Quittenbaum, 3/4/2020")
    code, out, _ = run("scrub", "--verify", tmp_path / "release", "--json")
    assert {one["kind"] for one in json.loads(out)["findings"]} == {"changed", "text-residue"}


def test_nothing_of_a_text_stands_outside_the_confidential_folder(tmp_path: Path) -> None:
    put(tmp_path, Quittenbaum__jsonl=NOTES)
    code, out, err = run("scrub", tmp_path / "Quittenbaum.jsonl", "--output", tmp_path / "release", "--json")
    public = out + err + (tmp_path / "release-manifest.json").read_text() + str(tree(tmp_path / "release"))
    told = (tmp_path / "release-confidential" / "report.jsonl").read_text()
    for needle in ("Quittenbaum", "Adelheid", "88123477", "Zwetschgenmus", "03/04/2020"):
        assert needle not in public + told
    assert code == 0


@pytest.mark.parametrize(
    ("name", "content", "reason", "code"),
    [
        ("x.jsonl", b"[" * 100_000, "nested-too-deep", 5),
        ("x.json", b'{"a": ', "malformed-text", 5),
        ("x.jsonl", b'{"a": 1}\nnot json\n', "malformed-text", 5),
        ("x.jsonl", b'{"a": "\xff"}\n', "encoding-unknown", 5),
        ("x.jsonl", b'{"a": "' + b"b" * (17 << 20) + b'"}\n', "record-too-long", 5),
        ("x.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml-declarations", 5),
        ("x.csv", b'a,b\n"x"y,z\n', "malformed-text", 5),
        ("x.json", b'{"Dr. Jane Miller": {"text": "well"}}', "name-identifies", 5),
        ("x.txt", "Frau Müller".encode("latin-1"), "encoding-unknown", 5),
        ("x.rtf", b"{\\rtf1 Miller}", "unsupported-text", 0),
    ],
)
def test_what_cannot_be_cleaned_is_withheld_with_a_reason(
    tmp_path: Path, name: str, content: bytes, reason: str, code: int
) -> None:
    (tmp_path / name).write_bytes(content)
    assert release(tmp_path, source=name, code=code) == {}
    assert reasons(tmp_path) == {name: reason}
    assert not (tmp_path / "release").exists() or tree(tmp_path / "release") == {}


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("Herr Müller kam am 3.4.2020 ... né".encode("cp1252"))
    run(
        "scrub",
        tmp_path / "x.txt",
        "--output",
        tmp_path / "release",
        "--encoding",
        "cp1252",
        "--workers",
        "1",
    )
    (text,) = tree(tmp_path / "release").values()
    assert text == "Herr [NAME] kam am [DATE] ... né".encode("cp1252")


def test_names_are_kept_where_they_say_nothing(tmp_path: Path) -> None:
    put(tmp_path / "inbox", notes_1__txt="fine", Adelheid_Quittenbaum__txt="fine", MRN_4711__txt="fine")
    (tmp_path / "known.csv").write_text("category,value\nNAME,Adelheid Quittenbaum\nMRN,4711\n")
    release(tmp_path, "--keep-names", "--known", tmp_path / "known.csv", code=5)
    assert list(tree(tmp_path / "release")) == ["texts/inbox/notes_1.txt"]
    assert reasons(tmp_path) == {
        "notes_1.txt": "released",
        "Adelheid_Quittenbaum.txt": "name-identifies",
        "MRN_4711.txt": "name-identifies",
    }


def test_known_identity_of_a_table_goes_wherever_it_stands(tmp_path: Path) -> None:
    put(tmp_path, x__txt="ID S-4412: quittenbaum came home to Hinterwald. Hagebutte too.")
    (tmp_path / "known.csv").write_text(
        "category,value,subject\nNAME,Adelheid Quittenbaum,S-4412\nPLACE,Hinterwald,\nNAME,Gustav Hagebutte,S-9999\n"
    )
    (text,) = release(tmp_path, "--known", tmp_path / "known.csv", source="x.txt").values()
    assert "quittenbaum" not in text
    assert "Hinterwald" not in text


def test_a_policy_says_what_stands_instead(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    put(
        inbox,
        a__jsonl='{"patient_id": "MRN-0000", "text": "Mrs. Adelheid Quittenbaum, a 93-year-old, ZIP 02139, 03/04/2020, jane@x.org"}\n',
        b__jsonl='{"patient_id": "MRN-0000", "text": "Mrs. Quittenbaum came on 03/14/2020."}\n',
    )
    (tmp_path / "policy.csv").write_text(
        "category,action\n*,surrogate\nDATE,shift\nEMAIL,mask\nZIP,zip3\nAGE,pool\n"
    )
    texts = release(tmp_path, "--text-policy", tmp_path / "policy.csv", "--retain", "modified-dates")
    first, second = json.loads(texts["a.jsonl"]), json.loads(texts["b.jsonl"])
    match = re.fullmatch(
        r"Mrs\. (\w+) (\w+), a 90\+-year-old, ZIP 021, (\d\d/\d\d/\d{4}), \*{4}@\*\.\*{3}", first["text"]
    )
    assert match, first
    later = re.fullmatch(r"Mrs\. (\w+) came on (\d\d/\d\d/\d{4})\.", second["text"])
    assert later
    assert later[1] == match[2] not in ("Quittenbaum", "Adelheid")
    from datetime import datetime, timedelta

    import pydicom

    dates = [datetime.strptime(one, "%m/%d/%Y") for one in (match[3], later[2])]  # noqa: DTZ007
    assert dates[1] - dates[0] == timedelta(10)
    image = pydicom.dcmread(next((tmp_path / "release").rglob("*.dcm")))
    assert first["patient_id"] == image.PatientID == second["patient_id"]
    moved = datetime.strptime(image.StudyDate, "%Y%m%d") - datetime(2023, 9, 14)  # noqa: DTZ001, DTZ007
    assert dates[0] - datetime(2020, 3, 4) == moved  # noqa: DTZ001


def test_recognisers_of_the_user_are_asked(tmp_path: Path) -> None:
    put(tmp_path, x__txt="Trial code ZX-81 stays, bed ZX-44 goes.")
    (tmp_path / "own.yaml").write_text(
        "- name: bed\n  category: ID\n  patterns: ['ZX-[0-9]{2}']\n  context: [bed]\n  window: 10\n"
    )
    (text,) = release(tmp_path, "--recognisers", tmp_path / "own.yaml", source="x.txt").values()
    assert text == "Trial code ZX-81 stays, bed [ID] goes."


@pytest.mark.parametrize("options", [["--restart"], ["--retry-failed"], []])
def test_a_rerun_does_what_is_new(tmp_path: Path, options: list[str]) -> None:
    put(tmp_path / "inbox", a__txt="Mr. Miller")
    first = release(tmp_path)
    put(tmp_path / "inbox", b__txt="Mr. Smith", c__jsonl='{"a": ')
    assert release(tmp_path, *options, code=5) == first | {"b.txt": "Mr. [NAME]"}
    assert first.items() <= release(tmp_path, code=5).items()


def many(folder: Path) -> Path:
    inbox = fill(folder / "inbox", 20)
    for number in range(40):
        line = json.dumps(
            {"mrn": f"MRN-{number % 2:04}", "text": f"Mr. Miller{number} of {number} was seen 3/4/2020"}
        )
        put(inbox, **{f"n{number:02}__jsonl": (line + "\n") * 5, f"t{number:02}__txt": "Adelheid, MRN-0000."})
    return inbox


def product(folder: Path) -> dict[str, Any]:
    private = folder / "release-confidential"
    return {
        "release": tree(folder / "release"),
        "manifest": (folder / "release-manifest.json").read_bytes(),
        **{name: (private / name).read_bytes() for name in ("files.csv", "report.jsonl")},
    }


def test_two_workers_and_a_killed_run_give_the_bytes_of_one(tmp_path: Path) -> None:
    inbox = many(tmp_path)
    for seconds in (1.0, 1.6):
        process = start("scrub", inbox, "--output", tmp_path / "release", "--workers", "2")
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert run("scrub", inbox, "--output", tmp_path / "release", "--workers", "2")[0] == 0
    once = tmp_path / "once"
    (once / "release-confidential").mkdir(parents=True, mode=0o700)
    shutil.copy2(tmp_path / "release-confidential" / "key", once / "release-confidential" / "key")
    assert run("scrub", inbox, "--output", once / "release", "--workers", "1")[0] == 0
    assert product(once) == product(tmp_path)
    assert len(product(once)["release"]) == 100


def test_a_dry_run_cleans_texts_into_nothing(tmp_path: Path) -> None:
    put(tmp_path / "inbox", a__txt="Mr. Miller", b__json="{")
    code, out, _ = run(
        "scrub", tmp_path / "inbox", "--output", tmp_path / "r", "--dry-run", "--json", "--workers", "1"
    )
    assert (code, json.loads(out)["status"]) == (5, {"released": 1, "withheld": 1})
    assert not (tmp_path / "r").exists()


def test_a_labelled_set_is_scored(tmp_path: Path) -> None:
    put(
        tmp_path,
        gold__jsonl='{"text": "Mr. Miller is well", "spans": [{"start": 4, "end": 10, "label": "NAME"}]}\n',
    )
    code, out, _ = run("scrub", "--score", tmp_path / "gold.jsonl", "--json")
    facts = json.loads(out)
    assert (code, facts["texts"], facts["categories"][-1]["recall"]) == (0, 1, 1.0)
    code, out, _ = run("scrub", "--score", tmp_path / "gold.jsonl")
    assert re.search(r"^NAME +1 +1 +1\.0000", out, re.MULTILINE)


def test_labels_of_a_scored_set_are_fed_as_known_and_recognisers_take_part(tmp_path: Path) -> None:
    spans = [
        {"start": 0, "end": 4, "label": "NAME", "subtype": "OWN"},
        {"start": 8, "end": 13, "label": "ID"},
    ]
    put(
        tmp_path,
        gold__jsonl=json.dumps({"text": "zwet or kkkkk", "spans": spans}) + "\n",
        own__yaml="- {name: k, category: ID, patterns: ['k{5}']}\n",
    )
    scored = ("scrub", "--score", tmp_path / "gold.jsonl", "--json")
    none, _, _, both = (
        json.loads(run(*scored, *more)[1])["categories"][-1]["full"]
        for more in (
            (),
            ("--score-known", "own"),
            ("--recognisers", tmp_path / "own.yaml"),
            ("--score-known", "own", "--recognisers", tmp_path / "own.yaml"),
        )
    )
    assert (none, both) == (0, 2)
    code, _, err = run("scrub", tmp_path / "gold.jsonl", "--output", tmp_path / "r", "--score-known", "all")
    assert (code, "means nothing without --score" in err) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("--text-policy", "category,action\nNAME,shift\n", "Line 2 of the text policy file"),
        ("--text-policy", "category,action\nQUITTE,tag\n", "Line 2 of the text policy file"),
        ("--known", "category,value\nQUITTE,tag\n", "line 2 names no category"),
        ("--recognisers", "- name: QUITTE\n", "Recogniser 1"),
    ],
)
def test_a_wrong_file_is_exit_code_4_and_not_quoted(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    put(tmp_path, x__txt="fine", table=content)
    code, _, err = run(
        "scrub", tmp_path / "x.txt", "--output", tmp_path / "release", name, tmp_path / "table"
    )
    assert code == 4
    assert says in err
    assert "QUITTE" not in err


def test_fields_that_no_file_has_withhold_it(tmp_path: Path) -> None:
    put(tmp_path, x__jsonl='{"text": "Mr. Miller"}\n')
    release(tmp_path, "--fields", "caption", source="x.jsonl", code=5)
    assert reasons(tmp_path) == {"x.jsonl": "field-not-found"}


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--detector", "oracle"], 2, "--detector takes"),
        (["--detector", "hf"], 2, "needs a folder or Hub id"),
        (["--detector", "llm:http://models.example/v1#x"], 2, "trust"),
        (["--detector", "presidio"], 3, "pip install"),
        (["--encoding", "rot13"], 2, "--encoding"),
        (["--known-fields", "bed=BED"], 2, "--known-fields"),
    ],
)
def test_wrong_wishes_for_texts_are_told_before_anything_is_released(
    tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    put(tmp_path, x__txt="fine")
    told = run("scrub", tmp_path / "x.txt", "--output", tmp_path / "release", "--workers", "1", *options)
    assert (told[0], says in told[2]) == (code, True), told
    assert not (tmp_path / "release").exists() or tree(tmp_path / "release") == {}

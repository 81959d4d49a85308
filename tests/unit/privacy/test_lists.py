"""Subjects and rules: read, or refused by line and without a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from medcli.errors import InputError
from medcli.privacy.lists import parse_tag, read_rules, read_subjects
from medcli.privacy.policy import Rule, Subject


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "table"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_subjects_with_and_without_issuer_and_days(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        '\ufeffpatient_id,issuer,subject_id,days\n MRN-1 ,,S-001,-20\n\nMRN-1,KLINIK,S-002,\n"MRN,2",,S 3,+400\n',
    )
    assert read_subjects(path) == {
        ("MRN-1", ""): Subject("S-001", -20),
        ("MRN-1", "KLINIK"): Subject("S-002", None),
        ("MRN,2", ""): Subject("S 3", 400),
    }
    assert read_subjects(table(tmp_path, "subject_id\tpatient_id\nS1\tMRN\n")) == {
        ("MRN", ""): Subject("S1", None)
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("patient,subject\nQUITTE,S1\n", "does not name the columns"),
        ("patient_id;subject_id\nQUITTE;S1\n", "separated by semicolons"),
        ("patient_id,subject_id,patient_id\nQUITTE,S1,x\n", "does not name the columns"),
        ("patient_id,subject_id\nQUITTE\n", "Line 2 .* 2 columns"),
        ("patient_id,subject_id\n,S1\n", "Line 2 .*patient_id is empty"),
        ("patient_id,subject_id\nQUITTE,../QUITTE\n", "Line 2 .*subject_id needs"),
        ("patient_id,subject_id\nQUITTE,Müller\n", "Line 2 .*subject_id needs"),
        ("patient_id,subject_id\nQUITTE,S1\n\nQUITTE ,S2\n", "Line 4 .*stand above"),
        ("patient_id,subject_id,days\nA,S1,-5\nQUITTE,S1,-50\n", "Line 3 .*with other days"),
        ("patient_id,subject_id,days\nA,S1,-5\nQUITTE,S1,\n", "Line 3 .*with other days"),
        ("patient_id,subject_id,days\nQUITTE,S1,0\n", "Line 2 .*days"),
        ("patient_id,subject_id,days\nQUITTE,S1,QUITTE\n", "Line 2 .*days"),
        ('patient_id,subject_id\n"QUITTE,S1\n', "quotes"),
        (b"patient_id,subject_id\nM\xfcller QUITTE,S1\n", "UTF-8"),
    ],
)
def test_a_wrong_subjects_file_is_refused_by_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        read_subjects(table(tmp_path, text))
    assert "QUITTE" not in f"{error.value}{error.value.hint}"


def test_one_subject_may_have_several_identifiers_and_one_offset(tmp_path: Path) -> None:
    path = table(tmp_path, "patient_id,subject_id,days\nA,S1,-5\nB,S1,-5\nC,S2,\nD,S2,\n")
    assert set(read_subjects(path).values()) == {Subject("S1", -5), Subject("S2", None)}


def test_rules_by_keyword_tag_and_creator(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "attribute,action,reason\n"
        "SeriesDescription,K,reviewed by the board\n"
        '"(0018,1030)",x,"names, sometimes"\n'
        "0008103F,Z,codes\n"
        "creator:SIEMENS CSA HEADER,K,needed for diffusion\n",
    )
    assert read_rules(path) == (
        Rule("0008103E", "K", "reviewed by the board"),
        Rule("00181030", "X", "names, sometimes"),
        Rule("0008103F", "Z", "codes"),
        Rule("SIEMENS CSA HEADER", "K", "needed for diffusion"),
    )
    tabs = table(tmp_path, "attribute\taction\treason\n(0008,103E)\tK\tyes\n")
    assert read_rules(tabs) == (Rule("0008103E", "K", "yes"),)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("SeriesDescripton,K,typo", "no keyword"),
        ("SeriesDescription,K,", "needs a reason"),
        ("SeriesDescription,Q,x", "action is X, Z, D, U or K"),
        ("SeriesDescription,U,x", "UIDs"),
        ("00091001,X,x", "by their creator"),
        ("creator:ACME,Z,x", "X or K"),
        ("creator:,K,x", "needs a private creator"),
        ("SOPInstanceUID,K,x", "writes this attribute itself"),
        ("PatientIdentityRemoved,K,x", "writes this attribute itself"),
        ("00020016,K,x", "writes this attribute itself"),
        ("SpecificCharacterSet,X,x", "writes this attribute itself"),
    ],
)
def test_a_wrong_rule_is_refused_by_line(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(InputError, match=f"Line 3 of the rules file: .*{says}"):
        read_rules(table(tmp_path, f"attribute,action,reason\nStudyDescription,K,fine\n{row}\n"))


def test_two_rules_for_one_attribute_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Line 3 .*above already"):
        read_rules(table(tmp_path, "attribute,action,reason\nKVP,X,a\n00180060,K,b\n"))


def test_a_missing_table_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_rules(tmp_path / "none")


def test_tags_as_people_write_them() -> None:
    assert [
        parse_tag(text) for text in ("0010,0010", "(0010,0010)", "(0010, 0010)", "00100010", "PatientName")
    ] == [0x00100010] * 5
    assert parse_tag("Patient Name") is None
    assert parse_tag("") is None

"""The tables beside medcli/privacy/profiles: whole, dated, and in agreement with each other and with pydicom."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom._uid_dict import UID_dictionary

from medcli.privacy.profiles import iod

CODES = {"X", "Z", "D", "U", "K", "C", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"}
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
MADE_BY_SCRIPT = ("e1_1", "safe_private", "iod_types")
BY_TAG = {
    "technical": {"AE", "LO", "SH", "ST", "LT", "UT", "UC"},
    "technical_binary": {"OB", "OW", "OF", "OD", "OL", "OV"},
    "uid_classes": {"UI"},
    "defined_terms": {"CS"},
    "free_terms": {"CS"},
    "text_terms": {"LO"},
}
ROWS = {
    "e1_1": 657,
    "safe_private": 479,
    "iod_types": 1653,
    "technical": 147,
    "technical_binary": 57,
    "uid_classes": 23,
    "defined_terms": 573,
    "free_terms": 15,
    "text_terms": 2,
    "makers": 72,
    "descriptor_words": 345,
    "identity": 369,
    "burned_in": 152,
    "sequence_dummies": 32,
    "deidentification_codes": 13,
}


def read(name: str) -> tuple[list[str], list[dict[str, str]]]:
    """Head lines and rows by column; iod_types has no line of column names."""
    lines = resources.files("medcli.privacy.profiles").joinpath(f"{name}.tsv").read_text("utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    body = [line.split("\t") for line in lines if not line.startswith("#")]
    columns = ["kind", "name", "value"] if name == "iod_types" else body.pop(0)
    assert all(len(row) == len(columns) for row in body)
    return head, [dict(zip(columns, row, strict=True)) for row in body]


def profile() -> dict[str, dict[str, str]]:
    return {row["tag"]: row for row in read("e1_1")[1]}


def shipped() -> set[str]:
    return {
        Path(file.name).stem
        for file in resources.files("medcli.privacy.profiles").iterdir()
        if file.name.endswith(".tsv")
    }


def test_every_table_is_counted_here():
    assert shipped() == set(ROWS)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_table_says_what_it_is_and_holds_what_it_says(name: str):
    head, rows = read(name)
    text = "\n".join(head)
    for mark in ("# edition: ", "# source: ", "# notice: DICOM", "# date: 20", f"# rows: {ROWS[name]}"):
        assert mark in text
    assert len(rows) == ROWS[name]


@pytest.mark.parametrize("name", MADE_BY_SCRIPT)
def test_a_table_that_the_script_made_was_not_edited_by_hand(name: str):
    head, rows = read(name)
    digest = hashlib.sha256("".join("\t".join(row.values()) + "\n" for row in rows).encode()).hexdigest()
    assert f"# sha256 of the rows: {digest}" in head


def test_the_profile_parses_and_holds_legal_codes():
    rows = read("e1_1")[1]
    assert len(profile()) == len(rows)
    for tag, row in profile().items():
        assert re.fullmatch(r"[0-9A-F]{8}|50xxxxxx|60xx3000|60xx4000|ggggeeee", tag)
        assert row["basic"] in CODES
        assert row["retired"] in "YN"
        assert row["in_standard_iod"] in "YN"
        assert {row[column] for column in list(row)[6:]} <= {"", "K", "C"}


def test_the_profile_agrees_with_the_dictionary():
    newer = []
    for tag, row in profile().items():
        if "x" in tag or "g" in tag:
            continue
        known = DicomDictionary.get(int(tag, 16))
        if known is None:
            newer.append(row["keyword"])
            assert re.fullmatch(r"[A-Z][A-Z]", row["vr"])
        else:
            assert (row["keyword"], row["vr"]) == (known[4], known[0])
    assert len(newer) <= 26


def test_the_profile_counts_what_the_standard_lists():
    rows = list(profile().values())
    codes = {code: sum(row["basic"] == code for row in rows) for code in sorted(CODES - {"K", "C"})}
    assert codes == {
        "D": 93,
        "U": 55,
        "X": 417,
        "X/D": 23,
        "X/Z": 11,
        "X/Z/D": 8,
        "X/Z/U*": 2,
        "Z": 42,
        "Z/D": 6,
    }
    assert profile()["ggggeeee"]["safe_private"] == "C"
    # Kept or shifted: both date options speak of the same attributes, but for none.
    assert {row["tag"] for row in rows if row["full_dates"]} == {
        row["tag"] for row in rows if row["modified_dates"]
    }


@pytest.mark.parametrize(
    ("keyword", "basic"),
    [
        ("PatientName", "Z"),
        ("PatientID", "Z/D"),
        ("PatientBirthDate", "Z"),
        ("StudyDate", "Z"),
        ("SOPInstanceUID", "U"),
        ("ContentSequence", "D"),
        ("ReferencedImageSequence", "X/Z/U*"),
        ("DeviceSerialNumber", "X/Z/D"),
        ("UnformattedTextValue", "D"),
        ("OriginalAttributesSequence", "X"),
        ("EncapsulatedDocument", "D"),
    ],
)
def test_the_profile_says_of_well_known_attributes(keyword: str, basic: str):
    assert {row["basic"] for row in profile().values() if row["keyword"] == keyword} == {basic}


@pytest.mark.parametrize("name", [*BY_TAG, "identity"])
def test_a_table_of_ours_names_attributes_once_and_as_the_dictionary_does(name: str):
    rows = read(name)[1]
    assert len({row["tag"] for row in rows}) == len(rows)
    for row in rows:
        known = DicomDictionary.get(int(row["tag"], 16))
        keyword = known[4] if known else profile()[row["tag"]]["keyword"]
        assert row["keyword"] == keyword
        if name in BY_TAG:
            assert known
            assert set(known[0].split(" or ")) & BY_TAG[name]


@pytest.mark.parametrize("name", ["technical", "technical_binary", "uid_classes"])
def test_what_is_kept_is_not_in_the_profile(name: str):
    assert not {row["tag"] for row in read(name)[1]} & profile().keys()


def test_nothing_technical_identifies():
    identity = {row["tag"] for row in read("identity")[1]}
    for name in ("technical", "technical_binary", "uid_classes", "defined_terms"):
        assert not identity & {row["tag"] for row in read(name)[1]}


def test_every_name_uid_and_listed_date_identifies():
    identity = {row["tag"]: row["kind"] for row in read("identity")[1]}
    assert set(identity.values()) == {"name", "identifier", "date", "uid", "place", "contact", "device"}
    for tag, (vr, *_) in DicomDictionary.items():
        if vr == "PN":
            assert identity[f"{tag:08X}"] == "name"
    assert identity["00100030"] == identity["00080020"] == "date"
    assert identity["0020000D"] == "uid"
    assert identity["00100020"] == "identifier"
    assert "00080016" not in identity
    assert "00081030" not in identity


def test_terms_are_code_strings():
    for row in read("defined_terms")[1]:
        terms = row["terms"].split("|")
        assert terms == sorted(set(terms))
        assert all(re.fullmatch(r"[A-Z0-9_ ]{1,16}", term) and term == term.strip() for term in terms)
    terms = {row["keyword"]: row["terms"].split("|") for row in read("defined_terms")[1]}
    assert "CT" in terms["Modality"]
    assert terms["PatientSex"] == ["F", "M", "O"]
    assert {"ORIGINAL", "PRIMARY", "AXIAL", "LOCALIZER"} <= set(terms["ImageType"])
    assert not terms.keys() & {row["keyword"] for row in read("free_terms")[1]}


def test_what_is_burned_in_is_reasoned():
    rows = read("burned_in")[1]
    assert len({(row["kind"], row["value"]) for row in rows}) == len(rows)
    assert all(row["reason"] for row in rows)
    for row in rows:
        if row["kind"] in ("sop_class", "colour", "audio"):
            assert row["value"] in UID_dictionary
        else:
            assert row["value"] == row["value"].upper()
    found = {(row["kind"], row["value"]) for row in rows}
    assert ("sop_class", "1.2.840.10008.5.1.4.1.1.6.1") in found
    assert ("sop_class", "1.2.840.10008.5.1.4.1.1.7") in found
    assert not {("sop_class", CT), ("sop_class", MR), ("modality", "CT"), ("image_type", "DERIVED")} & found


def test_safe_private_elements_stand_in_odd_groups():
    rows = read("safe_private")[1]
    assert len({(row["group"], row["element"], row["creator"]) for row in rows}) == len(rows)
    for row in rows:
        assert int(row["group"], 16) % 2 == 1
        assert re.fullmatch(r"[0-9A-F]{2}", row["element"])
        assert re.fullmatch(r"[A-Z]{2}", row["vr"])
    assert {"group": "0019", "element": "0C", "creator": "SIEMENS MR HEADER", "vr": "IS", "vm": "1"} in rows


def test_every_sequence_that_may_become_a_dummy_has_an_item():
    rows = read("sequence_dummies")[1]
    wanted = {tag for tag, row in profile().items() if row["vr"] == "SQ" and "D" in row["basic"].split("/")}
    assert {row["sequence"] for row in rows} == wanted
    for row in rows:
        tags = [int(tag, 16) for tag in row["path"].split(".")]
        assert row["vr"] in DicomDictionary[tags[-1]][0].split(" or ")
        assert all(DicomDictionary[tag][0] == "SQ" for tag in tags[:-1])
    for sequence in wanted:
        required = {tag for tag, kind in (iod.item_types(int(sequence, 16)) or {}).items() if kind == "1"}
        given = {int(row["path"][:8], 16) for row in rows if row["sequence"] == sequence}
        if sequence != "0040A730":  # its types differ with the value type, which the dummy chooses
            assert {tag for tag in required if DicomDictionary[tag][0] != "CS"} <= given


def test_codes_of_the_options():
    rows = read("deidentification_codes")[1]
    assert [row["code"] for row in rows] == [str(code) for code in range(113100, 113113)]
    assert rows[0]["meaning"] == "Basic Application Confidentiality Profile"
    assert {row["option"] for row in rows} >= {
        "basic",
        "uids",
        "device-identity",
        "modified-dates",
        "pixel-data",
    }


@pytest.mark.parametrize(
    ("sop_class", "path", "keyword", "kind"),
    [
        (CT, (), "StudyDate", "2"),
        (CT, (), "SOPInstanceUID", "1"),
        (CT, (), "PatientID", "2"),
        (CT, (), "ContentDate", "2C"),
        (CT, (), "SeriesDate", "3"),
        (CT, (), "DeviceSerialNumber", "3"),
        (CT, (), "Manufacturer", "2"),
        (CT, (), "ImageType", "1"),
        (MR, (), "ScanningSequence", "1"),
        (ENHANCED_CT, (), "DeviceSerialNumber", "1"),
        (ENHANCED_CT, (), "ContentDate", "1"),
        (ENHANCED_CT, (0x52009230, 0x00209111), "FrameAcquisitionDateTime", "1C"),
        (CT, (0x00081140,), "ReferencedSOPInstanceUID", "1"),
        (CT, (0x00081140,), "PatientID", "3"),
        (CT, (0x00091001,), "PatientID", None),
        ("1.2.3", (), "StudyDate", None),
    ],
)
def test_types_in_the_iods(sop_class: str, path: tuple[int, ...], keyword: str, kind: str | None):
    tag = next(tag for tag, entry in DicomDictionary.items() if entry[4] == keyword)
    assert iod.type_of(sop_class, path, tag) == kind


def test_types_of_a_sop_class_by_path():
    types = iod.types(CT)
    assert types[0x00080020,] == "2"
    assert types[0x00081140, 0x00081155] == "1"
    assert (0x00080021,) not in types


def test_iods_hold_together():
    rows = read("iod_types")[1]
    by_kind = {
        kind: {row["name"]: row["value"] for row in rows if row["kind"] == kind}
        for kind in ("sop", "iod", "module", "item")
    }
    assert sum(map(len, by_kind.values())) == len(rows)
    assert set(by_kind["sop"].values()) == by_kind["iod"].keys()
    assert {module for modules in by_kind["iod"].values() for module in modules.split()} == by_kind[
        "module"
    ].keys()
    for listed in [*by_kind["module"].values(), *by_kind["item"].values()]:
        assert all(re.fullmatch(r"[0-9A-F]{8}=[12]C?", pair) for pair in listed.split())
    assert all(DicomDictionary[int(tag, 16)][0] == "SQ" for tag in by_kind["item"])
    assert sum("Storage" in UID_dictionary[uid][0] for uid in by_kind["sop"] if uid in UID_dictionary) > 180

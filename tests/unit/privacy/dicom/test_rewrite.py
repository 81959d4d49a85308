"""What each action does to an element, seen in the data set that is released."""

from __future__ import annotations

import io
import re
import struct
from datetime import date, timedelta

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from medcli.privacy import profiles
from medcli.privacy.dicom.pseudonyms import Pseudonyms, basis_of
from medcli.privacy.policy import Policy, Rule
from tests.privacy import wire
from tests.unit.privacy.dicom import samples
from tests.unit.privacy.dicom.samples import (
    BASIC,
    CT,
    INSTANCE,
    KEY,
    NAME,
    PATIENT,
    PDF,
    SERIES,
    SR,
    STUDY,
    Scrub,
    by_hand,
    ct,
    without_pixels,
)

NAMES = Pseudonyms(KEY)
WHO = basis_of(PATIENT, "", STUDY, INSTANCE)
IMPLICIT, BIG = wire.Syntax(implicit=True), wire.Syntax(little=False)
SYNTAXES = {"explicit": wire.PLAIN, "implicit": IMPLICIT, "big": BIG}


def retain(*options: str, **how: object) -> Policy:
    return Policy(retain=frozenset(options), **how)


def test_a_ct_keeps_what_is_technical_and_loses_who_it_was(scrub: Scrub):
    ds = scrub(ct(PatientAge="034Y", ProtocolName="Thorax Mustermann")).ds
    assert (ds.PatientName, ds.PatientID) == (NAMES.patient(WHO), NAMES.patient(WHO))
    assert (ds.PatientBirthDate, ds.StudyDate, ds.StudyID) == ("", "", "")
    assert ds.AccessionNumber == NAMES.accession("ACC-900123")
    assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID == NAMES.uid(INSTANCE)
    assert (ds.StudyInstanceUID, ds.SeriesInstanceUID) == (NAMES.uid(STUDY), NAMES.uid(SERIES))
    for gone in ("StudyDescription", "StationName", "InstitutionName", "PatientAge", "ProtocolName"):
        assert gone not in ds or ds.get(gone) in ("", "REMOVED")
    assert (ds.Modality, ds.SliceThickness, ds.KVP, ds.Manufacturer) == ("CT", 5, 120, "Maker")
    assert list(ds.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert (ds.Rows, ds.BitsStored, ds.PixelData) == (8, 12, samples.PIXELS)
    assert (ds.PatientIdentityRemoved, ds.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED])
def test_every_encoding_gives_the_same_data_set(scrub: Scrub, syntax: str):
    plain = scrub(ct()).ds
    other = scrub(samples.encode(ct(), syntax)).ds
    assert other.file_meta.TransferSyntaxUID == syntax
    for element in plain:
        if element.tag != 0x7FE00010:
            assert other[element.tag].value == element.value
    pixels = struct.unpack("<64H", plain.PixelData)
    assert struct.unpack((">" if syntax == wire.BIG else "<") + "64H", other.PixelData) == pixels


ENTITIES = {
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "FrameOfReferenceUID": samples.FRAME,
    "SOPInstanceUID": INSTANCE,
}


def test_a_uid_is_the_same_wherever_it_stands(scrub: Scrub):
    ds = ct()
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = CT, INSTANCE
    outer = Dataset()
    outer.SeriesInstanceUID, outer.ReferencedSOPSequence = SERIES, [inner]
    ds.ReferencedSeriesSequence, ds.SourceImageSequence = [outer], [inner]
    ds.IrradiationEventUID = [samples.FRAME, STUDY]
    released = scrub(ds)
    ds = released.ds
    item = ds.ReferencedSeriesSequence[0]
    assert item.SeriesInstanceUID == ds.SeriesInstanceUID
    assert item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == ds.SOPInstanceUID
    assert ds.SourceImageSequence[0].ReferencedSOPInstanceUID == ds.SOPInstanceUID
    assert ds.SourceImageSequence[0].ReferencedSOPClassUID == CT
    assert list(ds.IrradiationEventUID) == [ds.FrameOfReferenceUID, ds.StudyInstanceUID]
    assert {("uid", old, new) for kind, old, new in released.result.crosswalk if kind == "uid"} == {
        ("uid", old, NAMES.uid(old)) for old in ENTITIES.values()
    }
    for old in ENTITIES.values():
        assert old.encode() not in released.data


def test_the_crosswalk_says_who_became_whom(scrub: Scrub):
    crosswalk = scrub(ct()).result.crosswalk
    assert ("patient", PATIENT, NAMES.patient(WHO)) in crosswalk
    assert ("accession", "ACC-900123", NAMES.accession("ACC-900123")) in crosswalk
    assert len(set(crosswalk)) == len(crosswalk)
    assert not [row for row in crosswalk if row[1] == row[2]]


def test_a_patient_in_an_item_is_named_by_its_own_identifier(scrub: Scrub):
    others = []
    for patient, issuer in (("B-2", "Ward"), (PATIENT, ""), ("", "")):
        item = Dataset()
        item.PatientName, item.PatientID = "Zweite^Person", patient
        if issuer:
            item.IssuerOfPatientID = issuer
        others.append(item)
    ds = without_pixels()
    ds.add_new(0x00400275, "SQ", others)  # Request Attributes Sequence: recursed or removed by the table
    ds.add_new(0x00081199, "SQ", others)
    released = scrub(ds)
    items = released.ds[0x00081199].value
    assert items[0].PatientID == items[0].PatientName == NAMES.patient(("id", "B-2", "Ward"))
    assert items[1].PatientID == released.ds.PatientID
    assert (items[2].PatientID, items[2].PatientName) == ("", "")
    assert b"Zweite" not in released.data
    assert b"Ward" not in released.data


DEPTHS = [1, 2, 5, 20]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
def test_every_depth_is_reached(scrub: Scrub, depth: int, undefined: bool, syntax: str):
    layout = SYNTAXES[syntax]
    leaf = wire.element(0x00080090, "PN", "Tief^Innen", layout) + wire.element(
        0x00081155, "UI", INSTANCE, layout
    )
    body = wire.sequence(0x00081199, [leaf], layout, undefined=undefined)
    for _ in range(depth - 1):
        body = wire.sequence(0x00081199, [body, b""], layout, undefined=undefined)
    released = scrub(by_hand({0x00081199: body}, syntax=layout))
    assert b"Tief" not in released.data
    ds = released.ds
    for _ in range(depth):
        ds = ds[0x00081199][0]
    assert ds.ReferencedSOPInstanceUID == NAMES.uid(INSTANCE)


def test_sixty_levels_are_withheld_and_said(scrub: Scrub):
    for undefined in (False, True):
        body = wire.element(0x00080090, "PN", "Tief^Innen")
        for _ in range(60):
            body = wire.sequence(0x00081199, [body], undefined=undefined)
        result = scrub(by_hand({0x00081199: body})).result
        assert (result.status, result.reason) == ("withheld", "nested-too-deep")


@pytest.mark.parametrize("undefined", [False, True])
def test_un_hides_no_sequence(scrub: Scrub, undefined: bool):
    leaf = wire.element(0x00080090, "PN", "Tief^Innen", IMPLICIT) + wire.element(
        0x00081155, "UI", INSTANCE, IMPLICIT
    )
    items = wire.sequence(0x00081199, [leaf, leaf], IMPLICIT, undefined=undefined)[8:]
    raw = wire.head(0x00081199, "UN", wire.UNDEFINED if undefined else len(items)) + items
    released = scrub(by_hand({0x00081199: raw}))
    assert b"Tief" not in released.data
    assert [item.ReferencedSOPInstanceUID for item in released.ds[0x00081199]] == [NAMES.uid(INSTANCE)] * 2


@pytest.mark.parametrize("tag", [0x00281201, 0x00283006, 0x00091010, 0x00289520])
@pytest.mark.parametrize("vr", ["UN", "OB", "OW"])
def test_items_in_place_of_bytes_do_not_stay(scrub: Scrub, tag: int, vr: str):
    leaf = wire.element(0x00081010, "SH", "TIEFINNEN", IMPLICIT)
    items = wire.sequence(tag, [leaf], IMPLICIT, undefined=True)[8:]
    outcome = scrub(by_hand({tag: wire.head(tag, vr, wire.UNDEFINED) + items}))
    assert b"TIEFINNEN" not in outcome.data


@pytest.mark.parametrize("keyword", ["StationName", "InstitutionName", "PatientWeight", "DeviceSerialNumber"])
def test_items_in_place_of_a_kept_value_do_not_stay(scrub: Scrub, keyword: str):
    tag = pydicom.datadict.tag_for_keyword(keyword)
    leaf = wire.element(0x00081010, "SH", "TIEFINNEN", IMPLICIT)
    elements = {tag: wire.sequence(tag, [leaf], IMPLICIT, undefined=True)}
    policy = retain("device-identity", "institution-identity", "patient-characteristics")
    assert b"TIEFINNEN" not in scrub(by_hand(elements, syntax=IMPLICIT), policy).data


@pytest.mark.parametrize("undefined", [False, True])
def test_what_hides_behind_an_item_s_early_end_does_not_stay(scrub: Scrub, undefined: bool):
    body = wire.element(0x00080100, "SH", "T-1") + wire.head(wire.ITEM_END, "", 0)
    item = wire.item(body + wire.element(0x00081010, "SH", "TIEFINNEN"), undefined=undefined)
    length = wire.UNDEFINED if undefined else len(item)
    end = wire.head(wire.SEQUENCE_END, "", 0) if undefined else b""
    outcome = scrub(by_hand({0x00081199: wire.head(0x00081199, "SQ", length) + item + end}))
    assert b"TIEFINNEN" not in outcome.data


@pytest.mark.parametrize("tag", [0x00280006, 0x00189345, 0x00280120])
def test_un_holds_no_more_than_its_number(scrub: Scrub, tag: int):
    for value in (b"Verstecktes", b"V" * 300):
        outcome = scrub(by_hand({tag: wire.element(tag, "UN", value)}))
        assert value not in outcome.data


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_number_that_swallowed_more_does_not_stay(scrub: Scrub, syntax: str):
    layout = SYNTAXES[syntax]
    for tag, vr in ((0x00280006, "US"), (0x00189345, "FD"), (0x00280010, "US")):
        outcome = scrub(by_hand({tag: wire.element(tag, vr, b"Verschluckt^Anna", layout)}, syntax=layout))
        assert b"Verschluckt" not in outcome.data


KEPT_TEXTS = {0x00181210: "SH", 0x00281055: "LO", 0x00181160: "SH"}


@pytest.mark.parametrize("tag", KEPT_TEXTS)
def test_technical_text_stays_in_basic_and_goes_in_strict(scrub: Scrub, tag: int):
    source = by_hand({tag: wire.element(tag, KEPT_TEXTS[tag], "B30f sharp")})
    assert scrub(source).ds[tag].value == "B30f sharp"
    strict = scrub(source, Policy("strict")).ds
    assert tag not in strict or strict[tag].value in ("", "REMOVED")


def test_technical_text_that_holds_more_than_text_goes(scrub: Scrub):
    raw = b"B30f\x10\x00\x10\x00LO\x04\x00Anna"
    outcome = scrub(by_hand({0x00181210: wire.element(0x00181210, "SH", raw)}))
    assert b"Anna" not in outcome.data


AGES = [
    ("034Y", "034Y"),
    ("089Y", "089Y"),
    ("090Y", "090Y"),
    ("104Y", "090Y"),
    ("1090M", "090Y"),
    ("4700W", "090Y"),
]


@pytest.mark.parametrize(("old", "new"), AGES)
def test_ages_over_89_are_one_even_where_they_stay(scrub: Scrub, old: str, new: str):
    source = by_hand({0x00101010: wire.element(0x00101010, "AS", old)})
    assert 0x00101010 not in scrub(source).ds or not scrub(source).ds.PatientAge
    assert scrub(source, retain("patient-characteristics")).ds.PatientAge == new


def test_an_age_that_is_none_goes(scrub: Scrub):
    source = by_hand({0x00101010: wire.element(0x00101010, "AS", "ninety")})
    released = scrub(source, retain("patient-characteristics"))
    assert b"ninety" not in released.data


OPTIONS = {
    "device-identity": ("StationName", "CTWARD17"),
    "institution-identity": ("InstitutionName", "Charite Campus Nord"),
    "patient-characteristics": ("PatientAge", "083Y"),
    "full-dates": ("StudyDate", "20150304"),
    "uids": ("StudyInstanceUID", STUDY),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_keeps_its_own(scrub: Scrub, option: str):
    released = scrub(ct(), retain(option)).ds
    for name, (keyword, value) in OPTIONS.items():
        assert (str(released.get(keyword, "")) == value) == (name == option), keyword
    assert released.PatientBirthDate == ""
    assert released.PatientName == NAMES.patient(WHO)


def test_kept_uids_stay_everywhere(scrub: Scrub):
    released = scrub(ct(), retain("uids"))
    assert released.ds.file_meta.MediaStorageSOPInstanceUID == released.ds.SOPInstanceUID == INSTANCE
    assert (released.result.study, released.result.series, released.result.instance) == (
        STUDY,
        SERIES,
        INSTANCE,
    )


@pytest.mark.parametrize("uid", ["1.2.3 Mustermann", "1.2.3^Erika", "Mustermann", "2.25.x"])
@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_uid_that_is_none_is_not_kept(scrub: Scrub, uid: str, keyword: str):
    tag = pydicom.datadict.tag_for_keyword(keyword)
    source = by_hand({tag: wire.element(tag, "UI", uid)})
    released = scrub(source, retain("uids"))
    assert uid.encode() not in released.data
    assert uid not in (released.result.study, released.result.series, released.result.instance)
    if released.result.status == "released":
        assert released.ds.SOPInstanceUID == released.ds.file_meta.MediaStorageSOPInstanceUID


DATES = {
    0x00080020: ("DA", "20150304"),
    0x00080022: ("DA", "2015.03.04"),
    0x0008002A: ("DT", "20150304101112.5+0100"),
    0x00080015: ("DT", "201503"),
    0x00080030: ("TM", "101112.131415"),
    0x00181200: ("DA", "20140101\\20150101"),
}


def test_modified_dates_move_by_one_offset_of_the_patient(scrub: Scrub):
    elements = {tag: wire.element(tag, vr, value) for tag, (vr, value) in DATES.items()}
    released = scrub(by_hand(elements, sop_class=CT), retain("modified-dates"))
    days = timedelta(NAMES.days(WHO))

    def by(year: int, month: int, day: int) -> date:
        return date(year, month, day) + days

    ds = read_raw(released.data)
    assert ds[0x00080020] == f"{by(2015, 3, 4):%Y%m%d}"
    assert ds[0x00080022] == f"{by(2015, 3, 4):%Y.%m.%d}"
    assert ds[0x0008002A] == f"{by(2015, 3, 4):%Y%m%d}101112.5+0100"
    assert ds[0x00080015] == f"{by(2015, 3, 1):%Y%m}"
    assert ds[0x00080030] == "101112.131415"
    assert ds[0x00181200] == f"{by(2014, 1, 1):%Y%m%d}\\{by(2015, 1, 1):%Y%m%d}"
    assert released.ds.LongitudinalTemporalInformationModified == "MODIFIED"


def read_raw(data: bytes) -> dict[int, str]:
    """Values as they stand in the file: pydicom would parse the dates."""
    body = wire.split(data).body
    return {each.tag: each.value.decode("latin-1").strip("\0 ") for each in wire.elements(body)}


@pytest.mark.parametrize("option", ["full-dates", "modified-dates"])
@pytest.mark.parametrize(
    ("vr", "value"), [("DA", "Ostern"), ("DA", "2015-03-04"), ("LO", "Ostern 2015"), ("DA", "20150304 Anna")]
)
def test_a_date_that_is_none_does_not_stay(scrub: Scrub, option: str, vr: str, value: str):
    released = scrub(by_hand({0x00080020: wire.element(0x00080020, vr, value)}, sop_class=CT), retain(option))
    assert released.result.status == "released"
    assert value.encode() not in released.data


def test_the_same_patient_moves_alike_in_every_file(scrub: Scrub):
    policy = retain("modified-dates")
    released = [
        scrub(ct(SOPInstanceUID=f"{INSTANCE}.{day}", StudyDate=f"2015030{day}"), policy).ds for day in (4, 5)
    ]
    first, second = (date.fromisoformat(ds.StudyDate) for ds in released)
    assert second - first == timedelta(1)
    assert first - date(2015, 3, 4) == timedelta(NAMES.days(WHO)) != timedelta(0)


def test_removed_sequences_leave_legal_dummies(scrub: Scrub):
    ds = without_pixels()
    person = Dataset()
    person.PersonName, person.InstitutionName = "Arzt^Anna", "Charite"
    ds.VerifyingObserverSequence = [person]
    released = scrub(ds)
    expected = profiles.sequence_dummy(0x0040A073)
    if 0x0040A073 in released.ds:
        (item,) = released.ds.VerifyingObserverSequence
        assert {int(element.tag) for element in item} == {path[0] for path, _, _ in expected}
    assert b"Arzt" not in released.data


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG])
def test_an_encapsulated_pdf_becomes_a_legal_blank_one(scrub: Scrub, syntax: str):
    ds = without_pixels(
        PDF, MIMETypeOfEncapsulatedDocument="application/pdf", DocumentTitle="Brief an Mustermann"
    )
    ds.add_new(0x00420011, "OB", b"%PDF-1.7\n(Brief an Erika Mustermann)" + b" " * 5000 + b"%%EOF\n")
    released = scrub(samples.encode(ds, syntax))
    document = released.ds.EncapsulatedDocument
    assert document.startswith(b"%PDF-1.4")
    assert document.rstrip(b"\0").endswith(b"%%EOF\n")
    assert re.search(rb"startxref\n(\d+)", document)
    assert b"Mustermann" not in released.data
    assert released.ds.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_an_encapsulated_cda_becomes_a_legal_empty_one(scrub: Scrub):
    ds = without_pixels("1.2.840.10008.5.1.4.1.1.104.2")
    ds.add_new(0x00420011, "OB", b"<?xml version='1.0'?><ClinicalDocument>Mustermann</ClinicalDocument> ")
    assert scrub(ds).ds.EncapsulatedDocument.strip(b"\0") == b"<removed/>"


CREATOR = "SIEMENS MR HEADER"


def private(layout: wire.Syntax = wire.PLAIN) -> dict[int, bytes]:
    """Two private blocks: one of a listed creator with a listed and an unlisted element, one of nobody's."""
    return {
        0x00190011: wire.element(0x00190011, "LO", CREATOR, layout),
        0x00190012: wire.element(0x00190012, "LO", "ACME 1.0", layout),
        0x0019110C: wire.element(0x0019110C, "IS", "1000", layout),
        0x00191199: wire.element(0x00191199, "LO", "Geheim eins", layout),
        0x0019120C: wire.element(0x0019120C, "IS", "2000", layout),
        0x00191299: wire.element(0x00191299, "LO", "Geheim zwei", layout),
        0x00191301: wire.element(0x00191301, "LO", "Geheim drei", layout),
    }


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_safe_private_stays_by_its_creator_only(scrub: Scrub, syntax: str):
    layout = SYNTAXES[syntax]
    source = by_hand(private(layout), syntax=layout)
    assert not [element for element in scrub(source).ds if element.tag.is_private]
    released = scrub(source, retain("safe-private"))
    assert [int(element.tag) for element in released.ds if element.tag.is_private] == [0x00190011, 0x0019110C]
    assert b"Geheim" not in released.data
    assert b"ACME" not in released.data


def test_a_rule_adds_a_creator_and_takes_one_away(scrub: Scrub):
    policy = retain("safe-private", rules=(Rule("ACME 1.0", "K", "ours"), Rule(CREATOR, "X", "no")))
    released = scrub(by_hand(private()), policy)
    found = [int(element.tag) for element in released.ds if element.tag.is_private]
    assert found == [0x00190012, 0x0019120C, 0x00191299]
    assert b"Geheim zwei" in released.data


def test_safe_private_in_an_item_goes_by_the_item_s_own_creator(scrub: Scrub):
    item = wire.element(0x0019110C, "IS", "1000")
    elements = {**private(), 0x00081199: wire.sequence(0x00081199, [item, b"".join(private().values())])}
    items = scrub(by_hand(elements), retain("safe-private")).ds[0x00081199].value
    assert [len(item) for item in items] == [0, 2]


def test_private_sequences_are_removed_or_recursed(scrub: Scrub):
    inner = wire.element(0x00100010, "PN", "Zweite^Person") + wire.element(0x00190099, "LO", "x")
    elements = {**private(), 0x00191250: wire.sequence(0x00191250, [inner])}
    assert b"Zweite" not in scrub(by_hand(elements)).data
    policy = Policy(rules=(Rule("ACME 1.0", "K", "ours"),))
    released = scrub(by_hand(elements), policy)
    assert b"Zweite" not in released.data
    assert released.result.status == "released"


def test_rules_override_the_table(scrub: Scrub):
    rules = (
        Rule("00081030", "K", "needed"),
        Rule("00180050", "X", "too telling"),
        Rule("00180060", "D", "too telling"),
        Rule("00080060", "Z", "no"),
    )
    ds = scrub(ct(), Policy(rules=rules, pixels="off")).ds
    assert ds.StudyDescription == "Thorax nativ"
    assert "SliceThickness" not in ds
    assert ds.KVP == 0
    assert ds.Modality == ""


def marks_of(ds: Dataset) -> tuple[list[str], list[str]]:
    items = ds.get("DeidentificationMethodCodeSequence", [])
    return [item.CodeValue for item in items], list(ds.DeidentificationMethod)


def test_a_rule_that_weakens_is_named_and_drops_the_code(scrub: Scrub):
    codes, method = marks_of(scrub(ct(), Policy(rules=(Rule("00081030", "K", "needed"),))).ds)
    assert codes == []
    assert [value for value in method if "rule" in value] == [
        "local rules that weaken the profile:",
        "rule StudyDescription K",
    ]
    codes, method = marks_of(scrub(ct(), Policy(rules=(Rule("00180050", "X", "why"),))).ds)
    assert codes == ["113100"]
    assert method[-2:] == ["local rules:", "rule SliceThickness X"]


@pytest.mark.parametrize(
    ("options", "dates"),
    [((), "REMOVED"), (("full-dates",), "UNMODIFIED"), (("modified-dates", "uids"), "MODIFIED")],
)
def test_the_marks_say_what_was_done(scrub: Scrub, options: tuple[str, ...], dates: str):
    released = scrub(ct(), retain(*options))
    codes, method = marks_of(released.ds)
    number = {"full-dates": "113106", "modified-dates": "113107", "uids": "113110"}
    assert codes == sorted(["113100", *(number[name] for name in options)])
    assert released.result.codes == tuple(codes)
    assert [f"retain {name}" in method for name in options] == [True] * len(options)
    assert released.ds.LongitudinalTemporalInformationModified == dates


def test_old_marks_are_replaced(scrub: Scrub):
    ds = ct(
        PatientIdentityRemoved="NO",
        DeidentificationMethod="by Erika",
        LongitudinalTemporalInformationModified="UNMODIFIED",
    )
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "113111", "DCM", "x"
    ds.DeidentificationMethodCodeSequence = [item]
    released = scrub(ds)
    assert released.ds.PatientIdentityRemoved == "YES"
    assert marks_of(released.ds)[0] == ["113100"]
    assert b"by Erika" not in released.data


def test_a_character_set_of_an_item_is_its_own(scrub: Scrub):
    item = wire.element(0x00080005, "CS", "ISO_IR 144") + wire.element(
        0x00100020, "LO", "Ив1".encode("iso8859-5")
    )
    ds = {
        0x00080005: wire.element(0x00080005, "CS", "ISO_IR 192"),
        0x00081199: wire.sequence(0x00081199, [item]),
        0x00100020: wire.element(0x00100020, "LO", "Ив1".encode()),
    }
    released = scrub(by_hand(ds)).ds
    assert released[0x00081199][0].PatientID == released.PatientID


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192"])
def test_one_identifier_has_one_pseudonym_in_any_character_set(scrub: Scrub, charset: str):
    raw = "Pät-1".encode("latin-1" if charset == "ISO_IR 100" else "utf-8")
    ds = {
        0x00080005: wire.element(0x00080005, "CS", charset),
        0x00100020: wire.element(0x00100020, "LO", raw),
    }
    assert scrub(by_hand(ds)).ds.PatientID == NAMES.patient(("id", "Pät-1", ""))


def test_actions_are_counted_without_values(scrub: Scrub):
    import json

    released = scrub(by_hand({**private(), 0x00081030: wire.element(0x00081030, "LO", "Thorax")}))
    counts = json.loads(released.result.actions)
    assert counts["X"]["private"] == 7
    assert counts["X"]["00081030"] == 1
    assert counts["U"] == {"00080018": 1, "0020000D": 1, "0020000E": 1}
    assert counts["Z"]["00100010"] == counts["Z"]["00100020"] == 1
    for value in (NAME, PATIENT, STUDY, "Geheim", "Thorax"):
        assert value not in released.result.actions


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(sorted(set(profiles.attributes()) - {0x7FE00010, 0x00080016})),
        st.tuples(
            st.sampled_from(["own", "UN", "LO", "OB", "UI", "US", "SQ", "DA"]),
            st.one_of(
                st.sampled_from([b"", b"Merkwort", b"Merkwort^Anna", b"20150304"]), st.binary(max_size=12)
            ),
        ),
        max_size=6,
    ),
    st.sampled_from(list(SYNTAXES)),
    st.sampled_from([SR, CT]),
    st.sampled_from([BASIC, Policy("strict")]),
)
def test_no_row_of_the_table_lets_its_value_through(
    scrub: Scrub, found: dict[int, tuple[str, bytes]], syntax: str, sop_class: str, policy: Policy
):
    layout, elements = SYNTAXES[syntax], {}
    for tag, (vr, value) in found.items():
        own = profiles.attributes()[tag].vr.split(" or ")[0]
        kind = own if vr == "own" and own != "" else "LO" if vr == "own" else vr
        elements[tag] = wire.element(tag, kind, b"" if kind == "SQ" else value, layout)
    outcome = scrub(by_hand(elements, sop_class=sop_class, syntax=layout), policy)
    assert b"Merkwort" not in outcome.data
    assert b"20150304" not in outcome.data


def test_reading_a_released_file_needs_nothing_of_ours(scrub: Scrub):
    released = scrub(ct())
    again = pydicom.dcmread(io.BytesIO(released.data))
    out = io.BytesIO()
    again.save_as(out, enforce_file_format=True)
    assert pydicom.dcmread(io.BytesIO(out.getvalue())) == again

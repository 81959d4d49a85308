"""What the user's options and rules change in a released data set."""

from __future__ import annotations

from datetime import date, timedelta

import pydicom
import pytest
from pydicom.dataset import Dataset

from medcli.privacy.dicom.pseudonyms import Pseudonyms, basis_of
from medcli.privacy.policy import Policy, Rule
from tests.privacy import wire
from tests.unit.privacy.dicom.samples import (
    CT,
    INSTANCE,
    KEY,
    PATIENT,
    SERIES,
    STUDY,
    Scrub,
    by_hand,
    ct,
)

NAMES = Pseudonyms(KEY)
WHO = basis_of(PATIENT, "", STUDY, INSTANCE)
IMPLICIT = wire.Syntax(implicit=True)


def retain(*options: str, **how: object) -> Policy:
    return Policy(retain=frozenset(options), **how)


@pytest.mark.parametrize("keyword", ["StationName", "InstitutionName", "PatientWeight", "DeviceSerialNumber"])
def test_items_in_place_of_a_kept_value_do_not_stay(scrub: Scrub, keyword: str):
    tag = pydicom.datadict.tag_for_keyword(keyword)
    leaf = wire.element(0x00081010, "SH", "TIEFINNEN", IMPLICIT)
    elements = {tag: wire.sequence(tag, [leaf], IMPLICIT, undefined=True)}
    policy = retain("device-identity", "institution-identity", "patient-characteristics")
    assert b"TIEFINNEN" not in scrub(by_hand(elements, syntax=IMPLICIT), policy).data


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

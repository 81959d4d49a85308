"""What each action does to an element, seen in the data set that is released."""

from __future__ import annotations

import io
import re
import struct

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from medcli.privacy import profiles
from medcli.privacy.dicom.pseudonyms import Pseudonyms, basis_of
from medcli.privacy.policy import Policy
from tests.privacy import wire
from tests.unit.privacy.dicom import samples
from tests.unit.privacy.dicom.samples import (
    BASIC,
    CT,
    INSTANCE,
    KEY,
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

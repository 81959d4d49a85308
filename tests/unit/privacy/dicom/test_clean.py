"""The clean options: which texts stay, what is replaced in them, and what goes where that can't be done."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medcli.errors import SafetyRefused
from medcli.privacy.dicom.clean import Cleaner, Identity
from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.dicom.rewriting import Found
from medcli.privacy.policy import CLEAN, CLEAN_COLUMNS, Policy
from tests.unit.privacy.dicom.samples import KEY, PATIENT, SR, Scrub, ct, without_pixels

ALL = frozenset(CLEAN_COLUMNS)
NAMES = Pseudonyms(KEY)


def clean(*options: str, **how: Any) -> Policy:
    return Policy(clean=frozenset(options), **how)


def identity(*values: tuple[int, str, bytes]) -> Identity:
    return Identity([Found(vr, tag, raw, b"") for tag, vr, raw in values], [], [])


WHO = identity((0x00100010, "PN", b"Quistgaard^Ottoline"), (0x00100020, "LO", b"4532521"))


def cleaned(
    vr: str, raw: bytes, charset: bytes = b"", who: Identity = WHO, *, known: bool = False
) -> bytes | None:
    return Cleaner(clean("descriptors"), NAMES).clean(vr, raw, charset, who, known=known)


@pytest.mark.parametrize(
    ("vr", "raw", "wanted"),
    [
        ("LO", b"Thorax of Quistgaard ", b"Thorax of [NAME]"),
        ("LO", b"Thorax nativ ", b"Thorax nativ "),
        ("SH", b"QUISTGAARD axial", b"[NAME] axial"),
        ("SH", b"ax Ottoline Q ab", b"ax [NAME] ab"),
        ("SH", b"a 4532521 b axial", b"a [MRN] b axial"),
        ("SH", b"453-25-21 abcdef", b"[MRN] abcdef"),
        ("SH", b"sag 4532521 b Ottoline", b"sag _ b _"),
        ("LO", b"Ottoline\\nativ\\4532521", b"[NAME]\\nativ\\[MRN]"),
        ("UT", b"one\\Ottoline\r\nlung", b"one\\[NAME]\r\nlung"),
        ("LT", b"  Qu1stgaard: Quistgard", b"  [NAME]: [NAME]"),
        ("LO", b"", b""),
        ("PN", b"Quistgaard", None),
        ("LO", b"a\x01b", None),
        ("LO", b"Z\xfcrich", None),
    ],
)
def test_values_keep_their_form(vr: str, raw: bytes, wanted: bytes | None) -> None:
    assert cleaned(vr, raw) == wanted


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("ISO_IR 100", "latin-1"),
        ("ISO_IR 192", "utf-8"),
        ("ISO_IR 144", "iso8859_5"),
        ("GB18030", "gb18030"),
        ("ISO_IR 13", "shift_jis"),
    ],
)
def test_the_character_set_stays(charset: str, codec: str) -> None:
    word = {"iso8859_5": "Лёгкие", "gb18030": "胸部", "shift_jis": "ﾑﾈ"}.get(codec, "Schädel")
    new = cleaned("LO", f"{word} Quistgaard".encode(codec), charset.encode(), known=True)
    assert new is not None
    assert new.decode(codec) == f"{word} [NAME]"


def test_escapes_of_iso_2022_are_written_again() -> None:
    raw = b"\x1b$B" + "胸部".encode("iso2022_jp")[3:-3] + b"\x1b(B Quistgaard"
    new = cleaned("LO", raw, b"\\ISO 2022 IR 87", known=True)
    assert new is not None
    assert b"Quistgaard" not in new
    assert pydicom.charset.decode_bytes(new, ["iso8859", "iso2022_jp"], set()) == "胸部 [NAME]"


def test_a_name_that_is_a_category_does_not_stay_in_brackets() -> None:
    who = identity(
        (0x00100010, "PN", b"Mrna^Ottoline"),
        (0x00100020, "LO", b"NAME7"),
        (0x00081070, "PN", b"Facility^Mrn"),
    )
    new = cleaned("LO", b"by Ottoline", who=who)
    assert new in (b"by [NAME]", b"by _")


def report(**texts: str) -> Dataset:
    def code(meaning: str) -> Sequence:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "121071", "DCM", meaning
        return Sequence([item])

    text, person, number = Dataset(), Dataset(), Dataset()
    for item, kind in ((text, "TEXT"), (person, "PNAME"), (number, "NUM")):
        item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = (
            "CONTAINS",
            kind,
            code("Finding"),
        )
    text.TextValue = "Nodule of 4 mm, told by Erika Mustermann."
    person.PersonName, person.ConceptNameCodeSequence = "Weissbrot^Konrad", code("for Mustermann")
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "4", code("mm")
    number.MeasuredValueSequence = Sequence([measured])
    ds = without_pixels(SR, ValueType="CONTAINER", ContinuityOfContent="SEPARATE", **texts)
    ds.ConceptNameCodeSequence, ds.ContentSequence = code("Report"), Sequence([text, person, number])
    return ds


def test_a_content_tree_stays_without_its_identity(scrub: Scrub) -> None:
    outcome = scrub(report(), clean("structured-content"))
    text, person, number = outcome.ds.ContentSequence
    assert text.TextValue == "Nodule of 4 mm, told by [NAME]."
    assert person.PersonName == "REMOVED"
    assert person.ConceptNameCodeSequence[0].CodeMeaning == "for [NAME]"
    assert number.MeasuredValueSequence[0].NumericValue == 4
    assert "StudyDescription" not in outcome.ds
    assert outcome.result.codes == ("113100", "113104")
    assert "clean structured-content" in outcome.ds.DeidentificationMethod


def test_graphics_stay_without_their_identity(scrub: Scrub) -> None:
    graphic, label = Dataset(), Dataset()
    label.UnformattedTextValue, label.AnchorPoint = "Mustermann, 9.8.31", [1.0, 2.0]
    label.AnchorPointAnnotationUnits = "PIXEL"
    graphic.GraphicLayer, graphic.TextObjectSequence = "LAYER1", Sequence([label])
    source = without_pixels("1.2.840.10008.5.1.4.1.1.11.1", GraphicAnnotationSequence=Sequence([graphic]))
    outcome = scrub(source, clean("graphics"))
    new = outcome.ds.GraphicAnnotationSequence[0].TextObjectSequence[0]
    assert new.UnformattedTextValue == "[NAME], [DATE]"
    assert new.AnchorPoint == [1.0, 2.0]
    assert outcome.result.codes == ("113100", "113103")
    alone = scrub(source, clean("descriptors")).ds.GraphicAnnotationSequence[0].TextObjectSequence[0]
    assert alone.UnformattedTextValue == "REMOVED"


def test_descriptors_stay_without_their_identity(scrub: Scrub) -> None:
    source = ct(
        StudyDescription=f"Thorax nativ, {PATIENT}",
        SeriesDescription="Axial 5.0 B30f",
        ImageComments="seen by Dr. Weissbrot on 4.3.2015\r\nno change",
        ProtocolName="Mustermann",
        ConvolutionKernel="B30f",
        MakerNote=b"Mustermann",
    )
    outcome = scrub(source, clean("descriptors"))
    assert outcome.ds.StudyDescription == "Thorax nativ, [MRN]"
    assert outcome.ds.SeriesDescription == "Axial 5.0 B30f"
    assert outcome.ds.ImageComments.splitlines()[1] == "no change"
    assert "Weissbrot" not in outcome.ds.ImageComments
    assert (
        "2015" not in outcome.ds.ImageComments.replace("2015", "", 0) or "4.3" not in outcome.ds.ImageComments
    )
    assert outcome.ds.ProtocolName == "[NAME]"
    assert "MakerNote" not in outcome.ds
    assert outcome.result.codes == ("113100", "113105")


def test_a_name_that_is_a_common_word_withholds_no_file(scrub: Scrub) -> None:
    source = ct(
        PatientName="Brain^Test",
        BodyPartExamined="BRAIN",
        ConvolutionKernel="Brain",
        SeriesDescription="whole brain",
    )
    plain = scrub(source).result
    assert (plain.reason, plain.attribute) == ("residue", "(0010,0010)")
    assert plain.place in ("(0018,0015)", "(0018,1210)")
    outcome = scrub(source, clean("descriptors"))
    assert outcome.ds.SeriesDescription == "whole brain"
    assert outcome.ds.ConvolutionKernel == "[NAME]"
    assert outcome.ds.BodyPartExamined == "BRAIN"


def test_what_resembles_a_name_in_a_text_that_is_not_cleaned_withholds_the_file(scrub: Scrub) -> None:
    source = ct(ConvolutionKernel="Mustermnan")
    assert scrub(source).result.status == "released"
    result = scrub(source, clean("structured-content")).result
    assert (result.status, result.reason, result.place) == ("withheld", "residue", "(0018,1210)")
    assert scrub(source, clean("descriptors")).ds.ConvolutionKernel == "[NAME]"


def test_a_detector_that_fails_withholds_the_file(scrub: Scrub, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SafetyRefused("no")

    monkeypatch.setattr("medcli.privacy.text.finder.Finder.find_all", fail)
    result = scrub(ct(), clean("descriptors")).result
    assert (result.status, result.reason) == ("withheld", "text-not-examined")


@pytest.mark.parametrize(
    "text",
    ["Isocenter Beam 1", "MEDCOM RESAMPLED", "XR C Spine Comp Min 4 Views", "VOI LUT Test", "Fiducial Point", "SCoord Code"],
)  # fmt: skip
def test_words_of_protocols_are_no_names(text: str) -> None:
    raw = text.encode()
    assert cleaned("LO", raw) == raw
    assert cleaned("LO", b"Dr. " + raw) != b"Dr. " + raw or "Beam" not in text
    who = identity((0x00100010, "PN", b"Beam^Isocenter"), (0x00081070, "PN", b"Resampled^Medcom"))
    new = cleaned("LO", raw, who=who)
    assert new is not None
    assert (new == raw) == (text.split(maxsplit=1)[0] not in ("Isocenter", "MEDCOM"))


@pytest.mark.parametrize(
    "text", [b"Mark Grant", b"John Smith", b"Grant Frank, MD", b"Long, John", b"Dr. Field"]
)
def test_names_are_names_in_descriptors_too(text: bytes) -> None:
    assert b"[NAME]" in (cleaned("LO", text) or b"[NAME]")


def test_options_that_are_not_built_are_refused() -> None:
    with pytest.raises(ValueError, match="visual-features"):
        clean("visual-features")
    assert set(CLEAN) - ALL == {"pixel-data", "visual-features"}


def test_what_the_header_says_is_told_where_it_is_asked_for() -> None:
    from medcli.privacy.dicom import Scrubber

    out = io.BytesIO()
    ds = pydicom.FileDataset("", ct(), preamble=bytes(128))
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    result = Scrubber(Policy(), KEY, identify=True).scrub(out.getvalue(), None)
    assert dict(result.identity)["PatientID"] == PATIENT
    assert PATIENT not in repr(result)
    assert Scrubber(Policy(), KEY).scrub(out.getvalue(), None).identity == ()

"""Nothing that is known of a patient is left: header, report, graphics and file names of one study together."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import pydicom
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import Policy
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.known import Known, common_words
from tests.privacy import patients as known
from tests.privacy.patients import Patient, patients

KEY = bytes(range(32))
SETTINGS = settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
FRAMES = [
    "{}",
    "Compared with {} there is no change.",
    "({}) unchanged",
    "as told by {}; follow up",
    "re: {}",
    "{} - stable",
]
POLICY = Policy(clean=frozenset({"descriptors", "structured-content", "graphics"}), pixels="off")


def of(patient: Patient) -> Known:
    """Give what a record would say of the patient."""
    return Known.from_record(
        {
            "patient_name": patient.dicom,
            "dob": patient.birth,
            "mrn": patient.number,
            "referring_physician": patient.doctor,
            "accession_number": patient.accession,
            "institution": patient.place,
            "address": patient.street,
        }
    )


def without(text: str, found: Any) -> str:
    """Cut the finds out of a text."""
    out, at = [], 0
    for span in sorted(found):
        out.append(text[at : max(span.start, at)])
        at = max(at, span.end)
    return " \u2021 ".join([*out, text[at:]])


def usual(patient: Patient) -> frozenset[str]:
    words = [
        known.bare(part)
        for name in (patient.family, patient.given, patient.doctor)
        for part in known.parts(name)
    ]
    return frozenset(filter(common_words(), words))


@SETTINGS
@given(patient=patients(), data=st.data())
def test_no_spelling_of_a_name_is_left(patient: Patient, data: st.DataObject) -> None:
    form = data.draw(known.name_forms(patient.given, patient.family))
    text = data.draw(st.sampled_from(FRAMES)).format(form)
    rest = without(text, of(patient).find(text))
    assert not known.survivors(rest, patient, frozenset())


@SETTINGS
@given(patient=patients(), data=st.data())
def test_no_mistyped_or_misread_name_is_left(patient: Patient, data: st.DataObject) -> None:
    longs = [part for part in known.parts(patient.dicom.replace("^", " ")) if len(part) > 5]
    assume(longs)
    word = data.draw(st.sampled_from(longs))
    wrong = data.draw(st.one_of(known.mistyped(word), known.misread(word)))
    wrong = data.draw(st.sampled_from([wrong, wrong.upper(), wrong.lower()]))
    assume(not common_words()(known.bare(wrong)))
    text = data.draw(st.sampled_from(FRAMES)).format(wrong)
    rest = without(text, of(patient).find(text))
    assert wrong not in rest


@SETTINGS
@given(patient=patients(), data=st.data())
def test_no_date_and_no_number_is_left(patient: Patient, data: st.DataObject) -> None:
    form = data.draw(
        st.one_of(
            known.dates(patient),
            known.numbers(patient.number),
            known.misread(patient.accession),
            st.just(patient.accession),
        )
    )
    text = data.draw(st.sampled_from(FRAMES)).format(form)
    rest = without(text, of(patient).find(text))
    assert not re.search(r"\d\d", rest.replace("10:30:00", "")), rest


@SETTINGS
@given(patient=patients(), data=st.data())
def test_no_place_is_left(patient: Patient, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([patient.place, patient.street, patient.street.partition(",")[0]]))
    form = data.draw(
        st.sampled_from(
            [place, place.upper(), place.lower(), place.replace(" ", "_"), place.replace(",", "")]
        )
    )
    text = data.draw(st.sampled_from(FRAMES)).format(form)
    rest = known.bare(without(text, of(patient).find(text)))
    assert not re.search("vexcombe|brunnhild|hollerbusch|quillfeather|52172|80331", rest)


@SETTINGS
@given(patient=patients(), data=st.data())
def test_file_names_of_the_study_hold_nothing(patient: Patient, data: st.DataObject) -> None:
    first = patient.given.split()[0]
    name = data.draw(
        st.sampled_from(
            [
                f"{patient.family}_{first}_{patient.birth}.dcm",
                f"{patient.family}{first}{patient.number}.txt",
                f"{patient.number}_{patient.family.lower()}.json",
                f"CT-{first}-{patient.family}-{patient.accession}.xml",
                f"{patient.birth}{patient.family}.jpg",
            ]
        )
    ).replace(" ", "_")
    rest = without(name, of(patient).find(name))
    assert not known.survivors(rest, patient, frozenset())
    assert not re.search(r"\d\d", rest)


def study(patient: Patient, forms: list[str]) -> bytes:
    """Make a structured report with graphics whose texts hold `forms`."""
    texts = iter(forms * 20)

    def code(meaning: str) -> Sequence:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "121071", "DCM", meaning[:64]
        return Sequence([item])

    def content(kind: str, **values: Any) -> Dataset:
        item = Dataset()
        item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = (
            "CONTAINS",
            kind,
            code("Finding"),
        )
        for name, value in values.items():
            setattr(item, name, value)
        return item

    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.826.0.1.3680043.8.498.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"
    ds.Modality, ds.StudyDate = "SR", "20040119"
    ds.StudyDescription, ds.SeriesDescription = next(texts)[:64], f"CT thorax {next(texts)}"[:64]
    ds.ImageComments = f"Compared with {next(texts)}.\r\nNo change."
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = patient.dicom, patient.number, patient.birth
    ds.ReferringPhysicianName, ds.AccessionNumber = patient.doctor, patient.accession[:16]
    ds.InstitutionName, ds.InstitutionAddress = patient.place, patient.street
    ds.ValueType, ds.ContinuityOfContent, ds.ConceptNameCodeSequence = "CONTAINER", "SEPARATE", code("Report")
    inner = content("TEXT", TextValue=f"as told by {next(texts)}; unchanged")
    ds.ContentSequence = Sequence(
        [
            content("TEXT", TextValue=next(texts)),
            content("PNAME", PersonName=patient.doctor),
            content("CODE", ConceptCodeSequence=code(next(texts))),
            content("DATE", Date=patient.birth),
            content("CONTAINER", ContinuityOfContent="SEPARATE", ContentSequence=Sequence([inner])),
        ]
    )
    graphic, label = Dataset(), Dataset()
    label.UnformattedTextValue = f"arrow {next(texts)}"
    graphic.GraphicLayer, graphic.TextObjectSequence = "A", Sequence([label])
    ds.GraphicAnnotationSequence = Sequence([graphic])
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.save_as(target, implicit_vr=False, little_endian=True)
        body = target.getvalue()
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta = meta
        target = io.BytesIO()
        pydicom.dcmwrite(target, ds, enforce_file_format=True)
    assert body
    return target.getvalue()


def all_texts(ds: Dataset) -> list[str]:
    """Give every text of a data set, at every depth, but the marks."""
    found: list[str] = []
    for element in ds:
        if element.tag in (0x00120063, 0x00120064):
            continue
        if element.VR == "SQ":
            found += [text for item in element.value for text in all_texts(item)]
        elif element.VR in ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "DA", "DT"):
            found.append(str(element.value))
    return found


@settings(SETTINGS, max_examples=60)
@given(patient=patients(), data=st.data())
def test_nothing_is_left_in_any_text_of_a_cleaned_file(
    patient: Patient, data: st.DataObject, tmp_path_factory: Any
) -> None:
    forms = data.draw(
        st.lists(
            st.one_of(
                known.name_forms(patient.given, patient.family),
                known.dates(patient),
                known.numbers(patient.number),
                st.sampled_from([patient.place, patient.street, patient.accession]),
            ),
            min_size=3,
            max_size=8,
        )
    )
    target = tmp_path_factory.mktemp("study") / "out.dcm"
    result = Scrubber(POLICY, KEY).scrub(study(patient, forms), target)
    assert (result.status, result.reason) == ("released", "")
    assert {"113103", "113104", "113105"} <= set(result.codes)
    texts = all_texts(pydicom.dcmread(target))
    whole = " \n ".join(texts)
    assert not known.survivors(whole, patient, frozenset())
    digits = re.sub(r"\D", "", patient.number).lstrip("0")
    assert not any(digits in re.sub(r"[^\w\n]", "", text) for text in texts)
    assert patient.birth not in whole
    assert "Finding" in whole
    assert "No change" in whole or result.actions


def test_what_is_found_is_found_through_the_finder_too() -> None:
    patient = Patient(
        "Ottoline",
        "Quistgaard",
        "Young^Hester",
        1956,
        3,
        12,
        "0045325",
        "ACC12345",
        known.PLACES[0],
        known.STREETS[0],
    )
    text = "Quistgard, O. (12.3.56) has a nodule of 4 mm in the right upper lobe."
    rest = without(text, Finder().find(text, of(patient)))
    assert "Quistgard" not in rest
    assert "12.3.56" not in rest
    assert "nodule of 4 mm in the right upper lobe." in rest

"""One file in, one released file or a reason out, whatever the file is like."""

from __future__ import annotations

import dataclasses
import json
import pickle
import struct
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from medcli.privacy import profiles
from medcli.privacy.dicom import Scrubber, normalise, read, write
from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.policy import Policy, Subject
from tests.privacy import build, recode, wire
from tests.unit.privacy.dicom import samples
from tests.unit.privacy.dicom.samples import (
    ANYTHING,
    BASIC,
    CT,
    INSTANCE,
    KEY,
    NAME,
    PATIENT,
    PIXELS,
    SERIES,
    STUDY,
    Outcome,
    Scrub,
    by_hand,
    ct,
    encode,
    part10,
)

NAMES = Pseudonyms(KEY)
BODY = wire.split(encode(ct())).body
PARTS = [each.raw for each in wire.elements(BODY)]


def gone(outcome: Outcome, *secrets: bytes) -> None:
    """Nothing of the usual patient is left in what was released, nor in what is said of it."""
    low = outcome.data.lower()
    for secret in (b"mustermann", b"erika", PATIENT.lower().encode(), STUDY.encode(), b"19310809", *secrets):
        assert secret not in low
    said = repr(dataclasses.replace(outcome.result, crosswalk=())).lower()
    for secret in (NAME, PATIENT, STUDY, SERIES, INSTANCE):
        assert secret.lower() not in said


def withheld(outcome: Outcome, reason: str) -> None:
    assert (outcome.result.status, outcome.result.reason) == ("withheld", reason)
    gone(outcome)


def test_a_result_says_what_the_release_needs(scrub: Scrub):
    import hashlib

    result = scrub(ct()).result
    released = scrub(ct())
    assert result == released.result
    assert (result.status, result.reason, result.attribute, result.route) == ("released", "", "", "stream")
    assert result.patient == released.ds.PatientID
    assert result.study == released.ds.StudyInstanceUID
    assert result.series == released.ds.SeriesInstanceUID
    assert result.instance == released.ds.SOPInstanceUID
    assert (result.sop_class, result.modality) == (CT, "CT")
    assert result.sha256 == hashlib.sha256(released.data).hexdigest()
    assert result.owner == NAMES.owner(PATIENT, "")
    assert json.loads(result.actions)
    assert pickle.loads(pickle.dumps(result)) == result
    gone(released)


def test_the_content_is_the_data_set_s(scrub: Scrub):
    data = encode(ct())
    other = b"preamble".ljust(128, b"!") + data[128:]
    assert scrub(other).result.content == scrub(data).result.content
    assert scrub(ct(InstanceNumber="8")).result.content != scrub(data).result.content


def test_two_scrubbers_agree_and_two_keys_do_not(tmp_path: Path):
    data = encode(ct())
    first, again, other = (
        Scrubber(BASIC, key).scrub(data, tmp_path / "out") for key in (KEY, KEY, b"another key, as long")
    )
    assert first == again
    assert {first.patient, first.study, first.instance, first.owner, first.content}.isdisjoint(
        {other.patient, other.study, other.instance, other.owner, other.content}
    )


def test_a_plan_is_the_same_but_for_the_file(scrub: Scrub):
    planned = samples.scrubber().scrub(encode(ct()), None)
    assert planned == scrub(ct()).result


def test_a_policy_and_a_scrubber_s_input_are_picklable():
    policy = Policy("strict", frozenset(["uids"]), subjects={("1", ""): Subject("S", 3)})
    assert pickle.loads(pickle.dumps(policy)) == policy


SHAPES = {
    "whole": encode(ct()),
    "no preamble": encode(ct())[132:],
    "prefix only": encode(ct())[128:],
    "no meta": encode(ct())[:132] + BODY,
    "nothing but the data set": BODY,
    "implicit without meta": wire.split(encode(ct(), wire.IMPLICIT)).body,
    "big endian without meta": wire.split(encode(ct(), wire.BIG)).body,
    "implicit said explicit": part10(wire.split(encode(ct(), wire.IMPLICIT)).body, wire.EXPLICIT),
    "explicit said implicit": part10(BODY, wire.IMPLICIT),
    "undefined everywhere": recode.recode(encode(ct()), wire.EXPLICIT, undefined=True),
    "implicit, undefined": recode.recode(encode(ct()), wire.IMPLICIT, undefined=True),
    "big endian, undefined": recode.recode(encode(ct()), wire.BIG, undefined=True),
    "group lengths": part10(wire.element(0x00080000, "UL", struct.pack("<I", 4)) + BODY),
    "padding behind": part10(BODY + wire.element(0xFFFCFFFC, "OB", b"Mustermann")),
    "bytes behind": part10(BODY + b"Mustermann^Erika 7"),
    "zeros behind": part10(BODY + bytes(512)),
    "preamble of a name": b"Mustermann^Erika".ljust(128, b"\0") + encode(ct())[128:],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_file_is_read(scrub: Scrub, shape: str):
    outcome = scrub(SHAPES[shape])
    assert (outcome.result.status, outcome.result.route) == ("released", "stream")
    assert outcome.data[:132] == bytes(128) + b"DICM"
    assert outcome.ds.PatientID == NAMES.patient(("id", PATIENT, ""))
    assert (outcome.ds.Rows, outcome.ds.SliceThickness) == (8, 5)
    assert len(outcome.ds.PixelData) == 128
    assert int(max(outcome.ds.keys())) == 0x7FE00010
    gone(outcome)


ODD = {
    "unsorted": part10(b"".join(PARTS[9:-1] + PARTS[:9] + PARTS[-1:])),
    "duplicated": part10(b"".join(PARTS[:10] + PARTS[5:])),
    "a VR that is none": part10(BODY.replace(b"\x18\0\x50\0DS", b"\x18\0\x50\0QQ")),
}


@pytest.mark.parametrize("oddity", ODD)
def test_odd_files_are_put_in_order(scrub: Scrub, oddity: str):
    outcome = scrub(ODD[oddity])
    assert (outcome.result.status, outcome.result.route) == ("released", "pydicom")
    tags = [int(element.tag) for element in outcome.ds]
    assert tags == sorted(set(tags))
    assert outcome.ds.PixelData == PIXELS
    gone(outcome)


def test_the_second_of_two_names_goes_too(scrub: Scrub):
    twice = [*PARTS, wire.element(0x00100010, "PN", "Zweitname^Anna")]
    outcome = scrub(part10(b"".join(twice)))
    gone(outcome, b"zweitname")


@pytest.mark.parametrize("odd", [b"CT3", b"Chest", b"1"])
def test_odd_lengths_are_read(scrub: Scrub, odd: bytes):
    raw = wire.element(0x00181210, "SH", odd, pad=False)
    outcome = scrub(by_hand({0x00181210: raw}))
    assert outcome.ds.ConvolutionKernel == odd.decode()
    gone(outcome)


@pytest.mark.parametrize("vr", ["UN", "LO", "OB", "UT", "ST", "UI", "SQ", "US", "DA"])
def test_a_name_under_any_vr_goes(scrub: Scrub, vr: str):
    for tag, value in (
        (0x00100010, NAME),
        (0x00100020, PATIENT),
        (0x00080090, "Mustermann^Konrad"),
        (0x00081030, NAME),
    ):
        outcome = scrub(by_hand({tag: wire.element(tag, vr, value)}))
        gone(outcome)
        assert outcome.result.status == "released" or vr == "SQ"


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED, "rle"])
def test_a_file_cut_anywhere_never_raises_and_never_leaks(tmp_path: Path, syntax: str):
    ds = ct(PixelData=None)
    item = Dataset()
    item.PatientID, item.ReferencedSOPInstanceUID = PATIENT, INSTANCE
    ds.SourceImageSequence = [item, item]
    ds.add_new(0x7FE00010, "OW", bytes(16))
    ds.Rows, ds.Columns = 2, 4
    data = recode.rle(encode(ds)) if syntax == "rle" else recode.recode(encode(ds), syntax)
    scrubber, target, released = Scrubber(BASIC, KEY), tmp_path / "out", 0
    for cut in range(len(data)):
        result = scrubber.scrub(data[:cut], target)
        assert target.exists() == (result.status == "released")
        if result.status == "released":
            released += 1
            assert data[:cut].endswith(data[cut - 4 : cut])
            whole = target.read_bytes().lower()
            assert b"mustermann" not in whole
            assert PATIENT.lower().encode() not in whole
            pydicom.dcmread(target)
            target.unlink()
    # Only a cut between two elements of the data set is a whole, shorter file.
    assert released <= len(PARTS) + 2
    assert scrubber.scrub(data, target).status == "released"


flips = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
RICH = encode(
    ct(
        OperatorsName="Mustermann^Konrad",
        RequestAttributesSequence=[samples.without_pixels()],
        SourceImageSequence=[samples.without_pixels()],
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(flips, st.sampled_from([wire.EXPLICIT, wire.IMPLICIT, wire.BIG]), st.sampled_from([BASIC, ANYTHING]))
def test_flipped_bytes_never_raise(scrub: Scrub, flips: list[tuple[int, int]], syntax: str, policy: Policy):
    data = bytearray(VARIANTS[syntax])
    for at, value in flips:
        data[132 + at % (len(data) - 132)] = value
    scrub_anything(scrub, bytes(data), policy)


VARIANTS = {syntax: recode.recode(RICH, syntax) for syntax in (wire.EXPLICIT, wire.IMPLICIT, wire.BIG)}


def scrub_anything(scrub: Scrub, data: bytes, policy: Policy) -> None:
    """Scrub and look only at the result: pydicom may refuse what came of a damaged file."""
    target = scrub.args[0]
    result = samples.scrubber(policy).scrub(data, target)
    assert target.exists() == (result.status == "released")
    target.unlink(missing_ok=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_never_raise(scrub: Scrub, data: bytes):
    for head in (b"", bytes(128) + b"DICM", encode(ct())[:340], BODY[:26]):
        scrub_anything(scrub, head + data, BASIC)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7",
        b"Mustermann, Erika: report",
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"PK\3\4" + bytes(60),
        b"\0" * 200,
    ],
)
def test_what_is_no_dicom_is_ignored(scrub: Scrub, data: bytes):
    assert scrub(data).result.status == "ignored"


@pytest.mark.parametrize("cut", [10, 100])
def test_a_directory_is_told_apart(scrub: Scrub, cut: int):
    assert scrub((build.dicomdir_tree() / "DICOMDIR").read_bytes()).result.status == "directory"


def test_a_missing_or_empty_file_has_a_reason(scrub: Scrub, tmp_path: Path):
    withheld(scrub(tmp_path / "Mustermann^Erika.dcm"), "unreadable")
    (tmp_path / "empty").touch()
    withheld(scrub(tmp_path / "empty"), "empty")
    withheld(scrub(bytes(128) + b"DICM"), "empty")


REASONS = {
    "unknown-transfer-syntax": part10(BODY, "1.2.840.113619.5.99"),
    "truncated": encode(ct())[:-1],
    "no-sop-class": part10(b"".join(PARTS[:1] + PARTS[2:]), sop_class=""),
}


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(scrub: Scrub, reason: str):
    withheld(scrub(REASONS[reason]), reason)


@pytest.mark.parametrize(
    "value", ["Mustermann^Erika", "1.2.840.10008.5.1.4.1.1.2 Erika", "CT Image", "1" * 65]
)
def test_a_sop_class_that_is_no_uid_is_none(scrub: Scrub, value: str):
    source = by_hand({0x00080016: wire.element(0x00080016, "UI", value)}, sop_class=value)
    outcome = scrub(source)
    withheld(outcome, "no-sop-class")
    assert outcome.result.sop_class == ""


def test_a_sop_class_of_the_file_meta_will_do(scrub: Scrub):
    body = b"".join(raw for raw in PARTS if raw[:4] not in (b"\x08\0\x16\0", b"\x08\0\x18\0"))
    outcome = scrub(part10(body))
    assert outcome.ds.SOPClassUID == CT
    assert outcome.ds.SOPInstanceUID == NAMES.uid(INSTANCE) == outcome.ds.file_meta.MediaStorageSOPInstanceUID


def test_a_private_sop_class_is_kept_and_its_types_are_unknown(scrub: Scrub):
    own = f"{samples.ROOT}.5"
    outcome = scrub(by_hand({}, sop_class=own))
    assert outcome.ds.SOPClassUID == own == outcome.result.sop_class


@pytest.mark.parametrize("modality", ["MUSTERMANN", "Erika", "CT^Erika"])
def test_a_modality_that_is_none_is_not_told(scrub: Scrub, modality: str):
    outcome = scrub(by_hand({0x00080060: wire.element(0x00080060, "CS", modality)}))
    assert modality not in repr(dataclasses.replace(outcome.result, crosswalk=()))


def test_without_any_identifier_the_study_stands_in(scrub: Scrub):
    nobody = {0x00100020: b"", 0x00100010: wire.element(0x00100010, "PN", "")}
    one = scrub(by_hand(nobody)).result
    assert one.patient == NAMES.patient(("study", STUDY))
    assert one.owner == ""
    lonely = scrub(by_hand({**nobody, 0x0020000D: b"", 0x0020000E: b""})).result
    assert lonely.patient == NAMES.patient(("instance", INSTANCE))
    assert lonely.study
    assert lonely.series
    assert lonely.study != lonely.series


SUBJECTS = Policy(subjects={(PATIENT, ""): Subject("SITE-001", -7), ("B", "Ward"): Subject("SITE-002")})


def test_subjects_name_their_patients_and_no_other(scrub: Scrub):
    policy = dataclasses.replace(SUBJECTS, retain=frozenset(["modified-dates"]))
    outcome = scrub(ct(), policy)
    assert outcome.ds.PatientID == outcome.ds.PatientName == outcome.result.patient == "SITE-001"
    assert outcome.ds.StudyDate == "20150225"
    other = scrub(ct(PatientID="B", IssuerOfPatientID="Ward"), policy).ds
    assert other.PatientID == "SITE-002"
    for stranger in (ct(PatientID="C"), ct(PatientID="B"), ct(PatientID=""), ct(PatientID=None)):
        withheld(scrub(stranger, policy), "unknown-subject")


def test_a_stranger_inside_a_sequence_is_nobody(scrub: Scrub):
    item = Dataset()
    item.PatientID, item.PatientName = "Fremd-1", "Fremd^Anna"
    ds = ct()
    ds.add_new(0x00081199, "SQ", [item])
    released = scrub(ds, SUBJECTS)
    assert released.ds[0x00081199][0].PatientID == ""
    assert b"Fremd" not in released.data


US, SC = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7"
GATED = {
    "burned in": {"BurnedInAnnotation": "YES"},
    "ultrasound": {"SOPClassUID": US, "Modality": "US"},
    "capture": {"SOPClassUID": SC, "Modality": "OT", "BurnedInAnnotation": "NO"},
    "image type": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    "conversion": {"ConversionType": "SD"},
}


@pytest.mark.parametrize("why", GATED)
def test_pixels_that_may_show_text_are_withheld_unless_told_otherwise(scrub: Scrub, why: str):
    ds = ct(**GATED[why])
    outcome = scrub(ds)
    withheld(outcome, "pixels-not-examined")
    assert outcome.result.attribute == ""
    outcome = scrub(ds, ANYTHING)
    assert outcome.ds.PatientIdentityRemoved == "NO"
    assert "pixels not examined" in outcome.ds.DeidentificationMethod
    assert outcome.ds.PixelData == PIXELS


def test_a_class_of_screens_without_pixels_passes(scrub: Scrub):
    assert scrub(samples.without_pixels(SC)).result.status == "released"


def test_a_voice_is_withheld(scrub: Scrub):
    speech = next(value for kind, value in profiles.burned_in() if kind == "audio")
    assert scrub(samples.without_pixels(speech)).result.reason == "audio-not-examined"


def test_video_is_withheld(scrub: Scrub):
    source = recode.encapsulate(encode(ct()), "1.2.840.10008.1.2.4.102", [bytes(range(200))])
    withheld(scrub(source), "pixels-not-examined")


SHAPE = {8: ("B", "OB"), 16: ("H", "OW"), 32: ("I", "OW")}


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED])
@pytest.mark.parametrize("allocated", SHAPE)
@pytest.mark.parametrize("signed", [0, 1])
def test_embedded_overlays_are_cleared_and_pixels_are_not(
    scrub: Scrub, syntax: str, allocated: int, signed: int
):
    stored = allocated - 3
    letter, vr = SHAPE[allocated]
    layout = wire.syntax_of(syntax)
    order = "<" if layout.little else ">"
    sign = 1 << (stored - 1)
    values = [
        (number * 7 - 90) % (1 << stored) if signed else number * 5 % (1 << stored) for number in range(64)
    ]
    drawn = [value | (1 << (allocated - 1)) * (number % 2) for number, value in enumerate(values)]
    two = struct.Struct(order + "H").pack
    elements = {
        0x00280002: wire.element(0x00280002, "US", two(1), layout),
        0x00280010: wire.element(0x00280010, "US", two(8), layout),
        0x00280011: wire.element(0x00280011, "US", two(8), layout),
        0x00280100: wire.element(0x00280100, "US", two(allocated), layout),
        0x00280101: wire.element(0x00280101, "US", two(stored), layout),
        0x00280102: wire.element(0x00280102, "US", two(stored - 1), layout),
        0x00280103: wire.element(0x00280103, "US", two(signed), layout),
        0x60000010: wire.element(0x60000010, "US", two(8), layout),
        0x60000022: wire.element(0x60000022, "LO", "Mustermann", layout),
        0x60000102: wire.element(0x60000102, "US", two(allocated - 1), layout),
        0x7FE00010: wire.element(0x7FE00010, vr, struct.pack(f"{order}64{letter}", *drawn), layout),
    }
    body = wire.split(by_hand(elements, sop_class=CT, syntax=layout)).body
    outcome = scrub(part10(body, syntax))
    assert outcome.result.status == "released"
    assert not [tag for tag in outcome.ds.keys() if tag.group == 0x6000]  # noqa: SIM118 - a Dataset iterates elements
    found = struct.unpack(f"{order}64{letter}", outcome.ds.PixelData)
    above = ((1 << allocated) - 1) ^ ((1 << stored) - 1)
    assert list(found) == [value | (above if signed and value & sign else 0) for value in values]


def with_overlay(syntax: str = "", **changes: object) -> bytes:
    ds = ct(**changes)
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000102, "US", 12)
    return recode.encapsulate(encode(ds), syntax, [bytes(range(64))]) if syntax else encode(ds)


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"]
)
def test_an_overlay_in_compressed_pixels_is_withheld(scrub: Scrub, syntax: str):
    withheld(scrub(with_overlay(syntax)), "overlay-in-compressed-pixels")


@pytest.mark.parametrize("numbers", [(16, 12, 3), (16, 12, 200), (24, 12, 11), (12, 8, 7)])
def test_an_overlay_in_unusual_pixels_is_withheld(scrub: Scrub, numbers: tuple[int, int, int]):
    allocated, stored, high = numbers
    source = with_overlay(BitsAllocated=allocated, BitsStored=stored, HighBit=high)
    assert scrub(source).result.reason in ("overlay-in-unusual-pixels", "pixel-length")


@pytest.mark.parametrize("vr", ["SS", "UL", "SL"])
@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.BIG])
def test_wrong_vrs_hide_no_overlay(scrub: Scrub, vr: str, syntax: str):
    layout = wire.syntax_of(syntax)
    order = "<" if layout.little else ">"
    drawn = struct.pack(order + "64H", *[0x8000 | number for number in range(64)])
    width = {"SS": "h", "UL": "I", "SL": "i"}[vr]
    elements = {
        tag: wire.element(tag, vr, struct.pack(order + width, value), layout)
        for tag, value in (
            (0x00280010, 8),
            (0x00280011, 8),
            (0x00280100, 16),
            (0x00280101, 12),
            (0x00280102, 11),
            (0x00280103, 0),
        )
    }
    elements[0x60000010] = wire.element(0x60000010, "US", struct.pack(order + "H", 8), layout)
    elements[0x60000102] = wire.element(0x60000102, "US", struct.pack(order + "H", 15), layout)
    elements[0x7FE00010] = wire.element(0x7FE00010, "OW", drawn, layout)
    outcome = scrub(by_hand(elements, sop_class=CT, syntax=layout))
    assert outcome.result.status == "withheld" or struct.unpack(order + "64H", outcome.ds.PixelData) == tuple(
        range(64)
    )


def test_an_overlay_with_data_of_its_own_leaves_the_pixels_alone(scrub: Scrub):
    ds = ct(PixelData=struct.pack("<64H", *[0xF000 | number for number in range(64)]))
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60003000, "OW", b"Mustermann  ")
    outcome = scrub(ds)
    assert outcome.ds.PixelData == ds.PixelData
    gone(outcome)


CHARSETS = {
    "ISO_IR 100": ("Müßig^Jürgen", "latin-1"),
    "ISO_IR 101": ("Wałęsa^Stanisław", "iso8859-2"),
    "ISO_IR 109": ("Ĥaŭlo^Ĉiĝo", "iso8859-3"),
    "ISO_IR 110": ("Bērziņš^Kristīne", "iso8859-4"),
    "ISO_IR 144": ("Ивановский^Иван", "iso8859-5"),
    "ISO_IR 127": ("قباني^لنزار", "iso8859-6"),
    "ISO_IR 126": ("Διονυσιος^Αθηνα", "iso8859-7"),
    "ISO_IR 138": ("שרוני^דבורה", "iso8859-8"),
    "ISO_IR 148": ("Çavuşoğlu^İbrahim", "iso8859-9"),
    "ISO_IR 13": ("ﾔﾏﾀﾞﾏ^ﾀﾛｳﾏ", "shift_jis"),
    "ISO_IR 192": ("王小東^山田太郎", "utf-8"),
    "GB18030": ("王小东^张伟强", "gb18030"),
}


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG])
def test_a_name_in_twelve_character_sets_goes_and_is_searched_for(scrub: Scrub, charset: str, syntax: str):
    name, codec = CHARSETS[charset]
    layout = wire.syntax_of(syntax)
    own = {
        0x00080005: wire.element(0x00080005, "CS", charset, layout),
        0x00100010: wire.element(0x00100010, "PN", name.encode(codec), layout),
        0x00100020: wire.element(0x00100020, "LO", name.split("^")[0].encode(codec), layout),
        0x00102160: wire.element(0x00102160, "SH", name.split("^")[0].encode(codec), layout),
    }
    outcome = scrub(by_hand(own, syntax=layout))
    assert outcome.result.status == "released"
    for part in name.split("^"):
        assert part.encode(codec) not in outcome.data
        assert part.encode() not in outcome.data
    assert outcome.ds.PatientID == NAMES.patient(("id", name.split("^")[0], ""))
    own[0x00281055] = wire.element(0x00281055, "LO", b"of " + name.split("^")[1].encode(codec), layout)
    outcome = scrub(by_hand(own, syntax=layout))
    assert (outcome.result.reason, outcome.result.attribute) == ("residue", "(0010,0010)")


@pytest.mark.parametrize(
    "charset", [b"ISO_IR 999", b"Mustermann", b"\\\\\\", b"ISO 2022 IR 87\\ISO_IR 192", b"\xff\xfe"]
)
def test_a_character_set_that_is_none_stops_nobody(scrub: Scrub, charset: bytes):
    own = {
        0x00080005: wire.element(0x00080005, "CS", charset),
        0x00100010: wire.element(0x00100010, "PN", b"M\xfcller\x1b$B^J\xfcrgen"),
    }
    target: Path = scrub.args[0]
    result = samples.scrubber().scrub(by_hand(own), target)  # pydicom would warn of such a set when it reads
    assert result.status == "released"
    assert b"ller" not in target.read_bytes()


def test_a_number_of_frames_beyond_all_bounds_is_no_crash(scrub: Scrub):
    for frames in ("9" * 5000, "0", "-1", "1e5", "four"):
        scrub_anything(scrub, by_hand({0x00280008: wire.element(0x00280008, "IS", frames)}), BASIC)
        source = build.change(encode(ct()), {0x00280008: ("IS", frames.encode())})
        scrub_anything(scrub, source, BASIC)


@pytest.mark.parametrize("policy", [BASIC, Policy("strict"), ANYTHING])
def test_pixels_stay_to_the_byte_in_their_syntax(scrub: Scrub, policy: Policy):
    for _, source in build.variants():
        outcome = scrub(source, policy)
        assert outcome.result.status == "released"
        before, after = wire.split(source), wire.split(outcome.data)
        assert before.transfer_syntax == after.transfer_syntax
        syntax = wire.syntax_of(before.transfer_syntax)
        old, new = (
            [each for each in wire.elements(file.body, syntax) if each.tag >= 0x7FE00000]
            for file in (before, after)
        )
        assert [each.tag for each in new] == [0x7FE00010]
        assert new[0].value == next(each.value for each in old if each.tag == 0x7FE00010)


def test_a_file_is_released_again_as_it_was_by_the_same_key(scrub: Scrub):
    once = scrub(ct(), Policy(retain=frozenset(["uids"])))
    twice = scrub(once.data, Policy(retain=frozenset(["uids"])))
    assert twice.result.status == "released"
    assert twice.ds.StudyInstanceUID == STUDY


def test_a_large_file_goes_the_same_way(scrub: Scrub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    source = tmp_path / "Mustermann.dcm"
    source.write_bytes(with_overlay(PixelData=bytes(range(1, 129))))
    small = scrub(source)
    monkeypatch.setattr(read, "WHOLE", 64)
    monkeypatch.setattr(write, "_WHOLE", 64)
    large = scrub(source)
    assert large.data == small.data
    assert large.result == small.result


def test_a_large_odd_file_is_withheld(scrub: Scrub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normalise, "LIMIT", 100)
    withheld(scrub(ODD["unsorted"]), "too-large")


def test_a_target_that_can_not_be_written_is_an_error(tmp_path: Path):
    with pytest.raises(OSError, match="No such file"):
        samples.scrubber().scrub(encode(ct()), tmp_path / "nowhere" / "out.dcm")


def test_an_existing_target_is_replaced_whole(scrub: Scrub, tmp_path: Path):
    (tmp_path / "released.dcm").write_bytes(b"Mustermann" * 10_000)
    result = samples.scrubber().scrub(encode(ct()), tmp_path / "released.dcm")
    assert (tmp_path / "released.dcm").stat().st_size == result.size


def test_the_input_is_never_touched(tmp_path: Path, scrub: Scrub):
    source = tmp_path / "source.dcm"
    source.write_bytes(encode(ct()))
    source.chmod(0o400)
    before = source.stat()
    scrub(source)
    after = source.stat()
    assert (before.st_mtime_ns, before.st_size, before.st_ino) == (
        after.st_mtime_ns,
        after.st_size,
        after.st_ino,
    )
    assert source.read_bytes() == encode(ct())


def test_a_deflated_data_set_whose_pixels_lie_elsewhere(scrub: Scrub):
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(BODY) + packer.flush()
    target: Path = scrub.args[0]
    result = samples.scrubber().scrub(part10(b"", "1.2.840.10008.1.2.4.95") + packed, target)
    assert result.status == "released"  # pydicom does not know that this syntax is deflated
    data = target.read_bytes()
    clear = zlib.decompressobj(-15).decompress(data[144 + int.from_bytes(data[140:144], "little") :])
    assert b"Mustermann" not in clear
    assert wire.elements(clear)[-1].value == PIXELS

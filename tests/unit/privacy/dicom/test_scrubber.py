"""One file in, one released file or a reason out, whatever the file is like."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from medcli.privacy import profiles
from medcli.privacy.dicom import Scrubber, read, write
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
    PATIENT,
    PIXELS,
    STUDY,
    Scrub,
    by_hand,
    ct,
    encode,
    gone,
    part10,
    with_overlay,
    withheld,
)

NAMES = Pseudonyms(KEY)
BODY = wire.split(encode(ct())).body
PARTS = [each.raw for each in wire.elements(BODY)]


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

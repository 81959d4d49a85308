"""What one key makes of identities."""

from __future__ import annotations

import re
import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom.pseudonyms import Pseudonyms, UnknownSubject, basis_of, normal, registered
from medcli.privacy.policy import Policy, Subject
from tests.privacy import reference_values
from tests.unit.privacy.dicom.samples import CT, KEY, PATIENT, ROOT

NAMES = Pseudonyms(KEY)
uids = st.lists(st.integers(0, 10**12), min_size=2, max_size=6).map(
    lambda parts: "1.3.6.1.4.1." + ".".join(map(str, parts))
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0 \t\r\n\x1f"), min_size=1, max_size=20)
basis = st.builds(basis_of, texts, st.one_of(st.just(""), texts), st.just(""), st.just(""))


@given(uids)
def test_a_new_uid_is_legal_and_stable(uid: str):
    new = NAMES.uid(uid)
    assert (
        new
        == NAMES.uid(uid)
        == Pseudonyms(KEY).uid(uid)
        == reference_values.new_uid(KEY, uid.encode()).decode()
    )
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]*)", new)
    assert len(new) <= 64
    made = uuid.UUID(int=int(new[5:]))
    assert (made.int >> 76 & 0xF, made.variant) == (8, uuid.RFC_4122)


def test_new_uids_do_not_collide():
    old = [f"{ROOT}.{number}" for number in range(20_000)]
    assert len({NAMES.derived(uid) for uid in old}) == len(old)


@given(uids)
def test_another_key_gives_another_uid(uid: str):
    assert NAMES.uid(uid) != Pseudonyms(b"another key, as long").uid(uid)


@pytest.mark.parametrize("uid", [CT, "1.2.840.10008.1.2.4.50", "1.2.840.10008.2.16.4", ""])
def test_registered_uids_and_nothing_stay(uid: str):
    assert NAMES.uid(uid) == uid


@pytest.mark.parametrize(
    "uid",
    ["1.2.840.10008.5.1.4.1.1.2.4711.19310809", "1.2.840.10008", "1.2.840.10008.PAT", "1.2.840.100081.1"],
)
def test_a_uid_that_only_looks_registered_does_not_stay(uid: str):
    assert not registered(uid)
    assert NAMES.uid(uid).startswith("2.25.")


@given(basis)
def test_a_patient_has_one_name_under_one_key(who: tuple[str, ...]):
    name = NAMES.patient(who)
    assert name == Pseudonyms(KEY).patient(who)
    assert re.fullmatch(r"P[A-Z2-7]{15}", name)
    assert name != Pseudonyms(b"another key, as long").patient(who)


@given(basis, basis)
def test_two_patients_have_two_names(one: tuple[str, ...], other: tuple[str, ...]):
    assert (NAMES.patient(one) == NAMES.patient(other)) == (one == other)


def test_the_issuer_makes_a_patient_too():
    names = {NAMES.patient(basis_of("4711", issuer, "", "")) for issuer in ("", "A", "B")}
    assert len(names) == 3


def test_a_separator_does_not_join_two_patients_to_one():
    # An identifier that holds the separator could otherwise be another's identifier and issuer.
    assert NAMES.patient(("id", "4711", "A")) != NAMES.patient(("id", "4711A", ""))


@given(texts)
def test_spelling_in_bytes_does_not_matter(text: str):
    forms = {unicodedata.normalize(form, f" {text}\0 ") for form in ("NFC", "NFD")}
    assert len({basis_of(form, "", "", "") for form in forms}) == 1


def test_without_an_identifier_study_and_object_stand_in():
    assert basis_of("", "A", "1.2", "1.3") == ("study", "1.2")
    assert basis_of("", "", "", "1.3") == ("instance", "1.3")
    assert len({NAMES.patient(who) for who in (("study", "1"), ("instance", "1"), ("id", "1", ""))}) == 3


ranges = st.tuples(st.integers(-4000, 4000), st.integers(0, 4000)).map(lambda pair: (pair[0], sum(pair)))


@given(ranges.filter(lambda both: both != (0, 0)), basis)
def test_days_lie_in_their_range_and_are_never_none(low_high: tuple[int, int], who: tuple[str, ...]):
    low, high = low_high
    days = Pseudonyms(KEY, (low, high)).days(who)
    assert low <= days <= high
    assert days != 0
    assert days == reference_values.offset(KEY, "\x1f".join(who), low, high)


@pytest.mark.parametrize("low_high", [(-2, 2), (0, 3), (-3, 0), (-1, 1), (5, 5), (-7, -7), (1, 4)])
def test_every_day_of_the_range_is_drawn(low_high: tuple[int, int]):
    names = Pseudonyms(KEY, low_high)
    drawn = {names.days(("id", str(number), "")) for number in range(400)}
    assert drawn == set(range(low_high[0], low_high[1] + 1)) - {0}


def test_subjects_bring_their_own_names_and_days():
    names = Pseudonyms(KEY, subjects={("4711", "A"): Subject("S-01", -12), ("4712", ""): Subject("S-02")})
    assert names.patient(("id", "4711", "A")) == "S-01"
    assert names.days(("id", "4711", "A")) == -12
    assert names.patient(("id", "4712", "")) == "S-02"
    assert names.days(("id", "4712", "")) == NAMES.days(("id", "4712", ""))
    assert names.patient(("id", "4712", "anywhere")) == "S-02"


@pytest.mark.parametrize("who", [("id", "4711", ""), ("id", "9", ""), ("study", "4711"), ("instance", "1")])
def test_whoever_is_not_listed_is_unknown(who: tuple[str, ...]):
    names = Pseudonyms(KEY, subjects={("4711", "A"): Subject("S-01")})
    for ask in (names.patient, names.days):
        with pytest.raises(UnknownSubject) as error:
            ask(who)
        assert who[1] not in str(error.value) or not str(error.value)


@given(texts)
def test_an_accession_number_has_one_pseudonym(value: str):
    new = NAMES.accession(value)
    assert re.fullmatch(r"A[A-Z2-7]{15}", new)  # SH: at most 16 characters
    assert new == NAMES.accession(value) != Pseudonyms(b"another key, as long").accession(value)
    assert NAMES.accession("") == ""


def test_kinds_do_not_give_each_other_away():
    # The same digits as patient, accession and date must not share a pseudonym's tail.
    assert NAMES.patient(("id", PATIENT, ""))[1:] != NAMES.accession(PATIENT)[1:]
    assert (
        len({NAMES.digest(kind, "x") for kind in ("uid", "patient", "accession", "date", "owner", "content")})
        == 6
    )


def test_owners_are_told_apart_and_nobody_is_none():
    assert NAMES.owner("4711", "") == NAMES.owner("4711", "") != NAMES.owner("4711", "A")
    assert NAMES.owner("", "A") == ""
    assert "4711" not in NAMES.owner("4711", "")


@given(st.binary(max_size=15))
def test_a_short_key_is_refused(key: bytes):
    with pytest.raises(ValueError, match="16 bytes"):
        Pseudonyms(key)


@pytest.mark.parametrize("wrong", [(0, 0), (5, 4), (-1, -2)])
def test_a_shift_of_no_days_is_no_policy(wrong: tuple[int, int]):
    with pytest.raises(ValueError, match="date shift"):
        Policy(date_shift=wrong)


def test_normal_drops_padding_only():
    assert normal("\0 4711 A \0") == "4711 A"

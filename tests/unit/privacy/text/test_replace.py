"""What is written instead: dates in their spelling, stand-ins that stay the same, three digits, pooled ages."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.text.replace import Context, Replacer, zip3
from medcli.privacy.text.replace_dates import shifted
from medcli.privacy.text.replace_policy import TextPolicy, allowed
from medcli.privacy.text.span import Span
from medcli.privacy.text.surrogates import Surrogates, plain

NAMES = Surrogates(Pseudonyms(b"k" * 32))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2020-03-04", "2020-01-24"),
        ("2020/3/4", "2020/1/24"),
        ("03/04/2020", "01/24/2020"),
        ("3/4/20", "1/24/20"),
        ("13/04/2020", "04/03/2020"),
        ("12/25/2020", "11/15/2020"),
        ("3/25/2020", "2/14/2020"),
        ("4.3.2020", "24.1.2020"),
        ("20200304", "20200124"),
        ("2020-03-04T10:22:00", "2020-01-24T10:22:00"),
        ("3/3/2020 10:22 AM", "1/23/2020 10:22 AM"),
        ("March 3, 2020", "January 23, 2020"),
        ("MAR 05 2021", "JAN 24 2021"),
        ("05-Mar-2021", "24-Jan-2021"),
        ("3rd of March", "22nd of January"),
        ("Monday, March 2, 2020", "Wednesday, January 22, 2020"),
        ("Montag, 3. Mai 2021", "Mittwoch, 24. März 2021"),
        ("le 3 mars 2020", "le 23 janvier 2020"),
        ("March 2020", "February 2020"),
        ("12/2019", "11/2019"),
        ("8/11", "7/2"),
        ("Jan '19", "Dec '18"),
    ],
)
def test_a_date_moves_in_its_own_spelling(old: str, new: str) -> None:
    assert shifted(old, -40) == new


@pytest.mark.parametrize(
    "text",
    [
        "last Tuesday",
        "Christmas",
        "10:22",
        "1931",
        "31/31/2020",
        "2020-13-45",
        "on the 3rd",
        "Miller 3/4/2020",
        "",
    ],
)
def test_what_is_not_understood_to_the_last_letter_is_not_guessed(text: str) -> None:
    assert shifted(text, -40) is None


@given(st.dates(date(1900, 1, 1), date(2060, 1, 1)), st.integers(-4000, 4000).filter(bool), st.data())
def test_a_shifted_date_is_the_shifted_date(day: date, days: int, data: st.DataObject) -> None:
    form = data.draw(
        st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%B %d, %Y", "%A, %d %b %Y"])
    )
    moved = day + timedelta(days)
    if form == "%m/%d/%Y" and (day.day > 12) != (moved.day > 12):
        return
    if form == "%d.%m.%Y" and day.day <= 12 < moved.day:
        return
    if form == "%A, %d %b %Y" and 5 in (day.month, moved.month):
        return  # May is long and short
    new = shifted(day.strftime(form), days)
    # January 10 becomes January 9: nothing says that it would be written 09.
    assert new is not None
    assert re.sub(r"\b0(?=\d,? )", "", new) == re.sub(r"\b0(?=\d,? )", "", moved.strftime(form))


@given(st.text(max_size=40), st.integers(-4000, -1))
def test_any_text_is_a_date_or_none(text: str, days: int) -> None:
    moved = shifted(text, days)
    assert moved is None or isinstance(moved, str)


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("02139", "021"),
        ("02139-4307", "021"),
        ("03602", "000"),
        ("89301", "000"),
        ("SW1A 1AA", None),
        ("2139", None),
    ],
)
def test_three_digits_of_a_zip_code(code: str, digits: str | None) -> None:
    assert zip3(code) == digits


@pytest.mark.parametrize(
    ("age", "pooled"),
    [
        ("93", "90+"),
        ("101-year-old", "90+-year-old"),
        ("aged 90", "aged 90+"),
        ("ninety-three", "[AGE]"),
        ("1925", "[AGE]"),
    ],
)
def test_an_age_is_pooled(age: str, pooled: str) -> None:
    (edit,) = Replacer(TextPolicy(), Pseudonyms(b"k" * 32)).edits(age, [Span(0, len(age), "AGE")], Context())
    assert edit.text == pooled


def made(category: str, text: str, **more: object) -> str:
    found = NAMES.make(category, text, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_person_keeps_one_name() -> None:
    full = made("NAME", "Jane Miller")
    given_name, surname = full.split()
    assert made("NAME", "MILLER, JANE") == f"{surname.upper()}, {given_name.upper()}"
    assert made("NAME", "Mrs. Miller") == f"Mrs. {surname}"
    assert made("NAME", "Jane", people=["Jane Miller"]) == given_name
    assert made("NAME", "J. Miller", people=["Jane Miller"]) == f"{given_name[0]}. {surname}"
    assert made("NAME", "miller") == surname.lower()
    assert full == Surrogates(Pseudonyms(b"k" * 32)).make("NAME", "Jane Miller")
    assert full != Surrogates(Pseudonyms(b"l" * 32)).make("NAME", "Jane Miller")


def test_gender_and_culture_are_kept_where_they_are_known() -> None:
    from medcli.privacy.text.surrogates import _lists

    lists = _lists()
    assert made("NAME", "Jennifer", people=["Jennifer Smith"]) in lists["en", "f"]
    assert made("NAME", "Michael", people=["Michael Smith"]) in lists["en", "m"]
    assert made("NAME", "Абрамов") in lists["ru", "s"]
    assert made("NAME", "王伟")[0] in "".join(lists["zh", "s"])


@given(st.sampled_from(["NAME", "MRN", "PHONE", "PLACE", "ID", "SSN"]), st.integers(0, 10**9))
def test_a_stand_in_is_never_what_identifies_in_its_record(category: str, number: int) -> None:
    text = f"Miller{number % 7}" if category in ("NAME", "PLACE") else f"{number:010}"
    first = NAMES.make(category, text)
    assert first is not None
    again = NAMES.make(category, text, avoid={plain(first), plain(text)})
    assert again is None or plain(again) not in (plain(first), plain(text))


def test_numbers_keep_their_form_and_phones_are_nobodys() -> None:
    assert re.fullmatch(r"[A-Z]{2}-\d{4}/[a-z]", made("ID", "AB-1234/x"))
    assert re.fullmatch(r"\(\d{3}\) 555-01\d\d", made("PHONE", "(617) 253-1000"))
    assert made("SSN", "123-45-6789").startswith("000-")
    assert made("EMAIL", "a@b.org").endswith("@example.org")
    assert made("IP", "10.1.2.3").startswith("192.0.2.")
    assert made("UID", "1.2.3.4").startswith("2.25.")


def test_a_policy_makes_sense_or_is_refused() -> None:
    assert allowed("DATE", "shift")
    assert not allowed("NAME", "shift")
    assert not allowed("DATE", "surrogate")
    with pytest.raises(ValueError, match="can't be replaced"):
        TextPolicy(actions=(("NAME", "zip3"),))


def test_masks_keep_the_length_or_do_not() -> None:
    names = Pseudonyms(b"k" * 32)
    policy = TextPolicy(actions=(("NAME", "mask"), ("MRN", "fixed")))
    edits = Replacer(policy, names).edits("O'Neil 4711", [Span(0, 6, "NAME"), Span(7, 11, "MRN")], Context())
    assert [edit.text for edit in edits] == ["*'****", "****"]

"""Names, identifiers and dates as people spell them, searched as characters."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom import words
from medcli.privacy.dicom.words import Spelling, Words, birth_words, fold, identifier_words, name_words

TAG = 0x00100010


def finds(spellings: Iterable[Spelling], *texts: str) -> bool:
    hidden = Words()
    for kind, text in spellings:
        hidden.add(kind, text, TAG)
    hit = hidden.search(texts)
    assert hit in (None, TAG)
    return hit is not None


PERSON = name_words("Müller-Lüdenscheidt^Anna-Maria".encode(), b"ISO_IR 192")


@pytest.mark.parametrize(
    "text",
    [
        "Müller-Lüdenscheidt",
        "MÜLLER",
        "for müller.",
        "Müllers Befund",
        "Lüdenscheidt",
        unicodedata.normalize("NFD", "Müller"),
        "anna",
        "müller-lüdenscheidtanna-maria",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}nna",
    ],
)
def test_a_name_is_found_as_it_is_spelt(text: str):
    assert finds(PERSON, "nothing here", text)


@pytest.mark.parametrize("text", ["Müllerin", "Hannah", "annaba", "müllerst", "", "Anne", "Mull er"])
def test_a_name_is_not_found_in_other_words(text: str):
    assert not finds(PERSON, text)


def test_a_name_in_a_script_without_spaces_is_found_inside_a_sentence():
    kanji = name_words("山田^太郎".encode(), b"ISO_IR 192")
    assert finds(kanji, "患者山田様")
    assert finds(name_words("홍길동^".encode(), b"ISO_IR 192"), "환자홍길동씨")
    assert not finds(kanji, "山と田")


PATIENT = identifier_words(b"PAT-0047.11 X", b"")


@pytest.mark.parametrize(
    "text", ["pat-0047.11 x", "PAT 0047 11 X", "pat/0047_11-x", "PAT004711X", "ID:PAT-0047-11-X."]
)
def test_an_identifier_is_found_with_any_separators(text: str):
    assert finds(PATIENT, text)


@pytest.mark.parametrize("text", ["PAT-0047", "004711", "X"])
def test_an_identifier_is_not_found_in_part(text: str):
    assert not finds(PATIENT, text)


def test_leading_zeros_may_be_missing():
    patient = identifier_words(b"0000123456", b"")
    for text in ("123456", "0000123456", "no. 123456", "0000-123-456"):
        assert finds(patient, text)
    for text in ("1234567", "91234560", "12345"):
        assert not finds(patient, text)


def test_digits_do_not_count_inside_longer_numbers():
    patient = identifier_words(b"471108", b"")
    assert finds(patient, "47-11-08")
    assert not finds(patient, "1-47-11-08")
    assert not finds(patient, "47.11.081")


@pytest.mark.parametrize(
    "text",
    ["09/08/31", "9.8.31", "08-09-31", "9-aug-31", "8/9/31", "born 09.08.31,", "9-AUG-31"],
)
def test_a_birth_date_is_found_with_a_year_of_two_digits(text: str):
    assert finds(birth_words(b"19310809"), text)


@pytest.mark.parametrize("text", ["310809", "09/08/1931", "19/08/31", "09/08/312", "9.8.32"])
def test_other_dates_are_not_found(text: str):
    assert not finds(birth_words(b"19310809"), text)


@pytest.mark.parametrize("raw", [b"", b"^^", b"Li^Wu", b"A B", b" \0"])
def test_short_names_are_left_to_the_search_of_bytes(raw: bytes):
    assert all(len(text) >= 4 for _, text in name_words(raw, b""))


@given(
    st.text(string.ascii_letters, min_size=4, max_size=12), st.sampled_from([" ", "^", "=", "\n", "(", "'s "])
)
def test_any_word_is_found_between_others(word: str, mark: str):
    assert finds(
        name_words(word.encode(), b""), f"before{mark if mark != chr(39) + 's ' else ' '}{word}{mark}behind"
    )
    assert not finds(name_words(word.encode(), b""), f"x{word}x")


@given(
    st.binary(max_size=30), st.text(max_size=40), st.sampled_from([b"", b"ISO_IR 192", b"\\ISO 2022 IR 87"])
)
def test_no_value_and_no_text_break_the_search(raw: bytes, text: str, charset: bytes):
    finds([*name_words(raw, charset), *identifier_words(raw, charset)], text)


@given(st.text(max_size=20))
def test_folding_is_stable(text: str):
    assert fold(text).isascii() == (not fold(text) or max(fold(text)) < "\x80")
    if text.isascii():
        assert fold(text.upper()) == fold(text)


def test_many_texts_are_searched_in_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(words, "_BATCH", 10)
    texts = ["nothing"] * 50
    assert not finds(PERSON, *texts)
    assert finds(PERSON, *texts, "anna", *texts)


def test_the_first_of_two_tags_is_told():
    hidden = Words()
    for tag in (1, 2):
        hidden.add("word", "mustermann", tag)
        hidden.add("bare", "pat4711", tag)
    assert hidden.search(["Mustermann"]) == 1
    assert hidden.search(["PAT 4711"]) == 1

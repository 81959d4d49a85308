"""Whatever form and context give away, in the words people write; and what must stay."""

from __future__ import annotations

import pickle
import re
import time
from pathlib import Path

import pytest

from medcli.privacy.text.document import Document
from medcli.privacy.text.rules import Rules
from medcli.privacy.text.span import Span

HERE = Path(__file__).parent
POSITIVE = (HERE / "identifying.txt").read_text(encoding="utf-8").splitlines()
CLINICAL = (HERE / "clinical.txt").read_text(encoding="utf-8").splitlines()


def found(text: str, sensitivity: str = "balanced") -> list[tuple[str, str]]:
    spans = Rules(sensitivity).find([text])[0]  # type: ignore[arg-type]
    return [(text[span.start : span.end], span.category) for span in spans]


def marked(line: str) -> tuple[str, list[tuple[int, int]]]:
    """A line without its [[ ]], and where they stood."""
    text, places, at = "", [], 0
    for match in re.finditer(r"\[\[(.*?)\]\]", line):
        text += line[at : match.start()]
        places.append((len(text), len(text) + len(match[1])))
        text += match[1]
        at = match.end()
    return text + line[at:], places


@pytest.mark.parametrize("sensitivity", ["balanced", "high"])
def test_every_marked_stretch_is_found_whole(sensitivity: str):
    missed = []
    for line in POSITIVE:
        text, places = marked(line)
        spans = Rules(sensitivity).find([text])[0]
        covered = {at for span in spans for at in range(span.start, span.end)}
        missed += [line for start, end in places if not covered.issuperset(range(start, end))]
    assert missed == []


def test_clinical_language_stays():
    assert [(line, found(line)) for line in CLINICAL if found(line)] == []


def test_high_takes_little_more_of_clinical_language():
    taken = [line for line in CLINICAL if found(line, "high")]
    assert len(taken) <= 0.05 * len(CLINICAL)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("MRN 12345", "MRN"),
        ("member ID ABC123", "PLAN"),
        ("account number 4432198", "ACCOUNT"),
        ("card 4111 1111 1111 1111", "CARD"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN"),
        ("NPI 1234567893", "NPI"),
        ("DEA AB1234563", "LICENSE"),
        ("VIN 1HGCM82633A004352", "VEHICLE"),
        ("UID 1.2.840.113619.2.55.3.604688119", "UID"),
        ("SSN 123-45-6789", "SSN"),
        ("fax 617-555-0199", "FAX"),
        ("phone 617-555-0199", "PHONE"),
        ("from 10.0.0.5", "IP"),
        ("jsmith@hospital.org", "EMAIL"),
        ("https://portal.example.com/p/1", "URL"),
        ("serial number PJN123456", "DEVICE"),
        ("username: jsmith", "USER"),
        ("lives in Boston, MA 02139", "ZIP"),
        ("a 92-year-old", "AGE"),
        ("seen on 3/4/2020", "DATE"),
        ("case number 2023-11432", "ID"),
    ],
)
def test_each_category_has_its_name(text: str, category: str):
    assert category in {of for _, of in found(text)}


def test_age_89_stays_and_90_goes():
    assert found("an 89-year-old") == []
    assert found("a 90-year-old") == [("90-year-old", "AGE")]


def test_the_birth_year_of_somebody_over_89_goes():
    assert found("born in 1928") == [("1928", "AGE")]
    assert found("born in 1980") == []


def test_classes_of_the_standard_stay():
    assert found("SOP class 1.2.840.10008.5.1.4.1.1.2") == []


def test_card_with_a_wrong_check_digit_is_no_card():
    assert "CARD" not in {of for _, of in found("card 4111 1111 1111 1112")}


def test_time_goes_with_its_date_only():
    assert found("on 3/4/2020 at 14:30") == [("3/4/2020 at 14:30", "DATE")]
    assert found("every day at 14:30") == []


def test_two_numbers_are_a_date_where_words_say_so():
    assert found("CT from 8/11") == [("8/11", "DATE")]
    assert found("pain 8/11") == []


def test_pickles_without_patterns():
    rules = pickle.loads(pickle.dumps(Rules("high")))
    assert rules.sensitivity == "high"
    assert len(pickle.dumps(rules)) < 300


def test_offsets_hold_where_lower_case_is_longer():
    text = "\u0130\u0130\u0130 MRN 12345"
    spans = Rules().find([text])[0]
    assert [text[span.start : span.end] for span in spans] == ["12345"]


def test_a_document_shows_no_text():
    document = Document("MRN 12345", found=[Span(4, 9, "MRN")])
    assert "MRN 1" not in repr(document)
    assert document.covered(0, 5)
    assert not document.covered(0, 4)
    document.found.append(Span(0, 3, "MRN"))
    assert document.covers(0, 3)


HOSTILE = (
    "1", "a", "A", " ", "\n", ".", "-", "/", ":", "@", "#", "(", "1-", "1/", "1 ", "1.", "a.", "a@", "ab:", "+1", "www.", "http://",
    "a at ", "a dot ", "mrn is ", "number 1 ", "transcribed: a ", "may ", "March 3 ", "3 of ", "12/12-", "3/4 and ", "GB82 ", "MA 0",
    "one hundred ", "4111 1111 ", "phone: 1 ", "1.2.840.", "a\u0301", "\u0661", "20200101", "12:30 ", "twenty-", "plate A ", "K1A ",
    "jdoe@x.", "patient, 92, ", "medical record for a b is ", "call 1-", "[at] ", "(dot)", "DOB ",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_four_times_the_text_takes_about_four_times_as_long(piece: str):
    def cost(length: int) -> float:
        text = (piece * length)[:length]
        begin = time.process_time()
        Rules("high").find([text])
        return time.process_time() - begin

    cost(1000)
    small = min(cost(25_000), cost(25_000))
    large = min(cost(100_000), cost(100_000))
    assert large < 0.5 or large < 8 * small

"""Names, places and facilities: tables of sentences in many styles, and what holds for any text."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.text.document import Document, Sensitivity
from medcli.privacy.text.names import find_names
from medcli.privacy.text.places import find_places
from medcli.privacy.text.safe import keeps
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import CITY, COMMON, EPONYM, FIRST, LAST, MEDICAL, NAME, lexicon

HERE = Path(__file__).parent


def sentences(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.replace("\\n", "\n") for line in lines if line and not line.startswith("#")]


def found(text: str, sensitivity: Sensitivity = "balanced") -> list[Span]:
    document = Document(text, sensitivity)
    document.found += find_places(document)
    return [*document.found, *find_names(document)]


def marked(line: str) -> tuple[str, list[tuple[int, int]]]:
    text, wanted = "", []
    for part in re.split(r"(\[\[.*?\]\])", line):
        if part.startswith("[["):
            wanted.append((len(text), len(text) + len(part) - 4))
            text += part[2:-2]
        else:
            text += part
    return text, wanted


def letters(text: str, spans: Iterable[tuple[int, int]]) -> list[int]:
    gone = {i for start, end in spans for i in range(start, end)}
    return [i for i, letter in enumerate(text) if letter.isalnum() and i not in gone]


@pytest.mark.parametrize("line", sentences("names.txt") + sentences("places.txt"))
@pytest.mark.parametrize("sensitivity", ["balanced", "high"])
def test_what_identifies_goes_wholly(line: str, sensitivity: Sensitivity):
    text, wanted = marked(line)
    spans = [(span.start, span.end) for span in found(text, sensitivity)]
    left = set(letters(text, spans))
    assert not [text[start:end] for start, end in wanted if left & set(range(start, end))]


@pytest.mark.parametrize("line", sentences("names.txt") + sentences("places.txt"))
def test_everything_else_stays(line: str):
    text, wanted = marked(line)
    spans = found(text)
    over = [
        text[s.start : s.end]
        for s in spans
        if not any(s.start < end and start < s.end for start, end in wanted)
    ]
    assert over == []


@pytest.mark.parametrize("line", sentences("stays.txt"))
def test_clinical_language_stays(line: str):
    assert [line[span.start : span.end] for span in found(line)] == []


def test_high_takes_what_balanced_takes():
    for line in sentences("names.txt") + sentences("places.txt"):
        text, _wanted = marked(line)
        balanced = letters(text, [(span.start, span.end) for span in found(text)])
        high = letters(text, [(span.start, span.end) for span in found(text, "high")])
        assert set(high) <= set(balanced), text


def test_a_title_stays_and_the_name_goes():
    text = "Dr. Okonkwo saw her."
    assert [(text[span.start : span.end], span.category) for span in found(text)] == [("Okonkwo", "NAME")]


@pytest.mark.parametrize(
    ("text", "part", "stays"),
    [
        ("Parkinson disease", "Parkinson", True),
        ("Mr. Parkinson disease", "Parkinson", False),
        ("pleural effusion", "effusion", True),
        ("Gonzalez reports pain", "Gonzalez", False),
        ("Texas", "Texas", True),
        ("", "", False),
    ],
)
def test_a_detectors_find_is_vetoed_only_for_clinical_words(text: str, part: str, stays: bool):
    start = text.index(part)
    assert keeps(Document(text), start, start + len(part)) is stays


@given(st.text(max_size=200), st.sampled_from(["balanced", "high"]))
def test_any_text_gives_spans_inside_it(text: str, sensitivity: Sensitivity):
    for span in found(text, sensitivity):
        assert 0 <= span.start < span.end <= len(text)
        assert span.category in {"NAME", "PLACE", "ZIP", "FACILITY"}
        assert 0 < span.score <= 1


WORDS = [
    "Dr.",
    "Smith",
    "john",
    "SMITH,",
    "van",
    "of",
    "St.",
    "Mary's",
    "Hospital",
    "12",
    "Oak",
    "Street",
    "J.",
    "^",
    "at",
    "MD",
    "lives",
    "in",
]


@given(
    st.lists(st.sampled_from([*WORDS, "\n", "(", "“", "-", "李", "김", ":", "Name:", "é"]), max_size=40).map(
        " ".join
    )
)
def test_any_order_of_cues_gives_spans_inside_the_text(text: str):
    for span in found(text, "high"):
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    "piece",
    ["Smith ", "Dr. ", "a" * 50, "A.", "1 Oak ", "St. ", "Name: ", "van de ", "works at ", ", ", "\n"],
)
def test_the_work_grows_with_the_text_only(piece: str):
    """Twice the text is about twice the work, counted in the interpreter's own calls and not in seconds."""

    def calls(times: int) -> int:
        count = 0

        def tick(_frame: object, _event: str, _argument: object) -> None:
            nonlocal count
            count += 1

        document = Document(piece * times)
        sys.setprofile(tick)
        try:
            find_names(document), find_places(document)
        finally:
            sys.setprofile(None)
        return count

    calls(10)  # the lists are loaded
    small, large = calls(400), calls(1600)
    assert large < 6 * small + 2000


def test_the_lists_tell_names_from_words():
    table = lexicon()
    assert table["gonzalez"] & LAST == LAST
    assert table["maria"] & FIRST == FIRST
    assert table["effusion"] & (MEDICAL | COMMON)
    assert not table["effusion"] & NAME
    assert table["crohn"] & EPONYM
    assert table["chicago"] & CITY
    assert table["new york"] & CITY
    assert table["qwxzzv"] == 0
    assert "qwxzzv" not in table


def test_the_lists_name_source_licence_and_date():
    header = (
        (Path(sys.modules[lexicon.__module__].__file__).parent / "words.dat")
        .read_bytes()
        .split(b"\n\n")[0]
        .decode()
    )
    for word in ("MIT", "CC BY 4.0", "public domain", "GeoNames", "Faker", "Packed 20"):
        assert word in header


def test_nothing_is_loaded_before_a_text_is_searched():
    program = (
        "import sys, medcli.privacy.text.names, medcli.privacy.text.places as p;"
        "from medcli.privacy.text.words import lexicon; assert lexicon.cache_info().currsize == 0;"
        "assert not {'numpy', 'socket', 'pydicom'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("letter", ["A", "a", "-", "é", " ", "^"])
def test_a_very_long_word_ends_the_search_too(letter: str):
    """Backtracking over 200,000 letters would take hours; the test would not end."""
    assert found("A" + letter * 200_000, "high") == []

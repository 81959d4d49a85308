"""What readings are taken for: technique, the patient's own strings, or neither."""

from __future__ import annotations

import pytest

from medcli.privacy.pixels.detector import Reading
from medcli.privacy.pixels.hunt import Hunt, legible
from medcli.privacy.pixels.technique import is_technique
from medcli.privacy.text.known import Known


@pytest.mark.parametrize(
    "text",
    ["TIS 0.5", "MI: 1.4", "19fps", "H4.00 MHz", "Gain 60%", "16cm", "R", "LAT", "75 bpm", "Depth 15.0 cm"],
)
def test_technique_stays(text: str) -> None:
    assert is_technique(Reading(text, 0.97)) == (text != "H4.00 MHz")


@pytest.mark.parametrize(
    "text",
    ["QUISTGAARD", "48151623", "12/04/1961", "1961", "DOB 12", "", "St. Brunnhild", "A6037698", "12 04 61", "8:48:26 AM", "Dr. Right", "00079241"],
)  # fmt: skip
def test_anything_else_goes(text: str) -> None:
    assert not is_technique(Reading(text, 0.97))


def test_a_doubtful_reading_is_not_believed() -> None:
    assert not is_technique(Reading("TIS 0.5", 0.6))


KNOWN = Known(
    [
        ("NAME", "Quistgaard^Ottoline"),
        ("MRN", "48151623"),
        ("DATE", "19610412"),
        ("FACILITY", "Vexcombe Regional"),
    ]
)


@pytest.mark.parametrize(
    "text",
    ["QUISTGAARD", "QU1STGAARD, OTT", "Quistgaerb", "OTTOLIME", "ID 48151623", "MRN48151623", "12/04/1961", "12 Apr 1961", "VEXCOMBE REG."],
)  # fmt: skip
def test_known_strings_are_found_read_wrongly_or_in_part(text: str) -> None:
    assert Hunt(KNOWN).finds(text)


@pytest.mark.parametrize(
    "text", ["", "TIS 0.5", "Sag Liver", "QUIET CARS", "03/03/2020", "48150000", "General"]
)
def test_others_are_not(text: str) -> None:
    assert not Hunt(KNOWN).finds(text)


def test_nothing_known_nothing_found() -> None:
    assert not Hunt(None).finds("QUISTGAARD")


def test_legible() -> None:
    assert legible(Reading("abc", 0.9))
    assert not legible(Reading("abc", 0.3))
    assert not legible(Reading("--", 0.9))


def test_a_reading_does_not_show_its_text() -> None:
    assert "QUIST" not in repr(Reading("QUISTGAARD", 0.9))

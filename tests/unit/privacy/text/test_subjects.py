"""Names and houses by where they stand in a sentence, and that long texts of them stay quick."""

from __future__ import annotations

import time

import pytest

from medcli.privacy.text.finder import Finder


def _found(text: str, sensitivity: str = "balanced") -> set[str]:
    spans = Finder(sensitivity=sensitivity).find(text)  # type: ignore[arg-type]
    return {text[span.start : span.end] for span in spans}


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("musgrove park wants a scan", "musgrove park"),
        ("AMH 0.4. Apollo Fertility said donor egg", "Apollo Fertility"),
        ("its brandy again, the cream burns", "brandy"),
        ("walter is 93 and lives alone", "93"),
        ("she is away until 8.1.", "8.1."),
        ("HERNANDEZ GUZMAN, ROCIO 03/05/1989 cyst", "HERNANDEZ GUZMAN, ROCIO"),
    ],
)
def test_where_it_stands(text: str, identity: str):
    assert identity in _found(text)


@pytest.mark.parametrize(
    "text",
    ["the clinic said to wait", "st. john's wort and the pill", "summer has come, pollen count is high"],
)
def test_stays(text: str):
    assert _found(text) == set()


@pytest.mark.parametrize(
    "piece", ["at oak ", "st a", "AB CD, ", "ex-a", "hope and ", "new ", ", 1", "may will said ", "is 93 "]
)
def test_linear(piece: str):
    finder, times = Finder(sensitivity="high"), []
    for count in (1500, 6000):
        text, start = piece * count, time.process_time()
        finder.find(text)
        times.append(time.process_time() - start)
    assert times[1] < 12 * times[0] + 0.2

"""What a number, a numeral or a month begins: one expression, tried where one of them stands.

Ways are tried in this order, and what one takes no other sees: a date, an age, a magnification, a quantity with its
unit, a number that goes on as a word ("3D", "12-lead", "99mTc"), a year, a bare number. Refuses to know what stands
before; that is :mod:`.facts`'.
"""

from __future__ import annotations

import re
from functools import cache

from medcli.instruct.checks.numerals import DIGITS, NUMERAL, VALUES
from medcli.instruct.checks.tables import rows

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
YEAR = r"(?:19|20)\d\d"
DECADES = dict(
    zip(
        ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"],
        range(20, 100, 10),
        strict=True,
    )
)
"""Decades of life that are spelt out."""

_BETWEEN = r"\s*(?:-|\u2013|\u2014|to|and|or|x|X|\u00d7|by|\u00b1|\+/-|/|:|,(?=\s))\s*"
_SPELT = "|".join(sorted((*VALUES, *DECADES), key=len, reverse=True))
HOT = re.compile(rf"\d|\b{MONTH[:-3]}")
"""Where digits or a month begin."""

HOT_WORDS = re.compile(rf"\d|\b{MONTH[:-3]}|\b(?i:{_SPELT})(?![^\W\d_])")
"""The same, and numerals that are spelt out: slower, so for texts that have one."""

SPELT = frozenset((*VALUES, *DECADES))


@cache
def units() -> dict[str, tuple[str, float]]:
    """Spelling of a unit, as :func:`unit_of` folds it, to what is measured and a factor."""
    table = {}
    for row in rows("units"):
        name = _folded(row["unit"])
        table[name] = row["of"], float(row["factor"])
        if len(name) > 2 and name.isalpha():
            table.setdefault(f"{name}s", table[name])
    return table


def unit_of(text: str) -> tuple[str, float] | None:
    """What a unit measures, and its factor; None for what only looks like one."""
    name = _folded(text)
    return units().get(name) or units().get(name.removesuffix("s"))


def _folded(unit: str) -> str:
    """Small letters where there are several, and one sign for micro, which Unicode has twice."""
    unit = unit.replace("\u00b5", "\u03bc")
    return unit if len(unit) == 1 else unit.lower()


@cache
def unit_pattern() -> str:
    """Units, the longest first; one-letter ones in their own case, the others in any."""
    one = [re.escape(name) for name in units() if len(name) == 1]
    more = sorted((re.escape(name) for name in units() if len(name) > 1), key=len, reverse=True)
    return rf"(?:(?i:{'|'.join(more)})|{'|'.join(one)})(?![^\W\d_]|\d)"


@cache
def begun() -> re.Pattern[str]:
    """The expression; a group for each way."""
    numeral = rf"(?i:{NUMERAL})"
    several = (
        rf"{numeral}(?:{_BETWEEN}{numeral}){{0,5}}"  # bounded: a table of numbers must not cost its square
    )
    nth, of_life = r"(?:st|nd|rd|th)?", r"(?:years?|yrs?|months?|weeks?|wks?|days?)"
    ways = {
        "iso": rf"{YEAR}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?!\w)",
        "slashed": r"\d{1,2}(?:/\d{1,2}/|-\d{1,2}-|\.\d{1,2}\.)(?:\d{4}|\d{2})(?![\w/])",
        "dated": rf"\d{{1,2}}{nth}(?:\s+of)?\s+{MONTH}(?:,?\s+{YEAR}\b)?"
        rf"|{MONTH}(?:\s+\d{{1,2}}{nth}\b(?:,?\s+{YEAR}\b)?|,?\s+(?:of\s+)?{YEAR}\b)",
        "month": MONTH,
        "age": rf"{several}[\s-]*{of_life}[\s-]*(?:old\b|of\s+age\b)|{numeral}[\s-]?(?:y/?o|yo|y\.o\.|yrs?/?o)\b",
        "decade": rf"[2-9]0\s?['\u2019]?s\b|(?i:{'|'.join(DECADES)})\b",
        "times": rf"{DIGITS}\s?[x\u00d7](?![\w]|\s?\d)",
        "measure": rf"{several}[\s-]?{unit_pattern()}",
        "part": rf"(?i:{NUMERAL})-(?!\d|to\b|(?i:{_SPELT})\b)[^\W\d_][\w-]*|\d+(?:[^\W\d_]+\d*)+[\w/+-]*|\d{{1,2}}-0\b|\d\s?\+\s?\d\b",
        "year": rf"{YEAR}(?![\w/]|[.,]\d)",
        "bare": rf"{numeral}(?![\w])(?:\s*(?:-|\u2013|/|,|and|or|to|&|\+)\s*\d+(?![\w]|\.\d)){{0,5}}",
    }
    return re.compile("|".join(f"(?P<{name}>{way})" for name, way in ways.items()))

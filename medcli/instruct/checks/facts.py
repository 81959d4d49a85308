"""Facts of a text that a picture cannot tell: ages, dates, counts, measurements, as values that can be compared.

One expression reads a text from left to right; what it takes first, nothing later takes for something else. Numbers
that are part of a name are taken and thrown away: Ki-67, CD20, T2, C5-C6, COVID-19, 99mTc, 3D, 12-lead, grade 3,
Gleason 3+4, WHO 2016.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from medcli.instruct.checks.numerals import DIGITS, NUMERAL, VALUES, Number, read
from medcli.instruct.checks.tables import rows

_MONTHS = [
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
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_YEAR = r"(?:19|20)\d\d"
_EDITIONS = (
    r"(?:WHO|FIGO|AJCC|UICC|ACR|EULAR|ISUP|McDonald|ESC|AHA|classification|criteria|guidelines?|edition)"
)
_BETWEEN = r"\s*(?:-|\u2013|\u2014|to|and|or|x|X|\u00d7|by|\u00b1|\+/-|/|:)\s*"
_AGE_UNIT = r"(?:years?|yrs?|months?|weeks?|wks?|days?)"


class Fact(NamedTuple):
    """One fact.

    Attributes
    ----------
    kind : str
        ``age``, ``date``, ``count`` or ``measurement``.
    of : str
        What is measured, as ``units.tsv`` says; empty for bare numbers.
    number : Number
        As it was said.
    factor : float
        From the unit it was said in to the base unit.
    nouns : frozenset of str
        Stems of the words behind a count.
    date : tuple of int
        Year, and month and day in ascending order; 0 for what is not told.
    """

    kind: str
    of: str = ""
    number: Number = Number(0.0, 0, 1)
    factor: float = 1.0
    nouns: frozenset[str] = frozenset()
    date: tuple[int, int, int] = (0, 0, 0)

    @property
    def value(self) -> float:
        """In the base unit."""
        return self.number.value * self.factor


_HOT = re.compile(
    rf"\d|\b(?:{'|'.join(sorted(VALUES, key=len, reverse=True))})(?![^\W\d_])|\b{_MONTH}\b"
    r"|\b(?:twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties)\b",
    re.IGNORECASE,
)
_BEFORE, _BEHIND = 48, 72  # characters about a number that decide what it is
_BLANK = re.compile(r"\s")


@lru_cache(64)
def facts(text: str) -> tuple[Fact, ...]:
    """All facts of a text, in order.

    The expression is slow, so only the neighbourhood of digits, numerals and months is read with it.
    """
    found = list[Fact]()
    for start, end in _windows(text):
        for match in _master().finditer(text, start, end):
            maker = _MAKERS.get(str(match.lastgroup))
            if maker is not None:
                found += maker(match, text)
    return tuple(found)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Ranges, from blank to blank, in which something may be found; none overlaps another."""
    begin, stop = 0, -1
    for hot in _HOT.finditer(text):
        if hot.start() - _BEFORE > stop:
            if stop >= 0:
                yield begin, _blank(text, stop)
            begin = max(hot.start() - _BEFORE, 0)
            begin = begin and text.rfind(" ", 0, begin) + 1
        stop = hot.end() + _BEHIND
    if stop >= 0:
        yield begin, _blank(text, stop)


def _blank(text: str, at: int) -> int:
    found = _BLANK.search(text, at) if at < len(text) else None
    return found.start() if found else len(text)


@cache
def _units() -> dict[str, tuple[str, float]]:
    table = {}
    for row in rows("units"):
        name = row["unit"] if len(row["unit"]) == 1 else row["unit"].lower()
        table[name] = row["of"], float(row["factor"])
        if len(name) > 2 and name.isalpha():
            table.setdefault(f"{name}s", table[name])
    return table


@cache
def _unit_pattern() -> str:
    """Units, the longest first; one-letter ones in their own case, the others in any."""
    one = [re.escape(name) for name in _units() if len(name) == 1]
    more = sorted((re.escape(name) for name in _units() if len(name) > 1), key=len, reverse=True)
    return rf"(?:(?i:{'|'.join(more)})|{'|'.join(one)})(?![^\W\d_]|\d)"


@cache
def _master() -> re.Pattern[str]:
    unit, numeral = _unit_pattern(), rf"(?i:{NUMERAL})"
    list_of = rf"{numeral}(?:{_BETWEEN}{numeral})*"
    exact = "|".join(row["word"] for row in rows("number_names") if row["case"])
    named = "|".join(row["word"] for row in rows("number_names") if not row["case"])
    ordinal = r"(?:st|nd|rd|th)?"
    parts = [
        (
            "edition",
            rf"\b{_EDITIONS}\W{{1,3}}(?:\w+\W{{1,2}}){{0,2}}{_YEAR}\b|\b{_YEAR}\W{{1,3}}(?:revised\s+)?{_EDITIONS}\b",
        ),
        ("iso", rf"(?<![\w.]){_YEAR}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?![\w])"),
        ("slashed", r"(?<![\w./])\d{1,2}(?:/\d{1,2}/|-\d{1,2}-|\.\d{1,2}\.)(?:\d{4}|\d{2})(?![\w/])"),
        (
            "dated",
            (
                rf"\b\d{{1,2}}{ordinal}(?:\s+of)?\s+{_MONTH}\b\.?(?:,?\s+{_YEAR}\b)?"
                rf"|\b{_MONTH}\b\.?(?:\s+\d{{1,2}}{ordinal}\b(?:,?\s+{_YEAR}\b)?|,?\s+(?:of\s+)?{_YEAR}\b)"
            ),
        ),
        ("month", rf"\b(?:in|by|since|until|early|during|of)\s+{_MONTH}\b(?!\s+(?:be|have|not)\b)"),
        (
            "decade",
            (
                r"\b(?:in|into)\s+(?:his|her|their|the)\s+(?:early[\s-]|mid(?:dle)?[\s-]?|late[\s-])?"
                r"(?:[2-9]0\s?'?s|(?i:twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties))\b"
            ),
        ),
        (
            "age",
            (
                rf"{list_of}[\s-]*{_AGE_UNIT}[\s-]*(?:old\b|of\s+age\b)|{numeral}[\s-]?(?:y/?o|yo|y\.o\.|yrs?/?o)\b"
                rf"|(?i:\b(?:aged?|ages)(?:\s+(?:of|is|was|between|range))?[\s:=]+){list_of}(?:[\s-]*{_AGE_UNIT}\b)?"
            ),
        ),
        (
            "magnified",
            (
                r"(?<![\w])[x\u00d7X]\s?\d{1,4}(?:\.\d)?(?![\w])"
                rf"|(?i:magnifications?(?:\s+of|\s+at)?[\s:,=\u00d7x]+){DIGITS}(?:\s?[x\u00d7])?"
            ),
        ),
        (
            "labelled",
            rf"(?:\b(?:{exact})|(?i:\b(?:{named})))[\s#:=]+\(?{numeral}(?![\w])(?:\s*(?:\+|-|\u2013|/|,|and|or|to|&)\s*\d+[a-z]?\b)*",
        ),
        ("timed", rf"(?i:\b(?:day|week|month|year|hour|minute)s?)\s+{numeral}(?![\w])"),
        ("cited", r"\[\d+(?:\s?[,\u2013-]\s?\d+)*\]"),
        ("sum", r"\b\d\s?\+\s?\d(?:\s?=\s?\d+)?\b"),
        (
            "glued",
            r"(?<![\w])(?!(?:mid|post|pre|early|late|n)-?\d)[^\W\d_]+(?:[-/\u2010\u2011][^\W\d_]+)*[-/\u2010\u2011]?\d[\w/+\u2010\u2011\u2013-]*(?:\.\d+)*",
        ),
        ("measure", rf"(?<![\w.]){list_of}[\s-]?{unit}"),
        (
            "part",
            rf"(?<![\w.])(?i:{NUMERAL})-(?!\d)(?!to\b)[^\W\d_][\w-]*|(?<![\w.])\d+(?:[^\W\d_]+\d*)+[\w/+-]*|(?<![\w.])\d-0\b",
        ),
        ("year", rf"(?<![\w.,/]){_YEAR}(?![\w/]|[.,]\d)"),
        ("bare", rf"(?<![\w.]){numeral}(?![\w])"),
    ]
    ways = "|".join(f"(?P<{name}>{way})" for name, way in parts)
    return re.compile(rf"(?:(?<!\w)|(?=\u00d7))(?:{ways})")  # nothing begins within a word


def _month_of(text: str) -> int:
    found = re.search(_MONTH, text)
    start = found[0][:3] if found else ""
    return next((place for place, name in enumerate(_MONTHS, 1) if name.startswith(start)), 0) if start else 0


def _dated(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001 - as its siblings
    year = re.search(_YEAR, match[0])
    day = re.search(r"(?<!\d)\d{1,2}(?!\d)", match[0])
    month = _month_of(match[0])
    first, second = sorted((month, int(day[0]) if day else 0))
    yield Fact("date", date=(int(year[0]) if year else 0, first, second))


def _numeric(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    numbers = [int(one) for one in re.findall(r"\d+", match[0])]
    year = next((one for one in numbers if one > 99), None)
    if year is None:
        year = numbers[2] + (2000 if numbers[2] < 50 else 1900)
        rest = numbers[:2]
    else:
        rest = [one for one in numbers if one != year]
    if len(rest) == 2 and all(0 < one <= 31 for one in rest) and min(rest) <= 12:
        yield Fact("date", date=(year, min(rest), max(rest)))


def _year(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    yield Fact("date", date=(int(match[0]), 0, 0))


def _numbers(text: str) -> Iterator[Number]:
    yield from (read(one[0]) for one in re.finditer(rf"(?i:{NUMERAL})", text))


_DECADES = dict(
    zip(
        ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"],
        range(20, 100, 10),
        strict=True,
    )
)


def _decade(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    digits = re.search(r"\d0", match[0])
    value = int(digits[0]) if digits else _DECADES[match[0].split()[-1].split("-")[-1].lower()]
    yield Fact("age", "decade", Number(float(value), 0, 1), 12.0)


def _age(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    unit = re.search(r"(?:month|week|wk|day)", match[0])
    of, factor = {
        "month": ("months", 1.0),
        "week": ("days", 7.0),
        "wk": ("days", 7.0),
        "day": ("days", 1.0),
    }.get(unit[0] if unit else "", ("months", 12.0))
    yield from (Fact("age", of, number, factor) for number in _numbers(match[0]))


def _magnified(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    yield from (Fact("measurement", "magnification", number) for number in _numbers(match[0]))


def _timed(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    word, number = match[0].split(maxsplit=1)
    of, factor = _units()[word.lower().removesuffix("s")]
    yield Fact("measurement", of, read(number), factor)


@cache
def _unit_at_end() -> re.Pattern[str]:
    return re.compile(rf"({_unit_pattern()})$")


def _measure(match: re.Match[str], text: str) -> Iterator[Fact]:  # noqa: ARG001
    # The longest unit that ends the match begins right behind the last numeral.
    numerals = list(re.finditer(rf"(?i:{NUMERAL})", match[0]))
    rest = match[0][numerals[-1].end() :].lstrip(" -")
    last = -1
    while not rest and len(numerals) > 1:  # a unit that looks like a numeral itself
        numerals, last = numerals[:-1], last - 1
        rest = match[0][numerals[-1].end() :].lstrip(" -")
    name = rest if len(rest) == 1 else rest.lower()
    of, factor = _units().get(name) or _units().get(name.removesuffix("s")) or ("", 1.0)
    if of:
        yield from (Fact("measurement", of, read(one[0]), factor) for one in numerals)


_NOUN = re.compile(r"[\s-]+([^\W\d_]+)")
_PASSED = frozenset(
    [
        "of",
        "the",
        "a",
        "an",
        "and",
        "or",
        "to",
        "in",
        "on",
        "at",
        "with",
        "from",
        "by",
        "for",
        "is",
        "are",
        "was",
        "were",
        "be",
        "has",
        "have",
        "had",
        "which",
        "that",
        "this",
        "these",
        "those",
        "other",
        "than",
        "more",
        "less",
        "large",
        "small",
        "different",
        "separate",
        "distinct",
        "main",
        "left",
        "right",
        "upper",
        "lower",
        "adjacent",
        "such",
        "both",
    ]
)


def _bare(match: re.Match[str], text: str) -> Iterator[Fact]:
    nouns, at = set[str](), match.end()
    for _ in range(4):
        found = _NOUN.match(text, at)
        if found is None:
            break
        at = found.end()
        word = found[1].lower()
        if word not in _PASSED:
            nouns.add(_stem(word))
    yield Fact("count", "", read(match[0]), nouns=frozenset(nouns))


def _stem(word: str) -> str:
    """A noun's singular, near enough to compare by."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


_Maker = Callable[[re.Match[str], str], Iterator[Fact]]
_MAKERS: dict[str, _Maker] = {
    "iso": _numeric,
    "slashed": _numeric,
    "dated": _dated,
    "month": _dated,
    "year": _year,
    "decade": _decade,
    "age": _age,
    "magnified": _magnified,
    "timed": _timed,
    "measure": _measure,
    "bare": _bare,
}

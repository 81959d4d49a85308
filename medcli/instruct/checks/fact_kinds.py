"""What a number, a numeral or a month tells with what stands before and behind it: a fact, or part of a name.

One function for each way in which :mod:`.fact_patterns` begins. Knows words. Refuses to look for numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from medcli.instruct.checks.fact_patterns import DECADES, MONTH, MONTHS, YEAR, unit_of, unit_pattern
from medcli.instruct.checks.numerals import NUMERAL, Number, read
from medcli.instruct.checks.tables import rows

Date = tuple[int, int, int]


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
    date : (int, int, int)
        Year, then day and month, the smaller one first; 0 for what is not told.
    """

    kind: str
    of: str = ""
    number: Number = Number(0.0, 0, 1)
    factor: float = 1.0
    nouns: frozenset[str] = frozenset()
    date: Date = (0, 0, 0)

    @property
    def value(self) -> float:
        """In the base unit."""
        return self.number.value * self.factor


class Before(NamedTuple):
    """What stands before a number: what it is glued to, and the last words, in their own case."""

    glued: str
    words: tuple[str, ...]

    def ends(self, *phrases: str) -> bool:
        """Whether the words end with one of some phrases, in any case."""
        said = " ".join(self.words).lower()
        return any(said == phrase or said.endswith(f" {phrase}") for phrase in phrases)


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Words that make a number part of a name: in any case, and in their own."""
    table = [(row["words"], row["case"]) for row in rows("number_names")]
    return frozenset(words for words, case in table if not case), frozenset(
        words for words, case in table if case
    )


_FREE = re.compile(
    r"(?:mid|post|pre|early|late|n|age|aged|approx|~|<|>|\u2264|\u2265|\+|-|\u2013|\$|\u00b1|\W)[-\u2013.]?$",
    re.IGNORECASE,
)


def _named(before: Before) -> bool:
    """Whether a number is part of a name: glued to letters, or behind a word that makes it one."""
    if (
        before.glued
        and any(letter.isalpha() for letter in before.glued)
        and not _FREE.fullmatch(before.glued)
    ):
        return True
    small, exact = _names()
    said = before.words
    return any(
        " ".join(said[-many:]) in exact or " ".join(said[-many:]).lower() in small
        for many in range(1, len(said) + 1)
    )


def _numbers(text: str) -> Iterator[Number]:
    yield from (read(one[0]) for one in re.finditer(rf"(?i:{NUMERAL})", text))


def _dated(match: re.Match[str], before: Before) -> Iterator[Fact]:
    if before.glued.isalpha():
        return
    year = re.search(YEAR, match[0])
    day = re.search(r"(?<!\d)\d{1,2}(?!\d)", match[0])
    name = re.search(MONTH, match[0])
    month = next((at for at, one in enumerate(MONTHS, 1) if name and one.startswith(name[0][:3])), 0)
    first, second = sorted((month, int(day[0]) if day else 0))
    yield Fact("date", date=(int(year[0]) if year else 0, first, second))


def _month(match: re.Match[str], before: Before) -> Iterator[Fact]:
    """A month alone: behind a word of time only, for "May" and "March" are verbs too."""
    if before.ends("in", "by", "since", "until", "early", "during", "of", "late") and not before.glued:
        yield from _dated(match, before)


def _numeric(match: re.Match[str], before: Before) -> Iterator[Fact]:
    if _named(before):
        return
    numbers = [int(one) for one in re.findall(r"\d+", match[0])]
    long = next((one for one in numbers if one > 99), None)
    year = long or numbers[2] + (2000 if numbers[2] < 50 else 1900)
    rest = [one for one in numbers if one != long] if long else numbers[:2]
    if len(rest) == 2 and all(0 < one <= 31 for one in rest) and min(rest) <= 12:
        yield Fact("date", date=(year, min(rest), max(rest)))


_EDITION = re.compile(
    r"(?:WHO|FIGO|AJCC|UICC|ACR|EULAR|ISUP|McDonald|ESC|AHA|classification|criteria|guidelines?|edition)\b",
    re.IGNORECASE,
)


def _year(match: re.Match[str], before: Before) -> Iterator[Fact]:
    """A year, but of an edition of criteria."""
    behind = match.string[match.end() : match.end() + 24].lstrip(" ),-")
    if _named(before) or _EDITION.match(behind) or _EDITION.search(" ".join(before.words)):
        return
    yield Fact("date", date=(int(match[0]), 0, 0))


def _decade(match: re.Match[str], before: Before) -> Iterator[Fact]:
    """A decade of life: behind "her", with "early", "mid" or "late" between at most."""
    if not re.search(
        r"\b(?:his|her|their|the)(?:\s+(?:early|mid|late))?$", " ".join(before.words), re.IGNORECASE
    ):
        return
    digits = re.search(r"\d0", match[0])
    value = int(digits[0]) if digits else DECADES[match[0].lower()]
    yield Fact("age", "decade", Number(float(value), 0, 1), 12.0)


_LIFE = {"month": ("months", 1.0), "week": ("days", 7.0), "wk": ("days", 7.0), "day": ("days", 1.0)}
_AGED = ("aged", "age", "ages", "age of", "ages of", "aged between", "ages between", "age was", "age is")


def _age(match: re.Match[str], before: Before) -> Iterator[Fact]:  # noqa: ARG001 - as its siblings
    unit = re.search(r"month|week|wk|day", match[0])
    of, factor = _LIFE[unit[0]] if unit else ("months", 12.0)
    yield from (Fact("age", of, number, factor) for number in _numbers(match[0]))


def _times(match: re.Match[str], before: Before) -> Iterator[Fact]:
    if not _named(before):
        yield from (Fact("measurement", "magnification", number) for number in _numbers(match[0]))


@cache
def _last_unit() -> re.Pattern[str]:
    return re.compile(rf"[\s-]?({unit_pattern()})$")


def _measure(match: re.Match[str], before: Before) -> Iterator[Fact]:
    """Every number before a unit has it: "3.5 x 2 cm"."""
    last = _last_unit().search(match[0])
    if last is None or _named(before):
        return
    found = unit_of(last[1])
    if found is None:
        return
    of, factor = found
    kind = "age" if of in ("months", "days") and before.ends(*_AGED) else "measurement"
    yield from (Fact(kind, of, number, factor) for number in _numbers(match[0][: last.start()]))


def _part(match: re.Match[str], before: Before) -> Iterator[Fact]:  # noqa: ARG001
    """A number that is part of a word tells nothing."""
    yield from ()


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
_X = re.compile(r"(?:.*[^\w])?[x\u00d7X]\s?$")


def _bare(match: re.Match[str], before: Before) -> Iterator[Fact]:
    """A number without a unit: of what stands before it, or a count of what stands behind."""
    if _X.fullmatch(before.glued) or before.ends(
        "x", "\u00d7", "magnification", "magnification of", "magnification at"
    ):
        yield Fact("measurement", "magnification", next(_numbers(match[0])))
        return
    if before.glued.startswith("[") or match.string.startswith("]", match.end()):
        return  # a citation
    if before.ends(*_AGED):
        yield from (Fact("age", "months", number, 12.0) for number in _numbers(match[0]))
    elif before.ends("day", "days", "week", "weeks", "month", "months", "year", "years", "hour", "hours"):
        of, factor = unit_of(before.words[-1]) or ("", 1.0)
        yield from (Fact("measurement", of, number, factor) for number in _numbers(match[0]))
    elif not _named(before):
        nouns = frozenset(_nouns(match.string, match.end()))
        yield from (Fact("count", "", number, nouns=nouns) for number in _numbers(match[0]))


def _nouns(text: str, at: int) -> Iterator[str]:
    """Stems of the next words that can be what is counted."""
    for _ in range(4):
        found = _NOUN.match(text, at)
        if found is None:
            return
        at = found.end()
        if (word := found[1].lower()) not in _PASSED:
            yield _stem(word)


def _stem(word: str) -> str:
    """A noun's singular, near enough to compare by."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


MAKERS: dict[str, Callable[[re.Match[str], Before], Iterator[Fact]]] = {
    "iso": _numeric,
    "slashed": _numeric,
    "dated": _dated,
    "month": _month,
    "age": _age,
    "decade": _decade,
    "times": _times,
    "measure": _measure,
    "part": _part,
    "year": _year,
    "bare": _bare,
}

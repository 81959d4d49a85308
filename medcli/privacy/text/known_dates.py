"""Find given dates in a text, however they are spelt.

Knows figures in any order and with any mark between them, and months by name. Refuses to know which dates matter:
it is given them, reads every date of a text in all ways it can be read, and keeps those that are among the given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from medcli.privacy.text.known_fold import Folded, fold
from medcli.privacy.text.known_words import months

__all__ = ["Day", "Days", "read_day"]

_FIGURES = re.compile(
    r"(?<!\d)(\d{4}|\d{1,2})(\s{0,2}[-/.,_:年년]\s{0,2}|\s{1,2})(\d{1,2})(?:\s{0,2}[-/.,_:月월]\s{0,2}|\s{1,2})(\d{4}|\d{1,2})(?!\d)[日일]?"
    r"|(?<!\d)(\d{8}|\d{6})(?:\d{4,6}(?:\.\d+)?)?(?!\d)"
)
#: Figures beside letters that optical reading takes for figures.
_CONFUSED = re.compile(r"[oilsb][-/.]?\d|\d[-/.]?[oilsb]")
_ISO = re.compile(r"(\d{4})[-./]?(\d{1,2})[-./]?(\d{1,2})(?!\d)")
_GAP = r"[\s\-./,_]{0,3}"


class Day(NamedTuple):
    """A day of the calendar."""

    year: int
    month: int
    day: int


class Days:
    """Days to look for.

    Parameters
    ----------
    days
        The days.
    """

    __slots__ = ("_days", "_months", "_years")

    def __init__(self, days: Iterable[Day]) -> None:
        self._days = frozenset(days)
        self._months = sorted({day.month for day in self._days})
        self._years = sorted({f"{day.year % 100:02d}" for day in self._days})

    def __len__(self) -> int:
        return len(self._days)

    def find(self, folded: Folded) -> Iterator[tuple[int, int]]:
        """Where one of the days stands in a folded text."""
        if not self._days:
            return
        text = folded.text
        confused = bool(_CONFUSED.search(text))
        if not confused and not any(year in text for year in self._years):
            return
        yield from self._figures(text)
        if confused:
            yield from self._figures(folded.seen)
        for month in self._months:
            yield from self._named(text, month)

    def _figures(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        while match := _FIGURES.search(text, at):
            at = match.start() + 1
            first, _, second, third, run = match.groups()
            readings = _run(run) if run else _three(first, second, third)
            if not self._days.isdisjoint(day for reading in readings for day in _days(*reading)):
                yield match.span()
                at = match.end()

    def _named(self, text: str, month: int) -> Iterator[tuple[int, int]]:
        for pattern in _named_patterns(month):
            for match in pattern.finditer(text):
                year, day = match["year"], match["day"]
                if not self._days.isdisjoint(_days(year, str(month), day)):
                    yield match.span()


@lru_cache(maxsize=12)
def _named_patterns(month: int) -> tuple[re.Pattern[str], ...]:
    name = rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, months()[month - 1]))})(?![^\W\d_])"
    day = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|o|a)?"
    year = r"'?(?P<year>\d{4}|\d{2})(?!\d)"
    of = r"(?:of\s|de\s|den\s|d')?"
    return (
        re.compile(rf"(?<!\d){day}{_GAP}{of}{name}{_GAP}(?:of\s|de\s|del\s)?{year}"),
        re.compile(rf"{name}{_GAP}(?:the\s)?{day}(?!\d){_GAP}(?:of\s)?{year}"),
        re.compile(rf"(?<!\d)(?P<year>\d{{4}}){_GAP}{name}{_GAP}{day}(?!\d)"),
    )


def _run(run: str) -> tuple[tuple[str, str, str], ...]:
    if len(run) == 8:
        return (
            (run[:4], run[4:6], run[6:]),
            (run[4:], run[2:4], run[:2]),
            (run[4:], run[:2], run[2:4]),
        )
    return (
        (run[:2], run[2:4], run[4:]),
        (run[4:], run[2:4], run[:2]),
        (run[4:], run[:2], run[2:4]),
    )


def _three(first: str, second: str, third: str) -> tuple[tuple[str, str, str], ...]:
    if len(first) == 4:
        return ((first, second, third), (first, third, second)) if len(third) < 4 else ()
    return ((third, second, first), (third, first, second), (first, second, third))


def _days(year: str, month: str, day: str) -> tuple[Day, ...]:
    """What figures can mean: a year of two digits stands for several."""
    if len(year) == 1:
        return ()
    number, m, d = int(year), int(month), int(day)
    if len(year) == 2:
        return tuple(Day(century + number, m, d) for century in (1800, 1900, 2000))
    return (Day(number, m, d),)


def read_day(text: str) -> Iterator[Day]:
    """The days that a known value means: DICOM or ISO first, then by month's name, then by either order of figures."""
    folded = fold(text).strip()
    match = _ISO.match(folded)
    if match:
        yield from _sound([Day(*map(int, match.groups()))])
        return
    for month in range(1, 13):
        for pattern in _named_patterns(month):
            named = pattern.search(folded)
            if named:
                yield from _sound(_days(named["year"], str(month), named["day"]))
                return
    figures = _FIGURES.search(folded)
    if figures:
        first, _, second, third, run = figures.groups()
        for reading in _run(run) if run else _three(first, second, third):
            yield from _sound(_days(*reading))


def _sound(days: Iterable[Day]) -> Iterator[Day]:
    return (day for day in days if 1800 < day.year < 2200 and 0 < day.month < 13 and 0 < day.day < 32)

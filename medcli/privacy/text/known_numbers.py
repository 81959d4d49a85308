"""Find known numbers and identifiers in a text, with or without separators, spaces and leading zeros.

Knows figures and letters. Refuses to know what they number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from medcli.privacy.text.known_fold import Folded, fold, optical, plain

__all__ = ["Number", "Numbers"]

_SEPARATORS = re.compile(r"(?:[^\w\n]|_){1,4}")
_PLUS = re.compile(r"\s*(?:\+|00)\d{1,3}[\s(./-]")
_EXTENSION = re.compile(r"(?:x|ext\.?|extension)\s*\d{1,6}\s*\Z")
#: Shorter numbers are looked for without anything between their figures.
_SPREAD = 6
#: The shortest numbers that are looked for at all.
_FEWEST = 4
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_UID = re.compile(r"\d+(?:\.\d+){3,}")


class Number(NamedTuple):
    """A known number: as it was given, and its category."""

    value: str
    category: str


class Numbers:
    """Numbers to look for.

    Parameters
    ----------
    numbers
        The numbers. UIDs are looked for whole, everything else by its letters and figures.
    """

    __slots__ = ("_cores", "_uids", "_whole")

    def __init__(self, numbers: Iterable[Number]) -> None:
        self._cores: dict[str, tuple[str, bool, int]] = {}
        self._uids: dict[str, str] = {}
        self._whole: dict[str, str] = {}
        for value, category in numbers:
            if category == "UID":
                self._uids[value.strip()] = category
                continue
            for form in _forms(fold(value), category):
                self._add(form, category)

    def __len__(self) -> int:
        return len(self._cores) + len(self._uids) + len(self._whole)

    def _add(self, form: str, category: str) -> None:
        bare = plain(form)
        if len(set(bare)) < 2:
            return
        core = bare.lstrip("0")
        core = core if len(core) >= _FEWEST else bare
        if len(core) < _FEWEST or _YEAR.match(core):
            self._whole.setdefault(optical(bare), category)
        elif any(map(str.isdigit, core)):
            self._cores.setdefault(optical(core), (category, core.isdigit(), sum(map(str.isdigit, core))))

    def find(self, folded: Folded) -> Iterator[tuple[int, int, str]]:
        """Where one of the numbers stands in a folded text, and its category."""
        if self._cores:
            yield from self._stripped(folded)
        if self._whole and len(folded.text) < 40:
            bare = optical(plain(folded.text))
            if bare in self._whole:
                yield 0, len(folded.text), self._whole[bare]
        if self._uids:
            for match in _UID.finditer(folded.text):
                if match[0] in self._uids:
                    yield *match.span(), "UID"

    def _stripped(self, folded: Folded) -> Iterator[tuple[int, int, str]]:
        seen = folded.seen
        bare = _SEPARATORS.sub("", seen)
        places: list[int] = []
        for core, (category, pure, figures) in self._cores.items():
            at = bare.find(core)
            while at >= 0:
                places = places or _places(seen)
                place = _bounded(folded, places, at, core, figures=figures, pure=pure)
                if place is not None:
                    yield *place, category
                at = bare.find(core, at + 1)


def _forms(value: str, category: str) -> Iterator[str]:
    yield value
    if category in ("PHONE", "FAX"):
        short = _EXTENSION.sub("", value)
        figures = re.sub(r"\D", "", _PLUS.sub("", short, count=1))
        yield short
        yield figures
        if len(figures) >= 10:
            yield figures[-10:]
            yield figures[-7:]
        return
    # What figures follow letters or stand before them: MRN-5512907 is found as 5512907, too.
    for run in re.findall(r"\d+", plain(value)):
        if len(run) >= _SPREAD:
            yield run


def _places(seen: str) -> list[int]:
    """Where each character of the text without separators stands."""
    places: list[int] = []
    at = 0
    for match in _SEPARATORS.finditer(seen):
        places += range(at, match.start())
        at = match.end()
    return [*places, *range(at, len(seen))]


def _bounded(
    folded: Folded, places: list[int], at: int, core: str, *, figures: int, pure: bool
) -> tuple[int, int] | None:
    """The place of a number in the text, its leading zeros with it; None where it is part of something longer."""
    text = folded.text
    last = at + len(core) - 1
    if len(core) < _SPREAD and places[last] - places[at] != last - at:
        return None
    while pure and at and places[at] - places[at - 1] < 2 and _is_zero(text, places[at - 1]):
        at -= 1
    start, end = places[at], places[last] + 1
    figured = sum(map(str.isdigit, text[start:end])) * 2 >= figures
    before, behind = text[start - 1 : start], text[end : end + 1]
    if (
        not figured
        or (before.isdigit() and text[start].isdigit())
        or (behind.isdigit() and text[end - 1].isdigit())
    ):
        return None
    # Many figures are no word, whatever letters they are run together with.
    parted = figures >= _SPREAD
    if not parted and before.isalpha() and text[start].isalpha():
        return None
    if not parted and behind.isalpha() and text[end - 1].isalpha():
        return None
    return start, end


def _is_zero(text: str, at: int) -> bool:
    """Whether a zero stands there, or what may have been read for one: an o behind no letter."""
    return text[at] == "0" or (text[at] == "o" and not text[at - 1 : at].isalpha())

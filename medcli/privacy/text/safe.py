"""Clinical language that looks like a name: eponyms before what they name, drugs, makers, scores, words of reports.

Knows when a listed or guessed name is such a word. Refuses to judge what is known of a patient or stands after a title
or a label; the callers don't ask for those.
"""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING

from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    COMMON,
    EPONYM,
    FIRST,
    HEAD,
    LAST,
    MEDICAL,
    NAME,
    REGION,
    STATE,
    STOP,
    TITLE,
    UPPER,
    WEAKHEAD,
    Looked,
    word_set,
)

if TYPE_CHECKING:
    from medcli.privacy.text.document import Document

__all__ = ["eponym", "keeps", "ordinary"]

#: Regions that are given names as often.
_PERSONS = word_set("names-regions")
_JOINED = frozenset((" ", "-", "\u2013", "'s ", "\u2019s ", "' ", "\u2019 ", "/", " - "))
_GRADE = re.compile(
    r"['\u2019]?s? (?:type |grade |stage |class |level )?(?:[IVX]{1,4}[ABCabc]?|[1-9][ABCabc]?(?: ?[+-] ?[1-5])?|[A-E](?= [a-z]))"
    r"(?![\w.+/]| ?(?:y\b|yo\b|years?|months?|[mMfF]\b|weeks?|days?|hours?|hrs?)|, [A-Z])"
)
_VERSUS = frozenset(("vs", "versus", "and", "or"))
_SIDES = frozenset((" ", "'s ", "\u2019s ", "' ", ". "))
#: Head words may stand a little further on: Glasgow Coma Scale, Hoffa's fat pad sign.
_REACH = 3


def keeps(document: Document, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is clinical language: an eponym with its head, or safe words only."""
    looked = document.looked
    first = bisect.bisect_left(looked.ends, start + 1)
    last = bisect.bisect_left(looked.starts, end) - 1
    if last < first:
        return False
    if (
        first
        and looked.numbers[first - 1] & TITLE
        and document.text[looked.ends[first - 1] : start].strip() in ("", ".")
    ):
        return False
    return eponym(document.text, looked, first, last) or all(
        ordinary(looked.numbers[position])
        or (looked.numbers[position] & (REGION | STATE) and looked.lows[position] not in _PERSONS)
        for position in range(first, last + 1)
    )


def ordinary(number: int) -> bool:
    """Whether a word is clinical, a region or English, and hardly ever a name."""
    if number & NAME and (number & FIRST > 1 or number & LAST > 1 << 2):
        return False
    return bool(number & (MEDICAL | COMMON | REGION | STOP))


def eponym(text: str, looked: Looked, first: int, last: int) -> bool:
    """Whether the words ``first`` to ``last`` name a disease, sign, score or device, by what stands beside them."""
    numbers, starts, ends = looked.numbers, looked.starts, looked.ends
    listed = all(number & EPONYM for number in numbers[first : last + 1])
    if listed and (_graded(text, ends[last]) or _compared(text, looked, first, last)):
        return True
    sure = not listed and (
        (numbers[first] & FIRST == FIRST and not numbers[first] & CITY)
        or (numbers[first] & LAST == LAST and looked.shapes[first] == UPPER and not looked.shouts)
    )
    for position in range(last + 1, min(last + 1 + _REACH, len(numbers))):
        gap = text[ends[position - 1] : starts[position]]
        if gap not in _JOINED:
            return False
        number = numbers[position]
        if number & HEAD:
            return not sure
        if number & WEAKHEAD and listed:
            return True
        if not (listed and number & (MEDICAL | EPONYM | COMMON)) and not (
            number & EPONYM and looked.shapes[position] == CAPITAL
        ):
            return False
        if gap == " " and number & STOP and not number & EPONYM:
            return False
    return False


def _graded(text: str, end: int) -> bool:
    """Whether a grade stands behind the eponym: Killip III, Gleason 4+3, Forrest Ib; an age or a record's number is none."""
    return _GRADE.match(text, end) is not None


def _compared(text: str, looked: Looked, first: int, last: int) -> bool:
    """Whether the eponym stands beside another one: Norwood versus Glenn, Kernig and Brudzinski."""
    for at, way in ((last, 1), (first, -1)):
        joint, other = at + way, at + 2 * way
        if 0 <= other < len(looked.lows) and looked.lows[joint] in _VERSUS:
            spoken = looked.numbers[other]
            left, right = min(at, other), max(at, other)
            gaps = (
                text[looked.ends[left] : looked.starts[joint]],
                text[looked.ends[joint] : looked.starts[right]],
            )
            if (
                spoken & EPONYM
                and spoken & FIRST != FIRST
                and looked.shapes[other] == CAPITAL
                and all(gap in _SIDES for gap in gaps)
            ):
                return True
    return False

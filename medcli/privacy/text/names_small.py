"""Names written small, where capitals say nothing: how they begin, and how far they reach.

Knows the words around a name in small letters: a relative or a nurse before it, a surname after it, an age, initials.
Refuses to find a name without any of them; the lists do that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.names_cues import after
from medcli.privacy.text.names_parts import INITIALS
from medcli.privacy.text.names_points import LIKELY
from medcli.privacy.text.words import (
    ACT,
    BY,
    COMMON,
    DWELL,
    FIRST,
    HEAD,
    LABEL,
    LAST,
    LOWER,
    MEDICAL,
    PARTICLE,
    RELATIVE,
    ROLE,
    STOP,
    TITLE,
    word_set,
)

if TYPE_CHECKING:
    from medcli.privacy.text.names_parts import Reading

__all__ = ["begins_small", "end_of", "head", "whole"]

_AGED = re.compile(r",? \d{1,3} ?(?:[mf]|yo|y/o)\b")
_SMALL_INITIALS = re.compile(r"(?<![\w.])(?P<all>(?:[a-z]\. ?){1,2})$")
#: A surname that is hardly a word.
_LISTED = 2 << 2
_WORDS = word_set("names-words")
_SUFFIX = re.compile(r",? (?:(?:[JjSs]r|JR|SR)\b\.?|(?:II|III|IV|ii|iii)\b)(?!\w)")


def begins_small(reading: Reading, position: int, cue: float) -> bool:
    """Whether a name may begin with this word, which is written small."""
    number = reading.looked.numbers[position]
    if reading.looked.shapes[position] != LOWER or number & STOP:
        return False
    if number & LAST >= _LISTED and _aged(reading, position):
        return True
    if cue < LIKELY or not number & FIRST:
        return False
    if number & FIRST > 1 and not number & PARTICLE and number & COMMON < COMMON:
        return True
    return _called(reading, position) or _paired(reading, position)


def end_of(reading: Reading, last: int) -> int:
    """Where a run ends, the dot of an initial included."""
    end = reading.looked.ends[last]
    return end + (reading.kinds[last] == INITIALS and reading.text[end : end + 1] == ".")


def head(reading: Reading, first: int) -> int:
    """Where a name begins; one written small takes the initials and the unlisted words before it."""
    looked, begins = reading.looked, first
    if looked.shapes[first] != LOWER:
        return looked.starts[first]
    start = looked.starts[first]
    lead = _SMALL_INITIALS.search(reading.text, max(0, start - 8), start)
    if lead:
        return lead.start("all")
    while first and first > begins - 2 and _joins(reading, first - 1, first, before=True):
        first -= 1
    return looked.starts[first]


def _joins(reading: Reading, position: int, other: int, *, before: bool = False) -> bool:
    """Whether a word written small belongs to the name written small beside it."""
    looked = reading.looked
    left, right = min(position, other), max(position, other)
    number = looked.numbers[position]
    if reading.text[looked.ends[left] : looked.starts[right]] != " " or looked.shapes[position] != LOWER:
        return False
    if (
        number & (STOP | ACT | ROLE | RELATIVE | TITLE | LABEL | BY | DWELL | HEAD)
        or len(looked.lows[position]) < 2
    ):
        return False
    if not number:
        return len(looked.lows[position]) > 3  # a name that no list has, or a word misspelt
    if before:
        return number & FIRST >= 2 and (number & COMMON) >> 4 < 2 and not number & MEDICAL
    listed = number & LAST >= _LISTED or (number & LAST and not number & MEDICAL)
    return bool(listed) and bool(looked.numbers[other] & FIRST)


def whole(reading: Reading, first: int, end_word: int) -> int:
    """Where a name ends, with Jr. or III, and with the surname that follows where both are written small."""
    last, looked = end_word, reading.looked
    small = looked.shapes[first] == looked.shapes[last] == LOWER
    while small and last + 1 < len(looked.lows) and last < end_word + 2 and _joins(reading, last + 1, last):
        last += 1
    end = end_of(reading, last)
    found = _SUFFIX.match(reading.text, end)
    return found.end() if found else end


def _aged(reading: Reading, position: int) -> bool:
    """Whether a text begins with a surname written small and an age: brown, 67m."""
    return not position and _AGED.match(reading.text, reading.looked.ends[position]) is not None


def _paired(reading: Reading, position: int) -> bool:
    """Whether two words written small are a given name and a surname: pt mark green."""
    looked, following = reading.looked, position + 1
    if (
        following >= len(looked.lows)
        or reading.text[looked.ends[position] : looked.starts[following]] != " "
        or looked.numbers[position] & (STOP | ACT)
    ):
        return False
    number = looked.numbers[following]
    if looked.shapes[following] != LOWER or number & (STOP | ACT | BY | DWELL | HEAD | ROLE | RELATIVE):
        return False
    return number & LAST >= _LISTED or (
        bool(number & LAST) and (number & COMMON) >> 4 < 3 and not number & MEDICAL
    )


def _called(reading: Reading, position: int) -> bool:
    """Whether an English word written small is a name here: nurse joy, my wife faith has."""
    looked = reading.looked
    number, previous = looked.numbers[position], looked.numbers[position - 1]
    if number & (STOP | ACT) or not previous & (TITLE | RELATIVE):
        return False
    if looked.lows[position] not in _WORDS and (number & MEDICAL or not previous & TITLE):
        return False
    end = looked.ends[position]
    return reading.text[end : end + 1] in (",", "") or after(reading.text, looked, position, end) > 1.0

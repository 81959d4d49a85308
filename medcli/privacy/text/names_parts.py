"""Which words of a text could be part of a name, each by itself: listed, unknown, an initial, a particle.

Knows a word's spelling and its lists. Refuses to know its neighbours, but for where a sentence begins and how the text
as a whole is written (all capitals, headings, another language), for then capitals say less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medcli.privacy.text.words import (
    CAPITAL,
    COMMON,
    COUNTY,
    FIRST,
    INITIAL,
    LAST,
    LOWER,
    MEDICAL,
    OPENS,
    PARTICLE,
    REGION,
    RELATIVE,
    ROLE,
    STATE,
    STOP,
    TITLE,
    UNCASED,
    UPPER,
    Looked,
    word_set,
)

if TYPE_CHECKING:
    from medcli.privacy.text.document import Document

__all__ = [
    "FAINT",
    "INITIALS",
    "MAYBE",
    "NOTHING",
    "OTHER",
    "PARTICLES",
    "SMALL",
    "STRONG",
    "UNKNOWN",
    "Reading",
    "read",
]

NOTHING, OTHER, PARTICLES, INITIALS, SMALL, UNKNOWN, FAINT, MAYBE, STRONG = range(9)

#: Without the bits that say no more than that some city's or county's name begins so.
_LISTS = (1 << 16) - 1 & ~(OPENS | COUNTY)
_FEW, _TITLED, _FOREIGN = 4, 0.7, 0.35
#: Regions that are given names as often.
_PERSONS = word_set("names-regions")
_LEADING = word_set("names-leading")
_PRONOUNS = frozenset("ia")
#: Capitals no longer than this are abbreviations unless a list has them as a name.
_ABBREVIATION = 4


@dataclass(eq=False, slots=True)
class Reading:
    """A document's words as parts of names.

    Attributes
    ----------
    kinds
        One of the constants above for each word.
    plain
        Capitals mean what they mean in English sentences; else an unknown word's capital is no evidence.
    """

    text: str
    looked: Looked
    kinds: list[int]
    plain: bool

    def opens(self, position: int) -> bool:
        """Whether a sentence, line or item begins with this word."""
        if not position:
            return True
        gap = self.text[self.looked.ends[position - 1] : self.looked.starts[position]]
        if "\n" in gap or "•" in gap:
            return True
        end = gap.strip(" \u00a0\"'“\u2018([*-\u2013")[-1:]
        if end == "." and self.kinds[position - 1] in (INITIALS, STRONG):
            return self.kinds[position - 1] == STRONG
        return end in (".", "!", "?", ":", ";") and not self.looked.numbers[position - 1] & TITLE


def read(document: Document) -> Reading:
    """Classify every word."""
    looked = document.looked
    kinds = [
        _kind(number, shape, low, looked.shouts)
        for number, shape, low in zip(looked.numbers, looked.shapes, looked.lows, strict=True)
    ]
    text = document.text
    carets = "^" in text
    if document.digits:
        _coded(text, looked, kinds)
    for position, shape in enumerate(looked.shapes):
        if shape == INITIAL:
            kinds[position] = _initial(text, looked, kinds, position)
        elif (
            shape == LOWER
            and looked.ends[position] - looked.starts[position] == 1
            and position
            and kinds[position - 1] == SMALL
        ):
            kinds[position] = (
                INITIALS
                if text[looked.ends[position] : looked.ends[position] + 1] == "."
                else kinds[position]
            )
        elif (
            carets
            and kinds[position] == OTHER
            and text[looked.ends[position] : looked.ends[position] + 1] == "^"
        ):
            kinds[position] = MAYBE
    return Reading(text, looked, kinds, _plain(looked))


def _coded(text: str, looked: Looked, kinds: list[int]) -> None:
    """Letters with a digit behind them are a symbol: PaCO2, KRAS G12C."""
    for position, end in enumerate(looked.ends):
        if (
            kinds[position] > PARTICLES
            and looked.shapes[position] == UPPER
            and not looked.shouts
            and text[end : end + 1].isdecimal()
        ):
            kinds[position] = OTHER


def _initial(text: str, looked: Looked, kinds: list[int], position: int) -> int:
    if text[looked.ends[position] : looked.ends[position] + 1].isdecimal():
        return OTHER
    if text[looked.starts[position] - 1 : looked.starts[position]].isdecimal():  # BI-RADS 4B
        return OTHER
    dotted = text[looked.ends[position] : looked.ends[position] + 1] in (".", "^")
    after_name = position > 0 and kinds[position - 1] in (STRONG, MAYBE, UNKNOWN, INITIALS)
    if looked.lows[position] in _PRONOUNS and not dotted:
        ended = position + 1 == len(kinds) or looked.shapes[position + 1] != LOWER
        if not (after_name and ended):
            return NOTHING
    return INITIALS if dotted or after_name else OTHER


def _kind(number: int, shape: int, low: str, shouts: bool) -> int:
    level = max(number & FIRST, (number & LAST) >> 2)
    if shape in (LOWER, UNCASED):
        return _uncapitalised(number, shape, low, level)
    if shape == INITIAL:
        return INITIALS
    if number & PARTICLE and low in _LEADING:
        return PARTICLES
    role = number & (TITLE | ROLE | RELATIVE) and number & FIRST != FIRST
    if role or (number & (REGION | STATE) and low not in _PERSONS):
        return OTHER
    if number & (STOP | TITLE) and level < 2:
        return FAINT if level and shape == CAPITAL and number & FIRST and not number & TITLE else OTHER
    if shape == UPPER and not shouts and len(low) < 4 and (number & MEDICAL or level < 3):
        return OTHER
    if level:
        return (FAINT, MAYBE, STRONG)[level - 1] if level > 1 or shape == CAPITAL or shouts else OTHER
    if number & (_LISTS | PARTICLE):
        return PARTICLES if number & PARTICLE else OTHER
    return UNKNOWN if len(low) > (2 if shape == CAPITAL else _ABBREVIATION) else OTHER


def _uncapitalised(number: int, shape: int, low: str, level: int) -> int:
    if shape == UNCASED:
        return STRONG if level and not number & STOP and len(low) > 1 else NOTHING
    if number & PARTICLE:
        return PARTICLES
    return SMALL if level == 3 and not number & (COMMON | STOP) and len(low) > 2 else NOTHING


def _plain(looked: Looked) -> bool:
    if looked.shouts:
        return False
    long = capital = small = strange = 0
    for number, shape, low in zip(looked.numbers, looked.shapes, looked.lows, strict=True):
        if len(low) > 3:
            long += 1
            capital += shape == CAPITAL and number & FIRST != FIRST and number & LAST != LAST
        if shape == LOWER:
            small += 1
            strange += not number
    titled = long >= _FEW and capital > _TITLED * long
    return not titled and not (small >= _FEW and strange > _FOREIGN * small)

"""Towns written small that no word of dwelling leads to: in louisiana, shreveport; for ``high`` also in duluth, near ulm.

Knows what stands before such a town and what behind. Refuses to take an English or a clinical word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    ACT,
    BY,
    CITY,
    COMMON,
    COUNTY,
    DWELL,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    PROPER,
    REGION,
    RELATIVE,
    ROLE,
    STATE,
    STOP,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_small_towns"]

_CASE = PROPER | OPENS | COUNTY
_IN = frozenset(("in", "near", "from", "outside", "around", "to", "at", "visiting", "via"))
_PLAIN = word_set("facilities-plain") | word_set("facilities-kinds") | word_set("facilities-departments")
_NEVER = STOP | ROLE | RELATIVE | MEDICAL
_GOES_ON = ACT | STOP | BY | DWELL
_ENDS = ("", ",", ".", "?", "!", ")", ";", ":", "\n", " ")


def find_small_towns(document: Document) -> Iterator[Span]:
    """Towns behind a comma where the text is about somebody, and for ``high`` behind in, near, from, to."""
    looked, high = document.looked, document.high
    if looked.shouts or not (high or (document.found and ", " in document.text)):
        return
    for position, number in enumerate(looked.numbers):
        if not (number & CITY or high) or looked.shapes[position] != LOWER or number & _NEVER or not position:
            continue
        gap = document.text[looked.ends[position - 1] : looked.starts[position]]
        end = looked.ends[position]
        if gap == ", ":
            fits = _behind_comma(document, position)
        else:
            fits = high and gap == " " and looked.lows[position - 1] in _IN and _led(document, position)
        if fits and document.text[end : end + 1] in _ENDS:
            yield Span(looked.starts[position], end, "PLACE", 0.55, "list:towns")


def _behind_comma(document: Document, position: int) -> bool:
    """A listed town that is no other word, before punctuation, a state or the end."""
    looked = document.looked
    number, end = looked.numbers[position], looked.ends[position]
    if not number & CITY or number & COMMON or (number & NAME and not document.high):
        return False
    following = looked.numbers[position + 1] if position + 1 < len(looked.lows) else STATE
    return document.text[end : end + 1] != " " or bool(following & (STATE | REGION | STOP | ACT))


def _led(document: Document, position: int) -> bool:
    """A listed town, or a word that no list has, before what goes on with a sentence or ends it."""
    looked = document.looked
    number, low, end = looked.numbers[position], looked.lows[position], looked.ends[position]
    if low in _PLAIN:
        return False
    if number & (CITY | NAME):
        return (number & COMMON) >> 4 < 2 and not number & STATE
    if number & ~_CASE or len(low) < (3 if looked.lows[position - 1] in ("in", "near", "from", "at") else 4):
        return False
    ended = document.text[end : end + 1] != " " or position + 1 == len(looked.lows)
    return ended or bool(looked.numbers[position + 1] & _GOES_ON)

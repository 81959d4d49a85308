"""Institutions written small: ``seen at riverside methodist hospital``, ``ct at duke``.

Knows what leads to them and which words they are called by. Refuses to take a kind of place: "at the local hospital".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.privacy.text.facilities_led import end_of, lead_of, rare
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    ACT,
    CITY,
    FACILITY,
    LAST,
    LOWER,
    MEDICAL,
    RELATIVE,
    ROLE,
    STOP,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_small"]

_MOST = 7
_KINDS = word_set("facilities-kinds") | word_set("facilities-departments")
_WORDS = word_set("facilities-words")
_STRONG = word_set("facilities-strong")
_FOUNDED = word_set("facilities-founded")
#: Institutions by one word.
_SHORT = word_set("facilities-short")
_LEADS = frozenset(("at", "@", "to", "from", "in", "by", "with", "via", "near", "the", "for"))
_ABBREVIATED = frozenset(("st", "mt", "ft", "ste", "sta"))


def find_small(document: Document) -> Iterator[Span]:
    """The same written small: ``seen at riverside methodist hospital``, ``ct at duke``."""
    looked = document.looked
    if not looked.every & FACILITY and _SHORT.isdisjoint(looked.present):
        return
    for position in range(1, len(looked.lows)):
        if looked.shapes[position] != LOWER or looked.lows[position - 1] not in _LEADS:
            continue
        lead = lead_of(document, position)
        if not lead or (looked.lows[position] in ("the", "my", "our")):
            continue
        last = _reach(document, position, led=lead in {"at", "sent"})
        if last >= position:
            yield Span(looked.starts[position], end_of(document, last), "FACILITY", 0.7, "rule:led")
        elif lead in {"at", "sent"} and looked.lows[position] in _SHORT:
            yield Span(looked.starts[position], looked.ends[position], "FACILITY", 0.7, "rule:led")


def _reach(document: Document, first: int, *, led: bool) -> int:
    """The last word of the institution that begins here; before the first, where none does."""
    looked = document.looked
    head, named, maybe = first - 1, False, False
    for at in range(first, min(first + _MOST, len(looked.lows))):
        if not _goes_on(document, first, at):
            break
        number, low = looked.numbers[at], looked.lows[at]
        if low in _WORDS or low in _ABBREVIATED or (number and not number & FACILITY and rare(looked, at)):
            named = True
            behind_of = looked.lows[at - 1] == "of"  # university of michigan
            branch = head == at - 1 and low not in _WORDS and number & CITY
            head = at if head >= first and (behind_of or branch) else head
        elif number & FACILITY:
            named |= maybe and low in _STRONG
            founded = low in _FOUNDED and looked.lows[at + 1 : at + 2] == ["of"]
            head = at if named or founded else head
        elif low not in _KINDS and low != "of":
            if not led or number & ACT or (number & MEDICAL and not document.high) or not number:
                break
            maybe = True
    return head if named else first - 1


def _goes_on(document: Document, first: int, at: int) -> bool:
    """Whether the word may belong to a name that began with the first."""
    looked = document.looked
    number, low = looked.numbers[at], looked.lows[at]
    if at > first:
        gap = document.text[looked.ends[at - 1] : looked.starts[at]]
        if gap not in (" ", "'s ", "\u2019s ", " & ") and not (
            gap == ". " and looked.lows[at - 1] in _ABBREVIATED
        ):
            return False
    if looked.shapes[at] != LOWER or (number & STOP and low not in ("of", "st", "general")):
        return False
    return not number & (RELATIVE | ROLE) or bool(number & LAST)

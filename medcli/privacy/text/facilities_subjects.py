"""Institutions by where they stand in a sentence: musgrove park wants a scan, Apollo Fertility said, ex-Goodyear.

Knows what institutions do to patients and of which two kinds of words their names are made. Refuses to take a subject
that is a person by its own words, or a kind of place: "the clinic said", "my doctor wants".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.facilities_led import rare
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    ACT,
    CITY,
    COMMON,
    FACILITY,
    FIRST,
    LOWER,
    MEDICAL,
    NAME,
    RELATIVE,
    ROLE,
    STATE,
    STOP,
    TITLE,
    lexicon,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_subject_facilities"]

#: What institutions do.
_HOUSE = word_set("facilities-does")
_CALLED = word_set("facilities-words") | word_set("facilities-paired")
_KINDS = word_set("facilities-kinds") | word_set("facilities-departments") | word_set("facilities-plain")
#: What a specialised institution's second word is: Apollo Fertility.
_SPECIAL = word_set("facilities-special")
_JOINTS = word_set("names-joints") | frozenset(("at", "from", "to", "by", "with", "in", "the", "near"))
_NEVER = STOP | ROLE | RELATIVE | TITLE
_EX = re.compile(r"(?<![\w-])ex-(?P<name>[A-Za-z][a-z]{2,20})(?![\w-])", re.IGNORECASE)


def find_subject_facilities(document: Document) -> Iterator[Span]:
    """Institutions that do something, and former employers."""
    looked = document.looked
    if "ex-" in document.lower:
        for found in _EX.finditer(document.text):
            if _employs(found["name"]):
                yield Span(*found.span("name"), "FACILITY", 0.7, "rule:former")
    if looked.shouts or (not document.high and looked.present.isdisjoint(_HOUSE)):
        return
    for position in range(len(looked.lows) - 1):
        if looked.numbers[position] & _NEVER:
            continue
        if _named(document, position) and _placed(document, position):
            yield Span(looked.starts[position], looked.ends[position + 1], "FACILITY", 0.65, "rule:does")


def _employs(word: str) -> bool:
    """Whether a word behind ex- is nobody's role: not ex-smoker, ex-wife."""
    number = lexicon()[word.lower()]
    if word[0].isupper():
        return not number & (ROLE | RELATIVE | MEDICAL | STATE) and (number & COMMON) >> 4 < 2
    return bool(number & (NAME | CITY)) and not number & (ROLE | RELATIVE | MEDICAL | COMMON | STATE)


def _named(document: Document, first: int) -> bool:
    """Whether two words are an institution's name by themselves: pinecrest ortho, golden valley."""
    looked, second = document.looked, first + 1
    if document.text[looked.ends[first] : looked.starts[second]] not in (" ", "'s "):
        return False
    one, two = looked.lows[first], looked.lows[second]
    if (looked.shapes[first] == LOWER) != (looked.shapes[second] == LOWER) or looked.numbers[second] & _NEVER:
        return False
    if one in _KINDS or looked.numbers[first] & ACT:
        return False
    number = looked.numbers[first]
    own = one in _CALLED or (rare(looked, first) and not number & MEDICAL)
    if two in _CALLED or two in _SPECIAL or (looked.numbers[second] & FACILITY and one not in _KINDS):
        return own and not (number & MEDICAL and one not in _CALLED)
    return document.high and one in _CALLED and bool(looked.numbers[second] & FIRST) and one != two


def _placed(document: Document, first: int) -> bool:
    """Whether the two stand where an institution does: as a subject, or for ``high`` behind at, from, to."""
    looked, last = document.looked, first + 1
    following = last + 1
    opens = (
        not first
        or looked.lows[first - 1] in _JOINTS
        or (document.text[looked.ends[first - 1] : looked.starts[first]] != " ")
    )
    does = (
        following < len(looked.lows)
        and looked.lows[following] in _HOUSE
        and document.text[looked.ends[last] : looked.starts[following]] == " "
    )
    return opens and (does or (document.high and bool(first)))

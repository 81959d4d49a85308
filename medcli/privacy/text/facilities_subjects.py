"""Institutions by where they stand in a sentence: musgrove park wants a scan, Apollo Fertility said, ex-Goodyear.

Knows what institutions do to patients and of which two kinds of words their names are made. Refuses to take a subject
that is a person by its own words, or a kind of place: "the clinic said", "my doctor wants".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.facilities_led import rare
from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    ACT,
    CAPITAL,
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
_JOINTS = word_set("names-joints") | frozenset(("the",))
_LEADS = frozenset(("at", "@", "in", "to", "from", "by", "with"))
_SENT = word_set("facilities-sent") | word_set("facilities-sent-more")
_CHAINS = frozenset(word.replace("_", " ").lower() for word in word_set("facilities-chains-led"))
_CLAUSES = frozenset((",", ".", "?", "!", ";", ":", "(", "-"))
_MOST = 4
#: A word of so many letters that is one away from a usual one is rather mistyped.
_TYPED = 7
#: Behind an institution, and no part of its name.
_TIMES = word_set("facilities-times")
_SAINT = re.compile(
    r"(?:\b(?:at|from|to|by|in|near|with|the) (?P<led>)|(?<![\w'-]))(?P<name>(?:st\.?|saint) (?P<saint>[a-z]{3,14})(?:'s)?)(?(led)(?![\w'-])(?! (?:wort|score))| (?=(?:said|says|wants?|wont|told|kept|sent|gave|called|discharged|did|put|lost|booked|referred|cancell?ed|closed|refused|denied)\b))"
)
_NEVER = STOP | ROLE | RELATIVE | TITLE
_EX = re.compile(
    r"(?<![\w-])ex-(?P<name>[A-Za-z][a-z]{2,20})(?P<more> [A-Z][a-z]{2,20})?(?![\w-])", re.IGNORECASE
)


def find_subject_facilities(document: Document) -> Iterator[Span]:
    """Institutions that do something, and former employers."""
    looked = document.looked
    if "ex-" in document.lower:
        for found in _EX.finditer(document.text):
            if _employs(found["name"]):
                more = found["more"] and lexicon()[found["more"].strip().lower()] & CITY
                yield Span(
                    found.start("name"), found.end("more" if more else "name"), "FACILITY", 0.7, "rule:former"
                )
    if not looked.present.isdisjoint(("st", "saint")):
        yield from _saints(document)
    if looked.shouts:
        return
    for position in _candidates(document):
        last = _last(document, position)
        if last >= position:
            yield Span(looked.starts[position], looked.ends[last], "FACILITY", 0.65, "rule:does")


def _candidates(document: Document) -> list[int]:
    """Words where a name may begin: behind what leads to one, and up to four words before what institutions do."""
    looked, lows = document.looked, document.looked.lows
    near: set[int] = set()
    if not looked.present.isdisjoint(_LEADS):
        near.update(at + 1 for at, low in enumerate(lows) if low in _LEADS)
        if document.high:
            near.update([at + 1 for at in near if lows[at : at + 1] == ["the"]])
    if not looked.present.isdisjoint(_HOUSE):
        near.update(
            first
            for at, low in enumerate(lows)
            if low in _HOUSE
            for first in range(max(0, at - _MOST), at - 1)
        )
    if document.high and not looked.present.isdisjoint(_CALLED):
        near.update(at - 1 for at, low in enumerate(lows) if at and low in _CALLED)
    return [
        at
        for at in sorted(near)
        if at < len(lows)
        and not looked.numbers[at] & _NEVER
        and looked.shapes[at] in (LOWER, CAPITAL)
        and lows[at] not in _KINDS
    ]


def _last(document: Document, position: int) -> int:
    """The last word of the institution that begins here; the word before, where none does."""
    looked = document.looked
    lead = _lead(document, position) if position and looked.shapes[position] == LOWER else ""
    if lead:
        last = _trimmed(document, position, _run(document, position))
    elif not position or _opens(document, position):
        last = _run(document, position)
        if last == position or not _does(document, last):
            last = position + 1 if document.high and position and _named(document, position) else position - 1
    else:
        return position - 1
    return last if last >= position and _strong(document, position, last, lead) else position - 1


def _saints(document: Document) -> Iterator[Span]:
    """St georges said, at saint marks: written small, before what institutions do or behind what leads to them."""
    table = lexicon()
    for found in _SAINT.finditer(document.text):
        low = found["saint"]
        number = table[low] | table[low.removesuffix("s")]
        if number & NAME and not table[low] & MEDICAL:
            yield Span(*found.span("name"), "FACILITY", 0.7, "rule:saint")


def _employs(word: str) -> bool:
    """Whether a word behind ex- is nobody's role: not ex-smoker, ex-wife."""
    number = lexicon()[word.lower()]
    if word[0].isupper():
        return not number & (ROLE | RELATIVE | MEDICAL | STATE) and (number & COMMON) >> 4 < 2
    return bool(number & (NAME | CITY)) and not number & (ROLE | RELATIVE | MEDICAL | COMMON | STATE)


def _named(document: Document, first: int) -> bool:
    """Whether two words are an institution's name by themselves: pinecrest ortho, golden valley."""
    looked, second = document.looked, first + 1
    if second == len(looked.lows):
        return False
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


def _opens(document: Document, first: int) -> bool:
    """Whether a clause begins with the word."""
    looked = document.looked
    if looked.numbers[first - 1] & TITLE:
        return False  # the point behind "Dr." ends no clause
    if looked.lows[first - 1] in _JOINTS:
        return True
    gap = document.text[looked.ends[first - 1] : looked.starts[first]]
    return "\n" in gap or gap.rstrip()[-1:] in _CLAUSES


def _does(document: Document, last: int) -> bool:
    """Whether what institutions do follows."""
    looked, following = document.looked, last + 1
    return (
        following < len(looked.lows)
        and looked.lows[following] in _HOUSE
        and document.text[looked.ends[last] : looked.starts[following]] in (" ", ") ")
    )


def _run(document: Document, first: int) -> int:
    """The last of the words that go on from the first, up to what they do."""
    looked, last = document.looked, first
    shape = looked.shapes[first]
    while last + 1 < len(looked.lows) and last - first < _MOST - 1:
        ahead = last + 1
        if document.text[looked.ends[last] : looked.starts[ahead]] not in (" ", "'s ", "\u2019s "):
            break
        if (
            looked.shapes[ahead] != shape
            or looked.lows[ahead] in _HOUSE
            or looked.numbers[ahead] & (_NEVER | ACT)
        ):
            break
        last = ahead
    return last


def _lead(document: Document, first: int) -> str:
    """``at``, or ``sent`` for to, from, in, by behind what is done at institutions; empty for none."""
    looked, before = document.looked, first - 1
    if looked.lows[before] == "the" and document.high and before:
        before -= 1
    low = looked.lows[before]
    if low not in _LEADS or document.text[looked.ends[first - 1] : looked.starts[first]] != " ":
        return ""
    if low in ("at", "@"):
        return "at"
    return "sent" if document.high or not _SENT.isdisjoint(looked.lows[max(0, before - 3) : before]) else ""


def _trimmed(document: Document, first: int, last: int) -> int:
    """The last word that may belong to an institution's name."""
    looked = document.looked
    while last >= first:
        number, low = looked.numbers[last], looked.lows[last]
        if low in _CALLED or low in _SPECIAL or low in _CHAINS or number & FACILITY:
            break
        if not number & (COMMON | MEDICAL) or (rare(looked, last) and not number & MEDICAL):
            break
        if document.high and last > first and low not in _TIMES and not number & (MEDICAL | ACT):
            break
        last -= 1
    return last


def _strong(document: Document, first: int, last: int, lead: str) -> bool:
    """Whether one of the words is a name's and, where they are more, another one is an institution's."""
    looked, high = document.looked, document.high
    own = [at for at in range(first, last + 1) if _own(document, at)]
    if not own:
        return False
    if first == last:
        number, low = looked.numbers[first], looked.lows[first]
        if low in _CHAINS:
            return True
        usual = (number & COMMON) >> 4
        if number & ACT:
            return False
        return (
            usual < (3 if high else 2)
            if low in _CALLED
            else usual < ((3 if lead == "at" else 2) if high else 1)
        )
    return (
        high
        or lead == "at"
        or any(
            looked.lows[at] in _CALLED
            or looked.lows[at] in _SPECIAL
            or looked.numbers[at] & (FACILITY | CITY)
            for at in range(first, last + 1)
        )
    )


def _own(document: Document, at: int) -> bool:
    """Whether a word is a name's own: one that institutions are called by, a rare one, or one that no list has."""
    looked = document.looked
    number, low = looked.numbers[at], looked.lows[at]
    if low in _CALLED or low in _CHAINS:
        return True
    if not number:
        return document.high or len(low) < _TYPED or not misspelt(low)
    return rare(looked, at) and not number & MEDICAL

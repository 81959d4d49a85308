"""Names by where they stand, whatever else they mean: colt bit his tongue, my son ace, star's tsh, dr ip.

Knows the places in a sentence that hold persons, and asks of the lists only whether a word can be a name there.
Refuses to take what is no name in any list in ``balanced``; ``high`` takes words that no list has, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    ACT,
    BY,
    CAPITAL,
    COMMON,
    COUNTY,
    CREDENTIAL,
    DWELL,
    EPONYM,
    FIRST,
    HEAD,
    LAST,
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
    TITLE,
    UPPER,
    WEAKHEAD,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_subjects"]

#: What a word may be listed as though no list of names has it.
_CASE = PROPER | OPENS | COUNTY
#: English words that are given names.
_WORDS = word_set("names-words") | word_set("names-words-more")
#: Of these also the thing does something: summer has come, dawn is, honey is.
_THINGS = word_set("names-things")
#: What only persons do, and what they do as well as things.
_PERSONAL = word_set("names-personal") | word_set("names-personal-more")
#: Before the subject of a clause.
_JOINTS = word_set("names-joints")
#: Before a person, small or not.
_TOLD = word_set("names-told")
_TITLES = word_set("names-titles-small")
_OWNED = word_set("names-owned")
_GREETS = word_set("names-greets")
#: Auxiliaries, which are no names behind a relative: my mom will, my dad may.
_AUXILIARIES = frozenset(("will", "may", "can", "might", "must"))
_NO_PERSON = TITLE | ROLE | RELATIVE | CREDENTIAL | STATE | REGION | HEAD | WEAKHEAD
_GOES_ON = ACT | STOP | BY | DWELL
_OWNS = ("'s", "\u2019s")
#: How good a name a word is.
_SURE, _WORD, _LISTED, _STRANGE, _NONE = 4, 3, 2, 1, 0


def find_subjects(document: Document) -> Iterator[Span]:
    """Names by the place they have in a sentence."""
    looked = document.looked
    if looked.shouts:
        return
    numbers, lows, high = looked.numbers, looked.lows, document.high
    for position, number in enumerate(numbers):
        low = lows[position]
        if not (number & FIRST or low in _WORDS or high or not number & ~_CASE):
            continue
        kind = _kind(number, low, looked.shapes[position])
        if kind and _stands(document, position, kind):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.55, "rule:subject")


def _kind(number: int, low: str, shape: int) -> int:
    """How good a name the word is by itself."""
    if low in _WORDS:
        return _WORD
    if number & (STOP | _NO_PERSON) or shape == UPPER:
        return _NONE
    given, usual = number & FIRST, (number & COMMON) >> 4
    if given > 1:
        return _SURE if usual < 2 and not number & (MEDICAL | ACT) else _WORD if usual < 3 else _NONE
    if not number & ~_CASE:
        return _STRANGE if len(low) > 1 else _NONE
    if number & NAME and usual < 2 and not number & (MEDICAL | ACT | EPONYM):
        return _LISTED
    return _NONE


def _stands(document: Document, position: int, kind: int) -> bool:
    """Whether the word stands where a person does."""
    if position and _called(document, position, kind):
        return True
    if _owns(document, position, kind):
        return True
    if _does(document, position, kind):
        return True
    return document.high and (_told(document, position, kind) or _capital(document, position, kind))


def _gap(document: Document, position: int) -> str:
    looked = document.looked
    return document.text[looked.ends[position - 1] : looked.starts[position]]


def _then(document: Document, position: int) -> int:
    """What the next word is; -1 behind punctuation or at the end."""
    looked, following = document.looked, position + 1
    if (
        following == len(looked.lows)
        or document.text[looked.ends[position] : looked.starts[following]] != " "
    ):
        return -1
    return looked.numbers[following]


def _breaks(document: Document, position: int) -> bool:
    """Whether the word is followed by punctuation or the end, and by no number's dot, hyphen or possessive."""
    end = document.looked.ends[position]
    return document.text[end : end + 1] in ("", ",", ".", "?", "!", ")", ";", ":", "\n")


def _called(document: Document, position: int, kind: int) -> bool:
    """Behind a relative, a title or a greeting: my son ace was, nurse bo, its brandy again."""
    looked = document.looked
    previous, before, low = looked.numbers[position - 1], looked.lows[position - 1], looked.lows[position]
    gap = _gap(document, position)
    if before in _TITLES and gap in (" ", ". "):
        return kind > _STRANGE or (len(low) > 1 and not misspelt(low))
    then = _then(document, position)
    ends = _breaks(document, position)
    if previous & RELATIVE and gap in (" ", ", ", " (") and low not in _AUXILIARIES:
        if kind == _STRANGE:
            return document.high and (ends or then & _GOES_ON > 0) and (gap == " " or not misspelt(low))
        return (ends or (then > 0 and then & _GOES_ON > 0)) and (gap == " " or kind >= _WORD)
    if gap == " " and before in _GREETS and kind != _LISTED and low not in _AUXILIARIES:
        following = looked.lows[position + 1 : position + 2]
        told = following in (["here"], ["again"], ["from"])
        return told and (kind > _STRANGE or document.high or not misspelt(low))
    return False


def _owns(document: Document, position: int, kind: int) -> bool:
    """Before 's and what a person has: star's tsh, wren's rash."""
    looked = document.looked
    end = looked.ends[position]
    if document.text[end : end + 2] not in _OWNS or position + 1 == len(looked.lows):
        return False
    number, following = looked.numbers[position], looked.numbers[position + 1]
    if number & EPONYM or following & (HEAD | WEAKHEAD | STOP):
        return False
    owned = looked.lows[position + 1] in _OWNED
    if kind >= _WORD:
        return owned or (document.high and bool(following & MEDICAL))
    return document.high and (owned or kind == _STRANGE)


def _opens(document: Document, position: int) -> bool:
    """Whether a clause begins with the word."""
    if not position:
        return True
    gap = _gap(document, position)
    if gap != " ":
        return gap.strip()[:1] not in ("'", "-", "/", "\u2019")
    return document.looked.lows[position - 1] in _JOINTS


def _does(document: Document, position: int, kind: int) -> bool:
    """As the subject of what persons do: will needs an inhaler, and bo is five."""
    looked, following = document.looked, position + 1
    if following == len(looked.lows) or (
        not looked.numbers[following] & ACT and looked.lows[following] not in _PERSONAL
    ):
        return False
    if (
        looked.shapes[following] != LOWER
        or document.text[looked.ends[position] : looked.starts[following]] != " "
    ):
        return False
    personal = looked.lows[following] in _PERSONAL
    if not _opens(document, position):
        return False
    if kind == _SURE:
        return not looked.numbers[position] & EPONYM or personal
    if kind == _WORD:
        return personal and looked.lows[position] not in _THINGS
    if not document.high:
        return kind == _STRANGE and personal and not misspelt(looked.lows[position])
    return kind == _LISTED or personal or not misspelt(looked.lows[position])


def _told(document: Document, position: int, kind: int) -> bool:
    """For ``high``: behind for, with, told, called ..., before what goes on with the sentence or ends it."""
    looked = document.looked
    if not position or looked.lows[position - 1] not in _TOLD or _gap(document, position) != " ":
        return False
    low, then = looked.lows[position], _then(document, position)
    if not (_breaks(document, position) or (then > 0 and then & _GOES_ON > 0)):
        return False
    if kind == _WORD:
        return low not in _THINGS and low not in _AUXILIARIES
    return kind > _STRANGE or not misspelt(low)


def _capital(document: Document, position: int, kind: int) -> bool:
    """For ``high``: a capital within a sentence, on a word that is no clinical and no usual one."""
    looked = document.looked
    if looked.shapes[position] != CAPITAL or not position or kind == _WORD:
        return False
    end = looked.ends[position]
    return (
        len(looked.lows[position]) > 2
        and _gap(document, position) in (" ", ", ")
        and not looked.numbers[position] & (EPONYM | MEDICAL | COMMON)
        and not document.text[end : end + 1].isdecimal()
        and bool(kind == _STRANGE or looked.numbers[position] & (FIRST | LAST))
    )

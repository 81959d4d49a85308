"""Names by one word that points cannot carry: Ed after "spoke with", the Andersons, a listed name written small.

Knows a few surroundings that leave little doubt, and, for ``high``, which listed words beside a person are a name
though they are English words too. Refuses to judge what the points have judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.privacy.text.names_lower import find_lower
from medcli.privacy.text.names_subjects import find_subjects
from medcli.privacy.text.safe import eponym
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    ACT,
    CAPITAL,
    COMMON,
    CREDENTIAL,
    DWELL,
    EPONYM,
    FACILITY,
    FIRST,
    HEAD,
    LABEL,
    LAST,
    LOWER,
    MEDICAL,
    NAME,
    REGION,
    RELATIVE,
    ROLE,
    STATE,
    STOP,
    STREET,
    TITLE,
    WEAKHEAD,
    lexicon,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document
    from medcli.privacy.text.names_parts import Reading

__all__ = ["find_lone"]

_CONTACT = word_set("names-contact")
_SHORT = word_set("names-short")
_BESIDE = word_set("names-beside")
_WITH = frozenset(("w", "with", "to", "by"))
_SPOKEN = frozenset(
    (
        "spoke",
        "spoken",
        "talked",
        "discussed",
        "chatted",
        "met",
        "speaking",
        "d",
        "dw",
        "verified",
        "confirmed",
    )
)
#: Past tenses and third persons of what persons do.
_SAID = frozenset(
    w
    for w in word_set("names-personal")
    if w.endswith(("s", "ed")) or w in ("said", "told", "wrote", "has", "was", "is")
)
#: A surname that is surely one.
_LISTED = 2 << 2
_NEVER = (
    STOP
    | TITLE
    | ACT
    | ROLE
    | RELATIVE
    | LABEL
    | CREDENTIAL
    | HEAD
    | WEAKHEAD
    | FACILITY
    | STREET
    | STATE
    | REGION
    | DWELL
)
#: What things do as well.
_OFTEN = frozenset(
    (
        "and",
        "is",
        "can",
        "may",
        "could",
        "should",
        "would",
        "will",
        "do",
        "does",
        "be",
        "family",
        "use",
        "used",
        "read",
    )
)
_ENDINGS = ("es", "s")


def find_lone(document: Document, reading: Reading) -> Iterator[Span]:
    """Names of one word, or small ones in a row, by where they stand."""
    yield from _contacted(document)
    yield from _families(document)
    yield from find_lower(document)
    yield from find_subjects(document)
    if not document.looked.present.isdisjoint(("may", "will")):
        yield from _months(document, reading)
    if document.high:
        yield from _small(document, reading)
        yield from _acting(document, reading)


def _contacted(document: Document) -> Iterator[Span]:
    """``spoke w/ Ed``, ``told Jo``, ``per Al``: a short given name with a capital."""
    looked = document.looked
    if looked.shouts:
        return
    for low in looked.present & _SHORT:
        for position in range(1, len(looked.lows)):
            if looked.lows[position] != low or looked.shapes[position] != CAPITAL:
                continue
            gap = document.text[looked.ends[position - 1] : looked.starts[position]]
            before, earlier = looked.lows[position - 1], looked.lows[max(0, position - 2)]
            told = gap == " " and (before in _CONTACT or (before in _WITH and earlier in _SPOKEN))
            if told or (gap == "/ " and before == "w" and earlier in _SPOKEN):
                yield Span(looked.starts[position], looked.ends[position], "NAME", 0.75, "rule:contact")


def _months(document: Document, reading: Reading) -> Iterator[Span]:
    """``May called``: at the head of a sentence the auxiliary has its subject behind it, and never a past tense."""
    looked = document.looked
    for position in range(len(looked.lows) - 1):
        if (
            looked.lows[position] in ("may", "will")
            and looked.shapes[position] == CAPITAL
            and looked.lows[position + 1] in _SAID
            and reading.opens(position)
            and document.text[looked.ends[position] : looked.starts[position + 1]] == " "
        ):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.75, "rule:said")


def _families(document: Document) -> Iterator[Span]:
    """``the Andersons``: a surname's plural behind the article."""
    looked, table = document.looked, lexicon()
    if looked.shouts or "the" not in looked.present:
        return
    for position in range(1, len(looked.lows)):
        if looked.shapes[position] != CAPITAL or looked.lows[position - 1] != "the":
            continue
        if not _alone(document, position):
            continue
        word = document.lower[looked.starts[position] : looked.ends[position]]
        for ending in _ENDINGS:
            number = table[word.removesuffix(ending)] if word.endswith(ending) else 0
            if number & LAST >= _LISTED and not number & (COMMON | STOP | STATE | REGION) and len(word) > 5:
                yield Span(looked.starts[position], looked.ends[position], "NAME", 0.8, "rule:family")
                break


def _alone(document: Document, position: int) -> bool:
    """Whether nothing follows that would make an adjective of the word: the Maddocks rule."""
    looked = document.looked
    if position + 1 == len(looked.lows):
        return True
    if document.text[looked.ends[position] : looked.starts[position + 1]] != " ":
        return not eponym(document.text, looked, position, position)
    number = looked.numbers[position + 1]
    return looked.shapes[position + 1] == LOWER and bool(number & (STOP | ACT)) and not number & HEAD


def _small(document: Document, reading: Reading) -> Iterator[Span]:
    """Listed names written small: two in a row, or one beside a word for a person."""
    looked, position, count = document.looked, 0, len(reading.kinds)
    while position < count:
        last = position
        while (
            last < count
            and last - position < 3
            and _nameable(document, last)
            and _joined(document, position, last)
        ):
            last += 1
        if last == position:
            position += 1
            continue
        if _told(document, position, last - 1):
            yield Span(looked.starts[position], looked.ends[last - 1], "NAME", 0.5, "list:small")
        position = last


def _acting(document: Document, reading: Reading) -> Iterator[Span]:
    """Listed words with a capital that do or own something, though they mean something else: Bell was extubated."""
    looked = document.looked
    if not reading.plain:
        return
    for position in range(len(looked.lows) - 1):
        number, following = looked.numbers[position], looked.numbers[position + 1]
        if looked.shapes[position] != CAPITAL or not number & NAME or number & (_NEVER & ~HEAD & ~WEAKHEAD):
            continue
        if looked.shapes[position + 1] != LOWER or following & (HEAD | WEAKHEAD):
            continue
        gap = document.text[looked.ends[position] : looked.starts[position + 1]]
        did = gap == " " and bool(following & ACT) and looked.lows[position + 1] not in _OFTEN
        if did or (gap in ("'s ", "\u2019s ") and not eponym(document.text, looked, position, position)):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.5, "list:acting")


def _joined(document: Document, first: int, position: int) -> bool:
    looked = document.looked
    return first == position or document.text[looked.ends[position - 1] : looked.starts[position]] == " "


def _nameable(document: Document, position: int) -> bool:
    """Whether a word written small is listed as a name and as hardly anything else."""
    looked = document.looked
    number = looked.numbers[position]
    if looked.shapes[position] != LOWER or number & (_NEVER | EPONYM) or len(looked.lows[position]) < 3:
        return False
    if number & MEDICAL and number & FIRST < 2:
        return False
    level = max(number & FIRST, (number & LAST) >> 2)
    return level >= max(1, min(3, (number & COMMON) >> 4))


def _told(document: Document, first: int, last: int) -> bool:
    """Whether the words beside the run, or the run itself, speak of a person."""
    looked = document.looked
    numbers = looked.numbers[first : last + 1]
    plain = sum(not number & COMMON for number in numbers)
    sure = any(number & FIRST > 1 or number & LAST >= _LISTED for number in numbers)
    if last > first and plain and sure and any(number & FIRST for number in numbers):
        return True
    if not any(number & NAME for number in numbers) or not sure:
        return False
    before = looked.lows[first - 1] if first else ""
    gap = document.text[looked.ends[first - 1] : looked.starts[first]] if first else ""
    known = bool(first) and (before in _BESIDE or bool(looked.numbers[first - 1] & (TITLE | RELATIVE)))
    if known and gap in (" ", ". ", ", ", ": ", "/ "):
        return (
            bool(plain) or _acts(document, last) or before not in ("my", "her", "his", "for", "with", "the")
        )
    return _acts(document, last) and (gap != " " or bool(plain))


def _acts(document: Document, last: int) -> bool:
    """Whether what persons do follows the run, or its end."""
    looked, following = document.looked, last + 1
    if following == len(looked.lows):
        return False
    return document.text[looked.ends[last] : looked.starts[following]] == " " and bool(
        looked.numbers[following] & ACT
    )

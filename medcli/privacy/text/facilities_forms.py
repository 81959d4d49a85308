"""Institutions that neither a list nor their last word gives away: Klinikum Großhadern, ``gp: meadowbrook surgery``.

Knows kinds of institution that stand before the name, as most languages but English have them, fields of forms, what
chains and employers are called, and words in small letters that no list has behind "at". Refuses to take a kind of
place or a misspelt word of medicine for a name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from medcli.privacy.text.facilities_led import rare
from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    CITY,
    COMMON,
    EPONYM,
    FACILITY,
    HEAD,
    LOWER,
    MEDICAL,
    NAME,
    REGION,
    RELATIVE,
    ROLE,
    STATE,
    STOP,
    lexicon,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_forms"]

_OTHER = r"(?:[A-Z\u00c0-\u1ef8][^\W\d_]{1,24}|St\.?)"
_JOINED = r"(?:[ -](?:(?:de|del|della|di|do|da|la|le|les|du|des|der|am|im|an der|van|den|i|y|e|et|und) )?"
#: Kinds before the name: Klinikum Großhadern, UZ Gasthuisberg, Bệnh viện Chợ Rẫy.
_BEFORE = re.compile(
    r"(?<!\w)(?:[Hh][\u00f4o]pital|H[\u00f4o]pitaux|[Cc]linique|[Cc]l[i\u00ed]nica|[Kk]linik(?:um|en)?|[Kk]rankenhaus|[Ss]pital|[Oo]spedale|[Pp]oliclinico|[Hh]ospital (?=(?:de|del|da|do|Sant?|General)\b)|Hospital|CH[RU]U?|UZ|AZ|UMC|Ysbyty|Sjukhuset"
    r"|Plejehjem(?:met)?|Sygehuset|Pflegeheim|Seniorenheim|[Rr]umah [Ss]akit|RSUD?|[Bb]\u1ec7nh vi\u1ec7n|Szpital|Nemocnice|Poliklinika|Casa di [Cc]ura|EHPAD|Maison de [Rr]etraite|Sanatorio|Residencia|Lar|Institut[eo]?|Bolnica|Spitalul|Azienda|Ziekenhuis|Praxis|Apotheke|Pharmacie|Farmacia|Grundschule|Lyc\u00e9e|\u00c9cole)"
    rf"(?P<rest>{_JOINED}{_OTHER}){{1,4}})(?!\w)"
)
#: Their first words.
_KINDS = word_set("facilities-first")
#: Kinds that stand before other things in English: Hospital Course.
_ENGLISH = frozenset(("hospital", "institute", "clinic", "lar", "az"))
_BEHIND = re.compile(
    r"(?<!\w)[A-Z][^\W\d_]{2,24}-(?:Klinik(?:um|en)?|Spital|Krankenhaus|Hospital|Hospitalet|Stift|Apotheke|Haus)(?: [A-Z][^\W\d_]{2,24})?(?!\w)"
)
#: A field of a form; its value ends with the line, a comma, a semicolon or a bar.
_FIELD = re.compile(
    r"(?<!\w)(?:facility|hospital|clinic|practice|pharmacy|school|employer|gp|surgery|site|lab|nursing home|care home|dialysis unit|pcp office|unit|place of work|works at|works for|transferred from|sent from|insurance through)(?:\s?[:=]\s?|\s\()(?P<value>[^;,|.\n)]{3,50})",
    re.IGNORECASE,
)
_FIELDS = frozenset(
    ("facility", "hospital", "clinic", "practice", "pharmacy", "school", "employer", "gp", "surgery", "site", "lab", "home", "unit", "office", "work", "at", "for", "from", "through")
)  # fmt: skip
#: Before an employer or a chain.
_LED = re.compile(
    r"(?:\b(?:at|for|from|by|with|in|near|to|via|through|ex|former|retired|our|my|the|employer|employed|badge|job|boss|driver|coworker|nurse|insurance)\b(?: (?:is|was|the|a|an|local|of))?[ :=(-]{1,2}|[,(;] ?|^)$",
    re.IGNORECASE,
)
_BRANCH = re.compile(r"(?: (?:of|in|at|on|near) (?:the )?)?(?P<sep>[ -])?")
#: Leads in small letters, and what stood before them.
_AT = frozenset(("at", "@"))
_WORKING = frozenset(
    ("work", "works", "worked", "working", "job", "employed", "shift", "drive", "drives", "drove")
)
_NEVER = STOP | ROLE | RELATIVE | REGION | STATE | HEAD
_LEAST, _MOST = 4, 3
_LEADS = frozenset(("at", "@", "in", "from", "to", "near"))
_SCHOOLS = frozenset(("high", "middle", "primary", "elementary", "prep", "academy"))
_LADY = re.compile(
    r"\bour lady of (?:the )?[a-z]{3,15}(?: (?:hospital|school|home|lake|lourdes|mercy|hope|peace))?"
)
#: Behind "at", small, these are no institution's.
_PLAIN = word_set("facilities-kinds") | word_set("facilities-departments") | word_set("facilities-plain")
_CALLED = word_set("facilities-words")
#: The same, and what homes for the old and the very young are called by, two of them together.
_PAIRED = _CALLED | word_set("facilities-paired")


def find_forms(document: Document) -> Iterator[Span]:
    """Institutions by what they begin with, by a form's field, by a chain's name, and small ones behind "at"."""
    text, present = document.text, document.looked.present
    if not document.looked.shouts and not present.isdisjoint(_KINDS):
        for found in _BEFORE.finditer(text):
            if _named(found):
                yield Span(found.start(), found.end(), "FACILITY", 0.85, "rule:kind-first")
    if "-" in text and any(
        mark in document.lower for mark in ("-kli", "-spi", "-kra", "-hos", "-sti", "-apo", "-haus")
    ):
        for found in _BEHIND.finditer(text):
            yield Span(found.start(), found.end(), "FACILITY", 0.85, "rule:kind-last")
    if not present.isdisjoint(_FIELDS):
        yield from _fields(document)
    yield from _chains(document)
    yield from _in_small(document)


def _fields(document: Document) -> Iterator[Span]:
    """Values of a form's fields: ``gp: meadowbrook surgery``, ``school (Lincoln Prep)``."""
    for found in _FIELD.finditer(document.text):
        if _value(found["value"]):
            yield Span(*_bare(found), "FACILITY", 0.8, "rule:field")


def _in_small(document: Document) -> Iterator[Span]:
    """Institutions written small: behind "at", of two words that they are called by, our lady of lourdes."""
    present = document.looked.present
    if present & _AT or "@" in document.text:
        yield from _small(document)
    if not present.isdisjoint(_PAIRED):
        yield from _paired(document)
    if "our lady" in document.lower:
        for found in _LADY.finditer(document.text):
            yield Span(found.start(), found.end(), "FACILITY", 0.8, "rule:saint")


def _named(found: re.Match[str]) -> bool:
    """Whether the words behind a kind are a name."""
    kind = found[0].split()[0].lower()
    words = [word for word in re.findall(r"[^\W\d_]+", found["rest"]) if word[0].isupper()]
    numbers = [lexicon()[word.lower()] for word in words]
    if kind in _ENGLISH:
        return any(not number & (COMMON | MEDICAL | STOP | FACILITY) for number in numbers)
    return bool(words)


def _bare(found: re.Match[str]) -> tuple[int, int]:
    """Where a field's value stands, without blanks and brackets around it."""
    value = found["value"]
    start = found.start("value") + len(value) - len(value.lstrip())
    return start, found.start("value") + len(value.rstrip(' ?!)\u201d"'))


def _value(value: str) -> bool:
    """Whether a field's value is a name and not a kind of place, a state or a question."""
    words = re.findall(r"[^\W\d_]+", value)
    numbers = [lexicon()[word.lower()] for word in words]
    if not words or len(words) > 6:
        return False
    return any(
        (not number and len(word) > 2)
        or (word.lower() in _CALLED and len(words) > 1)
        or (number & (NAME | CITY) and not number & (MEDICAL | STOP | ROLE) and (number & COMMON) >> 4 < 2)
        for word, number in zip(words, numbers, strict=True)
    )


@cache
def _names() -> dict[str, tuple[re.Pattern[str], ...]]:
    """Patterns of chains and employers by the first word of their names."""
    found: dict[str, list[str]] = {}
    for name in word_set("facilities-branches") | word_set("facilities-employers"):
        spelt = name.replace("_", " ")
        found.setdefault(re.split(r"[ &.-]", spelt.lower())[0].removesuffix("'s"), []).append(spelt)
    return {
        first: tuple(
            re.compile(rf"{re.escape(name)}(?!\w)", re.IGNORECASE)
            for name in sorted(names, key=lambda n: (-len(n), n))
        )
        for first, names in found.items()
    }


def _chains(document: Document) -> Iterator[Span]:
    """Chains with the name of a branch (Banner Thunderbird, spire bushey), and employers that something leads to."""
    looked, names = document.looked, _names()
    hits = looked.present & names.keys()
    if not hits:
        return
    branches, employers = _lower("facilities-branches"), _lower("facilities-employers")
    for position, low in enumerate(looked.lows):
        if low not in hits:
            continue
        start = looked.starts[position]
        for pattern in names[low]:
            found = pattern.match(document.text, start)
            if found is None:
                continue
            name = found[0].lower()
            led = _LED.search(document.text, max(0, start - 24), start) is not None
            end = _branch(document, position, found.end())
            if (name in branches and end > found.end() and (led or found[0][0].isupper())) or (
                name in employers and led
            ):
                yield Span(start, end, "FACILITY", 0.75, "list:branches")
                break


@cache
def _lower(name: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ").lower() for word in word_set(name))


def _branch(document: Document, position: int, end: int) -> int:
    """The end of a chain's name with its branch: a word with a capital, or a city written small."""
    looked = document.looked
    at = position
    while at < len(looked.starts) and looked.starts[at] < end:
        at += 1
    small = looked.shapes[position] == LOWER
    if small and looked.lows[at : at + 1] and looked.lows[at] in ("of", "in"):
        at += 1
    for _ in range(2):
        if at >= len(looked.lows) or _BRANCH.fullmatch(document.text, end, looked.starts[at]) is None:
            break
        number, capital = looked.numbers[at], looked.shapes[at] != LOWER
        city = number & CITY and not number & (COMMON | STOP | MEDICAL)
        if number & (STOP | ROLE) or not (
            (capital and rare(looked, at)) if not small else (city or not number)
        ):
            break
        end = looked.ends[at]
        at += 1
    return end


def _small(document: Document) -> Iterator[Span]:
    """Words behind "at" that are written small and that no list knows: ``my knee was done at wythenshawe``."""
    looked = document.looked
    for position in range(1, len(looked.lows)):
        before = position - 1
        if document.high and looked.lows[before] == "the" and before:  # at the wellington
            before -= 1
        if looked.shapes[position] != LOWER or looked.lows[before] not in _AT:
            continue
        if document.text[looked.ends[position - 1] : looked.starts[position]] != " ":
            continue
        works = not _WORKING.isdisjoint(looked.lows[max(0, position - 3) : position - 1])
        last = _reach(document, position, works=works)
        if last >= position:
            yield Span(looked.starts[position], looked.ends[last], "FACILITY", 0.65, "rule:at")


def _paired(document: Document) -> Iterator[Span]:
    """Two words, both of which institutions are called by: in silver oaks, from golden meadows; a name and its school."""
    looked = document.looked
    for position in range(1, len(looked.lows) - 1):
        if looked.shapes[position] != LOWER or looked.lows[position - 1] not in _LEADS:
            continue
        low, following = looked.lows[position], looked.lows[position + 1]
        gap = document.text[looked.ends[position] : looked.starts[position + 1]]
        if gap != " " or looked.shapes[position + 1] != LOWER:
            continue
        called = low in _PAIRED and following in _PAIRED and not looked.numbers[position] & ROLE
        school = (
            following in _SCHOOLS and looked.lows[position - 1] in _AT and looked.numbers[position] & NAME
        )
        if called or (school and not looked.numbers[position] & (COMMON | MEDICAL | STOP)):
            yield Span(looked.starts[position], looked.ends[position + 1], "FACILITY", 0.65, "rule:pair")


def _reach(document: Document, first: int, *, works: bool) -> int:
    """The last word of a name that begins here; the word before, where none does."""
    looked, last = document.looked, first - 1
    for at in range(first, min(first + _MOST, len(looked.lows))):
        low, number = looked.lows[at], looked.numbers[at]
        if at > first and document.text[looked.ends[at - 1] : looked.starts[at]] not in (" ", ". ", "'s "):
            break
        if looked.shapes[at] != LOWER:
            break
        if low in ("st", "saint", "mt", "mount") and at == first and at + 1 < len(looked.lows):
            following = looked.numbers[at + 1]
            if following & NAME and not following & STOP:
                last = at + 1
                continue
        if at <= last:
            continue
        if not _foreign(low, number, high=document.high, works=works):
            break
        last = at
    return last


def _foreign(low: str, number: int, *, high: bool, works: bool) -> bool:
    """Whether a word written small can only be a name behind "at"."""
    if (
        low in _PLAIN
        or number & _NEVER
        or len(low) < (2 if works else _LEAST - high)
        or (number & MEDICAL and not number & EPONYM)
    ):
        return False
    if low in _CALLED and not number & MEDICAL:
        return works or (number & COMMON) >> 4 < (3 if high else 2)
    if not number & COMMON:
        return bool(number) or high or not misspelt(low)
    return (number & COMMON) >> 4 < (3 if works or high else 1)

"""Cities and counties, by list, by their form and by what stands before them.

Knows that a state or country alone stays, and so does a city in a disease's, a method's or a maker's name. Refuses to
know streets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.places_codes import STATE_NAME, ZIP, after_state, code
from medcli.privacy.text.safe import eponym
from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    COMMON,
    COUNTY,
    DWELL,
    EPONYM,
    FACILITY,
    FIRST,
    HEAD,
    LAST,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    PROPER,
    REGION,
    STATE,
    STOP,
    TITLE,
    UPPER,
    Looked,
    lexicon,
    marked,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["COUNTIES", "find_cities", "find_counties", "possible_cities"]

_BALANCED, _HIGH = 2.2, 1.5
#: So many fewer are enough where the text is about somebody already.
_LESS_BALANCED, _LESS_HIGH = 1.45, 0.9
#: "lives in" leaves no doubt.
_SURELY = 2.5
#: States that are degrees behind a name.
_DEGREES = frozenset(("MD", "PA", "MS", "MA", "DC", "ND"))
_CITY_WORDS = 4
_LISTED = CITY | OPENS
#: What a word is listed as that may not be a place nobody has listed; a proper noun may be.
_SPEAKS = (1 << 14) - 1 & ~(PROPER | OPENS | COUNTY)
_PREFIXES = word_set("places-prefixes")
#: Letters at a word's end that its form is read from; the whole of a very long word would cost its square.
_TAIL = 12
_SUFFIX = re.compile(
    r"[a-zé]{2}(?:ville|town|burgh?|borough|field|ford|bury|shire|port|stad|mouth|haven|chester|cester|view|side|wood|dale|land|grad|heim|hausen|polis|pur|abad)$"
)
_NEAR = {"lives": 2.5, "live": 2.5, "living": 2.5, "lived": 2.5, "resides": 2.5, "resident": 2.5, "moved": 2.5, "relocated": 2.5, "born": 2.0, "grew": 2.0, "from": 1.5, "hometown": 2.5, "native": 2.0, "near": 1.3, "outside": 1.3, "around": 0.8, "in": 1.0, "to": 0.8, "at": 1.0, "of": 0.5, "visiting": 1.5, "visited": 1.5, "flew": 1.5, "drove": 1.5, "based": 1.5, "travelled": 1.5, "traveled": 1.5, "uit": 1.5, "aus": 1.5, "vive": 2.5, "habite": 2.5, "woont": 2.5, "wohnhaft": 2.5, "wohnt": 2.5, "mieszka": 2.5}  # fmt: skip
COUNTIES = frozenset(("county", "parish", "borough", "township"))
_PREPOSITIONS = frozenset(("in", "to", "at", "of", "from", "near", "around"))
_LABELS = word_set("places-labels")
#: Who is from somewhere, and no dose: hi from gdynia, i am from, patient from.
_GREETED = frozenset(("hi", "hello", "am", "i'm", "im", "is", "are", "he's", "she's", "we're", "pt", "patient", "man", "woman", "family", "back", "home", "visiting", "came", "comes", "flew", "husband", "wife"))  # fmt: skip
_SHORTEST = 4
#: What goes on with a town: im Breisgau, an der Saale, upon Tyne, sur Mer, de Pasco.
_WITH = re.compile(
    r"[ -](?:im|am|an der|an den|ob der|in der|bei|vor der|sur|sous|en|l\u00e8s|les|upon|under|by|on|de la|del|della|di|do|da|de|nad|pod|aan den|aan de)[ -](?P<of>[A-Z][^\W\d_]{1,20})(?!\w)"
)


def _river(document: Document, end: int) -> int:
    """Where a town ends, with its river or land."""
    found = _WITH.match(document.text, end)
    number = lexicon()[found["of"].lower()] if found else STOP
    return end if found is None or number & (STOP | MEDICAL | COMMON) else found.end()


def find_counties(document: Document) -> Iterator[Span]:
    """``Cook County``, ``St. Johns county``."""
    looked = document.looked
    for position, low in enumerate(looked.lows):
        if low not in COUNTIES or not position or looked.shapes[position - 1] != CAPITAL:
            continue
        first = position
        while (
            first
            and position - first < 3
            and looked.shapes[first - 1] == CAPITAL
            and not looked.numbers[first - 1] & STOP
        ):
            if document.text[looked.ends[first - 1] : looked.starts[first]] not in (
                " ",
                ". ",
                "'s ",
                "\u2019s ",
            ):
                break
            first -= 1
        if first < position:
            yield Span(looked.starts[first], looked.ends[position], "PLACE", 0.9, "rule:county")


def find_cities(document: Document, *, told: bool = False) -> Iterator[Span]:
    """Cities, with the postal codes behind them; with fewer points where the text is known to be about somebody."""
    looked = document.looked
    least = _HIGH if document.high else _BALANCED
    if told:
        least -= _LESS_HIGH if document.high else _LESS_BALANCED
    taken = marked(document.found, len(document.text))
    end = -1
    for position, last, points in document.cities:
        if (
            looked.starts[position] < end
            or points < least
            or 1 in taken[looked.starts[position] : looked.ends[last]]
        ):
            continue
        end = _river(document, looked.ends[last]) if looked.shapes[position] == CAPITAL else looked.ends[last]
        stop = after_state(document.text, end)
        # a state may stay (45 CFR 164.514(b)(2)(i)(B)), but high would rather take too much
        shown = stop if document.high else end
        yield Span(looked.starts[position], shown, "PLACE", min(0.95, 0.5 + points / 12), "list:cities")
        if stop > end:
            yield from code(document, stop)


def possible_cities(document: Document) -> list[tuple[int, int, float]]:
    """Words that may be a city: the first, the last, and their points."""
    looked = document.looked
    found: list[tuple[int, int, float]] = []
    for position, number in enumerate(looked.numbers):
        named = looked.shapes[position] in (CAPITAL, UPPER) and (
            not number & (STOP | COMMON) or looked.lows[position] in _PREFIXES
        )
        strange = not number and position and looked.numbers[position - 1] & DWELL
        if not (named or number & _LISTED or strange):
            continue
        last, points = _city(document, position)
        if points > 0.0:
            found.append((position, last, points))
    return found


def _city(document: Document, position: int) -> tuple[int, float]:
    """The last word of a city that begins here, and its points."""
    looked = document.looked
    number, shape = looked.numbers[position], looked.shapes[position]
    last, listed = _phrase(document, position)
    if document.text[looked.ends[last] : looked.ends[last] + 1].isdecimal():  # PaCO2
        return last, 0.0
    if shape == LOWER:
        return last, _small(document, position, last, listed) if listed else _strange(document, position)
    if not listed:
        if last > position:  # a country of several words
            return last, 0.0
        last = _unlisted(document, position)
    cue = _dwelling(document, position)
    if shape == UPPER and not cue and number & MEDICAL and not looked.shouts:  # AKI
        return last, 0.0
    if shape == CAPITAL and not number & STOP and _stated(document, last):
        comma = document.text[looked.ends[last]] == ","
        return last, 4.0 if listed or cue or comma else 1.5
    alone = number & (REGION | STATE | EPONYM if not cue else REGION | STATE) and last == position
    if (
        alone
        or eponym(document.text, looked, position, last)
        or _clinical(looked, document.text, position, last)
    ):
        return last, 0.0
    points = listed or _guessed(document, position, last, cue)
    if listed and cue >= 1.0 and not number & (COMMON | NAME | MEDICAL):  # in Szeged
        points += 0.5
    return last, points + cue if points else 0.0


def _small(document: Document, position: int, last: int, listed: float) -> float:
    """Points of a listed city written small: only with a word of dwelling before it."""
    number, cue = document.looked.numbers[position], _dwelling(document, position)
    if cue < 1.0 or (last == position and (number & STOP or (number & MEDICAL and cue < _SURELY))):
        return 0.0
    if eponym(document.text, document.looked, position, last):
        return 0.0
    pure = last > position or not number & (COMMON | NAME | MEDICAL)  # graz, tauranga
    return cue + (listed if cue >= _SURELY else listed + 0.5 if pure else listed - 1.2)


def _strange(document: Document, position: int) -> float:
    """Points of a word written small that no list has: lives in pontyclun, hi from gdynia; not switched from biktarvy."""
    looked = document.looked
    if looked.numbers[position] or len(looked.lows[position]) < _SHORTEST:
        return 0.0
    cue = _dwelling(document, position)
    led = looked.lows[max(0, position - 3) : position]
    if led[-1:] == ["from"] and cue < _SURELY:
        cue = _SURELY if not _GREETED.isdisjoint(led) else 0.0
    if cue < (1.0 if document.high else _SURELY) or misspelt(looked.lows[position]):
        return 0.0
    return cue + 0.8


def _unlisted(document: Document, position: int) -> int:
    """The last of the capitalised words that go on."""
    looked, last = document.looked, position
    while (
        last + 1 < len(looked.lows)
        and last - position < 2
        and looked.shapes[last + 1] == CAPITAL
        and document.text[looked.ends[last] : looked.starts[last + 1]] in (" ", "-")
        and not looked.numbers[last + 1] & (STOP | FACILITY | HEAD)
    ):
        last += 1
    return last


def _guessed(document: Document, position: int, last: int, cue: float) -> float:
    """Points of a city that no list has: by its form, or behind a strong cue."""
    looked = document.looked
    number = looked.numbers[position]
    unknown = not number & _SPEAKS or number & NAME
    fits = (looked.lows[position] in _PREFIXES and last > position) or bool(
        _SUFFIX.search(looked.lows[last][-_TAIL:])
    )
    if cue < 1.5 and not fits:
        return 0.0
    return ((1.5 if unknown else 0.0) if cue else 0.0) + (1.0 if fits else 0.0)


def _stated(document: Document, last: int) -> bool:
    """Whether a state stands behind the word."""
    looked, text = document.looked, document.text
    found = STATE_NAME.match(text, looked.ends[last])
    if not found or after_state(text, looked.ends[last]) == looked.ends[last]:
        return False
    coded = bool(ZIP.match(text, found.end()))
    if found["short"]:
        if (
            found["short"] in _DEGREES
            and (looked.numbers[last] & CITY) >> 8 < 3
            and looked.shapes[last - 1 if last else 0] != LOWER
        ):
            return coded
        return "," in found[0] or coded
    return True


def _phrase(document: Document, position: int) -> tuple[int, float]:
    """The longest listed city that begins here, and the points of its listing."""
    looked, lower = document.looked, document.lower
    number = looked.numbers[position]
    if (turned := _turned(document, position)) > position:
        return turned, 2.3
    if number & OPENS:
        table = lexicon()
        for last in range(min(position + _CITY_WORDS, len(looked.lows)) - 1, position, -1):
            phrase = lower[looked.starts[position] : looked.ends[last]]
            if (
                len(phrase) < 40
                and table[phrase] & (CITY | REGION)
                and looked.shapes[last] == looked.shapes[position]
            ):
                return last, 0.0 if table[phrase] & REGION else 2.3
    level = (number & CITY) >> 8
    if not level:
        return position, 0.0
    if number & FIRST == FIRST or number & LAST == LAST:
        return position, 1.6 if level > 1 else 1.0
    return position, (0.8, 1.6, 2.3)[level - 1]


def _turned(document: Document, position: int) -> int:
    """The last word of a city behind a point of the compass, a saint or a dot left out: east st louis."""
    looked, table = document.looked, lexicon()
    if looked.lows[position] not in _PREFIXES or position + 1 >= len(looked.lows):
        return position
    for last in range(min(position + _CITY_WORDS, len(looked.lows)) - 1, position, -1):
        words = looked.lows[position : last + 1]
        gaps = {document.text[looked.ends[at] : looked.starts[at + 1]] for at in range(position, last)}
        if not gaps <= {" ", ". ", "-"} or looked.shapes[last] != looked.shapes[position]:
            continue
        for first in (0, 1):
            spelt = " ".join(words[first:])
            saint = spelt.replace("st ", "st. ", 1) if spelt.startswith("st ") else spelt
            if first and last == position + 1:  # east boston: one listed word, and nothing else
                number = table[spelt]
                if (number & CITY) >> 8 > 1 and not number & (COMMON | MEDICAL | NAME):
                    return last
            elif (
                " " in spelt and (table[spelt] | table[saint] | table[spelt.replace("saint ", "st. ")]) & CITY
            ):
                return last
    return position


def _dwelling(document: Document, position: int) -> float:
    """Points for what stands before a place."""
    if not position:
        return 0.0
    looked = document.looked
    gap = document.text[looked.ends[position - 1] : looked.starts[position]]
    low = looked.lows[position - 1]
    if ":" in gap:
        return _SURELY if low in _LABELS else 0.0
    if gap.strip() or not looked.numbers[position - 1] & DWELL:
        return 0.0
    cue = _NEAR.get(low, 0.0)
    if low == "of" and position > 1 and _somebody(looked, position - 2):  # Ms Thistlewood of Llandudno
        cue = 1.5
    for earlier in range(max(0, position - 3), position - 1):
        word = looked.lows[earlier]
        if cue and looked.numbers[earlier] & DWELL and word not in _PREPOSITIONS:
            cue = max(cue, _NEAR.get(word, 0.0))
    return cue


def _somebody(looked: Looked, position: int) -> bool:
    """Whether a word with a capital is rather a person's than a thing's: not the Bank of Ghent."""
    number = looked.numbers[position]
    return looked.shapes[position] == CAPITAL and (
        not number or bool(number & NAME and not number & (COMMON | MEDICAL | FACILITY))
    )


def _clinical(looked: Looked, text: str, first: int, last: int) -> bool:
    """Whether a place's name belongs to something else: Boston Scientific, Montreal Cognitive, West Nile virus."""
    numbers, shapes, starts, ends = looked.numbers, looked.shapes, looked.starts, looked.ends
    if last + 1 < len(numbers):
        following, gap = numbers[last + 1], text[ends[last] : starts[last + 1]]
        if gap in (" ", "-", "'s ", "\u2019s ") and (
            following & HEAD
            or (shapes[last + 1] == CAPITAL and following & (MEDICAL | COMMON) and not following & STOP)
        ):
            return True
    if first and text[ends[first - 1] : starts[first]] in (" ", "-") and shapes[first - 1] == CAPITAL:
        previous = numbers[first - 1]
        return bool(previous & (EPONYM | TITLE)) or bool(previous & NAME and not previous & COMMON)
    return False

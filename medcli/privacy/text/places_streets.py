"""Street addresses and post boxes, in English and the larger European forms, with the town behind them.

Knows house numbers, kinds of street and units. Refuses to know cities by themselves.
"""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING

from medcli.privacy.text.places_codes import STATES, ZIP, after_state, code
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    LABEL,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    PARTICLE,
    STOP,
    STREET,
    UPPER,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["CORNERS", "find_boxes", "find_corners", "find_streets"]

#: Where none of these is, two streets cross only by their numbers.
CORNERS = frozenset(("corner", "intersection", "st", "ave", "street", "avenue", "rd", "road", "blvd"))

#: Words before the kind of a street: 12 Martin Luther King Junior Boulevard.
_STREET_WORDS = 5
_TOWN_WORDS = 3
_LONG = 24
#: What no other word is than a street, also in small letters.
_SURE_LEADING = frozenset(("rue", "calle", "avenida", "rua", "piazza", "viale"))
_ENDING_LENGTH = 5
_TAIL = 12
_BETWEEN = re.compile(r"[ \u00a0]*[,\n;]?[ \u00a0\n]*(?:\d{4,6} )?")
_NUMBER = re.compile(
    r"(?<![\d/.,:-])\d{1,6}(?:[-/]\d{1,4})?[A-Za-z]?(?: 1/2)?,?[ \u00a0]+(?:[NSEW]{1,2}\.?[ \u00a0]+)?(?:\d{1,3}(?:st|nd|rd|th)[ \u00a0]*)?$"
)
_ORDINAL = re.compile(
    r"(?<![\d/.,:-])\d{1,6}[A-Za-z]?[ \u00a0]+(?:(?:[NSEW]{1,2}\.?|North|South|East|West)[ \u00a0]+)?\d{1,3}(?:st|nd|rd|th)[ \u00a0]+"
    r"(?:st(?:reet)?|ave(?:nue)?|r(?:oa)?d|blvd|pl(?:ace)?|dr(?:ive)?|ct|court|ln|lane)\b\.?",
    re.IGNORECASE,
)
#: Flat 3, 27 Kirkgate; 77 Gallowgate: no word says what it is, but a flat before it or the name's end.
_FLAT = re.compile(
    r"(?<![\w/])(?:(?:[Ff]lat|[Aa]pt\.?|[Aa]partment|[Uu]nit|[Rr]oom)\s?\d{1,4}[A-Za-z]?,? \d{1,5}[A-Za-z]?,? [A-Z][^\W\d_]{2,20}(?: [A-Z][^\W\d_]{2,20})?|\d{1,4}[A-Za-z]?,? [A-Z][a-z]{2,12}(?:gate|wynd|garth|croft|mead|fold|brae|bank|kirk|wick)(?= ?(?:[,.;:?!)]|$)))(?!\w)"
)
_BOX = re.compile(
    r"\b(?:\d{2,5} block of (?:[NSEW]\.? )?[A-Z][a-z]+|(?:P\.?[ ]?O\.?[ ]?Box|Postfach|Apartado(?: postal)?|Casilla|Postbus)[ ]#?\d{2,7}|(?:PSC|Unit|RR)[ ]\d{1,5},? Box \d{1,6})\b",
    re.IGNORECASE,
)
#: One of these stands in each: to look for them first is quicker.
_BOXES = (" block of ", "box", "postfach", "apartado", "casilla", "postbus")
_STREET_NAME = r"(?:[A-Z][^\W\d_]{1,20}|\d{1,3}(?:st|nd|rd|th))(?: [A-Z][^\W\d_]{1,20}){0,2}"
#: 5th and Main; Ashby Ave & Telegraph: one of the two is a numbered or a named kind of street.
_CORNER = re.compile(
    rf"\b(?:(?:corner|intersection) of (?P<of>{_STREET_NAME} (?:and|&) {_STREET_NAME})"
    rf"|(?:at|on|near|around|off) (?P<at>\d{{1,3}}(?:st|nd|rd|th)(?: (?:St|Ave|Street|Avenue)\.?)? (?:and|&) [A-Z][^\W\d_]{{1,20}}(?: [A-Z][a-z]{{1,20}})?"
    rf"|{_STREET_NAME} (?:and|&) \d{{1,3}}(?:st|nd|rd|th)(?: (?:St|Ave|Street|Avenue)\b\.?)?"
    rf"|[A-Z][^\W\d_]{{1,20}} (?:St|Ave|Street|Avenue|Rd|Road|Blvd)\b\.? (?:and|&) [A-Z][^\W\d_]{{1,20}}))"
)
_UNIT = re.compile(
    r"[ \u00a0,\n]{0,3}(?:(?:apt|apartment|suite|ste|unit|floor|flat|room|rm|bldg|building|lot|piso|etage|wohnung)\b\.?[ ]?#?[ ]?[A-Za-z]?-?\d{0,5}[A-Za-z]?\b|#[ ]?\d{1,5}[A-Za-z]?\b)",
    re.IGNORECASE,
)
_DIRECTION = re.compile(r"\.?(?:,? (?:[NS][EW]|[NSEW])\b\.?)?")
_ENDING = re.compile(
    r"(?:stra(?:ß|ss)e|strasse|str|gasse|weg|platz|allee|laan|straat|plein|gracht|vej|gade|gata|gatan|vägen|veien|gate|katu|tie|kuja|polku|puiestee|utca|köz|ulica|стрит)$"
)
_HOUSE = re.compile(r"\.?,? \d{1,4}[A-Za-z]?(?![\d.,]*\d)(?! ?(?:mg|ml|mm|cm|years?|days?|weeks?)\b)")
_SMALL = frozenset(("des", "aux", "sur", "les", "l\u00e8s"))
_LEADING = word_set("places-leading")
_STRONG_STREET = word_set("places-strong-street")


def find_streets(document: Document) -> Iterator[Span]:
    """Streets with what follows them."""
    looked = document.looked
    end = 0
    for position in range(len(looked.numbers)):
        if looked.starts[position] < end:
            continue
        bounds = _street(document, position)
        if bounds is not None:
            for span in _address(document, *bounds, "rule:street"):
                end = span.end
                yield span


def _street(document: Document, position: int) -> tuple[int, int] | None:
    looked = document.looked
    low, capital = looked.lows[position], looked.shapes[position] in (CAPITAL, UPPER)
    bounds = None
    if looked.numbers[position] & STREET:
        bounds = _numbered(document, position) or _unnumbered(document, position)
    if bounds is None and low in _LEADING:
        bounds = _leading(document, position)
    if bounds is None and capital and len(low) > _ENDING_LENGTH and _ENDING.search(low[-_TAIL:]):
        house = _HOUSE.match(document.text, looked.ends[position])
        bounds = (looked.starts[position], house.end()) if house else None
    return bounds


def _numbered(document: Document, position: int) -> tuple[int, int] | None:
    """A house number, some words, the kind of street."""
    looked, text = document.looked, document.text
    small = looked.shapes[position] == LOWER
    for back in range(position, max(-1, position - _STREET_WORDS - 1), -1):
        before = text[max(0, looked.starts[back] - 24) : looked.starts[back]]
        house = _NUMBER.search(before)
        if house and (
            back < position
            or looked.lows[position] == "broadway"
            or house[0].rstrip()[-1:] in ("t", "d", "h")
        ):
            if small and not _street_in_small(looked.lows[position], looked.numbers[back:position]):
                return None
            return looked.starts[back] - len(before) + house.start(), looked.ends[
                _last_kind(document, position)
            ]
        if not back or not _goes_on(document, back, position, small=small):
            return None
    return None


def _last_kind(document: Document, position: int) -> int:
    """The last of several kinds of street: Harbour View Road."""
    looked = document.looked
    while (
        position + 1 < len(looked.lows)
        and looked.numbers[position + 1] & STREET
        and looked.shapes[position + 1] == CAPITAL
        and document.text[looked.ends[position] : looked.starts[position + 1]] == " "
    ):
        position += 1
    return position


def _goes_on(document: Document, back: int, position: int, *, small: bool) -> bool:
    """Whether a street's name may go on to the left of this word."""
    looked = document.looked
    if back < position:
        number = looked.numbers[back]
        if number & STOP or not (small or looked.shapes[back] != LOWER or number & PARTICLE):
            return False
    gap = document.text[looked.ends[back - 1] : looked.starts[back]]
    return gap in (" ", "'s ", "\u2019s ", "\u00a0") or (gap == ". " and len(looked.lows[back - 1]) < 3)


def _street_in_small(kind: str, words: list[int]) -> bool:
    """``12 oak street`` but not ``3 year old fell down hill``."""
    return (
        kind in _STRONG_STREET
        and kind not in ("way", "place", "drive", "dr", "court", "ct")
        and not any(number & (MEDICAL | STOP) and not number & NAME for number in words)
    ) or (
        kind in ("drive", "court", "ct", "dr")
        and all(number & (NAME | CITY) or not number for number in words)
    )


def _unnumbered(document: Document, position: int) -> tuple[int, int] | None:
    """``lives on Maple Avenue``, ``the corner of Elm Street``."""
    looked, text = document.looked, document.text
    if (
        looked.shapes[position] == LOWER
        or looked.lows[position] not in _STRONG_STREET
        or looked.lows[position] in ("dr", "st", "ct", "way", "place", "court")
    ):
        return None
    first = position
    while (
        first
        and position - first < 3
        and looked.shapes[first - 1] == CAPITAL
        and text[looked.ends[first - 1] : looked.starts[first]] == " "
    ):
        if looked.numbers[first - 1] & STOP:
            break
        first -= 1
    if (
        first == position
        or not first
        or looked.lows[first - 1] not in ("on", "at", "of", "off", "near", "and", "along", "address")
    ):
        return None
    return looked.starts[first], looked.ends[position]


def _leading(document: Document, position: int) -> tuple[int, int] | None:
    """``12 rue de la Paix``, ``Calle Mayor 5``."""
    looked, text = document.looked, document.text
    last, capital = position, False
    while (
        last + 1 < len(looked.lows)
        and last - position < 5
        and text[looked.ends[last] : looked.starts[last + 1]] in (" ", " l'", "'")
    ):
        if looked.shapes[last + 1] == CAPITAL or (
            looked.lows[position] in _SURE_LEADING and not looked.numbers[last + 1] & STOP
        ):
            capital = True
        elif not looked.numbers[last + 1] & PARTICLE and looked.lows[last + 1] not in _SMALL:
            break
        last += 1
    if not capital:
        return None
    before = text[max(0, looked.starts[position] - 10) : looked.starts[position]]
    front = re.search(r"\d{1,5}(?: ?bis)?,? $", before)
    house = _HOUSE.match(text, looked.ends[last])
    if not front and not house:
        return None
    start = looked.starts[position] - (len(before) - front.start() if front else 0)
    return start, house.end() if house else looked.ends[last]


def find_boxes(document: Document) -> Iterator[Span]:
    """Post boxes, and streets that are numbered themselves (5th Avenue)."""
    lower = document.lower
    for found in _BOX.finditer(document.text) if any(word in lower for word in _BOXES) else ():
        yield from _address(document, found.start(), found.end(), "rule:box")
    for found in _FLAT.finditer(document.text):
        yield from _address(document, found.start(), found.end(), "rule:flat")
    for found in _ORDINAL.finditer(document.text):
        yield from _address(document, found.start(), found.end(), "rule:street")


def find_corners(document: Document) -> Iterator[Span]:
    """Crossings of two streets."""
    for found in _CORNER.finditer(document.text):
        which = "of" if found["of"] else "at"
        yield from _address(document, found.start(which), found.end(which), "rule:corner")


def _address(document: Document, start: int, end: int, source: str) -> Iterator[Span]:
    """A street or box, its unit, and the city and postal code that follow."""
    for part in (_DIRECTION, _UNIT):
        found = part.match(document.text, end)
        end = found.end() if found else end
    yield Span(start, end, "PLACE", 0.95, source)
    town = list(_town(document, end))
    yield from town
    if town:  # what is written between the parts goes with them
        stop = max(span.end for span in town)
        state = after_state(document.text, stop)
        yield Span(start, state, "PLACE", 0.96, source)


def _town(document: Document, end: int) -> Iterator[Span]:
    """The city behind a street, if one stands there; then the state stays, and the code is found."""
    looked, text = document.looked, document.text
    first = bisect.bisect_left(looked.starts, end)
    gap = text[end : looked.starts[first]] if first < len(looked.starts) else None
    if gap is None or len(gap) > _LONG or not _BETWEEN.fullmatch(gap):
        if ZIP.match(text, end) and "," in text[end : end + 4]:
            yield from code(document, end)
        return
    last = _town_end(document, first)
    if last < first:
        return
    stop = end
    if text[looked.starts[first] : looked.ends[first]] not in STATES:
        yield Span(looked.starts[first], looked.ends[last], "PLACE", 0.9, "rule:address")
        before = ZIP.search(text, end, looked.starts[first])
        if before:
            yield Span(before.start(1), before.end(1), "ZIP", 0.9, "rule:address")
        stop = looked.ends[last]
    yield from code(document, after_state(text, stop))


def _town_end(document: Document, first: int) -> int:
    """The last word of a city that begins with the word ``first``; the word before, where none does."""
    looked, text = document.looked, document.text
    last = first - 1
    for following in range(first, min(first + _TOWN_WORDS, len(looked.starts))):
        number, word = looked.numbers[following], text[looked.starts[following] : looked.ends[following]]
        if following > first and (
            word in STATES
            or (
                len(word) < 3
                and word.isupper()
                and text[looked.ends[following] : looked.ends[following] + 1].isdecimal()
            )
            or text[looked.ends[last] : looked.starts[following]] not in (" ", "-", ". ")
        ):
            break
        if looked.shapes[following] == LOWER and not number & (CITY | OPENS | PARTICLE):
            break
        if number & (STOP | LABEL) and not number & CITY and word not in STATES:
            break
        last = following
    while last > first and looked.shapes[first] != LOWER and looked.shapes[last] == LOWER:
        last -= 1
    return last

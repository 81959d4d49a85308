"""Geography below a state, and institutions: street addresses, cities, counties, postal codes beside them, facilities.

Knows streets by number and kind, in English and the larger European forms, and cities by list and neighbours. A state
or country alone stays, and so does a city in a disease's, a method's or a maker's name. Facilities live next door.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.facilities import find_facilities
from medcli.privacy.text.safe import eponym
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    COMMON,
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
    OPENS,
    PARTICLE,
    REGION,
    STATE,
    STOP,
    STREET,
    TITLE,
    UPPER,
    lexicon,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_places"]

_BALANCED, _HIGH = 3.0, 2.0
#: "lives in" leaves no doubt.
_SURELY = 2.5
#: States that are degrees behind a name.
_DEGREES = frozenset(("MD", "PA", "MS", "MA", "DC", "ND"))
#: Words before the kind of a street: 12 Martin Luther King Junior Boulevard.
_STREET_WORDS = 5
_CITY_WORDS = 4
_LISTED = CITY | OPENS
_NUMBER = re.compile(r"(?<![\d/.,:-])\d{1,6}(?:[-/]\d{1,4})?[A-Za-z]?(?: 1/2)?,?[ \u00a0]+(?:[NSEW]{1,2}\.?[ \u00a0]+)?(?:\d{1,3}(?:st|nd|rd|th)[ \u00a0]*)?$")
_ORDINAL = re.compile(
    r"(?<![\d/.,:-])\d{1,6}[A-Za-z]?[ \u00a0]+(?:(?:[NSEW]{1,2}\.?|North|South|East|West)[ \u00a0]+)?\d{1,3}(?:st|nd|rd|th)[ \u00a0]+"
    r"(?:st(?:reet)?|ave(?:nue)?|r(?:oa)?d|blvd|pl(?:ace)?|dr(?:ive)?|ct|court|ln|lane)\b\.?",
    re.IGNORECASE,
)
_BOX = re.compile(r"\b(?:(?:P\.?[ ]?O\.?[ ]?Box|Postfach|Apartado(?: postal)?|Casilla|Postbus)[ ]#?\d{2,7}|(?:PSC|Unit|RR)[ ]\d{1,5},? Box \d{1,6})\b", re.IGNORECASE)
_UNIT = re.compile(
    r"[ \u00a0,\n]{0,3}(?:(?:apt|apartment|suite|ste|unit|floor|flat|room|rm|bldg|building|lot|piso|etage|wohnung)\b\.?[ ]?#?[ ]?[A-Za-z]?-?\d{0,5}[A-Za-z]?\b|#[ ]?\d{1,5}[A-Za-z]?\b)",
    re.IGNORECASE,
)
_ZIP = re.compile(r"[ \u00a0,.\n]{0,4}(\d{5}(?:-\d{4})?|[A-Z]\d[A-Z][ -]?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]{0,2}-?\d{3,4}(?: ?\d{2,3}| ?[A-Z]{2})?)(?![\w/:-]|[.,]\d)")
_ENDING = re.compile(r"(?:stra(?:ß|ss)e|strasse|str|gasse|weg|platz|allee|laan|straat|plein|gracht|vej|gade|gata|gatan|vägen|veien|gate|katu|tie|kuja|polku|puiestee|utca|köz|ulica|стрит)$")
_HOUSE = re.compile(r"\.?,? \d{1,4}[A-Za-z]?(?![\d.,]*\d)(?! ?(?:mg|ml|mm|cm|years?|days?|weeks?)\b)")
_LEADING = frozenset("rue calle via viale piazza avenida avenue rua allée boulevard chemin quai corso largo plaza paseo carrera rúa ulica ul улица ул πλατεία οδός".split())
_STRONG_STREET = frozenset("street st avenue ave road rd boulevard blvd lane ln drive dr highway hwy parkway pkwy turnpike court ct terrace way place crescent".split())
_STATES = frozenset(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA "
    "WV WI WY DC PR GU VI ON QC BC AB MB SK NS NB NL PE YT NT NU NSW VIC QLD TAS ACT UK USA".split()
)
_STATE = re.compile(
    r"[ \u00a0\n]{0,2},?[ \u00a0\n]{1,2}(?:(?P<short>[A-Z]{2,3})\b|(?P<long>(?:New (?:York|Jersey|Mexico|Hampshire)|(?:North|South) (?:Carolina|Dakota)|West Virginia|Rhode Island|British Columbia|Nova Scotia|[A-Z][a-z]+))\b)"
)
_PREFIXES = frozenset("north south east west new old port lake mount mt fort ft saint st san santa los las el la le upper lower great little".split())
_SUFFIX = re.compile(r"[a-zé]{2,}(?:ville|town|burgh?|borough|field|ford|bury|shire|port|stad|mouth|haven|chester|cester|view|side|wood|dale|land|grad|heim|hausen|polis|pur|abad)$")
_NEAR = {"lives": 2.5, "live": 2.5, "living": 2.5, "lived": 2.5, "resides": 2.5, "resident": 2.5, "moved": 2.5, "relocated": 2.5, "born": 2.0, "grew": 2.0, "from": 1.5, "hometown": 2.5, "native": 2.0, "near": 1.3, "outside": 1.3, "around": 0.8, "in": 1.0, "to": 0.8, "at": 1.0, "of": 0.5, "visiting": 1.5, "visited": 1.5, "flew": 1.5, "drove": 1.5, "based": 1.5, "travelled": 1.5, "traveled": 1.5}  # fmt: skip


def find_places(document: Document) -> list[Span]:
    """All places of a document, with the postal codes that stand beside them."""
    spans = [*_streets(document), *_boxes(document)]
    spans += find_facilities(_with(document, spans))
    if document.looked.present & _COUNTIES:
        spans += _counties(document)
    return spans + list(_cities(_with(document, spans)))


def _counties(document: Document) -> Iterator[Span]:
    """``Cook County``, ``St. Johns county``."""
    looked = document.looked
    for position, low in enumerate(looked.lows):
        if low not in _COUNTIES or not position or looked.shapes[position - 1] != CAPITAL:
            continue
        first = position
        while first and position - first < 3 and looked.shapes[first - 1] == CAPITAL and not looked.numbers[first - 1] & STOP:
            if document.text[looked.ends[first - 1] : looked.starts[first]] not in (" ", ". "):
                break
            first -= 1
        if first < position:
            yield Span(looked.starts[first], looked.ends[position], "PLACE", 0.9, "rule:county")


def _with(document: Document, spans: list[Span]) -> Document:
    """The same document, with more found; the words are not looked up again."""
    looked, words, lower = document.looked, document.words, document.lower
    other = type(document)(document.text, document.sensitivity, [*document.found, *spans])
    other.__dict__.update(looked=looked, words=words, lower=lower)
    return other


def _boxes(document: Document) -> Iterator[Span]:
    if not any(character.isdigit() for character in document.text):
        return
    for found in _BOX.finditer(document.text):
        yield from _address(document, found.start(), found.end(), "rule:box")
    for found in _ORDINAL.finditer(document.text):
        yield from _address(document, found.start(), found.end(), "rule:street")


def _streets(document: Document) -> Iterator[Span]:
    looked, text = document.looked, document.text
    last_end = 0
    for position, number in enumerate(looked.numbers):
        low = looked.lows[position]
        if looked.starts[position] < last_end:
            continue
        bounds = None
        if number & STREET:
            bounds = _numbered(document, position) or _unnumbered(document, position)
        if bounds is None and low in _LEADING and looked.shapes[position] != LOWER | 8:
            bounds = _leading(document, position)
        if bounds is None and looked.shapes[position] in (CAPITAL, UPPER) and len(low) > 5 and _ENDING.search(low):
            house = _HOUSE.match(text, looked.ends[position])
            if house:
                bounds = looked.starts[position], house.end()
        if bounds is not None:
            for span in _address(document, *bounds, "rule:street"):
                last_end = span.end
                yield span


def _numbered(document: Document, position: int) -> tuple[int, int] | None:
    """A house number, some words, the kind of street."""
    looked, text = document.looked, document.text
    small = looked.shapes[position] == LOWER
    for back in range(position, max(-1, position - _STREET_WORDS - 1), -1):
        before = text[max(0, looked.starts[back] - 24) : looked.starts[back]]
        house = _NUMBER.search(before)
        if house and (back < position or looked.lows[position] == "broadway" or "t" in house[0] or "d" in house[0] or "h" in house[0]):
            if small and not _street_in_small(looked.lows[position], looked.numbers[back:position]):
                return None
            last = position
            while last + 1 < len(looked.lows) and looked.numbers[last + 1] & STREET and looked.shapes[last + 1] == CAPITAL and text[looked.ends[last] : looked.starts[last + 1]] == " ":
                last += 1
            return looked.starts[back] - len(before) + house.start(), looked.ends[last]
        if back == position:
            continue_ok = True
        else:
            continue_ok = (small or looked.shapes[back] != LOWER or bool(looked.numbers[back] & PARTICLE)) and not looked.numbers[back] & STOP
        gap = text[looked.ends[back - 1] : looked.starts[back]] if back else "\n"
        if not continue_ok or (gap not in (" ", "'s ", "’s ", "\u00a0") and not (gap == ". " and back and len(looked.lows[back - 1]) < 3)):
            return None
    return None


def _street_in_small(kind: str, words: list[int]) -> bool:
    """``12 oak street`` but not ``3 year old fell down hill``."""
    return kind in _STRONG_STREET and kind not in ("way", "place", "drive", "dr", "court", "ct") and not any(
        number & (MEDICAL | STOP) and not number & NAME for number in words
    ) or (kind in ("drive", "court", "ct", "dr") and all(number & (NAME | CITY) or not number for number in words))


def _unnumbered(document: Document, position: int) -> tuple[int, int] | None:
    """``lives on Maple Avenue``, ``the corner of Elm Street``."""
    looked, text = document.looked, document.text
    if looked.shapes[position] == LOWER or looked.lows[position] not in _STRONG_STREET or looked.lows[position] in ("dr", "st", "ct", "way", "place", "court"):
        return None
    first = position
    while first and position - first < 3 and looked.shapes[first - 1] == CAPITAL and text[looked.ends[first - 1] : looked.starts[first]] == " ":
        if looked.numbers[first - 1] & STOP:
            break
        first -= 1
    if first == position or not first or looked.lows[first - 1] not in ("on", "at", "of", "off", "near", "and", "along", "address"):
        return None
    return looked.starts[first], looked.ends[position]


def _leading(document: Document, position: int) -> tuple[int, int] | None:
    """``12 rue de la Paix``, ``Calle Mayor 5``."""
    looked, text = document.looked, document.text
    last, capital = position, False
    while last + 1 < len(looked.lows) and last - position < 5 and text[looked.ends[last] : looked.starts[last + 1]] in (" ", " l'", "'"):
        if looked.shapes[last + 1] == CAPITAL:
            capital = True
        elif not looked.numbers[last + 1] & PARTICLE:
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


def _address(document: Document, start: int, end: int, source: str) -> Iterator[Span]:
    """A street or box, its unit, and the city and postal code that follow."""
    text = document.text
    end = _DIRECTION.match(text, end).end()
    unit = _UNIT.match(text, end)
    if unit:
        end = unit.end()
    yield Span(start, end, "PLACE", 0.95, source)
    yield from _town(document, end)


_DIRECTION = re.compile(r"\.?(?:,? (?:[NS][EW]|[NSEW])\b\.?)?")
_COUNTIES = frozenset(("county", "parish", "borough", "township"))
_TOWN = re.compile(r"[ \u00a0]{0,2}[,\n]{0,2}[ \u00a0\n]{0,4}(?:in )?((?:[^\W\d_][^\W\d_]*[.'’-]?[ -]?){1,40}?)(?=[ \u00a0]?[,\n]|[ \u00a0]+\d|[ \u00a0]*$|\.|[ ]+[A-Z]{2}\b)")


def _town(document: Document, end: int) -> Iterator[Span]:
    """The city behind a street, if one stands there; then the state stays, and the code is found."""
    looked, text = document.looked, document.text
    first = _next(looked.starts, end)
    if first >= len(looked.starts) or not re.fullmatch(r"[ \u00a0]*[,\n;]?[ \u00a0\n]*(?:\d{4,6} )?", text[end : looked.starts[first]]):
        code = _ZIP.match(text, end)
        if code and "," in text[end : code.start(1)] + ",":
            yield Span(code.start(1), code.end(1), "ZIP", 0.9, "rule:address")
        return
    last = first - 1
    while last + 1 < len(looked.starts) and last - first < _CITY_WORDS - 1:
        following = last + 1
        if looked.shapes[following] == LOWER and not looked.numbers[following] & (CITY | OPENS | PARTICLE):
            break
        if looked.numbers[following] & (STOP | LABEL) and not looked.numbers[following] & CITY and text[looked.starts[following] : looked.ends[following]] not in _STATES:
            break
        if last >= first and text[looked.ends[last] : looked.starts[following]] not in (" ", "-", ". "):
            break
        if last >= first and text[looked.starts[following] : looked.ends[following]] in _STATES:
            break
        last = following
    if last < first:
        return
    if text[looked.starts[first] : looked.ends[first]] not in _STATES:
        yield Span(looked.starts[first], looked.ends[last], "PLACE", 0.9, "rule:address")
        code = _ZIP.search(text, end, looked.starts[first])
        if code:
            yield Span(code.start(1), code.end(1), "ZIP", 0.9, "rule:address")
    stop = looked.ends[last]
    state = _STATE.match(text, stop)
    if state and (state["short"] in _STATES or (state["long"] and lexicon()[state["long"].lower()] & (STATE | REGION)) or (state["long"] and " " in state["long"])):
        stop = state.end()
    code = _ZIP.match(text, stop)
    if code:
        yield Span(code.start(1), code.end(1), "ZIP", 0.9, "rule:address")


def _next(starts: list[int], end: int) -> int:
    import bisect

    return bisect.bisect_left(starts, end)


def _cities(document: Document) -> Iterator[Span]:
    looked = document.looked
    least = _HIGH if document.high else _BALANCED
    numbers, shapes = looked.numbers, looked.shapes
    position, count = 0, len(numbers)
    while position < count:
        number = numbers[position]
        step = 1
        if number & _LISTED or (shapes[position] in (CAPITAL, UPPER) and (not number & (STOP | COMMON) or looked.lows[position] in _PREFIXES)):
            last, points = _city(document, position)
            if points >= least and not document.covered(looked.starts[position], looked.ends[last]):
                yield Span(looked.starts[position], looked.ends[last], "PLACE", min(0.95, 0.5 + points / 12), "list:cities")
                yield from _code(document, last)
                step = last - position + 1
        position += step


def _code(document: Document, last: int) -> Iterator[Span]:
    looked, text = document.looked, document.text
    state = _STATE.match(text, looked.ends[last])
    if state and state["short"] in _STATES:
        code = _ZIP.match(text, state.end())
        if code:
            yield Span(code.start(1), code.end(1), "ZIP", 0.9, "rule:address")


def _city(document: Document, position: int) -> tuple[int, float]:
    """The last word of a city that begins here, and its points."""
    looked, text = document.looked, document.text
    number, shape = looked.numbers[position], looked.shapes[position]
    last, listed = _phrase(document, position)
    if shape == LOWER and not listed:
        return last, 0.0
    if not listed and shape in (CAPITAL, UPPER):
        while last + 1 < len(looked.lows) and last - position < 2 and looked.shapes[last + 1] == CAPITAL and text[looked.ends[last] : looked.starts[last + 1]] in (" ", "-") and not looked.numbers[last + 1] & (STOP | FACILITY | HEAD):
            last += 1
    cue = _dwelling(document, position)
    if shape == LOWER and last == position and (number & STOP or (number & MEDICAL and cue < _SURELY)):
        return last, 0.0
    state = _STATE.match(text, looked.ends[last])
    stated = bool(state) and _is_state(text, looked.ends[last], state)
    county = text[looked.ends[last] : looked.ends[last] + 7].lower() == " county"
    if county and shape == CAPITAL:
        return min(last + 1, len(looked.lows) - 1), 4.0
    if stated and state and state["short"] in _DEGREES and not _ZIP.match(text, state.end()) and (number & CITY) >> 8 < 3 and last == position:
        stated = False
    if stated and shape == CAPITAL and not number & STOP:
        return last, 4.0 if listed or cue or "," in (state[0] if state else "") else 1.5
    if eponym(text, looked, position, last) or _clinical(looked, text, position, last):
        return last, 0.0
    if number & (REGION | STATE) and last == position:
        return last, 0.0
    points = listed
    if shape == LOWER:
        points = listed if cue >= 2.5 else listed - 1.2 if cue >= 1.0 else 0.0
    elif not listed:
        unknown = not number & ((1 << 14) - 1) or number & NAME
        fits = looked.lows[position] in _PREFIXES and last > position or bool(_SUFFIX.search(looked.lows[last]))
        points = (1.5 if unknown else 0.0) + (1.0 if fits else 0.0)
        if cue < 1.5 and not fits:
            points = 0.0
    return last, points + cue if points else 0.0


def _is_state(text: str, end: int, state: re.Match[str]) -> bool:
    if state["short"]:
        return state["short"] in _STATES and ("," in state[0] or bool(_ZIP.match(text, state.end())))
    return " " in state["long"] or bool(lexicon()[state["long"].lower()] & (STATE | REGION))


def _phrase(document: Document, position: int) -> tuple[int, float]:
    """The longest listed city that begins here, and the points of its listing."""
    looked, lower = document.looked, document.lower
    number = looked.numbers[position]
    if number & OPENS:
        table = lexicon()
        for last in range(min(position + _CITY_WORDS, len(looked.lows)) - 1, position, -1):
            phrase = lower[looked.starts[position] : looked.ends[last]]
            if len(phrase) < 40 and table[phrase] & CITY and looked.shapes[last] == looked.shapes[position]:
                return last, 2.4
    level = (number & CITY) >> 8
    if not level:
        return position, 0.0
    if number & FIRST == FIRST or number & LAST == LAST:
        return position, 1.6 if level > 1 else 1.0
    return position, (0.8, 1.6, 2.4)[level - 1]


def _dwelling(document: Document, position: int) -> float:
    """Points for what stands before a place."""
    if not position:
        return 0.0
    looked = document.looked
    gap = document.text[looked.ends[position - 1] : looked.starts[position]]
    low = looked.lows[position - 1]
    if ":" in gap:
        return 2.5 if low in ("city", "town", "address", "residence", "location", "birthplace", "home", "county", "hometown", "born", "origin") else 0.0
    if gap.strip() or not looked.numbers[position - 1] & DWELL:
        return 0.0
    cue = _NEAR.get(low, 0.0)
    for earlier in (position - 2, position - 3):
        if earlier >= 0 and cue:
            cue = max(cue, _NEAR.get(looked.lows[earlier], 0.0) if looked.numbers[earlier] & DWELL and looked.lows[earlier] not in ("in", "to", "at", "of", "from", "near", "around") else 0.0)
    return cue


def _clinical(looked: object, text: str, first: int, last: int) -> bool:
    """Whether a place's name belongs to something else: Boston Scientific, Montreal Cognitive, West Nile virus."""
    numbers, shapes, starts, ends = looked.numbers, looked.shapes, looked.starts, looked.ends  # type: ignore[attr-defined]
    if last + 1 < len(numbers):
        following, gap = numbers[last + 1], text[ends[last] : starts[last + 1]]
        if gap in (" ", "-", "'s ", "’s ") and (
            following & HEAD or (shapes[last + 1] == CAPITAL and following & (MEDICAL | COMMON) and not following & STOP)
        ):
            return True
    if first and text[ends[first - 1] : starts[first]] in (" ", "-") and shapes[first - 1] == CAPITAL:
        previous = numbers[first - 1]
        return bool(previous & (EPONYM | TITLE)) or bool(previous & NAME and not previous & COMMON)
    return False

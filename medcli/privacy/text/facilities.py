"""Hospitals, practices, laboratories, schools and employers, by name.

Knows the words such names end with, the short names of the large ones, and what stands before an employer. Refuses to
take a kind of place for one: "the pain clinic", "Nuclear Medicine" and "a university hospital" stay.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    COMMON,
    EPONYM,
    FACILITY,
    LABEL,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    PARTICLE,
    REGION,
    STATE,
    STOP,
    TITLE,
    UPPER,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document
    from medcli.privacy.text.words import Looked

__all__ = ["find_facilities"]

_MOST = 6
#: These end a facility's name, whatever common words stand before them; the others need a word no language has.
_STRONG = word_set("facilities-strong")
#: Kinds of facilities: without another word they name none.
_KINDS = word_set("facilities-kinds")
_PAIRS = word_set("facilities-pairs")
_WRITINGS = word_set("facilities-writings")
_OF = re.compile(
    r" (?:of|de|for|at|and|&) (?:the )?|[ \u00a0]|['\u2019]s? | & |-|\. |, (?=Inc|LLC|Ltd|Corp|L\.L)"
)
_OF_PLACE = re.compile(
    r"\b(?:University|Hospital|College|Institute|Bank|Church|Diocese|Universidad|Université|Universität|Hospital Universitario)"
    r" (?:of|de|at) (?:the )?(?!Medicine|Radiology|Surgery|Nursing|Technology|Science|Public|Health)"
    r"[A-Z][^\W\d_]+(?:[ -](?:(?:de|la|los|las|del|der|von|[a-z]+(?= (?:Health|Hosp|Med)))|[A-Z][^\W\d_]+)){0,5}"
)
_SAINT = re.compile(
    r"\b(?:St\.?|Saint|Ste\.?|Sta\.?|ST\.?)[ \u00a0]+([A-Z][^\W\d_]+(?:[ -][A-Z][^\W\d_]+)?)(['\u2019]s)?(?![^\W\d_])(?! (?:wort|dance|fire))"
)
_WORKS = re.compile(
    r"\b(?:(?:[Ww]orks?|[Ww]orked|[Ww]orking)(?: (?:as an?|part[- ]time|full[- ]time|nights))?(?: [a-z]+){0,3} (?:at|for)|[Ee]mployed (?:by|at|with)|[Ee]mployee (?:of|at)|[Ee]mployer(?: is|:)|[Jj]ob (?:at|with)"
    r"|[Rr]etired from|[Cc]o-?workers? at|[Cc]olleagues? at|[Ss]tudent at|[Ss]tudies at|[Tt]eaches at|[Tt]eacher at|[Aa]ttends|[Ii]ntern at|[Ee]nrolled (?:at|in)|[Vv]olunteers? at|[Bb]oss at|[Ii]nsured (?:by|through|with))"
    r" (?:the )?((?:[A-Z0-9][\w&'\u2019.-]*|of|and|&|de)(?: (?:[A-Z0-9][\w&'\u2019-]*|of|and|&|de(?= [A-Z])))*)"
)
_SCALE = re.compile(
    r"(?:['\u2019]?s? (?:score|stag|class|criteria|stand|stent|tray|retract|type|technique|method)| Mono)"
)
_MORE = re.compile(
    r"(?: (?:Medical|Health|Hospitals?|Clinic|Center|Centre|Hospice|Healthcare|System|Cancer|Children's|Permanente|General|University|Radiology"
    r"|Imaging|Institute|West|East|North|South|Parnassus)\b)+"
)
_FOUNDED = word_set("facilities-founded")
_SAINTS = frozenset(("st", "saint", "ste", "sta"))
_WORKING = word_set("facilities-working")
_AT = frozenset(("at", "from", "to", "@", "near"))


def find_facilities(document: Document) -> list[Span]:
    """All institutions of a document."""
    text = document.text
    looked = document.looked
    spans = list(_known(document))
    if looked.every & FACILITY:
        spans += _headed(document)
    if looked.present & _FOUNDED:
        spans += [
            Span(found.start(), found.end(), "FACILITY", 0.85, "rule:facility")
            for found in _OF_PLACE.finditer(text)
        ]
    if looked.present & _SAINTS:
        spans += _saints(document)
    if looked.present & _WORKING:
        spans += [
            Span(found.start(1), found.end(1), "FACILITY", 0.8, "rule:employer")
            for found in _WORKS.finditer(text)
            if _is_name(found[1])
        ]
    return spans + _at(document) if "at" in looked.present else spans


@cache
def _short_names() -> dict[str, list[tuple[str, str]]]:
    """Names by their first word: what stands there, in lower case and as it must be written ("" for any way)."""
    path = Path(__file__).parent / "facilities_known.txt"
    names: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            first = re.split(r"[ .]", line.lower())[0].removesuffix("'s")
            names.setdefault(first, []).append((line.lower(), "" if " " in line else line))
    for listed in names.values():
        listed.sort(key=lambda pair: -len(pair[0]))
    return names


def _known(document: Document) -> Iterator[Span]:
    """Hospitals by their short names, with the words that go on with them."""
    looked, names = document.looked, _short_names()
    for low in looked.present & names.keys():
        for position, word in enumerate(looked.lows):
            if word != low:
                continue
            start = looked.starts[position]
            for phrase, written in names[low]:
                end = start + len(phrase)
                there = (
                    document.text[start:end] == written
                    if written
                    else document.lower.startswith(phrase, start)
                )
                if (
                    there
                    and not document.text[end : end + 1].isalnum()
                    and not _SCALE.match(document.text, end)
                ):
                    more = _MORE.match(document.text, end)
                    yield Span(start, more.end() if more else end, "FACILITY", 0.9, "list:facilities")
                    break


def _is_name(words: str) -> bool:
    return (
        not words[0].isdigit()
        and (words[0].isupper())
        and words.lower() not in ("home", "night", "i", "er", "icu", "ed")
    )


def _headed(document: Document) -> Iterator[Span]:
    """Names that end with a facility's word."""
    looked = document.looked
    numbers, position = looked.numbers, 0
    while position < len(numbers):
        if not numbers[position] & FACILITY:
            position += 1
            continue
        last = position
        while last + 1 < len(numbers) and numbers[last + 1] & FACILITY and _near(document, last + 1):
            last += 1
        first = _start(document, position)
        named = first < position or (last > position and _proper(looked, position, last))
        if named and _names_one(document, first, position, last):
            yield Span(looked.starts[first], _tail(document, last), "FACILITY", 0.85, "rule:facility")
        position = last + 1


def _near(document: Document, position: int) -> bool:
    looked = document.looked
    gap = document.text[looked.ends[position - 1] : looked.starts[position]]
    same = (looked.shapes[position] == LOWER) == (looked.shapes[position - 1] == LOWER)
    return same and gap in (" ", "\u00a0", " & ", "'s ", "\u2019s ", "-")


def _start(document: Document, head: int) -> int:
    """The first word of the name that ends with the word ``head``."""
    looked, text = document.looked, document.text
    small = looked.shapes[head] == LOWER
    first = position = head
    while position and head - position < _MOST:
        gap = text[looked.ends[position - 1] : looked.starts[position]]
        if not _OF.fullmatch(gap):
            break
        position -= 1
        number, shape, low = looked.numbers[position], looked.shapes[position], looked.lows[position]
        if small:
            fits = (
                shape != LOWER
                or (number & (NAME | CITY) and not number & (COMMON | STOP))
                or not number
                or low in ("st", "saint", "mercy", "mount", "mt")
            )
            if not fits or (number & (STOP | TITLE | LABEL) and low not in ("st", "saint")):
                break
            first = position
        elif shape == LOWER:
            if not (not number or number & PARTICLE or low in ("of", "and", "for", "the", "in")):
                break
        elif (number & (STOP | TITLE) and low not in ("st", "no") and not number & NAME) or (
            looked.numbers[position] & LABEL
            and ":" in text[looked.ends[position] : looked.starts[position + 1]]
        ):
            break
        else:
            first = position
        if ". " in gap and low not in ("st", "mt", "ft", "dr", "ste"):
            first = position + 1 if first == position else first
            break
    return first


def _proper(looked: Looked, first: int, last: int) -> bool:
    return (
        any(
            looked.lows[position] in ("memorial", "mercy", "presbyterian", "methodist", "baptist", "lutheran")
            for position in range(first, last + 1)
        )
        and looked.shapes[first] != LOWER
    )


def _names_one(document: Document, first: int, head: int, last: int) -> bool:
    """Whether a name, and not only a kind of place, stands before the facility's words."""
    looked = document.looked
    words = [
        position
        for position in range(first, head)
        if looked.lows[position] not in _KINDS
        and not looked.numbers[position] & (STOP & ~NAME)
        and looked.shapes[position] != LOWER
    ]
    strong = any(looked.lows[position] in _STRONG for position in range(head, last + 1)) or (
        last > head and looked.lows[last - 1] + "-" + looked.lows[last] in _PAIRS
    )
    if looked.shapes[head] == LOWER:
        words = [position for position in range(first, head) if looked.lows[position] not in _KINDS]
        real = [position for position in words if _rare(looked, position)]
        return bool(real) and strong
    if not words:
        return _proper(looked, head, last) and strong
    rare = [position for position in words if _rare(looked, position)]
    if rare:
        return not any(looked.lows[position] in _WRITINGS for position in range(first, last + 1))
    if not strong or all(
        looked.numbers[position] & MEDICAL and not looked.numbers[position] & (NAME | CITY)
        for position in words
    ):
        return False
    return not (first == 0 or _opens(document, first)) or last > head or len(words) > 1


def _rare(looked: Looked, position: int) -> bool:
    """Whether a word is no English or clinical word, or a surname or city first."""
    number = looked.numbers[position]
    if number & (REGION | STATE) and not number & NAME:
        return False
    if number & MEDICAL and not number & EPONYM:
        return (
            bool(number & 0b1111 and number & NAME and (number & 3 == 3 or number & 12 == 12))
            or number & CITY > 1 << 8
        )
    return not number & COMMON or bool(number & NAME and not number & MEDICAL and number & COMMON == 1 << 4)


def _led(document: Document, first: int) -> bool:
    return bool(first) and document.looked.lows[first - 1] in _AT


def _opens(document: Document, first: int) -> bool:
    gap = document.text[document.looked.ends[first - 1] : document.looked.starts[first]]
    return "\n" in gap or gap.strip()[-1:] in (".", "!", "?", ":")


_TAIL = re.compile(
    r" (?:of|at|in|for) (?:the )?[A-Z][^\W\d_]+(?:[ -][A-Z][^\W\d_]+){0,3}|(?:, | )(?:Inc|LLC|Ltd|Corp)\b\.?"
)


def _tail(document: Document, last: int) -> int:
    """The end, with ``of Somewhere``."""
    looked = document.looked
    if looked.shapes[last] == LOWER:
        return looked.ends[last]
    found = _TAIL.match(document.text, looked.ends[last])
    if found:
        return found.end()
    end = looked.ends[last]
    for position in range(last + 1, min(last + 4, len(looked.lows))):  # Scripps Memorial Hospital La Jolla
        if document.text[end : looked.starts[position]] != " " or looked.shapes[position] != CAPITAL:
            break
        if not looked.numbers[position] & (CITY | OPENS) or looked.numbers[position] & (
            STOP | COMMON | MEDICAL
        ):
            break
        end = looked.ends[position]
    return end


def _saints(document: Document) -> Iterator[Span]:
    """``St. Vincent's``; a saint alone only after ``at``, ``to`` or ``from``."""
    for found in _SAINT.finditer(document.text):
        if found[2] or re.search(
            r"\b(?:at|to|from) $", document.text[max(0, found.start() - 6) : found.start()]
        ):
            if found[1].lower() in ("louis", "paul", "petersburg") and not found[2]:
                continue
            yield Span(found.start(), found.end(), "FACILITY", 0.85, "rule:saint")


def _at(document: Document) -> list[Span]:
    """``seen at Riverside``: an unknown or listed capitalised word after ``at``."""
    looked, text = document.looked, document.text
    spans = []
    for position in range(1, len(looked.lows)):
        if looked.lows[position - 1] != "at" or looked.shapes[position] not in (CAPITAL, UPPER):
            continue
        if text[looked.ends[position - 1] : looked.starts[position]] != " " or not _rare(looked, position):
            continue
        if looked.numbers[position] & (STOP | TITLE | LABEL) or (
            looked.shapes[position] == UPPER and not looked.shouts and len(looked.lows[position]) < 4
        ):
            continue
        last = position
        while (
            last + 1 < len(looked.lows)
            and last - position < 3
            and looked.shapes[last + 1] == CAPITAL
            and text[looked.ends[last] : looked.starts[last + 1]] in (" ", "'s ", "\u2019s ")
        ):
            last += 1
        spans.append(Span(looked.starts[position], looked.ends[last], "FACILITY", 0.7, "rule:at"))
    return spans

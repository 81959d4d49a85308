"""Hospitals, practices, laboratories, schools and employers, by name.

Knows the words such names end with, the short names of the large ones, and what stands before an employer. Refuses to
take a kind of place for one: "the pain clinic", "Nuclear Medicine" and "a university hospital" stay.
"""

from __future__ import annotations

import bisect
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from medcli.privacy.text.facilities_chains import find_chains
from medcli.privacy.text.facilities_forms import find_forms
from medcli.privacy.text.facilities_led import find_led, rare
from medcli.privacy.text.facilities_small import find_small
from medcli.privacy.text.facilities_subjects import find_subject_facilities
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    COMMON,
    FACILITY,
    LABEL,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    PARTICLE,
    STOP,
    TITLE,
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
#: English words that institutions are called by.
_CALLED = word_set("facilities-words")
#: Kinds of facilities: without another word they name none.
_KINDS = word_set("facilities-kinds")
_PAIRS = word_set("facilities-pairs")
_WRITINGS = word_set("facilities-writings")
_OF = re.compile(
    r" (?:of|de|for|at|and|&) (?:the )?|[ \u00a0]|['\u2019]s? | & |-|\. |, (?=Inc|LLC|Ltd|Corp|L\.L)"
)
_SCALE = re.compile(
    r"(?:['\u2019]?s? (?:score|stag|class|criteria|stand|stent|tray|retract|type|technique|method|formula|rule|burn|resuscitation|syndrome|sign|disease|catheter)| Mono)"
)
_MORE = re.compile(
    r"(?: (?:Medical|Health|Hospitals?|Clinic|Center|Centre|Hospice|Healthcare|System|Cancer|Children's|Permanente|General|University|Radiology"
    r"|Imaging|Institute|West|East|North|South|Parnassus)\b)+"
)


def find_facilities(document: Document) -> list[Span]:
    """All institutions of a document."""
    looked = document.looked
    spans = list(_known(document))
    if looked.every & FACILITY:
        spans += _headed(document)
    spans += [*find_led(document), *find_small(document), *find_chains(document), *find_forms(document)]
    return [*spans, *find_subject_facilities(document)]


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
                    end = _branch(document, more.end() if more else end)
                    yield Span(start, end, "FACILITY", 0.9, "list:facilities")
                    break


def _branch(document: Document, end: int) -> int:
    """The end, with the town of a branch: Kaiser Oakland, UPMC Shadyside."""
    looked = document.looked
    at = bisect.bisect_left(looked.starts, end)
    if (
        at < len(looked.lows)
        and looked.shapes[at] == CAPITAL
        and document.text[end : looked.starts[at]] == " "
        and rare(looked, at)
        and not looked.numbers[at] & (STOP | TITLE | LABEL)
    ):
        return looked.ends[at]
    return end


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
                or low
                in ("st", "saint", "mercy", "mount", "mt", "al", "el", "la", "san", "santa", "los", "las")
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
        real = [
            position
            for position in words
            if rare(looked, position)
            or (looked.shapes[position] == CAPITAL and looked.lows[position] in _CALLED and position > 0)
        ]
        return bool(real) and strong
    if not words:
        return _proper(looked, head, last) and strong
    unusual = [position for position in words if rare(looked, position)]
    if unusual:
        return not any(looked.lows[position] in _WRITINGS for position in range(first, last + 1))
    if not strong or all(
        looked.numbers[position] & MEDICAL and not looked.numbers[position] & (NAME | CITY)
        for position in words
    ):
        return False
    return not (first == 0 or _opens(document, first)) or last > head or len(words) > 1


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

"""Institutions by what leads to them: ``seen at``, ``transferred from``, ``works for``, ``University of``, a saint.

Knows the words before an institution, and what its own words may be. Refuses to take a department or a kind of place:
"admitted to Cardiology", "seen at Primary Care".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    ACT,
    CAPITAL,
    CITY,
    COMMON,
    DWELL,
    EPONYM,
    FACILITY,
    FIRST,
    HEAD,
    INITIAL,
    LAST,
    LOWER,
    MEDICAL,
    NAME,
    REGION,
    RELATIVE,
    ROLE,
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

__all__ = ["end_of", "find_led", "lead_of", "rare"]

_MOST = 7
_KINDS = word_set("facilities-kinds") | word_set("facilities-departments")
#: English words that institutions are called by.
_WORDS = word_set("facilities-words")
#: Letters of an abbreviation that may be an institution's, and those that are not.
_SHORT = 3
_NEVER = word_set("facilities-never")
_WRITINGS = word_set("facilities-writings")
#: Before an institution, whatever stands further on; and only where something was sent, done or said there.
_AT = frozenset(("at", "@"))
_TO = frozenset(("to", "from", "in", "by", "with", "via", "near"))
_SENT = word_set("facilities-sent")
_STAYED = frozenset(("was", "were", "been", "am", "stayed", "is"))
#: Words that lead to an institution are all of one of these kinds.
_BEFORE = STOP | DWELL
_HEAD_LEADS = _AT | _TO | {"the", "and", "or", "of", "for", "outside", "per"}
_JOINT = re.compile(r"[ \u00a0]|['\u2019]s? | & |\+|-|/| (?:of|de|and|for) (?:the )?")
_ABBREVIATED = frozenset(("st", "mt", "ft", "ste", "sta"))
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
    r"|[Rr]etired from|[Cc]o-?workers? at|[Cc]olleagues? at|[Ss]tudent at|[Ss]tudies at|[Tt]eaches at|[Tt]eacher at|[Aa]ttends|[Ii]ntern at|(?:[Dd]river|[Nn]urse|[Ww]elder|[Cc]ashier|[Ee]ngineer|[Mm]anager|[Ff]oreman|[Cc]lerk|[Cc]ook|[Cc]hef|[Tt]echnician|[Mm]echanic|[Jj]anitor|[Gg]uard|[Pp]ilot|[Mm]iner|[Aa]ccountant|[Bb]arista|[Ss]erver|[Ww]aitress|[Pp]icker|[Ss]tocker|[Oo]perator|[Ff]riend|[Cc]o-?worker) (?:at|for|with)|[Ee]nrolled (?:at|in)|[Vv]olunteers? at|[Bb]oss at|[Ii]nsured (?:by|through|with))"
    r" (?:the )?((?:[A-Z0-9][\w&'\u2019.-]*|of|and|&|de)(?: (?:[A-Z0-9][\w&'\u2019-]*|of|and|&|de(?= [A-Z])))*)"
)
_FOUNDED = word_set("facilities-founded")
_OUR_LADY = re.compile(
    r"\b[Oo]ur Lady of (?:the )?[A-Z][^\W\d_]+(?:[ -][A-Z][^\W\d_]+){0,5}(?:['\u2019]s(?: [A-Z][^\W\d_]+)?)?"
)
_VETERANS = re.compile(
    r"\b[Tt]he (VA(?: (?:Medical Center|Hospital|hospital|Clinic|clinic))?(?: in [A-Z][a-z]+)?)\b"
)
#: What English uses behind any subject.
_STATES = frozenset(
    (
        "is",
        "was",
        "are",
        "were",
        "has",
        "have",
        "had",
        "will",
        "can",
        "could",
        "should",
        "would",
        "may",
        "might",
        "must",
        "and",
        "do",
        "does",
        "did",
        "be",
        "who",
    )
)
_SAINTS = frozenset(("st", "saint", "ste", "sta", "lady"))
_WORKING = word_set("facilities-working")


def find_led(document: Document) -> Iterator[Span]:
    """Institutions that something before them gives away."""
    yield from _said(document)
    if not document.looked.shouts:
        yield from _led(document)


def _said(document: Document) -> Iterator[Span]:
    """Institutions by fixed forms: a university of, a saint, somebody's employer, the VA."""
    text, present = document.text, document.looked.present
    if present & _FOUNDED:
        for found in _OF_PLACE.finditer(text):
            yield Span(found.start(), found.end(), "FACILITY", 0.85, "rule:facility")
    if present & _SAINTS:
        yield from _saints(document)
    if present & _WORKING:
        for found in _WORKS.finditer(text):
            if _is_name(found[1]):
                yield Span(found.start(1), found.end(1), "FACILITY", 0.8, "rule:employer")
    if "va" in present:
        for found in _VETERANS.finditer(text):
            yield Span(found.start(1), found.end(1), "FACILITY", 0.8, "rule:veterans")


def _is_name(words: str) -> bool:
    return (
        not words[0].isdigit()
        and (words[0].isupper())
        and words.lower() not in ("home", "night", "i", "er", "icu", "ed")
    )


def _saints(document: Document) -> Iterator[Span]:
    """``St. Vincent's``; a saint alone only after ``at``, ``to`` or ``from``; Our Lady of the Lake."""
    for found in _OUR_LADY.finditer(document.text):
        yield Span(found.start(), found.end(), "FACILITY", 0.85, "rule:saint")
    for found in _SAINT.finditer(document.text):
        if found[2] or re.search(
            r"\b(?:at|to|from) $", document.text[max(0, found.start() - 6) : found.start()]
        ):
            if found[1].lower() in ("louis", "paul", "petersburg") and not found[2]:
                continue
            yield Span(found.start(), found.end(), "FACILITY", 0.85, "rule:saint")


def _led(document: Document) -> Iterator[Span]:
    """Runs of capitalised words behind a word that leads to an institution."""
    looked, position = document.looked, 0
    headed = looked.every & FACILITY
    while position < len(looked.lows):
        if not headed and (not position or looked.numbers[position - 1] & _BEFORE == 0):
            position += 1
            continue
        if looked.shapes[position] not in (CAPITAL, UPPER) or (
            looked.numbers[position] & (TITLE | STOP) and looked.lows[position] not in _ABBREVIATED
        ):
            position += 1
            continue
        last = _run(document, position)
        if _leads(document, position, last):
            yield Span(looked.starts[position], end_of(document, last), "FACILITY", 0.7, "rule:led")
        position = last + 1


def _run(document: Document, first: int) -> int:
    """The last of the capitalised words that go on from the first."""
    looked, text, last = document.looked, document.text, first
    while last + 1 < len(looked.lows) and last - first < _MOST:
        gap = text[looked.ends[last] : looked.starts[last + 1]]
        if not _JOINT.fullmatch(gap) and not (gap == ". " and looked.lows[last] in _ABBREVIATED):
            break
        ahead = last + 1
        if looked.lows[ahead] in ("of", "and", "de", "for", "the") and looked.shapes[ahead] == LOWER:
            while ahead < len(looked.lows) and looked.lows[ahead] in ("of", "and", "de", "for", "the"):
                ahead += 1
            if ahead == len(looked.lows) or (
                looked.lows[last + 1] in ("and", "for") and not looked.numbers[ahead] & FACILITY
            ):
                break
        if looked.shapes[ahead] not in (CAPITAL, UPPER, INITIAL) or looked.numbers[ahead] & TITLE:
            break
        last = ahead
    return last


def end_of(document: Document, last: int) -> int:
    """Where the run ends, with the ``'s`` of a name like Boston Children's."""
    looked = document.looked
    end = looked.ends[last]
    if (looked.numbers[last] & FACILITY or looked.lows[last] == "children") and document.text[
        end : end + 2
    ] in ("'s", "\u2019s"):
        return end + 2
    return end


def _leads(document: Document, first: int, last: int) -> bool:
    looked = document.looked
    headed = any(looked.numbers[at] & FACILITY for at in range(first, last + 1)) and last > first
    lead = lead_of(document, first)
    if headed and not lead and _heads_sentence(document, first, last):
        lead = "head"
    if headed and not lead:
        acts = (
            last + 1 < len(looked.lows)
            and bool(looked.numbers[last + 1] & ACT)
            and looked.lows[last + 1] not in _STATES
            and document.text[end_of(document, last) : looked.starts[last + 1]] == " "
        ) or (document.high and bool(first))
        lead = "head" if acts else ""
    elif not headed and lead not in {"at", "sent"}:
        return False
    number = looked.numbers[first]
    if (
        document.high
        and lead == "at"
        and looked.shapes[first] == CAPITAL
        and not number & (MEDICAL | STOP | TITLE)
    ):
        return looked.lows[first] not in _KINDS and not _person(looked, first, last)  # at Target
    if (
        document.high
        and headed
        and lead
        and last > first + 1
        and _WRITINGS.isdisjoint(looked.lows[first : last + 1])
    ):  # Advanced Radiology Consultants
        return True
    return bool(lead) and _proper(looked, first, last, headed=headed)


def _heads_sentence(document: Document, first: int, last: int) -> bool:
    """Whether a sentence begins with the run: Northside Pediatrics sent us."""
    looked = document.looked
    following = last + 1
    return (
        following < len(looked.lows)
        and looked.shapes[following] == LOWER
        and document.text[end_of(document, last) : looked.starts[following]] == " "
        and any(looked.lows[at] in _WORDS or rare(looked, at) for at in range(first, last + 1))
        and not any(looked.numbers[at] & (EPONYM | HEAD) for at in range(first, last + 1))
    )


def lead_of(document: Document, first: int) -> str:
    """``at``, ``sent`` (to, from) or ``head``: what kind of word stands before a run; empty for none."""
    looked = document.looked
    if not first:
        return ""
    gap = document.text[looked.ends[first - 1] : looked.starts[first]]
    low = looked.lows[first - 1]
    if gap.strip():
        return "head" if gap == " (" else ""
    if low == "the" and first > 1:
        first, low = first - 1, looked.lows[first - 2]
    if low in _AT or (low == "in" and looked.lows[max(0, first - 2)] in _STAYED):
        return "at"
    if low in _TO and any(word in _SENT for word in looked.lows[max(0, first - 5) : first - 1]):
        return "sent"
    return "head" if low in _HEAD_LEADS or looked.lows[first - 1] == "the" else ""


def _proper(looked: Looked, first: int, last: int, *, headed: bool) -> bool:
    """Whether the run's words name one institution, and not a kind of place, a department or a person."""
    words = range(first, last + 1)
    if any(looked.lows[at] in _WRITINGS for at in words) or looked.numbers[first] & (RELATIVE | ROLE):
        return False
    own = [at for at in words if looked.lows[at] not in _KINDS and not looked.numbers[at] & STOP]
    if (
        looked.shapes[first] == UPPER and first == last and len(looked.lows[first]) < 4
    ):  # at ED, to OR; at UHN
        low = looked.lows[first]
        return len(low) == _SHORT and not looked.numbers[first] and low not in _KINDS and low not in _NEVER
    if any(looked.lows[at] in _WORDS or rare(looked, at) for at in own):
        return headed or not _person(looked, first, last)
    if first == last:
        return False
    plain = [at for at in own if not looked.numbers[at] & MEDICAL]
    return bool(plain) if headed else len(plain) > 1 and len(plain) == len(words)


def _person(looked: Looked, first: int, last: int) -> bool:
    """Whether the run is rather a person's name."""
    return (
        looked.numbers[first] & FIRST == FIRST
        and (last > first or not looked.numbers[first] & CITY)
        and (last == first or bool(looked.numbers[last] & LAST))
    )


def rare(looked: Looked, position: int) -> bool:
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

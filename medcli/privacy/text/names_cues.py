"""What stands before and after a possible name, in points.

Knows titles, labels, relatives, roles, credentials, ages and what persons do. Refuses to know the name itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.words import (
    ACT,
    BY,
    CAPITAL,
    EPONYM,
    FIRST,
    HEAD,
    LABEL,
    LAST,
    LOWER,
    RELATIVE,
    ROLE,
    SELF,
    STOP,
    TITLE,
    UPPER,
    WEAKHEAD,
    word_set,
)

if TYPE_CHECKING:
    from medcli.privacy.text.words import Looked

__all__ = ["FORCING", "after", "before", "strong_title"]

#: A cue of so many points makes a name of most words.
FORCING = 4.0
#: The level of a given name that is an English word too.
_MAYBE = 2

_TITLES = word_set("names-titles")
_SPECIALTIES = word_set("names-specialties")
_GREETINGS = word_set("names-greetings")
_SIGNED = word_set("names-signed")
_SEXES = frozenset(("m", "f", "yo", "y", "male", "female"))
_BY = frozenset(("by", "per", "via"))
_PERSONS = word_set("names-persons")
_NAMING = word_set("names-naming")
_NAMES = frozenset(("name", "names", "nickname", "surname", "lastname", "firstname"))
#: Of these it is said what they have, not who they are.
_ILL = frozenset(
    (
        "patient",
        "pt",
        "pts",
        "subject",
        "client",
        "resident",
        "baby",
        "child",
        "infant",
        "newborn",
        "toddler",
        "fellow",
        "tech",
    )
)
_IS = frozenset(("is", "was", "are", "as"))
_LABEL_GAP = re.compile(r"\s{0,2}(?:\([^()\n]{0,12}\))?\s{0,3}[:=#\t]+[\s*_]{0,6}[\"“'(\[<]?|[\s*_]*\|\s*")
_AFTER = re.compile(
    r"(?P<numbered>, (?:MRN|DOB|D\.O\.B|mrn|dob)\b| ?\((?:MRN|DOB|D\.O\.B|mrn|dob)\b)"
    r"|(?P<degree>(?:,? ?\(?|, )(?:M\.? ?D\b|D\.? ?O\b\.|Ph\.? ?D\b|R\.? ?N\b|N\.? ?P\b|P\.?A\b|MBBS|MB\b|M\.B\.|FRC[RSP]|FAC[RSCP]|FASN|DDS|DMD|DPT"
    r"|Pharm\.? ?D|LCSW|PsyD|RT\(R\)|RDMS|CRNA|FNP|LPN|CNA|MPH|BSN|MSN|Jr\b|Sr\b|II\b|III\b|IV\b|Esq))"
    r"|(?P<age>[ \u00a0]?[,(/]? ?(?:is an? |is |aged? |age |a )?(?:\d{1,2}|1[01]\d)(?!\d| ?(?:mg|ml|mm|cm|%|mcg|/))"
    r"(?: ?[-\u2013]?(?:y|yr|yo|year|month|mo|[mMfF]\b|week)|[ ,)])"
    r"|,? \(?(?:fe)?male\b|, (?:man|woman|boy|girl)\b"
    r"|[ \u00a0]?[,(]? ?(?:DOB|MRN|D\.O\.B|born|b\.|ID\b|SSN|MRN))"
    r"|(?P<film>,? (?:MRI|CT|CXR|PET|EEG|ECG|EKG|US|XR|[Xx]-?ray)\b)"
    r"|(?P<bed> (?:in|from) (?:bed|room|rm|bay|icu|ward)\b(?: ?#?\d| bed)?)"
    r"|(?P<own>['\u2019]s?(?= ))"
)


_WORDS = word_set("names-words")
_PERSONAL = word_set("names-personal")
#: What follows persons, and other things as often.
_ACTS = {"and": 1.0}
#: What a person has, and no season.
_OWNED = word_set("names-owned")
#: The level of a surname that is hardly a word.
_SURNAME = 2 << 2
_PASSIVE = re.compile(
    r" (?:is|was|has been|had been) (?:also |just |recently |now )?(?:seen by|diagnosed|admitted|discharged|started on|told|born|referred|sent home|given|taking|refusing|here|asking"
    r"|complaining|worried|allergic|pregnant|scheduled|on (?:the )?(?:phone|line)|my |our |in the (?:ER|ED|hospital)|a \d|an? (?:\d|\w{1,8}[- ]year))"
)


def _owned(text: str, looked: Looked, last: int) -> float:
    """Points for a possessive: Grace's a1c, but Bell's palsy."""
    number = looked.numbers[last]
    given = number & FIRST >= _MAYBE or looked.lows[last] in _WORDS
    if (
        number & LAST >= _SURNAME
        and not number & EPONYM
        and _OWNED.issuperset(looked.lows[last + 1 : last + 2])
    ):
        return 2.6
    if last + 1 >= len(looked.lows) or not given:
        return 0.8
    following = looked.numbers[last + 1]
    if text[looked.ends[last + 1] : looked.ends[last + 1] + 1].isdecimal():  # Grace's a1c
        return 2.6
    if looked.lows[last] in _WORDS and looked.lows[last + 1] in _OWNED:  # Summer's rash
        return 2.6
    if following & (HEAD | WEAKHEAD | STOP) or looked.shapes[last + 1] != LOWER:
        return 0.8
    return 2.6


def strong_title(looked: Looked, position: int) -> bool:
    """Whether the word is a title that leaves no doubt (Mrs); MR, MS and DR in capitals may be methods and diseases."""
    low = looked.lows[position]
    return low in _TITLES and (
        looked.shouts or looked.shapes[position] != UPPER or low not in ("mr", "ms", "dr", "sr", "pa")
    )


def before(text: str, looked: Looked, position: int) -> float:
    """Points for what stands before the word."""
    if not position:
        return 0.0
    previous = position - 1
    number = looked.numbers[previous]
    gap = text[looked.ends[previous] : looked.starts[position]]
    if ":" in gap or "=" in gap or "#" in gap or "|" in gap or "\t" in gap:
        return _label(looked, previous, gap)
    if "\n" in gap:
        return _line(looked, previous, gap)
    if (
        looked.lows[previous] in _SEXES
        and text[max(0, looked.starts[previous] - 2) : looked.starts[previous]].strip(" -").isdigit()
    ):
        return 1.5
    bare = gap.strip(" \u00a0\"“'(")
    if number & TITLE and bare in ("", "."):
        return _title(looked, previous, position)
    if "(" in gap and low_in(looked, previous):
        return 4.0
    if bare and bare != ",":
        return 4.0 if bare == "." and looked.lows[previous] in ("pt", "attn", "cc", "re") else 0.0
    return _neighbour(looked, previous, bare)


def low_in(looked: Looked, previous: int) -> bool:
    """Whether a bracket behind this word holds who is meant: a man (J. Smith)."""
    return looked.lows[previous] in _PERSONS or bool(looked.numbers[previous] & (RELATIVE | ROLE))


def _label(looked: Looked, previous: int, gap: str) -> float:
    if not _LABEL_GAP.fullmatch(gap):
        return 0.0
    if looked.numbers[previous] & (LABEL | TITLE):
        return 6.0
    labels = looked.numbers[max(0, previous - 3) : previous]
    return 5.0 if any(number & LABEL for number in labels) and looked.lows[previous] in _NAMES else 0.0


def _line(looked: Looked, previous: int, gap: str) -> float:
    """A name on the line below: after a greeting's end, or after a label that stands alone."""
    if gap.count("\n") > 2:
        return 0.0
    low = looked.lows[previous]
    if (
        low in _SIGNED
        or low in _NAMES
        or (low == "you" and previous and looked.lows[previous - 1] == "thank")
    ):
        return 4.5
    return 0.0


def _title(looked: Looked, previous: int, position: int) -> float:
    if strong_title(looked, previous):
        return 6.0
    low = looked.lows[previous]
    if low in _TITLES:  # MR, MS, DR in capitals
        return 2.0
    if looked.shapes[previous] == CAPITAL and looked.shapes[position] == CAPITAL:
        return 3.5
    return (
        2.5
        if looked.numbers[previous] & (RELATIVE | ROLE) or low in ("doctor", "miss", "nurse", "sister")
        else 1.5
    )


def _said(looked: Looked, previous: int, earlier: str) -> float:
    """Points of ``is``: this is Kim, her PCP is Stein."""
    if looked.numbers[previous - 1] & (RELATIVE | ROLE) and earlier not in _ILL:
        return 2.0
    return 1.5 if looked.lows[previous] == "is" and earlier in ("this", "i", "it", "here") else 0.0


def _neighbour(looked: Looked, previous: int, bare: str) -> float:
    number, low = looked.numbers[previous], looked.lows[previous]
    earlier = looked.lows[previous - 1] if previous else ""
    if low in _IS and earlier in _NAMES:
        return 6.0
    if number & SELF and not bare:
        if low in _NAMING:
            return 4.0
        if low in ("i'm", "im", "i\u2019m") or (low == "am" and earlier == "i"):
            return 2.0
    if low in _IS and previous:
        return _said(looked, previous, earlier)
    if low == "by" and previous and looked.numbers[previous - 1] & LABEL:
        return 4.0
    if number & (RELATIVE | ROLE):
        return 3.0
    if number & BY:
        if low in _GREETINGS:
            return 4.0
        return 1.5 if low in _BY else 0.8
    return 1.0 if low in _SPECIALTIES and not bare else 0.0


def after(text: str, looked: Looked, last: int, end: int) -> float:
    """Points for what stands after the word, from ``end`` on."""
    found = _AFTER.match(text, end)
    if found:
        if found["numbered"]:
            return 3.0
        if found["degree"]:
            return 5.0 if found["degree"][0] == "," or "." in found["degree"] else 4.5
        if found["bed"]:
            return 3.0
        if found["film"]:
            return 0.8
        if found["own"]:
            return _owned(text, looked, last)
        if found["age"]:
            return 3.5 if " is a" in found["age"] or found["age"][-1:] in "y-" else 2.0
        return 0.8
    following = last + 1
    if following < len(looked.lows) and looked.numbers[following] & ACT and looked.shapes[following] == LOWER:
        gap = text[looked.ends[last] : looked.starts[following]]
        if gap != " ":
            return 0.0
        return (
            2.5
            if looked.lows[following] in _PERSONAL or _PASSIVE.match(text, looked.ends[last])
            else _ACTS.get(looked.lows[following], 1.5)
        )
    return 0.0

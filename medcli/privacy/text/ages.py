"""Ages over 89, and years of birth that reveal one.

Knows how an age is said. Refuses to touch ages under 90, which are no identifiers (45 CFR 164.514(b)(2)(i)(C)).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from medcli.privacy.text.document import Document
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import COMMON, FIRST, MEDICAL, NAME, lexicon

__all__ = ["find_ages"]

_OLD = r"(?:9\d|1[0-3]\d)"
#: Without one of these there is nothing to find.
_AN_AGE = re.compile(r"(?<!\d)0?(?:9\d|1[0-3]\d)(?!\d)")
_A_YEAR = re.compile(r"(?<!\d)1[89]\d\d(?!\d)")
_AFTER = re.compile(
    rf"(?<![\w.,/-])(?P<age>{_OLD})(?!\.\d)(?:\s?[-\u2010\u2011\u2013]?\s?(?:y\W?/?\W?o\b|y\.o\.|yrs?\W{{0,2}}old|years?[\s-]{{1,2}}(?:old(?!s)|of\sage|young)|yo[mf]?\b|y\.?o\.?[mf]?\b|yr[\s-]?old|yr\s?/\s?o|y/\s?o"
    r"|jahre\salt|-?j\u00e4hrig\w{0,2}|ans\b|a\u00f1os\b|anni\b|anos\b|jaar\b)|[MF]\b(?![\w/'.-])(?=[\s,;:)]|$)|\s[MF]\s(?=with|w/|who|presents|presenting|admitted|h/o|hx|s/p|c/o|pt\b|here|found|brought|came|has\b|p/w)|(?:st|nd|rd|th)\sbirthday|\s?y\b(?=[\s,;)]))",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"\b(?:aged?|ages|turn(?:s|ed|ing)?|age\sof|years\sof\sage|pt\sis|patient\sis|(?:he|she|they|who|mother|father|mom|dad|grandmother|grandfather|grandma|grandpa|i)(?:\sis|'s|\swas|'m|\sam)|lived\sto(?:\sbe)?|died\sat|dies\sat|alter|\u00e2ge)"
    rf"(?:\s?[:=]|\sis|\swas|\sof|\sover|\sabout|\snow)?\s{{1,2}}(?:now\s|only\s|about\s|almost\s|nearly\s)?(?P<age>{_OLD})(?!\d|[.,]\d|\s?[%/\u00b0]|\s?(?:mg|kg|lbs?|pounds|mm|cm|ml|bpm|days|weeks|months|hours|minutes|percent|degrees|systolic|over)\b|\s?\+|\s(?:and|or)\s(?:older|over|above|up))",
    re.IGNORECASE,
)
#: A name or a person, then the age between commas.
_TITLED = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?\s[^\W\d_]+(?:\s[^\W\d_]+)?\s(?:is|was|turned|turns)\s(?:now\s)?(?P<age>{_OLD})(?!\d|[.,]\d|\s?%)"
)
_BETWEEN = re.compile(
    rf"[^\W\d_],\s(?P<age>{_OLD}),\s(?=is|was|has|had|presents|presented|who|with|a\s|an\s|came|from|lives|living|male|female|admitted|diagnosed|died|comes)"
)
#: Behind a name, in brackets or between commas: Marguerite (101), Agnethe Moltke, 96, at home.
_NAMED = re.compile(
    rf"(?P<name>[^\W\d_][^\W\d_'\u2019-]{{1,30}})(?:\s\((?P<age>{_OLD})(?:,?\s?[MFmf])?\)|,\s(?P<told>{_OLD})(?:[MFmf])?(?=,\s[a-z]|\.?$|[;)]))"
)
#: Behind a name written small or not, with nothing that is counted: walter is 93 and lives alone.
_IS = re.compile(
    rf"(?<![\w'-])(?P<name>[^\W\d_]{{2,20}})\s(?:is|was|turned|turns)\s(?:now\s)?(?P<age>{_OLD})(?=\s(?:and|now|with|but|so|lives|has|yrs?)\b|[.,;!?)](?!\d)|$)"
)
_WARM = re.compile(r"\b(?:temp|temperature|fever|febrile|tmax|t)\b[^.\n]{0,14}$", re.IGNORECASE)
_COLON = re.compile(rf"\bage\s?[:=]\s?(?P<age>{_OLD})(?!\d|[.,]\d)", re.IGNORECASE)
_DICOM = re.compile(r"(?<!\w)(?P<age>09\d|1[0-3]\d)Y(?!\w)")
_WORDS = re.compile(
    r"\b(?P<age>(?:ninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?|(?:one|a)\s?hundred(?:\sand)?(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))?))"
    r"[\s-](?:years?|yrs?)[\s-](?:old|of\sage)|\bage[d:]?\s(?:is\s|of\s)?(?P<told>ninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?|one\shundred(?:\sand)?(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine|ten))?)(?!\w)|\b(?P<decade>(?:early\s|mid[\s-]|late\s)?(?:nineties|(?:19)?90'?s))\b|\b(?P<noun>nonagenarians?|(?:super)?centenarians?)\b",
    re.IGNORECASE,
)
_IN_DECADE = re.compile(r"\b(?:in|into)\s(?:her|his|their|my|the\spatient's)\s$", re.IGNORECASE)
_BORN = re.compile(
    r"\b(?:born(?:\s(?:in|about|around|circa))?|birth\s?year|year\sof\sbirth|b\.|yob|dob|date\sof\sbirth|d\.o\.b\.?|n\u00e9e?\sen|geb(?:oren|\.)?(?:\sin)?|nacid[oa]\sen)"
    r"(?:\s(?:is|was|in|of))?[\s:,=(-]{1,3}(?P<year>1[89]\d\d)(?![\w/-]|\.\d)",
    re.IGNORECASE,
)


def find_ages(document: Document) -> list[Span]:
    """Spans of the category AGE: the number or the words of the age, or the year of birth."""
    text, lower = document.text, document.lower
    spans: list[Span] = []
    if document.digits and _AN_AGE.search(text):
        spans += [
            Span(match.start(), match.start() + len(match[0].rstrip()), "AGE", 0.95, "rule:age")
            for match in _AFTER.finditer(text)
            if not _warm(text, match)
        ]
        for pattern in (_BEFORE, _TITLED, _BETWEEN, _COLON, _DICOM):
            spans += [Span(*match.span("age"), "AGE", 0.95, "rule:age") for match in pattern.finditer(text)]
        spans += [
            Span(*match.span("age" if match["age"] else "told"), "AGE", 0.85, "rule:age")
            for match in _NAMED.finditer(text)
            if match["name"][0].isupper() and _nameable(match["name"])
        ]
        spans += [
            Span(*match.span("age"), "AGE", 0.8, "rule:age")
            for match in _IS.finditer(text)
            if _given(match["name"])
        ]
    if document.digits and _A_YEAR.search(text):
        spans += [
            Span(*match.span("year"), "AGE", 0.95, "rule:birth-year")
            for match in _BORN.finditer(text)
            if int(match["year"]) <= datetime.now(UTC).year - 90
        ]
    if (
        "ninet" in lower
        or "hundred" in lower
        or "genarian" in lower
        or "centenarian" in lower
        or "90" in lower
    ):
        spans += [span for match in _WORDS.finditer(text) if (span := _worded(text, match)) is not None]
    return spans


def _warm(text: str, match: re.Match[str]) -> bool:
    """Whether the number is a temperature: 101F."""
    return match[0][-1] in "Ff" and _WARM.search(text[max(0, match.start() - 24) : match.start()]) is not None


def _nameable(word: str) -> bool:
    """Whether a word is a name, or in no list: not Chloride (101)."""
    number = lexicon()[word.lower()]
    return not number or bool(number & NAME and not number & MEDICAL)


def _given(word: str) -> bool:
    """Whether a word is a given name before it is anything else: not pressure is 93."""
    number = lexicon()[word.lower()]
    return number & FIRST > 1 and not number & (MEDICAL | COMMON)


def _worded(text: str, match: re.Match[str]) -> Span | None:
    """An age in words; a decade only where it is somebody's: "in her nineties"."""
    kind = match.lastgroup or "age"
    if kind == "decade" and not _IN_DECADE.search(text[max(0, match.start() - 22) : match.start()]):
        return None
    if kind == "noun" and match[0].lower().endswith("s"):
        return None
    return Span(*match.span(kind), "AGE", 0.9, "rule:age-words")

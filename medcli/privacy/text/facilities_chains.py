"""Institutions without a word that says what they are: chains of pharmacies and laboratories, universities of a state.

Knows their names and what must stand beside each, for most mean something else alone: "quest for", "boots", "the Mayo
score", "Ohio". The street or town of a branch goes with it. Refuses to know institutions by their form.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_chains"]

_NAMED = r"[A-Z][^\W\d_]{1,20}"
#: Where a branch is: on Maple Ave, in Croydon, at 5th and Main.
_BRANCH = rf"(?: (?:on|in|at|near|of) (?:the )?(?P<where>(?:\d{{1,5}}(?:st|nd|rd|th)?|{_NAMED})(?:(?: and | & | |-)(?:{_NAMED}|\d{{1,5}}(?:st|nd|rd|th)))?(?: {_NAMED})?))"
_LEAD = (
    r"(?:\b(?:at|from|by|to|via|through|with|per|the|near|our|my|local|called|this is) (?:the |our |my )?)"
)
_CARE = re.compile(
    rf"\b(?P<place>(?:[Uu]rgent [Cc]are|[Ww]alk-in(?: [Cc]linic)?|[Mm]inute [Cc]linic|[Ff]reestanding ER){_BRANCH})",
)
_CARE_SMALL = re.compile(
    r"\b(?:urgent care|walk-in(?: clinic)?|cvs|walgreens|rite aid) on (?!the\b|my\b|a\b|our\b|his\b|her\b|\d|call\b|weekend|monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon\b|tues?\b|wed\b|thurs?\b|fri\b|sat\b|sun\b|file\b|and\b|or\b|to\b|january|february|march|april|may\b|june|july|august|september|october|november|december|discharge|day\b|site\b)[a-z]{3,20}(?: (?:st|ave|rd|blvd|street|avenue|road|drive|dr|lane))?\b"
)
_CHILDREN = re.compile(
    rf"\b(?!The |A |For |In |All |Our |My |This |Many |Most |Some |Any |Is |Do |Does |Are |Can |Should |Young |Older |When |What |How |Why |Treat)(?:{_NAMED} )?{_NAMED} Children['\u2019]s(?= (?:[a-z]|ED|ER|ICU|PICU|NICU|Cardiology|Oncology)|[.,;?!)]|$)"
)
_STATES_BEHIND = r"(?=['\u2019]s|,? (?:student|athlete|linebacker|quarterback|junior|senior|freshman|sophomore|grad|graduate|football|basketball|baseball|soccer|volleyball|swimmer|wrestler|runner|gymnast|player|professor|faculty|employee|alum|undergrad|postdoc|law|med|medical|dorm|campus|fan|coach|nursing|engineering|health|pitcher|goalie|rower|cheerleader))"
_STATES_BEFORE = r"(?:\b(?:at|attends|attending|to|from|for|@) (?:the )?|\b(?:student|studies|junior|senior|freshman|sophomore|professor) (?:at|from) )"
_FOUNDED = re.compile(
    r"\b[A-Z][a-z]+ (?:State|Tech|A&M|Poly)\b(?! of\b| [Hh]ealth [Dd]ep| [Ll]aw| [Ll]ine\b)"
)


@cache
def _chains() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns, and the group of each that is found."""
    sure, led = (
        "|".join(
            re.escape(name.replace("_", " ")) for name in sorted(word_set(kind), key=lambda n: (-len(n), n))
        )
        for kind in ("facilities-chains", "facilities-chains-led")
    )
    labs = "|".join(re.escape(name) for name in sorted(word_set("facilities-labs")))
    return (
        (re.compile(rf"\b(?P<place>(?:{sure})(?:['\u2019]s)?(?:{_BRANCH})?)(?!\w)"), "place"),
        (re.compile(rf"\b(?P<place>(?:{led}){_BRANCH})(?!\w)"), "place"),
        (
            re.compile(rf"{_LEAD}(?P<place>(?:{led})(?:['\u2019]s)?)(?=[.,;:?!)]|$| [a-z])(?! score| index)"),
            "place",
        ),
        (
            re.compile(
                rf"\b(?:at|from|by|to|via|through|with|per|called|labs?|results?) (?P<place>(?:{labs})(?:{_BRANCH})?)(?=[.,;:?!)]|$| [a-z])(?! score| index| class| stag)"
            ),
            "place",
        ),
    )


def find_chains(document: Document) -> Iterator[Span]:
    """Branches of chains, a city's children's hospital, universities of a state."""
    text, present = document.text, document.looked.present
    if not present.isdisjoint(_firsts()):
        for pattern, group in _chains():
            for found in pattern.finditer(text):
                yield Span(*found.span(group), "FACILITY", 0.8, "list:chains")
    if not present.isdisjoint(("urgent", "walk-in", "minute", "freestanding", "cvs", "walgreens", "rite")):
        for found in _CARE.finditer(text):
            yield Span(*found.span("place"), "FACILITY", 0.75, "rule:branch")
        for found in _CARE_SMALL.finditer(text):
            yield Span(*found.span(), "FACILITY", 0.7, "rule:branch")
    if not present.isdisjoint(("children", "children's", "children\u2019s")):
        for found in _CHILDREN.finditer(text):
            yield Span(*found.span(), "FACILITY", 0.75, "rule:children")
    if not present.isdisjoint(("state", "tech", "poly", "a")):
        yield from _universities(text)


def _universities(text: str) -> Iterator[Span]:
    """``Ohio State student``, ``junior at Penn State``."""
    for found in _FOUNDED.finditer(text):
        if _BEHIND.match(text, found.end()) or _BEFORE.search(
            text, max(0, found.start() - 24), found.start()
        ):
            yield Span(*found.span(), "FACILITY", 0.75, "rule:university")


_BEHIND = re.compile(_STATES_BEHIND)
_BEFORE = re.compile(_STATES_BEFORE + "$")


@cache
def _firsts() -> frozenset[str]:
    """The first words of all chains, in lower case."""
    return frozenset(
        part.lower()
        for kind in ("facilities-chains", "facilities-chains-led", "facilities-labs")
        for name in word_set(kind)
        for part in re.split(r"[_&.'-]", name)[:1]
    )

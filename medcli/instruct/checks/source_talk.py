"""Rule ``source-talk``: question and answer speak of the picture, never of the texts it was described by.

Knows the words for such texts and the company in which they mean one (``source_talk.tsv``). "The context of
inflammation", "text on the film", "described as" and "nasal passage" are none. What can be cut is told by
:mod:`.lead_ins`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from medcli.instruct.checks.subject import Subject, words_of
from medcli.instruct.checks.tables import rows
from medcli.instruct.sample import Finding

_ARTICLE = r"(?:the|this|that|these|those|your|its|any|an?)"
_GIVEN = r"(?:given|provided|supplied|accompanying|attached|above|following|uploaded|quoted|image|figure|picture)(?:'s)?"
_LOOSE = rf"(?:{_GIVEN}|associated|corresponding|surrounding|available|original|additional|short|brief|main|full|case)"
_LEADING = (
    r"(?:according to|based (?:up)?on|judging (?:by|from)|as per|per|from|in|within|given|by|in line with|"
    r"consistent with|in accordance with)"
)
_SAYS = re.compile(
    r"\s+(?:(?:also|only|clearly|explicitly|specifically|further|merely|simply)\s+)?"
    r"(?:mention|state|say|describe|indicate|suggest|note|report|explain|specif|read|tell|refer|provide|list|"
    r"highlight|define|discuss|do(?:es)?\s+not|do(?:es)?n't|did\s+not|itself|said|told)"
)
_POINTED = re.compile(
    r"\s+(?:(?:that\s+)?(?:is|was|were|are)\s+)?(?:provided|given|supplied|above|below|at hand|accompanying)\b"
)
_REACH = 90  # characters before a word that its company may take


class _Way(NamedTuple):
    """What has to stand before a word, and behind it, for it to mean a source."""

    before: re.Pattern[str]
    behind: re.Pattern[str] | None


_WAYS = {
    "l": _Way(re.compile(rf"\b{_LEADING}\s+{_ARTICLE}\s+(?:{_LOOSE}\s+){{0,3}}$"), None),
    "t": _Way(re.compile(rf"\b{_LEADING}\s+the\s+(?:{_LOOSE}\s+){{0,3}}$"), None),
    "q": _Way(re.compile(rf"(?<!not )\b{_GIVEN}\s+(?:{_LOOSE}\s+){{0,2}}$"), None),
    "s": _Way(re.compile(rf"\b(?:the|this|that|your|image|figure)\s+(?:{_LOOSE}\s+){{0,2}}$"), _SAYS),
    "p": _Way(re.compile(rf"\b(?:{_ARTICLE}|{_GIVEN})\s+(?:{_LOOSE}\s+){{0,2}}$"), _POINTED),
}
_MENTIONED = re.compile(
    r"\b(?:is|are|was|were|be|been|being|as|it|and)\s+(?:(?:not|also|never|only|explicitly|specifically|clearly)\s+)*"
    r"mentioned\b(?!\s+(?:above|earlier|before|previously))"
    r"|\bmentioned\s+(?:in|by)\b|\b(?:no|any|the|without|explicit)\s+mention\s+of\b"
    r"|\bnot\s+(?:(?:explicitly|specifically|clearly|directly)\s+)*(?:stated|disclosed)\b"
    r"|\b(?:is|are|was|were)\s+not\s+(?:explicitly\s+|specifically\s+|clearly\s+)?(?:specified|provided)\b"
)
_MENTION_WORDS = frozenset(("mentioned", "mention", "stated", "disclosed", "specified", "provided"))


class _Word(NamedTuple):
    ways: tuple[_Way, ...]  # none: it means a source in any company
    unless: re.Pattern[str] | None


@cache
def _table() -> tuple[re.Pattern[str], dict[str, _Word], frozenset[str]]:
    """All words in one expression, a group each; what each needs; and the plain words that every match begins with."""
    found, groups, first = dict[str, _Word](), list[str](), set[str]()
    for place, row in enumerate(rows("source_talk")):
        unless = re.compile(rf"\s+(?:{row['unless']})") if row["unless"] else None
        found[f"w{place}"] = _Word(
            tuple(_WAYS[letter] for letter in row["company"] if letter in _WAYS), unless
        )
        groups.append(rf"(?P<w{place}>{row['word']})")
        first |= set(row["starts"].split())
    return re.compile(rf"\b(?:{'|'.join(groups)})\b"), found, frozenset(first)


@cache
def nouns() -> str:
    """The words for texts as one alternative, for phrases that are cut."""
    return "|".join(row["word"] for row in rows("source_talk"))


def source_talk(subject: Subject) -> Iterator[Finding]:
    """No turn speaks of a caption, context, text, article or file that the sample was made from."""
    for place, (text, words) in enumerate(zip(subject.texts, subject.words, strict=True)):
        if talks(text, words):
            yield Finding("source-talk", place)


def talks(text: str, words: frozenset[str] | None = None) -> bool:
    """Whether a text speaks of its source; ``words`` are its own, as :func:`.subject.words_of` tells them."""
    words = words_of(text) if words is None else words
    pattern, table, first = _table()
    small = text.lower()
    if not words.isdisjoint(_MENTION_WORDS) and _MENTIONED.search(small):
        return True
    if words.isdisjoint(first):
        return False
    return any(_means(small, found, table[str(found.lastgroup)]) for found in pattern.finditer(small))


def _means(text: str, found: re.Match[str], word: _Word) -> bool:
    """Whether a word means a source in the company in which it was found."""
    start, end = found.span()
    if word.unless is not None and word.unless.match(text, end):
        return False
    return not word.ways or any(
        way.before.search(text, max(0, start - _REACH), start)
        and (not way.behind or way.behind.match(text, end))
        for way in word.ways
    )

"""The domain of a figure, told from its caption by rules (``domains.tsv``): no model, the same answer every time.

Each row that matches speaks for its domain with its weight; the highest sum wins, and of equal ones the domain that is
named first in the caption. Knows captions; refuses to look at pictures, so a figure of several panels gets one domain.
"""

from __future__ import annotations

import re
from functools import cache

from medcli.instruct.checks.tables import rows

DOMAINS = (
    "chest_xray",
    "ct_scan",
    "mri",
    "histology",
    "gross",
    "ultrasound",
    "fundus",
    "dermatology",
    "endoscopy",
    "other",
)
"""LLaVA-Med's five, and five more; ``other`` for all that none of them is."""

_WORD = re.compile(r"\w+")
_KNOWN: dict[str, tuple[tuple[str, int], ...]] = {}
_KEPT = 1 << 16  # words whose rows are remembered


def domain_of_caption(caption: str) -> str:
    """One of :data:`DOMAINS`.

    >>> domain_of_caption("Axial CT of the chest; the chest radiograph was normal.")
    'ct_scan'
    """
    scores = scored(caption)
    if not scores:
        return "other"
    best = max(score for score, _ in scores.values())
    first = min(place for score, place in scores.values() if score == best)
    return next(name for name, (score, place) in scores.items() if score == best and place == first)


def scored(caption: str) -> dict[str, tuple[float, int]]:
    """By domain: the sum of its weights, and where its first sign stands; only sums above 0."""
    text = " ".join(caption.lower().split())
    sums, first = dict[str, float](), dict[str, int]()
    table = _table()
    for number in sorted(_worth_trying(text)):
        domain, weight, pattern = table[number]
        if found := pattern.search(text):
            sums[domain] = sums.get(domain, 0.0) + weight
            if weight > 0:
                first[domain] = min(found.start(), first.get(domain, len(text)))
    return {domain: (score, first[domain]) for domain, score in sums.items() if score > 0}


def _worth_trying(text: str) -> set[int]:
    """The rows of which the text holds a need; each word is asked once for all captions."""
    tried = set[int]()
    for word in {*_WORD.findall(text), ""}:
        known = _KNOWN.get(word)
        if known is None:
            if len(_KNOWN) >= _KEPT:
                _KNOWN.clear()
            known = _KNOWN[word] = _told_by(word)
        if known:
            tried.update(number for need, number in known if not need or need in text)
    return tried


def _told_by(word: str) -> tuple[tuple[str, int], ...]:
    """The rows that a word of the text speaks for, with what the text has to hold beside it."""
    found = dict[tuple[str, int], None]()
    for need, piece, number in _needs():
        if need == f"={word}" or (piece == need and need in word):
            found["", number] = None
        elif piece != need and (piece in word if piece else not word):
            found[need, number] = None
    return tuple(found)


@cache
def _needs() -> tuple[tuple[str, str, int], ...]:
    """Each need with its longest piece within one word, if that is long enough to tell anything, and its row."""
    every = []
    for number, row in enumerate(_rows()):
        for need in row["needs"].split("|"):
            piece = max(_WORD.findall(need), key=len, default="")
            every.append(
                (
                    need,
                    "=" if need.startswith("=") else piece if piece == need or len(piece) > 1 else "",
                    number,
                )
            )
    return tuple(every)


@cache
def _table() -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    return tuple((row["domain"], float(row["weight"]), re.compile(row["pattern"])) for row in _rows())


@cache
def _rows() -> tuple[dict[str, str], ...]:
    return tuple(rows("domains", "medcli.instruct"))

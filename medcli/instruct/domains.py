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

_GRAM = 4
_BLANK = re.compile(r"\s+")


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
    text = _BLANK.sub(" ", caption.lower())
    sums, first = dict[str, float](), dict[str, int]()
    table = _table()
    for place in _tried(text):
        domain, weight, pattern = table[place]
        if found := pattern.search(text):
            sums[domain] = sums.get(domain, 0.0) + weight
            if weight > 0:
                first[domain] = min(found.start(), first.get(domain, len(text)))
    return {domain: (score, first[domain]) for domain, score in sums.items() if score > 0}


def _tried(text: str) -> list[int]:
    """Places of the rows that may match: a text has to hold one of the words that a row needs."""
    long, short = _needs()
    grams = {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}
    places = {place for need in short if need in text for place in short[need]}
    for gram in grams & long.keys():
        places.update(place for need, place in long[gram] if need in text)
    return sorted(places)


@cache
def _table() -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    return tuple((row["domain"], float(row["weight"]), re.compile(row["pattern"])) for row in _rows())


@cache
def _needs() -> tuple[dict[str, list[tuple[str, int]]], dict[str, list[int]]]:
    """What rows need: by their first four letters, with the row's place; and shorter ones."""
    long, short = dict[str, list[tuple[str, int]]](), dict[str, list[int]]()
    for place, row in enumerate(_rows()):
        for need in row["needs"].split("|"):
            if len(need) < _GRAM:
                short.setdefault(need, []).append(place)
            else:
                long.setdefault(need[:_GRAM], []).append((need, place))
    return long, short


@cache
def _rows() -> tuple[dict[str, str], ...]:
    return tuple(rows("domains", "medcli.instruct"))

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
    for domain, weight, needs, pattern in _table():
        for need in needs:
            if need in text:
                break
        else:
            continue
        if found := pattern.search(text):
            sums[domain] = sums.get(domain, 0.0) + weight
            if weight > 0:
                first[domain] = min(found.start(), first.get(domain, len(text)))
    return {domain: (score, first[domain]) for domain, score in sums.items() if score > 0}


@cache
def _table() -> tuple[tuple[str, float, tuple[str, ...], re.Pattern[str]], ...]:
    return tuple(
        (row["domain"], float(row["weight"]), tuple(row["needs"].split("|")), re.compile(row["pattern"]))
        for row in rows("domains", "medcli.instruct")
    )

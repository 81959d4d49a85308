"""Facts of a text that a picture cannot tell: ages, dates, counts, measurements, as values that can be compared.

Numbers that are part of a name are taken and thrown away: Ki-67, CD20, T2, C5-C6, COVID-19, 99mTc, 3D, 12-lead,
grade 3, Gleason 3+4, WHO 2016. Names of persons are :mod:`.name_facts`'.
"""

from __future__ import annotations

import re
from functools import lru_cache

from medcli.instruct.checks.fact_kinds import MAKERS, Before, Fact
from medcli.instruct.checks.fact_patterns import HOT, HOT_WORDS, SPELT, begun
from medcli.instruct.checks.subject import words_of

__all__ = ["Fact", "facts"]


@lru_cache(64)
def facts(text: str, words: frozenset[str] | None = None) -> tuple[Fact, ...]:
    """All facts of a text, in order.

    Parameters
    ----------
    text : str
        Any length; the cost is that of its numbers.
    words : frozenset of str, optional
        Its own, in small letters.
    """
    spelt = not SPELT.isdisjoint(words_of(text) if words is None else words)
    found, done = list[Fact](), 0
    for hot in (HOT_WORDS if spelt else HOT).finditer(text):
        start = hot.start()
        if start < done or (start and text[start - 1] == "." and start > 1 and text[start - 2].isdigit()):
            continue
        match = begun().match(text, start)
        if match is None:
            continue
        done = match.end()
        found += MAKERS[str(match.lastgroup)](match, _before(text, start))
    return tuple(found)


_GLUED = re.compile(r"[^\s()\[\],;:=]*$")
_EDGE = re.compile(r"[\s#:=(\[]+$")


def _before(text: str, start: int) -> Before:
    head = text[max(0, start - 48) : start]
    glued = _GLUED.search(head)
    assert glued is not None
    rest = _EDGE.sub("", head[: glued.start()])
    return Before(glued[0], tuple(word.lstrip("([\"'") for word in rest.split()[-3:]))

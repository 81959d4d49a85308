"""Rule ``leak``: an answer repeats nothing of the caption or the mentions that the picture cannot tell.

What counts, and what does not, is written in docs/generate-instruct-checks.md; in short:

- age: the same number with the same unit of time, or the decade that holds it ("in her sixties");
- date: the same year, or the same day and month;
- measurement: the same value of the same quantity, whatever the unit (3.5 cm is 35 mm), or the caption's value rounded
  to two digits or more; a bare number with decimals that the caption has, with a unit or without;
- count: the same number of the same noun; from 13 on the number alone, which does not come by chance;
- name: a word of a name (:mod:`.name_facts`), with its capital.

Numbers within names of stains, markers, stages, vertebrae, teeth, sequences and isotopes are none (:mod:`.facts`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from medcli.instruct.checks.facts import Fact, facts
from medcli.instruct.checks.name_facts import names
from medcli.instruct.checks.numerals import VALUES
from medcli.instruct.checks.subject import Subject
from medcli.instruct.sample import Finding
from medcli.records import Caption

_DIGIT = re.compile(r"\d")
_CAPITAL = re.compile(r"[^\W\d_a-z][\w'\u2019-]*[a-z][\w'\u2019-]*")
_NUMERALS = frozenset(VALUES) | frozenset(
    ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"]
)
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_TELLING = (
    13  # a number from which no coincidence is likely: more than fingers, months or the letters of choices
)
_ARTICLES = {
    "age": "an age",
    "date": "a date",
    "count": "a count",
    "measurement": "a measurement",
    "name": "a name",
}


def leak(subject: Subject) -> Iterator[Finding]:
    """No answer repeats an age, date, name, count or measurement of the caption or the mentions."""
    if subject.caption is None:
        return
    for place, text in _answers(subject):
        words = subject.words[place] if place >= 0 else None
        if kind := leaked(text, subject.caption, smallest=subject.settings.smallest_count, words=words):
            yield Finding("leak", place, f"{_ARTICLES[kind]} of the caption or the mentions")


def _answers(subject: Subject) -> Iterator[tuple[int, str]]:
    """Answers, and the option that is the key."""
    yield from subject.answers
    sample = subject.sample
    if 0 <= sample.key < len(sample.choices):
        yield -1, sample.choices[sample.key]


def leaked(text: str, caption: Caption, *, smallest: int = 2, words: frozenset[str] | None = None) -> str:
    """Which kind of fact a text repeats, or empty.

    Parameters
    ----------
    text : str
        An answer.
    caption : Caption
        What it was made from.
    smallest : int
        Counts below it are no leak.
    words : frozenset of str, optional
        The text's own words in small letters.
    """
    if _DIGIT.search(text) or words is None or not words.isdisjoint(_NUMERALS | _MONTHS):
        told = _told(caption) if (said := dict.fromkeys(facts(text, words))) else {}
        for fact in said if told else ():
            if any(_same(fact, one, smallest) for one in told.get(_group(fact), ())):
                return fact.kind if fact.kind != "count" else _kind_of_number(fact, told)
    known = _named(caption)
    return "name" if known and not known.isdisjoint(_CAPITAL.findall(text)) else _phrase(text, known)


def _phrase(text: str, known: Iterable[str]) -> str:
    return "name" if any(" " in name and name in text for name in known) else ""


@lru_cache(64)
def _texts(caption: Caption) -> str:
    return "\n\n".join((caption.caption, *caption.mentions))


@lru_cache(64)
def _told(caption: Caption) -> dict[str, tuple[Fact, ...]]:
    """The facts of a caption, by what they can be compared with."""
    found = dict.fromkeys(facts(_texts(caption)))
    told = dict[str, list[Fact]]()
    for fact in found:
        for group in {_group(fact), "count", "decade" if fact.kind == "age" else "count"}:
            told.setdefault(group, []).append(fact)
    return {group: tuple(some) for group, some in told.items()}


def _group(fact: Fact) -> str:
    return fact.kind if fact.kind in ("date", "count") else fact.of


def _named(caption: Caption) -> frozenset[str]:
    return names(_texts(caption))


def _kind_of_number(fact: Fact, told: dict[str, tuple[Fact, ...]]) -> str:
    """What a bare number was in the caption."""
    kinds = [
        one.kind for one in told["count"] if one.kind != "date" and one.number.value == fact.number.value
    ]
    return "count" if "count" in kinds or not kinds else kinds[0]


def _same(said: Fact, told: Fact, smallest: int) -> bool:
    """Whether an answer's fact is the caption's."""
    if said.kind == "date" or told.kind == "date":
        return said.kind == told.kind and _same_date(said.date, told.date)
    if said.of == "decade":
        return told.kind == "age" and said.value <= told.value < said.value + 120
    if said.kind == "count":
        return _same_count(said, told, smallest)
    return bool(said.of) and said.of == told.of and _same_value(said, told)


def _same_date(said: tuple[int, int, int], told: tuple[int, int, int]) -> bool:
    if said[0] and said[0] == told[0]:
        return True
    if said[1:] == told[1:] and said[2]:  # day and month, or the month alone on both sides
        return not (said[0] and told[0])
    return False


def _same_value(said: Fact, told: Fact) -> bool:
    if math.isclose(said.value, told.value, rel_tol=1e-6):
        return True
    if said.number.digits < 2:
        return False
    as_said = told.value / said.factor
    return math.isclose(round(as_said, said.number.decimals), said.number.value, rel_tol=1e-9)


def _same_count(said: Fact, told: Fact, smallest: int) -> bool:
    if said.number.value != told.number.value:
        return False
    if said.number.decimals:
        return True
    if said.number.value < smallest:
        return False
    if said.number.value >= _TELLING:
        return True
    return told.kind == "count" and not said.nouns.isdisjoint(told.nouns)

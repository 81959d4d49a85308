"""The first verb and the first noun of a question, by a table of words and how English puts them.

No part-of-speech model: a question about a picture is short, and its verb is one of some hundred. The noun is the last
word of the first run of words that are none of those in the table: of "the pleural space on the left" it is "space".
Knows words.tsv. Refuses to know samples.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

OTHER = "other"

_WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
_SHORT = re.compile(r"\b(what|who|where|how|there|it|that)['\u2019]s\b", re.IGNORECASE)
_ADJECTIVE = ("al", "ic", "ous", "ive", "able", "ible", "ary", "ful", "less", "ed", "ly", "ior")
_KEPT = frozenset(
    ("hospital", "interval", "signal", "material", "clinic", "basic", "topic", "pelvic", "capillary", "red")
)


class Words(NamedTuple):
    """The table: forms of verbs and auxiliaries with the form that is shown, and other words."""

    verbs: dict[str, str]
    auxiliaries: dict[str, str]
    function: frozenset[str]
    adjectives: frozenset[str]


@functools.cache
def words() -> Words:
    """The table words.tsv."""
    text = resources.files("medcli.instruct.report").joinpath("words.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    verbs: dict[str, str] = {}
    auxiliaries: dict[str, str] = {}
    others: dict[str, set[str]] = {"function": set(), "adjective": set()}
    for row in csv.DictReader(lines, delimiter="\t"):
        forms = row["words"].split()
        if row["kind"] in others:
            others[row["kind"]].update(forms)
        else:
            (verbs if row["kind"] == "verb" else auxiliaries).update(dict.fromkeys(forms, forms[0]))
    return Words(verbs, auxiliaries, frozenset(others["function"]), frozenset(others["adjective"]))


def asked(text: str) -> tuple[str, str]:
    """The verb and the noun of the sentence that asks, or :data:`OTHER`.

    >>> asked("What does the chest radiograph show?"), asked("Is there a pleural effusion?")
    (('show', 'radiograph'), ('be', 'effusion'))
    >>> asked("Describe the findings in the left lung.")
    ('describe', 'finding')
    """
    sentence = _asking(text[:2000])
    sentence = _SHORT.sub(r"\1 is", sentence)
    found = [word.casefold().replace("\u2019", "'") for word in _WORD.findall(sentence)]
    return _verb(found), _noun(found)


def _asking(text: str) -> str:
    """The first sentence with a question mark, else the last one."""
    sentences = [one for one in _SENTENCE.split(text.strip()) if one.strip()]
    return next((one for one in sentences if one.rstrip().endswith("?")), sentences[-1] if sentences else "")


def _verb(found: Sequence[str]) -> str:
    """The first verb of the table, else the first auxiliary; a verb behind "the" or the like is a noun."""
    known = words()
    for place, word in enumerate(found):
        if word in known.verbs and not (
            place and found[place - 1] in ("the", "a", "an", "this", "that", "of")
        ):
            return known.verbs[word]
    return next((known.auxiliaries[word] for word in found if word in known.auxiliaries), OTHER)


def _noun(found: Sequence[str]) -> str:
    known = words()
    run: list[str] = []
    for place, word in enumerate(found):
        noun = word not in known.function and word not in known.auxiliaries
        if noun and word in known.verbs:  # "the report"
            noun = bool(place) and found[place - 1] in ("the", "a", "an", "this", "that", "of")
        if not noun:
            if run:
                break
            continue
        if _adjective(word):
            if run and not _goes_on(found, place + 1):
                break
            continue
        run.append(word)
    return _singular(run[-1]) if run else OTHER


def _adjective(word: str) -> bool:
    if word in words().adjectives:
        return True
    return len(word) > 4 and word.endswith(_ADJECTIVE) and word not in _KEPT


def _goes_on(found: Sequence[str], place: int) -> bool:
    """Whether a noun follows an adjective: "chest radiographic findings"."""
    known = words()
    taken = known.function | known.auxiliaries.keys() | known.verbs.keys()
    return place < len(found) and found[place] not in taken and not _adjective(found[place])


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "is", "us", "'s")):
        return word[:-1]
    return word.removesuffix("'s")

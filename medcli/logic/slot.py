"""One thing that is asked for, its closed states, and the one state that a text tells.

The parser behind the metric ``logic``, the check of templates, and any reward. It weighs four kinds of evidence:
phrases, their denial, numbers against thresholds, and a plain yes or no. Evidence that disagrees is no state.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from medcli.logic.intervals import EVERYTHING, Interval
from medcli.logic.negation import said, soft, wall
from medcli.logic.numbers import readings
from medcli.logic.words import Token, Words, cue, number, phrase, starts, tokens

_YES, _NO = frozenset(("yes", "yeah", "yep")), frozenset(("no", "nope"))
_ENDS = frozenset(".,;:!()\n")
_WORDS = frozenset(
    ("all", "am", "an", "as", "at", "be", "do", "he", "if", "in", "is", "it", "me", "my", "no", "of", "on", "or", "so",
     "to", "up", "us", "we")
)  # fmt: skip


class Mention(NamedTuple):
    """A phrase in a text: the tokens it takes, and the state it names, or the states it leaves."""

    start: int
    end: int
    states: frozenset[str]


class Evidence(NamedTuple):
    """What a place in a text says: the states that are possible by it."""

    at: int
    states: frozenset[str]


@dataclass(frozen=True)
class Slot:
    """One thing that is asked for, and the states that it can have.

    Attributes
    ----------
    name : str
        As ``cellularity``.
    states : mapping of str to sequence of str
        State to phrases; the state's own name always counts as one.
    groups : mapping of str to sequence of str
        Phrase to the states that it leaves possible, as "increased" where there are two states above normal.
    yes, no : str
        States that a plain "yes" or "no" means; empty where it means nothing.
    about : sequence of str
        What the slot is about, as "blasts": where a text says several things, those of a clause with such a word count.
    others : sequence of str
        What other slots are about: what is said of it does not count. Only used where ``about`` says something.
    thresholds : mapping of str to Interval
        State to numbers; empty where numbers mean nothing.
    unit : str
        Of the numbers, as "%".
    scale : Interval
        Numbers that can be meant at all; others are passed over.
    """

    name: str
    states: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    yes: str = ""
    no: str = ""
    about: Sequence[str] = ()
    others: Sequence[str] = ()
    thresholds: Mapping[str, Interval] = field(default_factory=dict)
    unit: str = ""
    scale: Interval = EVERYTHING

    def parse(self, text: str) -> str | None:
        """The one state that a text is in, or None if it tells none or more than one.

        Longer phrases are looked for first, and what they cover counts for no shorter one. What is denied is not the
        case; where all states but one are denied, that one is. Questions within the text are passed over.
        """
        found = _statements(tokens(text))
        return self._state(self._counting(found, list(self._evidence(found))))

    def state_of(self, value: Decimal) -> str | None:
        """The state of a number, or None if no threshold takes it in."""
        return next((state for state, values in self.thresholds.items() if value in values), None)

    def _state(self, evidence: Sequence[Evidence]) -> str | None:
        """The one state that all evidence allows."""
        if not evidence:
            return None
        possible = frozenset(self.states).intersection(*(one.states for one in evidence))
        return next(iter(possible)) if len(possible) == 1 else None

    def _evidence(self, found: Sequence[Token]) -> Iterator[Evidence]:
        taken = [False] * len(found)
        mentions = self.mentions(found)
        for mention in mentions:
            taken[mention.start : mention.end] = [True] * (mention.end - mention.start)
        for mention in mentions:
            match said(found, mention.start, mention.end, taken):
                case "asserted":
                    yield Evidence(mention.start, mention.states)
                case "denied":
                    yield Evidence(mention.start, frozenset(self.states) - mention.states)
        if self.thresholds:
            for reading in readings(found, self.unit, taken):
                states = self._possible(reading.values)
                if states:
                    yield Evidence(reading.start, states)
        yield from self._plain(found, taken)

    def _possible(self, values: Interval) -> frozenset[str]:
        values = values & self.scale
        return frozenset(state for state, own in self.thresholds.items() if not (own & values).empty)

    def _plain(self, found: Sequence[Token], taken: Sequence[bool]) -> Iterator[Evidence]:
        """Yes and no that stand alone."""
        for at, token in enumerate(found):
            state = self.yes if token.text in _YES else self.no if token.text in _NO else ""
            alone = at + 1 == len(found) or found[at + 1].text in _ENDS
            alone = alone or (token.text in _YES and found[at + 1].text in ("and", "or"))
            if state and alone and not taken[at]:
                yield Evidence(at, frozenset((state,)))

    def _counting(self, found: Sequence[Token], evidence: list[Evidence]) -> list[Evidence]:
        """The evidence that is about this slot, where a text speaks of several things."""
        about = _phrases(tuple(self.about))
        if not about or len(found) < 2 or not evidence:
            return evidence
        covered = {at for one in self.mentions(found) for at in range(one.start, one.end)}
        clauses = _clauses(found, {one.at for one in evidence})
        own = {clauses[at] for at in _places(found, about, covered)}
        foreign = {clauses[at] for at in _places(found, _phrases(tuple(self.others)), covered)}
        subjects = _subjects(found, clauses, own, foreign, covered)
        for wanted in ("own", ""):
            if mine := [one for one in evidence if subjects[clauses[one.at]] == wanted]:
                return mine
        return []

    def mentions(self, found: Sequence[Token]) -> list[Mention]:
        """The phrases of states in a text, longest first; none overlaps another."""
        index = self._index
        everything = [
            Mention(at, at + len(words), states)
            for at, token in enumerate(found)
            for words, states, capitals in index.get(token.text, ())
            if starts(found, at, words) and (not capitals or token.raw.isupper())
        ]
        kept: list[Mention] = []
        used: set[int] = set()
        for one in sorted(everything, key=lambda one: (one.start - one.end, one.start)):
            if used.isdisjoint(range(one.start, one.end)):
                kept.append(one)
                used.update(range(one.start, one.end))
        return sorted(kept, key=lambda one: one.start)

    @functools.cached_property
    def _index(self) -> dict[str, list[tuple[Words, frozenset[str], bool]]]:
        """First word to phrases; an abbreviation that is a word as well ("ALL") counts in capitals only."""
        index: dict[str, list[tuple[Words, frozenset[str], bool]]] = {}
        named = [(text, (state,)) for state, own in self.states.items() for text in (state, *own)]
        for text, states in (*named, *self.groups.items()):
            if words := phrase(text):
                capitals = text.isupper() and len(words) == 1 and words[0] in _WORDS
                index.setdefault(words[0], []).append((words, frozenset(states), capitals))
        return index


def agree(first: str | None, second: str | None) -> bool:
    """Whether two parsed states are the same; unparsed on both sides is never a match."""
    return first is not None and first == second


@functools.lru_cache(maxsize=256)
def _phrases(texts: tuple[str, ...]) -> tuple[Words, ...]:
    return tuple(filter(None, map(phrase, texts)))


def _places(found: Sequence[Token], phrases: Sequence[Words], covered: set[int]) -> list[int]:
    """Where phrases start, but for what states' phrases cover."""
    return [
        at
        for at in range(len(found))
        if at not in covered and any(starts(found, at, words) for words in phrases)
    ]


def _statements(found: Sequence[Token]) -> list[Token]:
    """A text without its questions, unless it is nothing else."""
    kept: list[Token] = []
    sentence: list[Token] = []
    for token in found:
        sentence.append(token)
        if token.text in (".", "!", "\n", "?"):
            kept += sentence if token.text != "?" else []
            sentence = []
    kept += sentence
    return kept if any(token.text.isalnum() for token in kept) else list(found)


def _clauses(found: Sequence[Token], said_at: set[int]) -> list[int]:
    """The number of the clause that each token is in; an "and" or a comma ends one where something was said."""
    clauses, place, full = [], 0, False
    for at in range(len(found)):
        if wall(found, at) or (full and soft(found, at)):
            place, full = place + 1, False
        full = full or at in said_at
        clauses.append(place)
    return clauses


def _subjects(
    found: Sequence[Token], clauses: Sequence[int], own: set[int], foreign: set[int], covered: set[int]
) -> dict[int, str]:
    """What each clause is about: ``own``, ``foreign``, or empty for unknown.

    A clause that names neither and brings no subject of its own ("it is normal", "at 12 %") is about what the clause
    before it was about.
    """
    subjects: dict[int, str] = {}
    last = ""
    for at, clause in enumerate(clauses):
        if clause in subjects:
            continue
        first = at
        while (
            first + 1 < len(found) and clauses[first] == clause and (wall(found, first) or soft(found, first))
        ):
            first += 1
        goes_on = first in covered or cue(found, first, "same") or number(found[first]) is not None
        last = "own" if clause in own else "foreign" if clause in foreign else last if goes_on else ""
        subjects[clause] = last
    return subjects

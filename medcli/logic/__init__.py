"""States that a text can be in: closed answers of a clinical slot, told by phrases.

The smallest piece of declarative clinical logic: a slot has states, each state has phrases, and a text that holds
phrases of one state alone is in that state. Knows phrases. Refuses to know trees, images and models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_SPACE = re.compile(r"[^\w%<>.+]+")


def folded(text: str) -> str:
    """A text in small letters, marks but those of numbers made spaces."""
    return f" {_SPACE.sub(' ', text.casefold()).strip().rstrip('.')} ".replace(". ", " ")


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that is asked for, and the states that it can have.

    Attributes
    ----------
    name : str
        As ``cellularity``.
    states : mapping of str to sequence of str
        State to phrases; the state's own name always counts as one.
    """

    name: str
    states: Mapping[str, Sequence[str]]

    def parse(self, text: str, fold: Callable[[str], str] = folded) -> str | None:
        """The state that a text is in, or None if it tells none or more than one.

        Longer phrases are looked for first, and what they cover counts for no shorter one: "not increased" is not
        "increased".
        """
        said = fold(text)
        phrases = sorted(
            ((fold(phrase), state) for state, own in self.states.items() for phrase in (state, *own)),
            key=lambda one: -len(one[0]),
        )
        found = set()
        for phrase, state in phrases:
            if phrase.strip() and phrase in said:
                found.add(state)
                said = said.replace(phrase, " \N{BULLET} ")
        return found.pop() if len(found) == 1 else None


def agree(first: str | None, second: str | None) -> bool:
    """Whether two parsed states are the same; unparsed on both sides is never a match."""
    return first is not None and first == second

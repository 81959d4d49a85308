"""Rule ``refusal``: a model that declines, speaks of itself, or says that it was shown nothing.

Knows first persons and pictures that are not there. That a picture cannot settle a question ("the stage cannot be
told from one slice") is a careful answer and stays; so does a patient who is unable to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from medcli.instruct.checks.subject import Subject, words_of
from medcli.instruct.checks.tables import rows
from medcli.instruct.sample import Finding


@cache
def _table() -> tuple[tuple[re.Pattern[str], tuple[frozenset[str], ...]], ...]:
    """Each expression, and sets of words: every match holds one of each."""
    return tuple(
        (re.compile(row["pattern"]), tuple(frozenset(words.split()) for words in row["words"].split("&")))
        for row in rows("refusal")
    )


def is_refusal(text: str, words: frozenset[str] | None = None) -> bool:
    """Whether a reply, whole or one turn of it, refuses.

    >>> is_refusal("I'm sorry, but I can't see any image."), is_refusal("The patient is unable to see.")
    (True, False)
    """
    said = words_of(text) if words is None else words
    small = ""
    for pattern, needs in _table():
        if any(need.isdisjoint(said) for need in needs):
            continue
        small = small or text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        if pattern.search(small):
            return True
    return False


def refusal(subject: Subject) -> Iterator[Finding]:
    """No answer declines, speaks of itself as a model, or says that there is no picture."""
    for place, (role, text) in enumerate(subject.sample.turns):
        if role == "assistant" and is_refusal(text, subject.words[place]):
            yield Finding("refusal", place)

"""A sample as rules see it: its texts, with what several rules need worked out once."""

from __future__ import annotations

import re
from functools import cached_property

from medcli.instruct.checks.settings import Settings
from medcli.instruct.sample import Sample
from medcli.records import Caption

_WORD = re.compile(r"[^\W\d_]+")


def words_of(text: str) -> frozenset[str]:
    """The words of a text in small letters, digits and marks left out."""
    return frozenset(_WORD.findall(text.lower()))


class Subject:
    """One sample under the rules.

    Parameters
    ----------
    sample : Sample
        What is looked at.
    caption : Caption or None
        What it was made from, where that is known: rule ``leak`` needs it.
    settings : Settings
        What the user chose.
    """

    def __init__(self, sample: Sample, caption: Caption | None, settings: Settings) -> None:
        self.sample, self.caption, self.settings = sample, caption, settings
        self.tokens: list[list[str]] = []  # of each turn, as :mod:`.wording` fills them in

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Texts of the turns."""
        return tuple(text for _, text in self.sample.turns)

    @cached_property
    def words(self) -> tuple[frozenset[str], ...]:
        """Words of each turn in small letters: what tells cheaply that a pattern need not be tried."""
        return tuple(map(words_of, self.texts))

    @property
    def answers(self) -> list[tuple[int, str]]:
        """Place and text of the assistant's turns."""
        return [(place, text) for place, (role, text) in enumerate(self.sample.turns) if role == "assistant"]

    @property
    def questions(self) -> list[tuple[int, str]]:
        """Place and text of the user's turns."""
        return [(place, text) for place, (role, text) in enumerate(self.sample.turns) if role == "user"]

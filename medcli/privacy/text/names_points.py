"""Points for a possible name's own words: how they are listed, and what speaks against them.

Knows lists, initials and eponyms. Refuses to know the neighbours, but for the sum of their points.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.names_parts import INITIALS, MAYBE, PARTICLES, SMALL, STRONG, UNKNOWN
from medcli.privacy.text.words import CAPITAL, CITY, EPONYM, FIRST, LAST, MEDICAL, UPPER, word_set

if TYPE_CHECKING:
    from medcli.privacy.text.names_parts import Reading

__all__ = ["LIKELY", "Points"]

#: A cue of so many points leaves no doubt that a person follows.
LIKELY = 2.5
#: A title before a particle.
_TITLE = 6.0
#: What only persons do, say or have, at the head of a sentence.
_TOLD = 2.0
#: A longer word is no name that a sentence begins with.
_LONGEST = 16
#: Behind an abbreviation: Fig. 1, Tab. 2.
_NUMBERED = re.compile(r"\. ?\d")
#: English words that many are called by.
_WORDS = word_set("names-words")


class Points:
    """The points of a document's runs of words."""

    def __init__(self, reading: Reading, *, high: bool) -> None:
        self.reading, self.looked, self.kinds, self.high = reading, reading.looked, reading.kinds, high

    def own(self, first: int, last: int, cue: float) -> float:
        """Points for the run's own words."""
        kinds, numbers = self.kinds, self.looked.numbers
        words = [
            position for position in range(first, last + 1) if kinds[position] not in (PARTICLES, INITIALS)
        ]
        initials = sum(kinds[position] == INITIALS for position in range(first, last + 1))
        if not words:  # J.R.; Dr. Le
            return 0.6 if (initials > 1 and cue >= LIKELY) or (not initials and cue >= _TITLE) else -9.0
        caret = "^" in self.reading.text[self.looked.starts[first] : self.looked.ends[last]]
        points = self._opening(words[0], cue, alone=len(words) == 1)
        if len(words) > 1:
            points += max(self._further(position) for position in words[1:])
        if initials:
            points += 1.5 if len(words) == 1 and self._dotted(first, last) else 0.5
        if (
            cue < LIKELY
            and all(numbers[position] & EPONYM for position in words)
            and not (len(words) == 1 and self._given_word(words[0], cue))
        ):
            doubt = 3.0 if len(words) > 1 else 0.0 if numbers[words[0]] & FIRST == FIRST and cue else 1.5
            points -= doubt / 4 if self.high else doubt
        if all(kinds[position] == SMALL for position in words):
            points *= 0.8
            points += 1.0 if self._initialled(words[0]) else 0.0
        if len(words) == 1:
            told = cue >= LIKELY or self._given_word(words[0], cue)
            points -= 0.0 if told else self._doubt(words[0])
        return points + (3.0 if caret else 0.0)

    def _initialled(self, position: int) -> bool:
        """Whether an initial written small stands before the word: d. okeke."""
        start = self.looked.starts[position]
        return (
            start > 2
            and self.reading.text[start - 2 : start] == ". "
            and (start == 3 or not self.reading.text[start - 4].isalnum())
        )

    def _dotted(self, first: int, last: int) -> bool:
        return "." in self.reading.text[self.looked.starts[first] : self.looked.ends[last] + 1]

    def _unknown(self, position: int, *, alone: bool) -> float:
        if not self.reading.plain:
            return 0.3
        opening = alone and self.reading.opens(position)
        short = len(self.looked.lows[position]) < _LONGEST
        return (0.8 if self.high and short else 0.2) if opening else 1.2

    def _opening(self, position: int, cue: float, *, alone: bool) -> float:
        if alone and _NUMBERED.match(self.reading.text, self.looked.ends[position]):
            return 0.0
        return self._listed(position, cue, alone=alone)

    def _listed(self, position: int, cue: float, *, alone: bool) -> float:
        number, kind = self.looked.numbers[position], self.kinds[position]
        given = number & FIRST
        if kind == UNKNOWN:
            return self._unknown(position, alone=alone)
        if (
            kind == STRONG
            and alone
            and given < 3
            and not number & (MEDICAL | EPONYM | CITY)
            and self._inside(position)
        ):
            return 2.5
        if kind in (STRONG, SMALL):
            return (3.0 if given == 3 else 2.0) if alone else (3.2 if given == 3 else 1.9)
        if kind == MAYBE and alone and given >= 2 and cue >= 1.5:
            return 1.6
        if alone and given and cue and kind >= UNKNOWN and self._named_inside(position):
            return 1.6
        if alone and self._given_word(position, cue):
            return 1.8
        if kind == MAYBE:
            return (
                (0.8 if self.reading.plain and (self.high or not self.reading.opens(position)) else 0.3)
                if alone
                else (2.0 if given >= 2 else 1.2)
            )
        if alone or not self.reading.plain:
            return 0.8 if self._risked(position) and alone else 0.2
        return 1.1 if given else 0.9

    def _given_word(self, position: int, cue: float) -> bool:
        """Whether an English word that many are called by is a name here: Faith called; ask Grace."""
        looked = self.looked
        if (
            looked.lows[position] not in _WORDS
            or looked.shapes[position] != CAPITAL
            or not self.reading.plain
        ):
            return False
        return cue >= _TOLD if self.reading.opens(position) else cue > 0.0

    def _named_inside(self, position: int) -> bool:
        """Whether an English word that is a given name too has a capital in the middle of a sentence."""
        looked = self.looked
        return (
            looked.shapes[position] == CAPITAL
            and not looked.numbers[position] & EPONYM
            and (not looked.numbers[position] & MEDICAL or looked.numbers[position] & FIRST > 1)
            and self._inside(position)
        )

    def _risked(self, position: int) -> bool:
        """Whether a capital inside a sentence is enough: in high, where the word is not clinical."""
        return self.high and not self.looked.numbers[position] & MEDICAL and self._inside(position)

    def _inside(self, position: int) -> bool:
        """Whether the word stands inside a sentence that uses capitals as English does."""
        return self.reading.plain and not self.reading.opens(position)

    def _further(self, position: int) -> float:
        number, kind = self.looked.numbers[position], self.kinds[position]
        if kind == UNKNOWN:
            return 1.2 if self.reading.plain else 0.6
        if kind in (STRONG, SMALL):
            return 2.0
        if kind == MAYBE and number & LAST:
            return 1.5
        return 0.9 if self.reading.plain else 0.5

    def _doubt(self, position: int) -> float:
        number = self.looked.numbers[position]
        doubt = 0.0
        if number & MEDICAL and (number & FIRST) < 2:
            doubt += 0.7
        if (
            self.looked.shapes[position] == UPPER
            and not self.looked.shouts
            and len(self.looked.lows[position]) < 6
        ):
            doubt += 1.0 if len(self.looked.lows[position]) > 3 else 1.5
        return doubt

"""Whether lines read from pixels hold what the header knows of the patient, read wrongly or in part.

Knows the header's strings (:class:`medcli.privacy.text.known.Known`, which allows for a letter that is wrong) and their
parts with more tolerance, since reading small grey letters errs more than typing. Refuses to keep what it read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from medcli.privacy.pixels.detector import Reading
from medcli.privacy.text.known import Known
from medcli.privacy.text.known_fold import fold, optical

__all__ = ["Hunt", "legible"]

#: Parts of a known string shorter than this are left to the exact search.
_SHORT = 4
_PARTS = re.compile(r"[^\W_]+")
#: A reading of this many letters and figures, read so surely, is text whatever it says.
_LEGIBLE, _SURE = 3, 0.6


def legible(reading: Reading) -> bool:
    """Whether somebody could read there: three letters or figures that were read with some certainty."""
    return reading.score >= _SURE and sum(map(str.isalnum, reading.text)) >= _LEGIBLE


class Hunt:
    """Looks for one patient's known strings in readings.

    Parameters
    ----------
    known
        What the header says; None hunts nothing.
    """

    def __init__(self, known: Known | None) -> None:
        self._known = known
        self._parts = tuple(sorted(_parts_of(known))) if known is not None else ()

    def finds(self, text: str) -> bool:
        """Whether a reading holds a known string, with a quarter of its letters wrong at most."""
        if self._known is None or not text.strip():
            return False
        if self._known.left(text):
            return True
        words = [optical(fold(word)) for word in _PARTS.findall(text)]
        words.append("".join(words))
        return any(_near(part, word) for word in words for part in self._parts)


def _parts_of(known: Known) -> Iterable[str]:
    for category, value in known.facts:
        if category in ("UID", "AGE", "SEX"):
            continue
        for word in _PARTS.findall(fold(value)):
            if len(word) >= _SHORT and not known_word(known, word):
                yield optical(word)


def known_word(known: Known, word: str) -> bool:
    """Whether a part of a known value is common language: those are left to the exact search's rules."""
    from medcli.privacy.text.known import common_words

    return (known.common or common_words())(word)


@lru_cache(maxsize=4096)
def _near(part: str, word: str) -> bool:
    """Whether `part` stands in `word` with at most a quarter of its letters wrong (at most 3)."""
    allowed = min(3, len(part) // 4)
    if part in word:
        return len(part) >= 5 or part == word
    if len(part) < 5 or len(word) < len(part) - allowed:
        return False
    return _distance_within(part, word) <= allowed


def _distance_within(part: str, text: str) -> int:
    """The least edit distance of `part` to any stretch of `text` (Sellers, J. Algorithms 1, 1980)."""
    row = [0] * (len(text) + 1)
    for at, letter in enumerate(part, 1):
        above, row = row, [at]
        for place, other in enumerate(text, 1):
            row.append(min(above[place - 1] + (letter != other), above[place] + 1, row[-1] + 1))
    return min(row)

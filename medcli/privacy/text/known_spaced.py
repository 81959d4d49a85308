"""Known words whose letters stand apart: ``O k o n k w o``, as headings and forms are typed, ``O-K-O-N-K-W-O``.

Knows runs of single letters. Refuses to join what is longer than a letter: two words that make a known one are the
matcher's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

__all__ = ["spaced"]

#: Letters that a run, and a word in it, must have; three letters are an abbreviation more often.
_SHORTEST = 4
_LONGEST = 40
_LETTER = re.compile(r"[^\W\d_]")
_RUN = re.compile(
    rf"(?<![^\W_])(?:[^\W\d_][ \t\u00a0.\-_*\u00b7]{{1,3}}){{{_SHORTEST - 1},}}[^\W\d_](?![^\W_])"
)


def spaced(text: str, words: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Where a word stands letter by letter.

    Parameters
    ----------
    text
        Folded.
    words
        Folded; a dictionary or a set.

    Yields
    ------
    tuple
        Start, end, and the word; the longest of those that begin at one letter.
    """
    for run in _RUN.finditer(text):
        places = [match.start() for match in _LETTER.finditer(text, *run.span())]
        letters = "".join(text[place] for place in places)
        at = 0
        while at + _SHORTEST <= len(letters):
            longest = min(len(letters), at + _LONGEST)
            stop = next(
                (end for end in range(longest, at + _SHORTEST - 1, -1) if letters[at:end] in words), 0
            )
            if stop:
                yield places[at], places[stop - 1] + 1, letters[at:stop]
            at = stop or at + 1

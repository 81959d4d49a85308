"""Whether an unknown word is a usual one, misspelt.

Knows the lists. Refuses to correct anything.
"""

from __future__ import annotations

from medcli.privacy.text.words import COMMON, MEDICAL, lexicon

__all__ = ["misspelt"]

_LONG = 14
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def misspelt(low: str) -> bool:
    """Whether one letter more, less or other, or two changed over, makes a usual or clinical word of an unknown one.

    The first two letters stay, so that no further part of the lists is read.
    """
    table = lexicon()
    if len(low) > _LONG or not low.isascii():
        return False
    for at in range(2, len(low) + 1):
        head, tail = low[:at], low[at:]
        near = [head + tail[1:], head + tail[1:2] + tail[:1] + tail[2:]]
        near += [head + letter + rest for letter in _LETTERS for rest in (tail, tail[1:])]
        if any(table[word] & (COMMON | MEDICAL) for word in near if word[:2] == low[:2] and len(word) > 2):
            return True
    return False

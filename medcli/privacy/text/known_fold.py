"""Text in the one form in which known strings are compared: no case, accents or invisible characters, one kind of figures.

Knows Unicode and which letters optical reading confuses. Refuses to know words. Every folded character knows where
it stood, so that what is found in the folded text can be cut out of the original.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

__all__ = ["Folded", "fold", "optical", "plain"]

#: Characters that optical reading takes for each other: 0 O, 1 I l, 5 S, 8 B. The digit stands for them all.
_OPTICAL = str.maketrans("oilsb", "01158")
#: Letters that no decomposition of Unicode takes apart.
_SINGLE = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_MARKS = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
#: A run of ASCII, a base character with its marks, or conjoining jamo that make one syllable.
_CLUSTER = re.compile(rf"[\x00-\x7f]+(?!{_MARKS})|[\u1100-\u11ff]+|.{_MARKS}*", re.DOTALL)


class Folded:
    """A folded text and the way back.

    Attributes
    ----------
    text
        The source, folded.
    seen
        The same with one character for all that optical reading confuses; as long as `text`.
    """

    __slots__ = ("_places", "_source", "seen", "text")

    def __init__(self, source: str) -> None:
        self._source = source
        self._places: list[tuple[int, int]] | None = None
        if source.isascii():
            self.text = source.lower()
        else:
            self.text = self._fold(source)
        self.seen = optical(self.text)

    def _fold(self, source: str) -> str:
        parts: list[str] = []
        places: list[tuple[int, int]] = []
        for match in _CLUSTER.finditer(source):
            source_part = match[0]
            if source_part.isascii():
                parts.append(source_part.lower())
                places += pairwise(range(match.start(), match.end() + 1))
                continue
            part = _folded(source_part)
            parts.append(part)
            places += [match.span()] * len(part)
        self._places = places
        return "".join(parts)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where folded characters `start` to `end` stand in the source."""
        if self._places is None:
            return start, end
        return self._places[start][0], self._places[end - 1][1]

    def source(self, start: int, end: int) -> str:
        """The source of folded characters `start` to `end`."""
        begin, stop = self.place(start, end)
        return self._source[begin:stop]


@lru_cache(maxsize=8192)
def _folded(cluster: str) -> str:
    letters = [char for char in cluster if unicodedata.category(char) != "Cf"]
    spread = unicodedata.normalize("NFKD", "".join(letters).casefold())
    bare = "".join(_figure(char) for char in spread if not unicodedata.combining(char)).translate(_SINGLE)
    return unicodedata.normalize("NFKC", bare).casefold()


def _figure(char: str) -> str:
    """A decimal figure of any script as that of ASCII; other characters as they are."""
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def fold(text: str) -> str:
    """`text` without case, accents and invisible characters."""
    return (
        text.lower()
        if text.isascii()
        else "".join(part.lower() if part.isascii() else _folded(part) for part in _CLUSTER.findall(text))
    )


def optical(folded: str) -> str:
    """Folded text with one character for all that optical reading confuses."""
    return folded.translate(_OPTICAL)


def plain(folded: str) -> str:
    """Folded text without anything but letters and digits."""
    return "".join(filter(str.isalnum, folded))

"""One text on its way through the recognisers: split into words once, with what was found so far.

Knows characters and words. Refuses to know what any of them mean. It lives as long as one ``find`` and is never
written, logged or pickled; its repr shows no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from medcli.privacy.text.span import Span

if TYPE_CHECKING:
    from medcli.privacy.text.words import Looked

__all__ = ["Document", "Sensitivity", "Word"]

Sensitivity = Literal["balanced", "high"]

#: Letters of any script with their combining marks, joined by one apostrophe, hyphen or middle dot: O'Neil, Smith-Jones.
_WORD = re.compile(
    r"[^\W\d_][^\W\d_\u0300-\u036f]*"
    r"(?:[\u0300-\u036f'\u2018\u2019\u02bc\u00b7\u2010\u2011-]+[^\W\d_]+)*[\u0300-\u036f]*"
)


_DIGIT = re.compile(r"\d")


class Word(NamedTuple):
    """A word's place in the text, and its letters as they stand there."""

    start: int
    end: int
    text: str


@dataclass(eq=False)
class Document:
    """A text under search.

    Attributes
    ----------
    text
        As it was given; every offset counts its code points.
    sensitivity
        ``balanced``, or ``high``, which would rather take too much.
    found
        What the recognisers before this one found: known identity first, then rules, places, names.
    """

    text: str = field(repr=False)
    sensitivity: Sensitivity = "balanced"
    found: list[Span] = field(default_factory=list)
    _taken: bytearray = field(default_factory=bytearray, repr=False)
    _seen: int = field(default=1 << 62, repr=False)

    @property
    def high(self) -> bool:
        """Whether to rather take too much than too little."""
        return self.sensitivity == "high"

    @cached_property
    def words(self) -> list[Word]:
        """The words, in order; digits and punctuation stand between them."""
        return [Word(match.start(), match.end(), match[0]) for match in _WORD.finditer(self.text)]

    @cached_property
    def lower(self) -> str:
        """The text in lower case, at the same offsets: a letter whose lower case is longer stays as it is."""
        lower = self.text.lower()
        if len(lower) == len(self.text):
            return lower
        return "".join(low if len(low := letter.lower()) == 1 else letter for letter in self.text)

    @cached_property
    def digits(self) -> bool:
        """Whether there is a decimal digit in the text."""
        return _DIGIT.search(self.text) is not None

    @cached_property
    def looked(self) -> Looked:
        """What the lists know of each word."""
        from medcli.privacy.text.words import look

        return look(self)

    @cached_property
    def cities(self) -> list[tuple[int, int, float]]:
        """Words that may be a city: the first, the last, and their points."""
        from medcli.privacy.text.places_cities import possible_cities

        return possible_cities(self)

    def with_found(self, spans: Iterable[Span]) -> Document:
        """The same text with more found in it; what is known of its words is shared."""
        other = Document(self.text, self.sensitivity, [*self.found, *spans])
        other.__dict__.update(
            words=self.words, lower=self.lower, looked=self.looked, digits=self.digits, cities=self.cities
        )
        return other

    def covered(self, start: int, end: int) -> bool:
        """Whether anything found so far touches ``text[start:end]``."""
        return 1 in self._mask()[start:end]

    def covers(self, start: int, end: int) -> bool:
        """Whether what was found so far leaves no character of ``text[start:end]`` out."""
        return 0 not in self._mask()[start:end]

    def _mask(self) -> bytearray:
        """One byte a character, 1 where something was found; kept up with ``found``, which only grows."""
        if self._seen > len(self.found):
            self._taken, self._seen = bytearray(len(self.text)), 0
        for span in self.found[self._seen :]:
            self._taken[span.start : span.end] = b"\1" * (span.end - span.start)
        self._seen = len(self.found)
        return self._taken

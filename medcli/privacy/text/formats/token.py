"""What all formats share: a string of a record with its place, and edits spliced into the record.

Knows offsets. Refuses to know any syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

__all__ = ["DEEPEST", "LONGEST", "Edit", "Format", "Join", "Token", "Unfit", "spliced"]

#: Characters of one record; a line of JSON, a row, a block of prose. A longer one is refused.
LONGEST = 16 << 20
#: Lists in objects in lists; elements in elements.
DEEPEST = 200


class Unfit(Exception):
    """A file can't be cleaned as what it is. Carries a reason code and no text.

    Parameters
    ----------
    reason
        ``malformed-text``, ``nested-too-deep``, ``record-too-long`` ...
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Token(NamedTuple):
    """One string of a record.

    Attributes
    ----------
    start, end
        Where its content stands in the record, without quotes; code points.
    text
        What it says, escapes undone.
    path
        Names that lead to it, from the outside in; lists are passed over. Empty in prose.
    kind
        ``text``; ``number`` for a bare number; ``name`` for a key, a column's title, the name of an element; ``raw``
        where no escapes are understood; ``syntax`` for what has to stay as it is, such as a namespace.
    """

    start: int
    end: int
    text: str
    path: tuple[str, ...] = ()
    kind: str = "text"

    def __repr__(self) -> str:
        return f"Token({self.start}, {self.end}, kind={self.kind!r})"


class Edit(NamedTuple):
    """What takes the place of ``text[start:end]`` of a token; code points of the text that the token says."""

    start: int
    end: int
    text: str

    def __repr__(self) -> str:
        return f"Edit({self.start}, {self.end})"


class Join(NamedTuple):
    """Strings of a record that are read in one.

    Attributes
    ----------
    parts
        (number of the string in the record, what stands before it in the run: nothing, a blank, a line end).
    sentence
        Whether they are one text, as the parts of a paragraph are; else they only touch.
    """

    parts: tuple[tuple[int, str], ...]
    sentence: bool


class Format(Protocol):
    """One syntax, for one file: a table remembers its columns from record to record."""

    name: str
    #: How a released file's name ends.
    suffix: str
    #: ``line``: a record is a line; ``block``: some paragraphs; ``whole``: all of the file.
    unit: str

    def carries(self, line: str, *, inside: bool) -> bool:
        """Whether a record goes on after a line that begins `inside` something that lines can't end."""
        ...

    def tokens(self, record: str) -> list[Token]:
        """All strings of a record, in order.

        Raises
        ------
        Unfit
            Where it is not well-formed.
        """
        ...

    def joins(self, record: str, tokens: Sequence[Token]) -> Sequence[Join]:
        """Strings that only mark-up parts."""
        ...

    def places(self, record: str, token: Token) -> Sequence[int]:
        """Where each code point of a token's text begins in the record, and where the last one ends."""
        ...

    def spelt(self, record: str, token: Token, edits: Sequence[Edit]) -> tuple[int, int, str]:
        """What a token is to become: start and end in the record, and the characters that belong there."""
        ...


def spelt_between(record: str, places: Sequence[int], edits: Sequence[Edit], escaped: Iterable[str]) -> str:
    """A token's characters with edits put in; all between them stays as it is spelt.

    Parameters
    ----------
    record, places
        As of :class:`Format`.
    edits
        Sorted, not overlapping.
    escaped
        The edits' texts as they are spelt there.
    """
    parts, last = [], places[0]
    for edit, text in zip(edits, escaped, strict=True):
        parts += [record[last : places[edit.start]], text]
        last = places[edit.end]
    return "".join([*parts, record[last : places[-1]]])


def applied(text: str, edits: Sequence[Edit]) -> str:
    """A plain text with edits put in; they are sorted and do not overlap."""
    parts, last = [], 0
    for edit in edits:
        parts += [text[last : edit.start], edit.text]
        last = edit.end
    return "".join([*parts, text[last:]])


def spliced(record: str, pieces: Iterable[tuple[int, int, str]]) -> str:
    """A record with pieces put in, each for the characters from its start to its end; sorted, not overlapping."""
    parts, last = [], 0
    for start, end, text in pieces:
        parts += [record[last:start], text]
        last = end
    return "".join([*parts, record[last:]])

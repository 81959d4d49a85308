"""What one record of a text is to become: its strings with what was found in them, and what was searched for.

Knows spans and edits. Refuses to find and to write; its reprs show no text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from medcli.privacy.text.formats.token import Edit, Token
from medcli.privacy.text.known import Known
from medcli.privacy.text.search import Removed
from medcli.privacy.text.span import Span

__all__ = ["Cleaned", "Searched", "Wish", "all_of", "goes_whole", "holds_bytes", "is_known", "trimmed"]

#: Characters of base64 from which on it is no identifier, hash or address; lines of it are 60 to 76 long.
_BYTES = 240
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{60,}(?:[\r\n]{1,2}[ \t]{0,40}[A-Za-z0-9+/_-]{60,})*")


@dataclass(slots=True)
class Wish:
    """What one string is to become.

    Attributes
    ----------
    token
        The string.
    spans
        What was found in it.
    edits, text
        What is to be changed, and what it then says.
    """

    token: Token
    spans: list[Span] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    text: str = ""

    def __repr__(self) -> str:
        return f"Wish({len(self.spans)} spans)"


class Searched:
    """What is known, for one record: each text is searched once, however often it is asked about."""

    def __init__(self, known: Known) -> None:
        self._known, self._found = known, dict[str, Sequence[Span]]()

    def __bool__(self) -> bool:
        return bool(self._known)

    def __repr__(self) -> str:
        return "Searched()"

    def find(self, text: str) -> Sequence[Span]:
        """As :meth:`medcli.privacy.text.known.Known.find`."""
        found = self._found.get(text)
        if found is None:
            found = self._found[text] = self._known.find(text)
        return found


@dataclass(slots=True)
class Cleaned:
    """One record, done.

    Attributes
    ----------
    record
        As it is to be written.
    known, removed
        What must not stand in it any more.
    wishes
        What its strings have become, in order.
    counts
        (action, category) -> how often.
    """

    record: str
    known: Searched
    removed: Removed
    wishes: list[Wish]
    counts: Counter[tuple[str, str]]

    def __repr__(self) -> str:
        return f"Cleaned({len(self.wishes)} strings)"


def goes_whole(wish: Wish) -> bool:
    """Whether a string goes whole, for its field is known."""
    return bool(wish.spans) and wish.spans[0].source == "field"


def is_known(wish: Wish, place: Span) -> bool:
    """Whether something known was found there in the string itself."""
    return any(
        span.source in ("known", "field") and span.start < place.end and place.start < span.end
        for span in wish.spans
    )


def holds_bytes(text: str) -> bool:
    """Whether a string holds an image or a document in base64 (RFC 4648), into which nobody looks."""
    return len(text) >= _BYTES and any(
        len(match[0]) >= _BYTES
        and match[0].lower() != match[0] != match[0].upper()
        and any(map(str.isdigit, match[0]))
        for match in _BASE64.finditer(text)
    )


def trimmed(span: Span, text: str) -> list[Span]:
    """The span without blanks at its ends."""
    bare = text.strip()
    start = text.index(bare)
    return [replace(span, start=start, end=start + len(bare))]


def all_of(spans: Sequence[Span], text: str) -> list[Span]:
    """A number is replaced whole, if a known identifier is it or stands in it."""
    return [replace(spans[0], start=0, end=len(text))] if spans else []

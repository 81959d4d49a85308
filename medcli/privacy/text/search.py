"""Spans beside edits: what lies inside what was put there, what outside, and where else a removed string stands.

Knows offsets and the boundaries of words. Refuses to know categories' meanings, but for which are worth looking for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

from medcli.privacy.text.formats.token import Edit
from medcli.privacy.text.known import common_words
from medcli.privacy.text.known_fold import fold
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import EPONYM, lexicon

__all__ = ["Removed", "inside", "origin_of", "outside", "repeats", "shows"]

#: What says nothing of a person where it stands elsewhere: an age, the digits of a ZIP code.
_PASSING = frozenset(("AGE", "ZIP"))
_SHORTEST = 4
_RUN = re.compile(r"[^\W_]+")


def inside(edits: Iterable[Edit]) -> list[tuple[int, int]]:
    """Where in the new text the edits' own characters stand."""
    places, moved = [], 0
    for edit in edits:
        start = edit.start + moved
        places.append((start, start + len(edit.text)))
        moved += len(edit.text) - (edit.end - edit.start)
    return places


def outside(spans: Iterable[Span], places: Sequence[tuple[int, int]], text: str) -> list[Span]:
    """What of the spans stands outside of places, as far as it holds letters or digits."""
    left: list[Span] = []
    for span in spans:
        pieces = [(span.start, span.end)]
        for start, end in places:
            pieces = [
                cut
                for one in pieces
                for cut in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))
                if cut[0] < cut[1]
            ]
        left += [
            replace(span, start=start, end=end)
            for start, end in pieces
            if any(map(str.isalnum, text[start:end]))
        ]
    return left


def origin_of(edits: Sequence[Edit]) -> Callable[[int], int]:
    """A function from a place in the new text, outside of the edits, to that in the old one."""
    ends: list[tuple[int, int]] = []
    moved = 0
    for edit in edits:
        moved += len(edit.text) - (edit.end - edit.start)
        ends.append((edit.end + moved, moved))

    def origin(place: int) -> int:
        return place - next((shift for end, shift in reversed(ends) if place >= end), 0)

    return origin


class Removed(tuple[tuple[str, str], ...]):  # noqa: SLOT001 - the index is kept with it
    """(category, text) of all that was removed from a record, each once; indexed when it is first looked for."""

    def __repr__(self) -> str:
        return f"Removed({len(self)})"

    @cached_property
    def sought(self) -> dict[str, list[tuple[int, str, str]]]:
        """What is worth looking for, by its first run of letters and digits: where that stands in it, it, its category."""
        wanted = {part: "NAME" for category, text in self if category == "NAME" for part in _parts(text)}
        wanted |= {
            text: category
            for category, text in reversed(self)
            if category not in _PASSING and sum(map(str.isalnum, text)) >= _SHORTEST and not text.islower()
        }
        index: dict[str, list[tuple[int, str, str]]] = {}
        for text, category in wanted.items():
            run = _RUN.search(text)
            if run is not None:
                index.setdefault(run[0], []).append((run.start(), text, category))
        return index


def _parts(name: str) -> Iterator[str]:
    """The words of a name of which each says who it is: no common word, and none that diseases are called by."""
    words = [match[0] for match in _RUN.finditer(name)]
    for word in words if len(words) > 1 else ():
        if len(word) >= _SHORTEST and word[0].isupper() and word.isalpha() and _telling(fold(word)):
            yield from (word, word.upper())


@lru_cache(maxsize=4096)
def _telling(word: str) -> bool:
    return not common_words()(word) and not lexicon()[word] & EPONYM


def repeats(text: str, removed: Removed) -> list[Span]:
    """Where a text says again what was removed anywhere in its record, and parts of names that were."""
    found: list[Span] = []
    sought = removed.sought if removed else {}
    for run in _RUN.finditer(text) if sought else ():
        for offset, one, category in sought.get(run[0], ()):
            at, end = run.start() - offset, run.start() - offset + len(one)
            if at < 0 or not text.startswith(one, at):
                continue
            if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
                found.append(Span(at, end, category, 1.0, "repeat"))
    return found


def shows(text: str, removed: Removed, places: Sequence[tuple[int, int]]) -> bool:
    """Whether a text still says, outside of places, what was removed."""
    found = [Span(span.start, span.end, span.category) for span in repeats(text, removed)]
    return bool(outside(found, places, text))

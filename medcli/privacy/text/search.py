"""Spans beside edits: what lies inside what was put there, what outside, and where else a removed string stands.

Knows offsets and the boundaries of words. Refuses to know categories' meanings, but for which are worth looking for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from medcli.privacy.text.formats.token import Edit
from medcli.privacy.text.span import Span

__all__ = ["inside", "origin_of", "outside", "repeats", "shows"]

#: What says nothing of a person where it stands elsewhere: an age, the digits of a ZIP code.
_PASSING = frozenset(("AGE", "ZIP"))
_SHORTEST = 4


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


@lru_cache(maxsize=8)
def _sought(removed: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """(text, category) of what is worth looking for elsewhere, longest first."""
    wanted = {
        text: category
        for category, text in reversed(removed)
        if category not in _PASSING and sum(map(str.isalnum, text)) >= _SHORTEST and not text.islower()
    }
    return tuple(sorted(wanted.items(), key=lambda one: (-len(one[0]), one)))


def repeats(text: str, removed: tuple[tuple[str, str], ...]) -> list[Span]:
    """Where a text says again what was removed anywhere in its record."""
    found: list[Span] = []
    for sought, category in _sought(removed) if removed else ():
        at = text.find(sought)
        while at >= 0:
            end = at + len(sought)
            if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
                found.append(Span(at, end, category, 1.0, "repeat"))
            at = text.find(sought, at + 1)
    return found


def shows(text: str, removed: tuple[tuple[str, str], ...], places: Sequence[tuple[int, int]]) -> bool:
    """Whether a text still says, outside of places, what was removed."""
    found = [Span(span.start, span.end, span.category) for span in repeats(text, removed)]
    return bool(outside(found, places, text))

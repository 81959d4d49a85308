"""A request's texts with placeholders in the place of what identifies, and the proof that nothing is found any more.

Knows spans and rounds: what is found in the masked texts is masked too, and what is still found after the last round
refuses the request. Refuses to know who finds. Every placeholder remembers where its value stands in the texts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from medcli.privacy.gating.tokens import LITERAL, found, spelt
from medcli.privacy.gating.vault import Vault
from medcli.privacy.text.span import Span

__all__ = ["Masked", "Residue", "mask"]

Find = Callable[[Sequence[str]], Sequence[Sequence[Span]]]
Stretch = tuple[int, int, str]
_ROUNDS = 4
#: The letter of an option, at the beginning of its line. "B. Young" is nobody's initial there.
_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]+(?=\S)", re.MULTILINE)


class Residue(Exception):
    """Identity is still found."""


@dataclass(slots=True)
class Masked:
    """Texts that may be shown.

    Attributes
    ----------
    texts
        With placeholders.
    found
        Placeholders by category.
    rounds
        How often the texts were searched.
    places
        Of each placeholder, the number of the text and the stretch of it where its value stands first.
    """

    texts: list[str] = field(repr=False)
    found: Counter[str] = field(default_factory=Counter)
    rounds: int = 1
    places: dict[str, tuple[int, int, int]] = field(default_factory=dict, repr=False)


def mask(texts: Sequence[str], find: Find, vault: Vault) -> Masked:
    """Put placeholders into texts.

    Raises
    ------
    Residue
        If there is no end of finding.
    """
    taken = [[(one.start, one.end, LITERAL) for one in found(text)] for text in texts]
    letters = [_letters(text) for text in texts]
    shown, maps = list(texts), [_Map(()) for _ in texts]
    changed = list(range(len(texts)))  # since they were searched
    for rounds in range(1, _ROUNDS + 1):
        fresh = set()
        for number, spans in zip(
            changed, find([_unlettered(shown[number]) for number in changed]), strict=True
        ):
            for span in spans:
                for start, end in maps[number].outside(span):
                    for begin, stop in _beside(letters[number], start, end):
                        if _add(taken[number], texts[number], (begin, stop, span.category)):
                            fresh.add(number)
        changed = [number for number in changed if number in fresh or (rounds == 1 and taken[number])]
        if not changed:
            return _told(texts, taken, shown, vault, rounds)
        for number in changed:
            stretches = _joined(texts[number], taken[number])
            shown[number], maps[number] = _made(texts[number], stretches, vault)
    raise Residue


def _letters(text: str) -> list[tuple[int, int]]:
    """Where the letters of a list of options stand, A to B and further: an answer names them, so they stay."""
    options: list[tuple[int, int]] = []
    row: list[re.Match[str]] = []
    for match in _OPTION.finditer(text):
        if ord(match[1]) != ord("A") + len(row):
            row = [match] if match[1] == "A" else []
            continue
        row.append(match)
        options += [one.span() for one in (row if len(row) == 2 else row[-1:])] if len(row) > 1 else []
    return options


def _unlettered(text: str) -> str:
    """A text as it is searched: with blanks for the letters of options, which are no initials of what follows."""
    parts, at = [], 0
    for start, end in _letters(text):
        parts += [text[at:start], "-".ljust(end - start)]
        at = end
    return "".join([*parts, text[at:]])


def _beside(kept: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """A stretch without what is kept of it."""
    pieces = []
    for begin, stop in kept:
        if start < stop and begin < end:
            pieces.append((start, begin))
            start = stop
    return [(begin, stop) for begin, stop in [*pieces, (start, end)] if begin < stop]


def _add(taken: list[Stretch], text: str, wanted: Stretch) -> bool:
    """Add what of a stretch is not taken yet and says something; return whether that was anything."""
    start, end, category = wanted
    added = False
    for begin, stop, _ in [*sorted(taken), (end, end, "")]:
        if stop <= start:
            continue
        upto = min(begin, end)
        if start < upto and any(letter.isalnum() for letter in text[start:upto]):
            taken.append((start, upto, category))
            added = True
        start = max(start, stop)
        if start >= end:
            break
    return added


def _joined(text: str, stretches: Sequence[Stretch]) -> list[Stretch]:
    """In order, and names with nothing but blanks between them as one: they are one person's."""
    joined: list[Stretch] = []
    for start, end, category in sorted(stretches):
        last = joined[-1] if joined else (0, 0, "")
        between = text[last[1] : start]
        if category == last[2] == "NAME" and between and not between.strip(" \t"):
            joined[-1] = (last[0], end, category)
        else:
            joined.append((start, end, category))
    return joined


def _told(
    texts: Sequence[str], taken: list[list[Stretch]], shown: list[str], vault: Vault, rounds: int
) -> Masked:
    masked = Masked(shown, rounds=rounds)
    for number, stretches in enumerate(taken):
        for start, end, category in _joined(texts[number], stretches):
            masked.found[category] += 1
            token = spelt(*vault.token(category, texts[number][start:end]))
            masked.places.setdefault(token, (number, start, end))
    return masked


def _made(text: str, stretches: Sequence[Stretch], vault: Vault) -> tuple[str, _Map]:
    parts, at, length = [], 0, 0
    pieces: list[
        tuple[int, int, int]
    ] = []  # where a token stands in the masked text, and how far the text moved
    for start, end, category in stretches:
        token = spelt(*vault.token(category, text[start:end]))
        parts += [text[at:start], token]
        length += start - at
        pieces.append((length, length + len(token), end - length - len(token)))
        length += len(token)
        at = end
    parts.append(text[at:])
    return "".join(parts), _Map(pieces)


class _Map:
    """The way from a masked text back to the text."""

    def __init__(self, pieces: Sequence[tuple[int, int, int]]) -> None:
        self._pieces = pieces
        self._starts = [start for start, _, _ in pieces]

    def outside(self, span: Span) -> list[tuple[int, int]]:
        """The stretches of the text that a span of the masked text covers beside the tokens."""
        start, covered = span.start, []
        for begin, stop, _ in self._pieces:
            if stop <= start or begin >= span.end:
                continue
            if start < begin:
                covered.append((start, begin))
            start = stop
        if start < span.end:
            covered.append((start, span.end))
        return [(begin + self._moved(begin), stop + self._moved(begin)) for begin, stop in covered]

    def _moved(self, at: int) -> int:
        number = bisect_right(self._starts, at) - 1
        return self._pieces[number][2] if number >= 0 else 0

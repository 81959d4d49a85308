"""The numbers that a text tells, as intervals: "35 %", "20 to 30 percent", "more than 20 %", "does not exceed 5 %".

Knows comparisons and units. Refuses to know what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from medcli.logic.intervals import Interval, compared
from medcli.logic.negation import said
from medcli.logic.words import Token, Words, cue, number, phrase, starts

_SIGNS = {"above": ">", "below": "<", "from": ">=", "upto": "<="}
_PERCENT = (("%",), ("percent",), ("per", "cent"), ("pct",))
_ABOUT = frozenset(
    ("about", "around", "approximately", "circa", "ca", "roughly", "nearly", "almost", "some", "of", "the")
)


class Reading(NamedTuple):
    """A number in a text: the tokens it takes, and the values that are meant."""

    start: int
    end: int
    values: Interval


def readings(tokens: Sequence[Token], unit: str, taken: Sequence[bool]) -> Iterator[Reading]:
    """Yield the numbers of a text.

    Parameters
    ----------
    tokens : sequence of Token
        The text.
    unit : str
        What has to stand behind a number; where the whole text is a number, it may be left out. Without a unit all
        numbers count but percentages.
    taken : sequence of bool
        Tokens that mean something else.
    """
    units = _units(unit)
    bare = sum(number(token) is not None for token in tokens) == 1 and len(tokens) <= 4
    at = 0
    while at < len(tokens):
        found = None if taken[at] else _reading(tokens, at, units, bare=bare)
        if found is None:
            at += 1
            continue
        yield found
        at = max(found.end, at + 1)


def _units(unit: str) -> tuple[Words, ...]:
    words = phrase(unit)
    return _PERCENT if words in _PERCENT else (words,) if words else ()


def _reading(tokens: Sequence[Token], at: int, units: Sequence[Words], *, bare: bool) -> Reading | None:
    low = number(tokens[at])
    if low is None:
        return None
    negative = at > 0 and tokens[at - 1].text == "-"
    end, told = _unit(tokens, at + 1, units)
    high = None
    if end < len(tokens) and tokens[end].text in ("to", "and") and end + 1 < len(tokens):
        between = tokens[end].text == "to" or (at > 0 and tokens[at - 1].text == "between")
        high = number(tokens[end + 1]) if between else None
        if high is not None:
            end, told_behind = _unit(tokens, end + 2, units)
            told = told or told_behind
    if not told and not (bare and high is None):
        return None
    if high is not None:
        return Reading(at, end, Interval(min(low, high), max(low, high), with_low=True, with_high=True))
    return _compared(tokens, at, end, -low if negative else low)


def _unit(tokens: Sequence[Token], at: int, units: Sequence[Words]) -> tuple[int, bool]:
    """Where a number ends with its unit, and whether it has one; without units any number but a percentage has."""
    if not units:
        return at, not any(starts(tokens, at, words) for words in _PERCENT)
    return next(((at + len(words), True) for words in units if starts(tokens, at, words)), (at, False))


def _compared(tokens: Sequence[Token], at: int, end: int, value: Decimal) -> Reading | None:
    """A number with what compares it; None if it is denied and no interval is left."""
    start, sign = _sign(tokens, at)
    if sign is None:
        for kind, other in (("more", ">="), ("less", "<=")):
            if length := cue(tokens, end, kind):
                end, sign = end + length, other
                break
    values = compared(sign or "=", value)
    match said(tokens, start, end):
        case "open":
            return None
        case "denied":
            opposite = values.complement()
            return None if opposite is None else Reading(start, end, opposite)
    return Reading(start, end, values)


def _sign(tokens: Sequence[Token], at: int) -> tuple[int, str | None]:
    """The comparison that ends before a number, the longest one, and where it starts."""
    while at > 0 and tokens[at - 1].text in _ABOUT:
        at -= 1
    for length in (3, 2, 1):
        for kind, sign in _SIGNS.items():
            if at >= length and cue(tokens, at - length, kind) == length:
                return at - length, sign
    return at, None

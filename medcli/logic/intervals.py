"""Intervals of numbers: what a threshold is, and what "more than 20 %" says.

Knows comparisons. Refuses to know units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

LOWEST, HIGHEST = Decimal("-Infinity"), Decimal("Infinity")
_PART = re.compile(r"(<=|>=|≤|≥|<|>|=)\s*(-?\d{1,12}(?:\.\d{1,9})?)")


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers between two ends, each of which belongs to it or not."""

    low: Decimal = LOWEST
    high: Decimal = HIGHEST
    with_low: bool = False
    with_high: bool = False

    @classmethod
    def of(cls, text: str) -> Interval:
        """Read comparisons, joined by commas or "and".

        >>> Interval.of(">= 5, < 20")
        Interval(low=Decimal('5'), high=Decimal('20'), with_low=True, with_high=False)

        Raises
        ------
        ValueError
            If the text is none, or no number fits all of it.
        """
        made = cls()
        for part in re.split(r",|\band\b", text):
            match = _PART.fullmatch(part.strip())
            if match is None:
                raise ValueError("no comparison")
            made = made & compared(match[1], Decimal(match[2]))
        if made.empty:
            raise ValueError("no number fits")
        return made

    @property
    def empty(self) -> bool:
        """Whether no number lies in it."""
        return self.low > self.high or (self.low == self.high and not (self.with_low and self.with_high))

    def __contains__(self, value: Decimal) -> bool:
        above = self.low < value or (self.with_low and value == self.low)
        return above and (value < self.high or (self.with_high and value == self.high))

    def __and__(self, other: Interval) -> Interval:
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(
            low,
            high,
            all(one.with_low or one.low < low for one in (self, other)) and low.is_finite(),
            all(one.with_high or one.high > high for one in (self, other)) and high.is_finite(),
        )

    def complement(self) -> Interval | None:
        """The numbers outside, if they are one interval: of "at least 20", those below it."""
        if self.low == LOWEST and self.high.is_finite():
            return Interval(self.high, HIGHEST, with_low=not self.with_high)
        if self.high == HIGHEST and self.low.is_finite():
            return Interval(LOWEST, self.low, with_high=not self.with_low)
        return None

    def examples(self) -> list[Decimal]:
        """Numbers in it: its ends and close to them, its middle, some beyond an open end."""
        steps = [Decimal(step) for step in ("0", "0.1", "0.5", "1", "2.5", "10")]
        near = [
            end + sign * step
            for end in (self.low, self.high)
            if end.is_finite()
            for step in steps
            for sign in (1, -1)
        ]
        if self.low.is_finite() and self.high.is_finite():
            near.append((self.low + self.high) / 2)
        return sorted({value for value in near if value in self})

    def __str__(self) -> str:
        parts = []
        if self.low.is_finite():
            parts.append(f"{'>=' if self.with_low else '>'} {self.low}")
        if self.high.is_finite():
            parts.append(f"{'<=' if self.with_high else '<'} {self.high}")
        return ", ".join(parts) or "any number"


EVERYTHING = Interval()
"""All numbers."""


def compared(sign: str, value: Decimal) -> Interval:
    """The numbers that compare so with a value."""
    match sign:
        case "<":
            return Interval(high=value)
        case "<=" | "≤":
            return Interval(high=value, with_high=True)
        case ">":
            return Interval(low=value)
        case ">=" | "≥":
            return Interval(low=value, with_low=True)
    return Interval(value, value, with_low=True, with_high=True)

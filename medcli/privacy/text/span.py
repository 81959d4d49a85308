"""What was found in a text: where, of which category, how sure, and by whom. Never the found text itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a text that identifies somebody.

    Attributes
    ----------
    start, end
        Offsets in code points, end exclusive; ``0 <= start < end <= len(text)``.
    category
        A row of ``categories.tsv``: NAME, DATE, MRN ...
    score
        0 to 1; what rules and lists find by form and context carries the share of such finds that were right.
    source
        Who found it: ``known``, ``rule:<name>``, ``list:<name>``, or a detector's name. Value-free.
    """

    start: int
    end: int
    category: str
    score: float = 1.0
    source: str = ""


class Detector(Protocol):
    """Finds what identifies somebody. Rules, user recognisers, local models and hosted ones all have this shape.

    A detector that can't do its work raises; whoever called it withholds the item. It never returns fewer texts than
    it was given, and it keeps no text.
    """

    name: str
    version: str

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """One list of spans a text, in the texts' order."""
        ...

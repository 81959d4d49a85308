"""What a user may choose of the checks: one value, picklable, handed to every rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from medcli.instruct.checks.identity import Reader


class Lengths(NamedTuple):
    """Least and most words of a question and of an answer, and most pairs of a sample."""

    question: tuple[int, int]
    answer: tuple[int, int]
    pairs: int


LENGTHS: Mapping[str, Lengths] = MappingProxyType(
    {
        "conversation": Lengths((2, 80), (1, 250), 12),
        "description": Lengths((2, 80), (20, 500), 1),
        "vqa-open": Lengths((2, 60), (1, 30), 12),
        "vqa-choice": Lengths((2, 120), (1, 60), 1),
        "alignment": Lengths((2, 80), (3, 400), 1),
        "": Lengths((1, 300), (1, 800), 40),
    }
)
"""By kind; the empty one is for files that do not say their samples' kind."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How samples are checked.

    Attributes
    ----------
    off : frozenset of str
        Names of rules that are not applied.
    language : str
        ISO 639-1 code that the texts must be in; empty for any.
    lengths : mapping of str to Lengths
        By kind.
    smallest_count : int
        Counts below it are no leak: 2 lets "one lesion" pass and nothing else.
    reader : Reader, optional
        Finds identity in a text, as :func:`medcli.instruct.checks.reader` makes it of a gate; none: rule ``identity``
        looks for placeholders of the gate alone.
    """

    off: frozenset[str] = frozenset()
    language: str = "en"
    lengths: Mapping[str, Lengths] = field(default_factory=lambda: dict(LENGTHS))
    smallest_count: int = 2
    reader: Reader | None = None

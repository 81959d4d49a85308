"""What comes through the gate, and what comes back: a request with placeholders, an answer with values.

Knows neither how the one was made nor how the other was read. Neither can be pickled, and their reprs count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

__all__ = ["Answered", "Safe"]


@dataclass(frozen=True, slots=True)
class Safe:
    """What a model may see.

    Attributes
    ----------
    turns
        Role and text, with placeholders.
    images
        What to show: the sources as they were given, or decoded and cleaned pictures. Of a file only decoded pixels
        may be used.
    places
        Of each placeholder, the number of the turn and the stretch of the original text that it stands for.
    """

    turns: tuple[tuple[str, str], ...] = field(repr=False)
    images: tuple[Any, ...] = field(default=(), repr=False)
    places: Mapping[str, tuple[int, int, int]] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A request is never pickled; the gate is asked where it is used.")


@dataclass(frozen=True, slots=True)
class Answered:
    """A model's answer, with the values in their places.

    Attributes
    ----------
    text
        As the person may read it.
    restored, unknown
        Placeholders that were replaced, and those that the model made up.
    found
        By category, how often the answer itself holds identity that no placeholder stands for.
    """

    text: str = field(repr=False)
    restored: int = 0
    unknown: int = 0
    found: Mapping[str, int] = field(default_factory=dict)

    def __reduce__(self) -> NoReturn:
        raise TypeError("An answer is never pickled.")

r"""Placeholders as they stand in a text: ``[NAME_1]``, and how a model may have spelt one that it repeats.

Knows labels, brackets and numbers. Refuses to know values. A token is recognised by its label and number alone, never
by likeness: ``[name 1]``, ``[ NAME_1 ]``, ``{NAME-1}``, ``\[NAME\_1\]`` and a bare ``NAME_1`` are ``[NAME_1]``;
``[NAME_01]`` and ``[NAMES_1]`` are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from medcli.privacy.text.categories import CATEGORIES

__all__ = ["LITERAL", "Token", "found", "held", "label_of", "spelt"]

#: The label of what only looks like a token in a person's own text.
LITERAL = "TEXT"
_AGE = "AGE_90PLUS"  # what the category is about; a model can still reason with it
_OPEN, _CLOSE = r"\\?[\[{<\u3010]", r"\\?[\]}>\u3011]"
_SPACE = r"[ \t]{0,2}"
_JOIN = r"(?:\\?[_ -])?"
_FIRM = r"\\?_"
_LEFT, _RIGHT = r"(?<![^\W_])(?<![_\\])", r"(?![^\W_])(?!_)"
_NUMBER = r"[1-9][0-9]{0,5}"


class Token(NamedTuple):
    """A token's place in a text, its label and its number."""

    start: int
    end: int
    label: str
    number: int


def label_of(category: str) -> str:
    """The label that stands for a category."""
    return _AGE if category == "AGE" else category


def spelt(label: str, number: int) -> str:
    """A token as the gate writes it."""
    return f"[{label}_{number}]"


def found(text: str, start: int = 0, labels: Iterable[str] | None = None) -> Iterator[Token]:
    """The tokens of a text from `start` on, however spelt.

    Parameters
    ----------
    text
        Any.
    start
        What stands before it is only looked at to see whether a word goes on.
    labels
        Only these; all that there are where None.
    """
    for match in _whole(_all() if labels is None else tuple(sorted(labels))).finditer(text, start):
        label = match["inside"] or match["bare"]
        number = match["number"] or match["own"]
        yield Token(
            *match.span(), "_".join(re.findall("[A-Z]+[0-9]*|[0-9]+[A-Z]+", label.upper())), int(number)
        )


def held(text: str, start: int, labels: Iterable[str]) -> int:
    """Where the end of a text begins that may be the beginning of a token; the text's length where none may."""
    wanted = tuple(sorted(labels))
    if not wanted:
        return len(text)
    match = _begun(wanted).search(text, max(start, len(text) - 40))
    return match.start() if match else len(text)


def _all() -> tuple[str, ...]:
    return tuple(sorted({label_of(category) for category in CATEGORIES} | {LITERAL}))


@lru_cache(64)
def _whole(labels: tuple[str, ...]) -> re.Pattern[str]:
    if not labels:
        return re.compile(r"(?P<inside>)(?P<bare>)(?P<number>)(?P<own>)(?!)")
    loose = "|".join(label.replace("_", _JOIN) for label in labels)
    firm = "|".join(label.replace("_", _FIRM) for label in labels)
    return re.compile(
        rf"{_OPEN}{_SPACE}(?P<inside>{loose}){_JOIN}(?P<number>{_NUMBER}){_SPACE}{_CLOSE}"
        rf"|{_LEFT}(?P<bare>{firm}){_FIRM}(?P<own>{_NUMBER}){_RIGHT}",
        re.IGNORECASE,
    )


@lru_cache(64)
def _begun(labels: tuple[str, ...]) -> re.Pattern[str]:
    """What matches where a text may end within a token."""
    ways = []
    loose, firm = [r"\\?", "[_ -]?"], [r"\\?", "_"]
    for label in labels:
        ways.append(
            _prefix([_OPEN, _SPACE, *_atoms(label, loose), *loose, "[1-9]", "[0-9]{0,5}", _SPACE, r"\\?"])
        )
        ways.append(_LEFT + _prefix([*_atoms(label, firm), *firm, "[1-9]", "[0-9]{0,5}"]))
    return re.compile(rf"(?:{'|'.join(ways)}|\\)\Z", re.IGNORECASE)


def _atoms(label: str, joint: list[str]) -> list[str]:
    return [atom for letter in label for atom in (joint if letter == "_" else [letter])]


def _prefix(atoms: list[str]) -> str:
    """A pattern for every beginning, of at least one atom, of a sequence."""
    nested = ""
    for atom in reversed(atoms[1:]):
        nested = f"(?:{atom}{nested})?"
    return atoms[0] + nested

"""The categories of identifying text, from ``categories.tsv``.

Knows the table's columns. Refuses to know what finds or replaces a category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

__all__ = ["CATEGORIES", "Category"]


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of identifier.

    Attributes
    ----------
    name
        As it stands in :class:`~medcli.privacy.text.span.Span`.
    letter
        Of the identifier in 45 CFR 164.514(b)(2)(i).
    default
        What replaces it under the default policy.
    meaning
        In words.
    """

    name: str
    letter: str
    default: str
    meaning: str


def _read() -> Mapping[str, Category]:
    table = resources.files(__package__).joinpath("categories.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    return MappingProxyType({row[0]: Category(*row) for row in rows[1:]})


CATEGORIES = _read()

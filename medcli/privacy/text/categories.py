"""The categories of identifying text, from ``categories.tsv``.

Knows the table's columns. Refuses to know what finds or replaces a category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from medcli.privacy.text.tables import rows

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


CATEGORIES: Mapping[str, Category] = MappingProxyType({row[0]: Category(*row) for row in rows("categories")})

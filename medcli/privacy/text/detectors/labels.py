"""What a model's label says in medcli's categories, from ``detector_labels.tsv``.

Knows the table. Refuses to know models.
"""

from __future__ import annotations

import re
from functools import cache

from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.tables import rows

__all__ = ["category_of"]

_PREFIX = re.compile(r"^[BIESLU][-_]")
_SEPARATORS = re.compile(r"[\s_-]+")


def category_of(label: str) -> str:
    """The category of a label; empty where it does not identify, ``ID`` where nobody knows the label.

    >>> category_of("B-PER"), category_of("date_time"), category_of("O")
    ('NAME', 'DATE', '')
    """
    bare = _PREFIX.sub("", label.strip().upper())
    if bare in CATEGORIES:
        return bare
    return _table().get(_plain(bare), "ID")


@cache
def _table() -> dict[str, str]:
    return {_plain(label): category for label, category in rows("detector_labels")}


def _plain(label: str) -> str:
    return _SEPARATORS.sub("", label)

"""Which words name nobody by themselves: titles, particles, parts of facilities' names, and common language.

Knows ``known_words.tsv``. Refuses to know names: what else is common or clinical language is the safe list's to say.
"""

from __future__ import annotations

from functools import lru_cache

from medcli.privacy.text.known_fold import fold
from medcli.privacy.text.tables import rows

__all__ = ["months", "words_of"]

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


@lru_cache(maxsize=8)
def words_of(kind: str) -> frozenset[str]:
    """The words of a kind: ``title``, ``stand-in``, ``particle``, ``generic``."""
    return frozenset(word for name, words in rows("known_words") if name == kind for word in words.split())


@lru_cache(maxsize=1)
def months() -> tuple[tuple[str, ...], ...]:
    """The folded spellings of each month, January first, Roman numbers among them; longest first."""
    found: list[set[str]] = [{roman} for roman in _ROMAN]
    for word, kind, number, _ in rows("months"):
        if kind == "month":
            found[int(number) - 1].add(fold(word).rstrip("."))
    return tuple(tuple(sorted(words, key=len, reverse=True)) for words in found)

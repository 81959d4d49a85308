"""Captions that say nearly the same: MinHash signatures and bands, one pass, the first of a kind is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def near_duplicates(captions: Iterable[str], *, threshold: float = 0.8) -> Iterator[int]:
    """Yield for each caption, in order, the place of the earlier one that it nearly repeats, or -1."""
    raise NotImplementedError

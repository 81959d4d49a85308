"""A table of 64-bit hashes in plain arrays, for millions of entries at twelve bytes each: what a dict takes ten times of.

Open addressing with linear steps; many are looked up and added at once. Knows numbers; refuses to know what they are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST = 1 << 14
_FULL = 0.7
_SLICE = 1 << 14  # entries that move at once when the table grows


class Buckets:
    """Maps hashes to numbers from 0."""

    def __init__(self) -> None:
        import numpy as np

        self._np = np
        self._count = 0
        self._make(_FIRST)

    def find(self, hashes: NDArray[Any]) -> NDArray[Any]:
        """The number of each hash, -1 where it has none; an array of any shape."""
        np = self._np
        flat = _nonzero(np, hashes.ravel())
        found = np.full(len(flat), -1, np.int32)
        at, left = flat & self._mask, np.arange(len(flat))
        while len(left):
            keys = self._keys[at[left]]
            hit = keys == flat[left]
            found[left[hit]] = self._numbers[at[left[hit]]]
            left = left[~hit & (keys != 0)]
            at[left] = (at[left] + np.uint64(1)) & self._mask
        shaped: NDArray[Any] = found.reshape(hashes.shape)
        return shaped

    def add(self, hashes: NDArray[Any], numbers: NDArray[Any]) -> None:
        """Take hashes that have no number yet, each once."""
        while (self._count + len(hashes)) > _FULL * len(self._keys):
            keys, known = self._keys, self._numbers
            self._make(2 * len(keys))
            for start in range(0, len(keys), _SLICE):
                some = slice(start, start + _SLICE)
                used = keys[some] != 0
                self._place(keys[some][used], known[some][used])
        self._place(_nonzero(self._np, hashes), numbers.astype(self._np.int32))
        self._count += len(hashes)

    def _place(self, keys: NDArray[Any], numbers: NDArray[Any]) -> None:
        np = self._np
        at, left = keys & self._mask, np.arange(len(keys))
        while len(left):
            free = left[self._keys[at[left]] == 0]
            _, first = np.unique(at[free], return_index=True)  # of several that want one place one gets it
            here = free[first]
            self._keys[at[here]] = keys[here]
            self._numbers[at[here]] = numbers[here]
            left = left[self._keys[at[left]] != keys[left]]
            at[left] = (at[left] + np.uint64(1)) & self._mask

    def _make(self, size: int) -> None:
        self._keys = self._np.zeros(size, self._np.uint64)
        self._numbers = self._np.zeros(size, self._np.int32)
        self._mask = self._np.uint64(size - 1)


def _nonzero(np: Any, hashes: NDArray[Any]) -> NDArray[Any]:
    """The same hashes, with another number for 0, which stands for an empty place."""
    kept: NDArray[Any] = np.where(hashes == 0, np.uint64(1), hashes.astype(np.uint64))
    return kept

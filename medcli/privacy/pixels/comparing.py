"""Whether each frame that was written is what it should be: the source's outside the boxes, the filling inside.

Refuses to know files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medcli.privacy.pixels.image import Unclean

if TYPE_CHECKING:
    from collections.abc import Callable

    from medcli.privacy.pixels.frames import Frames

__all__ = ["Compare"]


class Compare:
    """Compares each frame that was written with the source's."""

    def __init__(self, frames: Frames, mask: Any, change: Callable[[int, Any], Any] | None) -> None:
        self._frames, self._mask, self._change = frames, mask, change
        self._done: set[int] = set()

    def __call__(self, number: int, words: Any) -> Any:
        """The same words, if they are what they should be."""
        import numpy as np

        old = self._frames.words(number)
        outside = ~self._mask
        if self._frames.image.halved:
            outside = outside.reshape(outside.shape[0], -1, 2).all(axis=2)
        wanted = old if self._change is None else self._change(number, old)
        words_, old, wanted = (_bits(one) for one in (words, old, wanted))
        if not (np.array_equal(words_[outside], old[outside]) and np.array_equal(words_, wanted)):
            raise Unclean("pixels-changed")
        self._done.add(number)
        return words

    def missed(self, count: int) -> list[int]:
        """Frames that were not compared yet, for they equal another one."""
        return [number for number in range(count) if number not in self._done]


def _bits(words: Any) -> Any:
    """Words to be compared to the bit: numbers of no value (NaN) are not equal to themselves."""
    return words.view(f"u{words.dtype.itemsize}") if words.dtype.kind == "f" else words

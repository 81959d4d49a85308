"""Keys and values of a batch in one piece of memory, so that a step copies nothing.

transformers' own growing cache joins old and new at every step and layer: for a long picture prefix that costs more
than the step. Knows its cache classes; refuses to know models.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def fresh() -> Any:
    """An empty growing cache that keeps every position, whatever window a model looks through."""
    from transformers import DynamicCache

    return DynamicCache()


class Memory:
    """Pieces of memory that go from one batch's cache to the next: new memory costs more than what is copied into it.

    On the CPU alone, since on a GPU torch keeps memory by itself.
    """

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def take(self, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A tensor of that shape, whatever its content; of the smallest piece that holds it, or a new one."""
        size = math.prod(shape)
        fits = [n for n, one in enumerate(self._free) if one.numel() >= size and one.dtype == like.dtype]
        if fits:
            piece = self._free.pop(min(fits, key=lambda n: self._free[n].numel()))
        else:
            self._free = self._free[1:]  # what is too small now stays too small: let it go
            piece = like.new_empty(size)
        return piece[:size].view(shape)

    def give_back(self, cache: Any) -> None:
        """Take over a cache's memory; nothing may use it any more."""
        for layer in cache.layers:
            for slab in (layer.keys_slab, layer.values_slab):
                if slab.device.type == "cpu":
                    whole = slab.untyped_storage().nbytes() // slab.element_size()
                    self._free.append(slab.as_strided((whole,), (1,), 0))


def seated(
    prefixes: Sequence[tuple[Any, int]], rows: Sequence[int], room: int, memory: Memory | None = None
) -> Any:
    """A cache with one row a question, each starting with its prefix's keys and values.

    Parameters
    ----------
    prefixes : sequence of (cache, row)
        Where each prefix was prefilled.
    rows : sequence of int
        For each question, the number of its prefix.
    room : int
        Positions to keep free behind the longest prefix.
    memory : Memory, optional
        Where an earlier batch left its memory.

    Returns
    -------
    Cache
        Shorter prefixes are seated at the right, so that free positions follow all of them at once.
    """
    from transformers.cache_utils import Cache

    lengths = [cache.layers[0].keys.shape[-2] for cache, _ in prefixes]
    longest = max(lengths)
    layers = []
    for number in range(len(prefixes[0][0].layers)):
        sources = [(cache.layers[number], row) for cache, row in prefixes]
        layers.append(_seat(sources, lengths, rows, (longest, room), memory or Memory()))
    return Cache(layers=layers)


def _seat(
    sources: Sequence[tuple[Any, int]],
    lengths: Sequence[int],
    rows: Sequence[int],
    sizes: tuple[int, int],
    memory: Memory,
) -> Any:
    longest, room = sizes
    layer = _slab()()
    for name in ("keys", "values"):
        first = getattr(sources[0][0], name)
        slab = memory.take(first, (len(rows), first.shape[1], longest + room, first.shape[3]))
        for which, some in itertools.groupby(range(len(rows)), key=rows.__getitem__):
            at = list(some)
            block = slab[at[0] : at[-1] + 1]
            source, row = sources[which]
            block[:, :, : longest - lengths[which]] = 0  # masked, but no weight makes a NaN harmless
            block[:, :, longest - lengths[which] : longest] = getattr(source, name)[row]
        setattr(layer, f"{name}_slab", slab)
    layer.start(longest)
    return layer


def keep(cache: Any, rows: Sequence[int]) -> None:
    """Drop all rows but these, whose order is kept."""
    for layer in cache.layers:
        layer.keep(rows)


def _slab() -> Any:
    """The layer class; made on first use, because transformers is imported late."""
    global _SLAB  # noqa: PLW0603 - a class that can only be defined once its base is there
    if _SLAB is not None:
        return _SLAB
    from transformers.cache_utils import DynamicLayer

    class Slab(DynamicLayer):  # type: ignore[misc]
        """A growing layer whose memory is all there from the start."""

        keys_slab: Any
        values_slab: Any

        def start(self, length: int) -> None:
            self.length = length
            self.dtype, self.device = self.keys_slab.dtype, self.keys_slab.device
            self.is_initialized = True
            self._view()

        def _view(self) -> None:
            self.keys = self.keys_slab[:, :, : self.length]
            self.values = self.values_slab[:, :, : self.length]

        def update(
            self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any
        ) -> tuple[Tensor, Tensor]:
            end = self.length + key_states.shape[-2]
            self.keys_slab[:, :, self.length : end] = key_states
            self.values_slab[:, :, self.length : end] = value_states
            self.length = end
            self._view()
            return self.keys, self.values

        def get_seq_length(self, *_args: Any) -> int:
            return self.length

        def keep(self, rows: Sequence[int]) -> None:
            for name in ("keys_slab", "values_slab"):
                slab = getattr(self, name)
                for place, row in enumerate(rows):  # rows only ever move forward, so in place
                    if place != row:
                        slab[place, :, : self.length] = slab[row, :, : self.length]
                setattr(self, name, slab[: len(rows)])
            self._view()

    _SLAB = Slab
    return _SLAB


_SLAB: Any = None

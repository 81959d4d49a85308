"""The coded data of one restart interval of a sequential JPEG, block by block (ITU-T T.81 Annex F).

Knows bits: where blocks begin, and how some are made flat while all others keep their coefficients. Refuses to know
files and pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from medcli.privacy.pixels.jpeg_huffman import Huffman
from medcli.privacy.pixels.picture_kinds import UnfitPicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Levels", "Stretch", "Unit"]

#: Component's number -> the level (0 to 255) of a flat block.
Levels = Callable[[int], int]


class Unit(NamedTuple):
    """One block of a unit: its component's number, DC and AC table, quantisation step."""

    component: int
    dc: Huffman
    ac: Huffman
    step: int


class Stretch:
    """The coded data of one restart interval, without stuffing."""

    def __init__(self, raw: bytes, blocks: list[Unit], levels: Levels) -> None:
        import numpy as np

        self._raw, self._blocks, self._levels = raw, blocks, levels
        self._bits = np.unpackbits(np.frombuffer(raw, np.uint8))
        self._pieces: list[NDArray[Any]] = []

    def recoded(self, units: int, masked: set[int]) -> bytes:
        """The stretch with `masked` units flat."""
        import numpy as np

        count = max(block.component for block in self._blocks) + 1
        old, new = [0] * count, [0] * count
        at = kept = 0
        for unit in range(units):
            begin = at
            if unit in masked:
                self._keep(kept, begin)
                for block in self._blocks:
                    difference, _, at = self._read(block, at)
                    old[block.component] += difference
                    self._flat(block, new)
                kept = at
                continue
            for block in self._blocks:
                start = at
                difference, dc_end, at = self._read(block, at)
                before = old[block.component]
                old[block.component] = value = before + difference
                if new[block.component] != before:
                    self._keep(kept, start)
                    self._put_difference(block, value - new[block.component])
                    kept = dc_end
                new[block.component] = value
        self._keep(kept, at)
        if at > len(self._bits):
            raise UnfitPicture("picture-damaged")
        bits = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.uint8)
        padding = np.ones(-len(bits) % 8, np.uint8)
        return np.packbits(np.concatenate((bits, padding))).tobytes()

    def _keep(self, start: int, end: int) -> None:
        if end > start:
            self._pieces.append(self._bits[start:end])

    def _read(self, block: Unit, at: int) -> tuple[int, int, int]:
        """DC difference, where its bits end, where the block ends; ``at`` counts bits."""
        raw = self._raw
        word = int.from_bytes(raw[at >> 3 : (at >> 3) + 5].ljust(5, b"\xff"), "big")
        entry = block.dc.lookup[(word >> (24 - (at & 7))) & 0xFFFF]
        size = entry >> 5
        if entry < 0 or size > 11:
            raise UnfitPicture("picture-damaged")
        at += entry & 31
        difference = self._extended(at, size)
        at = dc_end = at + size
        lookup, last, place = block.ac.lookup, len(self._bits), 1
        while place < 64:
            word = int.from_bytes(raw[at >> 3 : (at >> 3) + 4], "big")
            entry = (
                lookup[(word >> (16 - (at & 7))) & 0xFFFF] if at + 32 <= last else self._near_end(lookup, at)
            )
            if entry < 0:
                raise UnfitPicture("picture-damaged")
            run_size = entry >> 5
            at += (entry & 31) + (run_size & 15)
            if not run_size & 15 and run_size != 0xF0:
                break
            place += (run_size >> 4) + 1
        if place > 64 or at > last:
            raise UnfitPicture("picture-damaged")
        return difference, dc_end, at

    def _near_end(self, lookup: list[int], at: int) -> int:
        word = int.from_bytes(self._raw[at >> 3 : (at >> 3) + 4].ljust(4, b"\xff"), "big")
        return lookup[(word >> (16 - (at & 7))) & 0xFFFF]

    def _extended(self, at: int, size: int) -> int:
        """A difference of `size` bits (T.81 F.2.2.1)."""
        if not size:
            return 0
        word = int.from_bytes(self._raw[at >> 3 : (at >> 3) + 4].ljust(4, b"\xff"), "big")
        value = (word >> (32 - (at & 7) - size)) & ((1 << size) - 1)
        return value if value >> (size - 1) else value - (1 << size) + 1

    def _flat(self, block: Unit, new: list[int]) -> None:
        wanted = round((self._levels(block.component) - 128) * 8 / block.step)
        self._put_difference(block, wanted - new[block.component])
        new[block.component] = wanted
        self._put(*block.ac.code(0))

    def _put_difference(self, block: Unit, difference: int) -> None:
        size = abs(difference).bit_length()
        if size > 11:
            raise UnfitPicture("picture-damaged")
        self._put(*block.dc.code(size))
        if size:
            self._put(difference if difference > 0 else difference + (1 << size) - 1, size)

    def _put(self, value: int, size: int) -> None:
        import numpy as np

        self._pieces.append(np.array([value >> bit & 1 for bit in range(size - 1, -1, -1)], np.uint8))

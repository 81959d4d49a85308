"""Blocks of a sequential JPEG overwritten in the coded data: every other block keeps its coefficients to the bit.

Knows ITU-T T.81 Annex F: Huffman coded, 8 bits, one scan that holds all components. Decoding pixels and coding them
again would change the whole picture; here only the units (MCU) that a box touches are replaced by flat ones, and the
first DC difference behind them is set right. Refuses to know pixels and colours: it is told DC levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from medcli.privacy.pixels.jpeg_file import Component, Jpeg, Scan
from medcli.privacy.pixels.picture_kinds import UnfitPicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Grid", "NotSequential", "grid_of", "mask_blocks"]

#: Component's number -> the level (0 to 255) of a flat block.
Levels = Callable[[int], int]


class NotSequential(Exception):
    """The file is not coded in one sequential scan, so its blocks can't be replaced one by one."""


class Grid(NamedTuple):
    """The units of a scan: how many across and down, and how many pixels each covers."""

    across: int
    down: int
    width: int
    height: int

    def units(self, boxes: Iterable[tuple[int, int, int, int]]) -> set[int]:
        """Numbers of the units that boxes (x0, y0, x1, y1, half open) touch."""
        return {
            row * self.across + column
            for x0, y0, x1, y1 in boxes
            for row in range(max(y0, 0) // self.height, min(-(-y1 // self.height), self.down))
            for column in range(max(x0, 0) // self.width, min(-(-x1 // self.width), self.across))
        }

    def aligned(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The box grown to whole units."""
        x0, y0, x1, y1 = box
        return (
            x0 // self.width * self.width,
            y0 // self.height * self.height,
            -(-x1 // self.width) * self.width,
            -(-y1 // self.height) * self.height,
        )


def grid_of(jpeg: Jpeg) -> Grid:
    """The units of the file's picture (T.81 A.2)."""
    width, height = jpeg.size
    one = len(jpeg.components) == 1
    across = 8 * (1 if one else max(part.across for part in jpeg.components))
    down = 8 * (1 if one else max(part.down for part in jpeg.components))
    return Grid(-(-width // across), -(-height // down), across, down)


class Huffman:
    """One table (T.81 Annex C), to read by and, with symbols added where the code has room, to write by."""

    def __init__(self, counts: bytes, symbols: bytes) -> None:
        self._counts = list(counts)
        self._symbols = list(symbols)
        self._codes: dict[int, tuple[int, int]] = {}
        code, at = 0, 0
        for length, count in enumerate(counts, 1):
            for symbol in symbols[at : at + count]:
                self._codes.setdefault(symbol, (code, length))
                code += 1
            if code > 1 << length:
                raise UnfitPicture("picture-damaged")
            at += count
            code <<= 1
        self._next = code >> 1

    @cached_property
    def lookup(self) -> list[int]:
        """By the next 16 bits: symbol * 32 + length of its code; -1 where there is none."""
        table = [-1] * 65536
        for symbol, (code, length) in self._codes.items():
            start = code << (16 - length)
            table[start : start + (1 << (16 - length))] = [symbol * 32 + length] * (1 << (16 - length))
        return table

    def code(self, symbol: int) -> tuple[int, int]:
        """Code and length; a symbol that the table lacks is added behind all others, which changes no code."""
        if symbol not in self._codes:
            # The code of ones only is never given (T.81 C.2).
            if self._next >= 0xFFFF or len(self._symbols) >= 256:
                raise NotSequential
            self._codes[symbol] = (self._next, 16)
            self._next += 1
            self._counts[15] += 1
            self._symbols.append(symbol)
        return self._codes[symbol]

    def payload(self, kind: int) -> bytes:
        """As it stands in a DHT segment."""
        return bytes((kind, *self._counts, *self._symbols))


def _huffman_tables(jpeg: Jpeg) -> dict[int, Huffman]:
    """Tables by class and destination, the last of each."""
    tables = {}
    for part in jpeg.parts:
        if isinstance(part, Scan) or part[0] != 0xC4:
            continue
        payload = part[1]
        while payload:
            counts = payload[1:17]
            end = 17 + sum(counts)
            if len(counts) < 16 or len(payload) < end:
                raise UnfitPicture("picture-damaged")
            tables[payload[0]] = Huffman(counts, payload[17:end])
            payload = payload[end:]
    return tables


def _first_steps(jpeg: Jpeg) -> dict[int, int]:
    """Each quantisation table's step for the DC coefficient."""
    steps = {}
    for part in jpeg.parts:
        if isinstance(part, Scan) or part[0] != 0xDB:
            continue
        payload = part[1]
        while len(payload) >= 65:
            wide = payload[0] >> 4
            steps[payload[0] & 15] = int.from_bytes(payload[1 : 2 + wide], "big") or 1
            payload = payload[65 + 64 * wide :]
    return steps


class _Unit(NamedTuple):
    """One block of a unit: its component's number, DC and AC table, quantisation step."""

    component: int
    dc: Huffman
    ac: Huffman
    step: int


def mask_blocks(jpeg: Jpeg, boxes: Iterable[tuple[int, int, int, int]], levels: Levels) -> bytes:
    """The file with flat units where boxes are.

    Parameters
    ----------
    jpeg
        The file.
    boxes
        (x0, y0, x1, y1) in pixels, half open; each unit that one touches is replaced.
    levels
        Asked for each block: which level its component gets. It must not depend on what is covered.

    Returns
    -------
    bytes
        A file without metadata.

    Raises
    ------
    NotSequential
        Where the file is progressive or has several scans.
    UnfitPicture
        ``picture-damaged`` where the coded data contradict the tables or end early.
    """
    scans = [part for part in jpeg.parts if isinstance(part, Scan)]
    if jpeg.progressive or len(scans) != 1 or scans[0].header[:1] != bytes([len(jpeg.components)]):
        raise NotSequential
    tables = _huffman_tables(jpeg)
    blocks = _blocks(jpeg, scans[0].header, tables)
    grid = grid_of(jpeg)
    interval = next(
        (int.from_bytes(p[1], "big") for p in jpeg.parts if not isinstance(p, Scan) and p[0] == 0xDD), 0
    )
    masked = grid.units(boxes)
    coded = _recoded(scans[0].coded, blocks, grid.across * grid.down, interval, masked=masked, levels=levels)
    parts: list[tuple[int, bytes] | Scan] = [
        part for part in jpeg.parts if not isinstance(part, Scan) and part[0] != 0xC4
    ]
    parts += [(0xC4, table.payload(kind)) for kind, table in sorted(tables.items())]
    return jpeg.plain([*parts, Scan(scans[0].header, coded)])


def _blocks(jpeg: Jpeg, header: bytes, tables: dict[int, Huffman]) -> list[_Unit]:
    """The blocks of a unit in their order (T.81 A.2.3)."""
    steps = _first_steps(jpeg)
    by_name: dict[int, tuple[int, Component]] = {one.name: (n, one) for n, one in enumerate(jpeg.components)}
    found: list[_Unit] = []
    try:
        for at in range(1, 1 + 2 * header[0], 2):
            number, one = by_name[header[at]]
            unit = _Unit(
                number, tables[header[at + 1] >> 4], tables[0x10 | header[at + 1] & 15], steps[one.table]
            )
            found += [unit] * (1 if len(jpeg.components) == 1 else one.across * one.down)
    except (KeyError, IndexError):
        raise UnfitPicture("picture-damaged") from None
    return found


def _recoded(
    coded: bytes, blocks: list[_Unit], count: int, interval: int, *, masked: set[int], levels: Levels
) -> bytes:
    """The coded data, restart interval by restart interval."""
    import re

    out, first = [], 0
    for number, stretch in enumerate(re.split(rb"\xff[\xd0-\xd7]", coded)):
        units = min(interval or count, count - first)
        if units <= 0:
            raise UnfitPicture("picture-damaged")
        if number:
            out.append(bytes((0xFF, 0xD0 + (number - 1) % 8)))
        wanted = {unit - first for unit in masked if first <= unit < first + units}
        # Nothing may stand behind the last unit: what follows the coded data of one interval is never shown.
        raw = stretch.replace(b"\xff\0", b"\xff")
        out.append(_Stretch(raw, blocks, levels).recoded(units, wanted).replace(b"\xff", b"\xff\0"))
        first += units
    if first < count:
        raise UnfitPicture("picture-damaged")
    return b"".join(out)


class _Stretch:
    """The coded data of one restart interval, without stuffing."""

    def __init__(self, raw: bytes, blocks: list[_Unit], levels: Levels) -> None:
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

    def _read(self, block: _Unit, at: int) -> tuple[int, int, int]:
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

    def _flat(self, block: _Unit, new: list[int]) -> None:
        wanted = round((self._levels(block.component) - 128) * 8 / block.step)
        self._put_difference(block, wanted - new[block.component])
        new[block.component] = wanted
        self._put(*block.ac.code(0))

    def _put_difference(self, block: _Unit, difference: int) -> None:
        size = abs(difference).bit_length()
        if size > 11:
            raise UnfitPicture("picture-damaged")
        self._put(*block.dc.code(size))
        if size:
            self._put(difference if difference > 0 else difference + (1 << size) - 1, size)

    def _put(self, value: int, size: int) -> None:
        import numpy as np

        self._pieces.append(np.array([value >> bit & 1 for bit in range(size - 1, -1, -1)], np.uint8))

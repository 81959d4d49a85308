"""Blocks of a sequential JPEG overwritten in the coded data: every other block keeps its coefficients to the bit.

Knows ITU-T T.81 Annex F: Huffman coded, 8 bits, one scan that holds all components. Decoding pixels and coding them
again would change the whole picture; here only the units (MCU) that a box touches are replaced by flat ones, and the
first DC difference behind them is set right. Refuses to know pixels and colours: it is told DC levels.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from medcli.privacy.pixels.jpeg_file import Component, Jpeg, Scan
from medcli.privacy.pixels.jpeg_huffman import Huffman, NotSequential, first_steps, huffman_tables
from medcli.privacy.pixels.jpeg_stretch import Levels, Stretch, Unit
from medcli.privacy.pixels.picture_kinds import LARGEST, UnfitPicture

__all__ = ["Grid", "NotSequential", "grid_of", "mask_blocks", "trimmed"]


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
    tables = huffman_tables(jpeg)
    scan = _scan(jpeg)
    coded = _masked(jpeg, scan, tables, grid_of(jpeg).units(boxes), levels)
    parts: list[tuple[int, bytes] | Scan] = [
        part for part in jpeg.parts if not isinstance(part, Scan) and part[0] != 0xC4
    ]
    parts += [(0xC4, table.payload(kind)) for kind, table in sorted(tables.items())]
    return jpeg.plain([*parts, Scan(scan.header, coded)])


def trimmed(jpeg: Jpeg) -> bytes:
    """The file without coded data behind its last row: a frame header that says fewer rows hides all others.

    Raises
    ------
    UnfitPicture
        ``residue`` where such data are in a file that is not sequential; ``picture-damaged``.
    """
    with suppress(NotSequential):
        scan = _scan(jpeg)
        coded = _masked(jpeg, scan, huffman_tables(jpeg), set(), lambda _: 0)
        if len(coded) < len(scan.coded.rstrip(b"\xff\0")):
            return jpeg.plain(
                [Scan(one.header, coded) if isinstance(one, Scan) else one for one in jpeg.parts]
            )
        return jpeg.plain()
    if _shows_more_rows(jpeg):
        raise UnfitPicture("residue")
    return jpeg.plain()


def _shows_more_rows(jpeg: Jpeg) -> bool:
    """Whether anything appears below the last row when the header is made to say more rows: decoders fill up with one grey."""
    import io

    import numpy as np
    from PIL import Image

    grid, width = grid_of(jpeg), jpeg.size[0]
    below = grid.down * grid.height
    rows = min(2 * below + 8 * grid.height, 65535, LARGEST // width)
    if rows <= below:
        return False
    marker, payload = jpeg.frame
    taller = payload[:1] + rows.to_bytes(2, "big") + payload[3:]
    data = jpeg.plain([(marker, taller) if one == jpeg.frame else one for one in jpeg.parts])
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            # The last scan's padding may make a few blocks of the first row below.
            more = np.asarray(image)[below + grid.height + 2 :]
    except Exception:  # noqa: BLE001 - decoders raise what they like
        raise UnfitPicture("picture-damaged") from None
    return bool((more != more[-1:]).any())


def _scan(jpeg: Jpeg) -> Scan:
    """The one scan of a sequential file.

    Raises
    ------
    NotSequential
        Where it is progressive, or has several.
    """
    scans = [part for part in jpeg.parts if isinstance(part, Scan)]
    if jpeg.progressive or len(scans) != 1 or scans[0].header[:1] != bytes([len(jpeg.components)]):
        raise NotSequential
    return scans[0]


def _masked(jpeg: Jpeg, scan: Scan, tables: dict[int, Huffman], masked: set[int], levels: Levels) -> bytes:
    """The scan's coded data with `masked` units flat."""
    blocks, grid = _blocks(jpeg, scan.header, tables), grid_of(jpeg)
    interval = next(
        (int.from_bytes(p[1], "big") for p in jpeg.parts if not isinstance(p, Scan) and p[0] == 0xDD), 0
    )
    return _recoded(scan.coded, blocks, grid.across * grid.down, interval, masked=masked, levels=levels)


def _blocks(jpeg: Jpeg, header: bytes, tables: dict[int, Huffman]) -> list[Unit]:
    """The blocks of a unit in their order (T.81 A.2.3)."""
    steps = first_steps(jpeg)
    by_name: dict[int, tuple[int, Component]] = {one.name: (n, one) for n, one in enumerate(jpeg.components)}
    found: list[Unit] = []
    try:
        for at in range(1, 1 + 2 * header[0], 2):
            number, one = by_name[header[at]]
            unit = Unit(
                number, tables[header[at + 1] >> 4], tables[0x10 | header[at + 1] & 15], steps[one.table]
            )
            found += [unit] * (1 if len(jpeg.components) == 1 else one.across * one.down)
    except (KeyError, IndexError):
        raise UnfitPicture("picture-damaged") from None
    return found


def _recoded(
    coded: bytes, blocks: list[Unit], count: int, interval: int, *, masked: set[int], levels: Levels
) -> bytes:
    """The coded data, restart interval by restart interval."""
    import re

    out, first = [], 0
    for number, stretch in enumerate(re.split(rb"\xff[\xd0-\xd7]", coded)):
        units = min(interval or count, count - first)
        if units <= 0:
            # Further intervals, of rows that the frame header does not tell.
            break
        if number:
            out.append(bytes((0xFF, 0xD0 + (number - 1) % 8)))
        wanted = {unit - first for unit in masked if first <= unit < first + units}
        # Nothing may stand behind the last unit: what follows the coded data of one interval is never shown.
        raw = stretch.replace(b"\xff\0", b"\xff")
        out.append(Stretch(raw, blocks, levels).recoded(units, wanted).replace(b"\xff", b"\xff\0"))
        first += units
    if first < count:
        raise UnfitPicture("picture-damaged")
    return b"".join(out)

"""What the slow reference does about pixels: overlays in their unused bits, and files that may show text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.tag import BaseTag

from tests.privacy.reference_values import raw_value, tags_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PIXELS = 0x7FE00010


class Withheld(Exception):
    """The profile says that this file must not be released; the argument is the reason's code."""


def number(ds: Dataset, tag: int, default: int = 0) -> int:
    """Read one US value."""
    raw: Any = ds.get_item(BaseTag(tag))
    if raw is None or len(raw_value(raw)) < 2:
        return default
    return int.from_bytes(raw_value(raw)[:2], "little" if raw.is_little_endian else "big")


def overlay_bits(ds: Dataset) -> int:
    """Give a mask of the bits of a pixel's cell in which an overlay without data of its own lies (PS3.5 8.1.2)."""
    allocated = number(ds, 0x00280100, 16)
    high = number(ds, 0x00280102, allocated - 1)
    used = ((1 << number(ds, 0x00280101, allocated)) - 1) << (high + 1 - number(ds, 0x00280101, allocated))
    mask = 0
    for group in range(0x6000, 0x6020, 2):
        planes = group << 16
        if not any(tag >> 16 == group for tag in tags_of(ds)) or BaseTag(planes | 0x3000) in ds:
            continue
        mask |= 1 << number(ds, planes | 0x0102)
    return mask & ~used & ((1 << allocated) - 1)


def cleared(value: bytes, mask: int, allocated: int, *, little: bool) -> bytes:
    """Zero the masked bits in every cell of native pixel data."""
    import numpy as np

    cell = np.dtype({8: "u1", 16: "u2", 32: "u4"}[allocated]).newbyteorder("<" if little else ">")
    whole = len(value) // cell.itemsize * cell.itemsize
    cells = np.frombuffer(value[:whole], cell) & cell.type(~mask & ((1 << allocated) - 1))
    return cells.astype(cell).tobytes() + value[whole:]

"""What the slow reference does about pixels: overlays in their unused bits, and files that may show text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.privacy.reference_rules import rows
from tests.privacy.reference_values import item, raw_value, tags_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PIXELS = 0x7FE00010


class Withheld(Exception):
    """The profile says that this file must not be released; the argument is the reason's code."""


def strings(ds: Dataset, tag: int) -> set[str]:
    """Read the values of a text attribute in upper case."""
    raw = item(ds, tag)
    parts = raw_value(raw).decode("latin-1").split("\\") if raw is not None else []
    return {part.strip(" \0").upper() for part in parts} - {""}


def gate(ds: Dataset, sop_class: str) -> None:
    """Withhold what may show text in its pixels, or say it."""
    listed = {(row["kind"], row["value"]) for row in rows("burned_in")}
    present = set(tags_of(ds))
    if ("audio", sop_class) in listed and 0x54000100 in present:
        raise Withheld("pixels-not-examined")
    if not present & {PIXELS, 0x7FE00008, 0x7FE00009}:
        return
    colour = number(ds, 0x00280002, 1) == 3 or "PALETTE COLOR" in strings(ds, 0x00280004)
    signs = {("sop_class", sop_class)} | ({("colour", sop_class)} if colour else set())
    for kind, tag in (("modality", 0x00080060), ("conversion_type", 0x00080064), ("image_type", 0x00080008)):
        signs |= {(kind, value) for value in strings(ds, tag)}
    if "YES" in strings(ds, 0x00280301) or signs & listed:
        raise Withheld("pixels-not-examined")


def measure(ds: Dataset) -> None:
    """Withhold native pixels that run on behind what the header says, but for zeros, or that cannot be measured."""
    kinds = {PIXELS, 0x7FE00008, 0x7FE00009} & set(tags_of(ds))
    if not kinds:
        return
    raw = item(ds, min(kinds))
    if getattr(raw, "length", 0) == 0xFFFFFFFF:
        return
    frames = next(iter(strings(ds, 0x00280008)), "1")
    sizes = [number(ds, tag, -1) for tag in (0x00280010, 0x00280011, 0x00280100)]
    if len(kinds) > 1 or not frames.isdigit() or -1 in sizes:
        raise Withheld("pixel-length")
    cells = sizes[0] * sizes[1] * number(ds, 0x00280002, 1) * int(frames)
    if raw_value(raw)[(cells * sizes[2] + 7) // 8 + 1 :].strip(b"\0"):
        raise Withheld("pixel-length")


def number(ds: Dataset, tag: int, default: int = 0) -> int:
    """Read one US value."""
    raw: Any = item(ds, tag)
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
        if not any(tag >> 16 == group for tag in tags_of(ds)) or (planes | 0x3000) in tags_of(ds):
            continue
        mask |= 1 << number(ds, planes | 0x0102)
    return mask & ~used & ((1 << allocated) - 1)


def cleared(value: bytes, mask: int, allocated: int, *, little: bool) -> bytes:
    """Zero the masked bits in every cell of native pixel data."""
    import numpy as np

    cell = np.dtype({8: "u1", 16: "u2", 32: "u4"}[allocated]).newbyteorder("<" if little else ">")
    whole = len(value) // cell.itemsize * cell.itemsize
    cells = np.frombuffer(value[:whole], cell) & cell.type(~mask & ((1 << allocated) - 1))
    return bytes(cells.astype(cell).tobytes()) + value[whole:]

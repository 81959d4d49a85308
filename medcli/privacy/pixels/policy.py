"""What a user chose for text in pixels, picklable and comparable.

Knows the choices. Refuses to know pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FILLS", "KEEP_TEXT", "LOOKING", "PixelPolicy", "Region"]

#: Modes in which pixels are looked at.
LOOKING = ("auto", "all")
FILLS = ("solid", "noise")
KEEP_TEXT = ("technique",)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle that is always filled in images of one kind.

    Parameters
    ----------
    conditions
        (keyword, text) pairs: the attribute holds the text, in any case; all must be true.
    box
        Left, top, right, bottom in pixels; right and bottom are not part of it.
    """

    conditions: tuple[tuple[str, str], ...]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class PixelPolicy:
    """One choice.

    Parameters
    ----------
    fill
        ``solid`` or ``noise``.
    keep_text
        ``technique`` where such text may stay.
    regions
        Rectangles by kind of device.
    faces
        Whether faces are filled too (``--clean visual-features``).
    """

    fill: str = "solid"
    keep_text: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    faces: bool = False

    def __post_init__(self) -> None:
        if self.fill not in FILLS or set(self.keep_text) - set(KEEP_TEXT):
            raise ValueError("fill is solid or noise, keep_text holds technique or nothing")

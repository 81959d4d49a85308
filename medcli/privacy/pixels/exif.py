"""The one fact that is wanted from Exif: which way is up (TIFF 6.0 tag 274; CIPA DC-008 4.6.4).

Refuses to know any other tag.
"""

from __future__ import annotations

__all__ = ["orientation", "upright"]

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ORIENTATION, _SHORT = 274, 3


def orientation(exif: bytes) -> int:
    r"""1 to 8; 1 where nothing legal is said.

    Parameters
    ----------
    exif
        A TIFF header and its directory, with or without ``Exif\0\0`` before it.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    if tiff[:2] not in (b"II", b"MM"):
        return 1
    little = tiff[:1] == b"I"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if little else "big")

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * min(number(first, 2), 512), 12):
        if entry + 12 > len(tiff):
            break
        if number(entry, 2) == _ORIENTATION and number(entry + 2, 2) == _SHORT:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def upright(pixels: NDArray[Any], turned: int) -> NDArray[np.generic]:
    """Pixels (rows first) as they are meant to be seen."""
    import numpy as np

    if turned in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    # After swapping rows and columns: 5 is done; 6 is a quarter turn to the right, 7 both ways, 8 a turn to the left.
    if turned in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if turned in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)

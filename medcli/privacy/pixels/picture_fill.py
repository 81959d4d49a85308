"""What is put over boxes of a picture: black, or noise from the system's source. Neither depends on what it covers.

Knows modes of pixels. Refuses to know files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from medcli.privacy.pixels.picture_pages import Bounds, Page

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fill"]


def fill(page: Page, boxes: Iterable[Bounds], how: str) -> None:
    """Overwrite what boxes (x0, y0, x1, y1, half open) cover, opaque.

    Parameters
    ----------
    page
        Changed in place.
    boxes
        In pixels.
    how
        ``solid``: black; ``noise``: from the system's cryptographic source. Neither depends on what was there.
    """
    for x0, y0, x1, y1 in boxes:
        target = page.pixels[max(y0, 0) : y1, max(x0, 0) : x1]
        if not target.size:
            continue
        target[...] = _black(page)
        if how == "noise":
            _add_noise(page, target)


def _black(page: Page) -> Any:
    import numpy as np

    if page.mode == "P" and page.palette is not None:
        return int(page.palette.sum(axis=1, dtype=np.int32).argmin())
    opaque = np.iinfo(page.pixels.dtype).max if page.pixels.dtype.kind == "u" else 0
    if page.mode in ("LA", "RGBA", "RGBA;16"):
        return np.array([0] * (page.pixels.shape[2] - 1) + [opaque], page.pixels.dtype)
    if page.mode == "CMYK":
        return np.array([0, 0, 0, 255], np.uint8)
    return 0


def _add_noise(page: Page, target: NDArray[Any]) -> None:
    """Grey noise of the lower half of the range; two colours where there are no more."""
    import numpy as np

    height, width = target.shape[:2]
    drawn = np.frombuffer(os.urandom(height * width), np.uint8).reshape(height, width)
    if page.mode == "P" and page.palette is not None:
        light = page.palette.sum(axis=1, dtype=np.int32)
        target[...] = np.where(drawn & 1, light.argmin(), light.argmax())
    elif page.mode == "1":
        target[...] = drawn & 1
    elif page.mode == "CMYK":
        target[..., 3] = 255 - (drawn >> 1)
    else:
        scale = 256 if page.pixels.dtype == np.uint16 else 1
        grey = (drawn >> 1).astype(page.pixels.dtype) * scale
        colours = slice(0, -1) if page.mode in ("LA", "RGBA", "RGBA;16") else slice(None)
        if target.ndim == 3:
            target[..., colours] = grey[..., None]
        else:
            target[...] = grey

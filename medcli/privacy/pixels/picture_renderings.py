"""Pages of a picture as pictures of 8 bits that detectors look at, so that what a page holds is seen in one of them.

Knows modes of pixels. Refuses to know detectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from medcli.privacy.pixels.picture_pages import Page
from medcli.privacy.pixels.showing import alike_colours

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["renderings"]


def renderings(page: Page) -> Iterator[NDArray[np.uint8]]:
    """The page as pictures of 8 bits, (height, width) or (height, width, 3), so that what it holds is seen in one of them.

    Deep pixels come in their full range, in that of all but one in a hundred, and by their upper byte. What stands
    under transparent pixels can be uncovered by anybody, so colours come without transparency, and transparency comes
    as a picture of its own.
    """
    import numpy as np

    pixels, mode = page.pixels, page.mode
    if mode == "1":
        yield pixels.astype(np.uint8) * 255
    elif mode == "P" and page.palette is not None:
        colours = np.zeros((256, 3), np.uint8)
        colours[: len(page.palette)] = page.palette
        yield colours[pixels]
        yield from alike_colours(pixels, colours)
        if isinstance(page.transparency, bytes):
            alpha = np.full(256, 255, np.uint8)
            alpha[: len(page.transparency)] = list(page.transparency)
            yield from _varied(alpha[pixels])
    elif mode == "CMYK":
        white = 255 - pixels.astype(np.int32)
        yield (white[..., :3] * white[..., 3:] // 255).astype(np.uint8)
        yield from (plane for n in range(4) for plane in _varied(255 - pixels[..., n]))
    elif pixels.dtype == np.uint8:
        yield pixels[..., 0] if mode == "LA" else pixels[..., :3] if pixels.ndim == 3 else pixels
        if mode in ("LA", "RGBA"):
            yield from _varied(pixels[..., -1])
    else:
        yield from _deep_renderings(pixels[..., :3] if pixels.ndim == 3 else pixels)
        if mode == "RGBA;16":
            yield from _varied((pixels[..., -1] >> 8).astype(np.uint8))


def _varied(plane: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    if plane.min(initial=255) != plane.max(initial=0):
        yield plane


def _deep_renderings(pixels: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    import numpy as np

    values = np.nan_to_num(pixels.astype(np.float32), posinf=0, neginf=0)
    inner = np.percentile(values, (1, 99))
    for low, high in ((values.min(), values.max()), inner):
        if high > low:
            yield (np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    if pixels.dtype == np.uint16:
        yield from _varied((pixels >> 8).astype(np.uint8))

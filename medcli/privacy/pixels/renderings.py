"""Ways to show a tile to a detector, so that grey on grey becomes white on black, and text on grain flat strokes.

Knows filters. Refuses to know detectors, tiles and DICOM. Each rendering gives a picture and how much it was enlarged.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

__all__ = ["Rendering", "even", "even_large", "grain", "negative", "plain", "strokes"]

Rendering = Callable[[Any], tuple[Any, float]]
#: Grain is noise from this deviation on, in grey levels, up to this part of its mean: 0.52 is fully developed speckle
#: (Rayleigh; Burckhardt, IEEE Trans. Sonics Ultrason. 25, 1978). Below the least grey it is a black margin's noise.
_GRAIN, _MOST, _DARK = 6, 0.8, 15
#: Part of a tile that is grain from which it is looked at as such.
_PART = 0.04
#: What around grain is looked at with it, in pixels: half of what erosion took, and a line of text.
_AROUND = 32
#: The step in grey of text that is looked for on grain, and its deviation: what stands between barely seen and plain.
_STEP, _STEP_DEVIATION = 28.5, 9.0
#: Mean of a Rayleigh distribution in units of its parameter: sqrt(pi / 2).
_RAYLEIGH = 1.2533


def plain(picture: Any) -> tuple[Any, float]:
    """As it is."""
    return picture, 1.0


def even(picture: Any) -> tuple[Any, float]:
    """Local contrast evened out."""
    return _evened(picture, 0.8, 10, 2.5), 1.0


def even_large(picture: Any) -> tuple[Any, float]:
    """The same, enlarged."""
    return _enlarged(_evened(picture, 0.7, 12, 2.5), 1.4)


def negative(picture: Any) -> tuple[Any, float]:
    """Evened out, bright and dark changed: another picture to the detector."""
    return 255 - _evened(picture, 0.8, 10, 3), 1.0


def strokes(picture: Any) -> tuple[Any, float]:
    """Text on grain: what is flat along a line, enlarged.

    Speckle and noise are grains of any grey; a stroke of text has one grey for some pixels on end, a little above the mean. Two
    filters see that, and are added: openings along lines of 3, 5 and 7 pixels in eight directions (Soille & Talbot,
    IEEE PAMI 23, 2001), which wipe out what is bright and short; and the same opening, of 3, of how much likelier a
    grey is in such a stroke than in Rayleigh speckle of the local mean, which wipes out what is too bright as well.
    """
    grey = _grey(picture)
    openings = sum(_opened(grey, length).astype("float32") for length in (3, 5, 7))
    likely = _opened(_likelihood(grey), 3)
    both = _deviations(openings / 3, 0.6, 12, 0.05) + _deviations(likely, 0.6, 12, 0.05)
    return _enlarged(_stretched(both, 4.2), 2.0)


def grain(picture: Any) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what is grainy in a picture: speckle, quantum noise; None where too little is."""
    import cv2
    import numpy as np

    grey = _grey(picture).astype(np.float32)
    mean = cv2.GaussianBlur(grey, (0, 0), 4)
    deviation = np.sqrt(np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), 4) - mean * mean, 0))
    found = (mean > _DARK) & (deviation > _GRAIN) & (deviation < _MOST * mean)
    # Edges look like it in thin lines only.
    rows, columns = np.nonzero(cv2.erode(found.astype(np.uint8), np.ones((19, 19), np.uint8)))
    if len(rows) < _PART * grey.size:
        return None
    height, width = grey.shape
    return (
        max(int(columns.min()) - _AROUND, 0),
        max(int(rows.min()) - _AROUND, 0),
        min(int(columns.max()) + _AROUND, width),
        min(int(rows.max()) + _AROUND, height),
    )


def _grey(picture: Any) -> Any:
    """The strongest channel: yellow is as bright as white."""
    import numpy as np

    return np.ascontiguousarray(picture.max(axis=2) if picture.ndim == 3 else picture)


def _enlarged(shown: Any, factor: float) -> tuple[Any, float]:
    import cv2

    return cv2.resize(shown, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), factor


def _evened(picture: Any, fine: float, wide: float, spread: float) -> Any:
    """Grey values around their local mean in units of their local deviation: grey on grey becomes white on black."""
    return _stretched(_deviations(_grey(picture), fine, wide, 4), spread)


def _deviations(values: Any, fine: float, wide: float, least: float) -> Any:
    import cv2
    import numpy as np

    smooth = cv2.GaussianBlur(values.astype(np.float32), (0, 0), fine)
    away = smooth - cv2.GaussianBlur(smooth, (0, 0), wide)
    return away / (np.sqrt(cv2.GaussianBlur(away * away, (0, 0), wide)) + least)


def _stretched(deviations: Any, spread: float) -> Any:
    import numpy as np

    return np.clip(127 + deviations * 127 / spread, 0, 255).astype(np.uint8)


def _likelihood(grey: Any) -> Any:
    """The logarithm of how much likelier a grey is in a stroke than in speckle, between -3 and 3."""
    import cv2
    import numpy as np

    values = grey.astype(np.float32)
    mean = cv2.GaussianBlur(values, (0, 0), 7) + 2
    scale = (mean / _RAYLEIGH) ** 2
    speckle = np.log(np.maximum(values, 1) / scale) - values * values / (2 * scale)
    away = (values - mean - _STEP) / _STEP_DEVIATION
    stroke = np.maximum(-away * away / 2 - np.log(_STEP_DEVIATION * np.sqrt(2 * np.pi)), -7)
    return np.clip(stroke - speckle, -3, 3)


def _opened(values: Any, length: int) -> Any:
    """The greatest of the openings along lines of `length` pixels."""
    import cv2
    import numpy as np

    best = None
    for line in _lines(length):
        one = cv2.morphologyEx(values, cv2.MORPH_OPEN, line)
        best = one if best is None else np.maximum(best, one, out=best)
    return best


@lru_cache(maxsize=8)
def _lines(length: int) -> tuple[Any, ...]:
    """Lines through the middle of a square, in steps of 22.5 degrees."""
    import cv2
    import numpy as np

    half, found = length // 2, []
    for angle in np.deg2rad(np.arange(0, 180, 22.5)):
        across, down = np.cos(angle) * half, np.sin(angle) * half
        line = np.zeros((length, length), np.uint8)
        ends = [(round(half + sign * across), round(half + sign * down)) for sign in (-1, 1)]
        cv2.line(line, ends[0], ends[1], 1, 1)
        found.append(line)
    return tuple({line.tobytes(): line for line in found}.values())

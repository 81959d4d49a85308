"""Stored values of a frame to pictures of 8 bits that are looked at: several renderings, none of them for diagnosis.

Knows that a name may be saturated, or lie in grey levels that a window hides: deep images are shown over their full
range, through the header's window, and between percentiles. Refuses to know files.
"""

from __future__ import annotations

from typing import Any

from medcli.privacy.pixels.image import Image

__all__ = ["Palette", "Shown", "alike_colours", "thumbnail"]

#: Side of the square in which a stroke of text is thin, in pixels.
_STROKE = 11
#: Pixels from which on a spot is more than a point.
_POINTS = 8
#: A range this many times as wide as what most of a picture holds shows too little of it.
_SHADES = 16
#: Red, green and blue of each index, uint8 (entries, 3), and the first index.
Palette = tuple[Any, int]


class Shown:
    """Shows frames of one data set, and what is brightest and darkest over all of them.

    Parameters
    ----------
    image
        Their form.
    window
        Centre and width in stored values.
    palette
        For PALETTE COLOR.
    """

    def __init__(
        self, image: Image, window: tuple[float, float] | None = None, palette: Palette | None = None
    ) -> None:
        self._image, self._window, self._palette = image, window, palette
        self._grey = image.samples == 1 and palette is None
        self._most: Any = None
        self._least: Any = None
        self._raised: Any = None
        self._sunk: Any = None

    def pictures(self, words: Any) -> list[Any]:
        """Pictures of one frame, uint8 (rows, columns) or (rows, columns, 3); the last as a reader would see it.

        Bits beside the stored ones come first, each that varies as a picture: overlays were kept there (PS3.5 8.1.2).
        """
        import numpy as np

        shown = _greys(self._image, self._values(words), self._window) if self._grey else [self.quick(words)]
        alike = []
        if self._palette is not None:
            table, first = self._palette
            indices = np.clip(self._image.values(words) - first, 0, len(table) - 1)
            alike = alike_colours(indices, table)
        return [*_planes(self._image.spare(words)), *alike, *shown]

    def quick(self, words: Any) -> Any:
        """One picture of a frame."""
        import numpy as np

        image = self._image
        if self._plain() and words.ndim == 3:
            return np.ascontiguousarray(words[..., :3])
        if self._grey:
            return _greys(image, self._values(words), self._window)[-1]
        values = image.values(words)
        if self._palette is not None:
            table, first = self._palette
            return table[np.clip(values - first, 0, len(table) - 1)]
        if image.halved:
            whole = np.stack((values[..., :2].reshape(image.rows, -1), *_doubled(values)), axis=2)
            return _rgb(whole, 8)
        colour = values[..., :3]
        ybr = image.photometric == "YBR_FULL"
        return _rgb(colour, image.stored) if ybr else _top(colour, image.stored, signed=image.signed)

    def add(self, words: Any, picture: Any) -> None:
        """Take a frame, and the picture that :meth:`quick` gave of it, into the temporal maximum and minimum."""
        import numpy as np

        one = self._values(words) if self._grey else picture
        if self._most is None:
            self._most, self._least = one.copy(), one.copy()
        else:
            np.maximum(self._most, one, out=self._most)
            np.minimum(self._least, one, out=self._least)
        self._add_strokes(picture)

    def _add_strokes(self, shown: Any) -> None:
        """Take what is thin and brighter, or darker, than what is around it into its own maximum.

        Text of one frame stands out there even where other frames are as bright as the text.
        """
        import cv2
        import numpy as np

        grey = shown.max(axis=2) if shown.ndim == 3 else shown
        around = np.ones((_STROKE, _STROKE), np.uint8)
        raised, sunk = (cv2.morphologyEx(grey, how, around) for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
        if self._raised is None:
            self._raised, self._sunk = raised, sunk
        else:
            np.maximum(self._raised, raised, out=self._raised)
            np.maximum(self._sunk, sunk, out=self._sunk)

    def extremes(self) -> list[list[Any]]:
        """The temporal maximum and minimum, each as a frame's pictures; and the strokes, bright and dark ones."""
        if self._most is None:
            return []
        both = (self._most, self._least)
        ends = [_greys(self._image, one, self._window) if self._grey else [one] for one in both]
        return [*ends, [self._raised], [self._sunk]]

    def _plain(self) -> bool:
        """Whether words are what is shown, channel by channel."""
        image = self._image
        simple = image.allocated == image.stored == 8 and image.high == 7 and not image.signed
        return simple and self._palette is None and not image.halved and image.photometric != "YBR_FULL"

    def _values(self, words: Any) -> Any:
        return words if self._plain() else self._image.values(words)


def _greys(image: Image, values: Any, window: tuple[float, float] | None) -> list[Any]:
    import numpy as np

    if image.stored <= 8 and not image.real:
        shown = [_top(values, image.stored, signed=image.signed)]
    else:
        low, high = (float(end) for end in np.percentile(values, (0.5, 99.5)))
        ranges = [(float(values.min()), float(values.max())), (low, high)]
        if window is not None and window[1] > 1:
            ranges[1] = (window[0] - window[1] / 2, window[0] + window[1] / 2)
            if _apart(ranges[1], (low, high)):
                ranges.append((low, high))
        least, most = (float(end) for end in np.percentile(values, (5, 95)))
        inner = (least, most)
        if all(_hides(ends, inner) for ends in ranges):
            # A few values far away leave most of the picture in a handful of grey levels.
            ranges.insert(1, inner)
        shown = [_stretched(values, *ends) for ends in ranges]
        shown = [one for at, one in enumerate(shown) if not at or _differs(one, shown[0])]
    return [255 - one for one in shown] if image.photometric == "MONOCHROME1" else shown


def alike_colours(indices: Any, table: Any) -> list[Any]:
    """What a palette hides: one picture where several indices in use have one colour, which of them it is; else none.

    Nor where they are points only: dithering uses such indices by turns.

    Parameters
    ----------
    indices
        Integers (rows, columns), all within the table.
    table
        Colours (entries, 3).
    """
    import numpy as np

    used = np.unique(indices)
    seen: dict[bytes, int] = {}
    ranks = np.zeros(int(used[-1]) + 1, np.int64)
    for index in used:
        colour = table[index].tobytes()
        ranks[index] = seen.get(colour, 0)
        seen[colour] = seen.get(colour, 0) + 1
    most, which = int(ranks.max()), ranks[indices]
    if not most or _scattered(which > 0):
        return []
    return [(which * 255 // most).astype(np.uint8)]


def _scattered(mask: Any) -> bool:
    """Whether most of what is marked are single points, as dithering makes them, and no strokes."""
    import cv2
    import numpy as np

    sizes = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return bool(sizes[sizes >= _POINTS].sum() < sizes.sum() / 2)


def _planes(spare: Any) -> list[Any]:
    """Each bit that varies, as a picture."""
    import numpy as np

    if spare is None or not (spare != spare.flat[0]).any():
        return []
    varied = int(np.bitwise_or.reduce(spare ^ spare.flat[0], axis=None))
    planes = [(spare >> spare.dtype.type(bit)) & spare.dtype.type(1) for bit in range(varied.bit_length())]
    shown = [(plane * 255).astype(np.uint8) for bit, plane in enumerate(planes) if varied >> bit & 1]
    return [one.max(axis=2) if one.ndim == 3 else one for one in shown]


def _apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether a window shows so little of another range that both are worth a look."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared < 0.5 * max(one[1] - one[0], other[1] - other[0])


def _hides(ends: tuple[float, float], inner: tuple[float, float]) -> bool:
    """Whether a range leaves fewer than 16 grey levels to nine tenths of the picture."""
    return inner[1] - inner[0] < (ends[1] - ends[0]) / _SHADES


def _differs(one: Any, other: Any) -> bool:
    import numpy as np

    return bool(np.abs(one.astype(np.int16) - other).max() > 24)


def _stretched(values: Any, low: float, high: float) -> Any:
    import numpy as np

    spread = max(high - low, 1e-9)
    return np.clip((values - low) * (255.0 / spread), 0, 255).astype(np.uint8)


def _top(values: Any, stored: int, *, signed: bool) -> Any:
    import numpy as np

    if values.dtype == np.uint8 and stored == 8 and not signed:
        return values
    unsigned = values + (1 << (stored - 1) if signed else 0)
    if stored < 8:
        return (unsigned * 255 // max((1 << stored) - 1, 1)).astype(np.uint8)
    return (unsigned >> (stored - 8)).astype(np.uint8)


def _doubled(values: Any) -> tuple[Any, Any]:
    import numpy as np

    return np.repeat(values[..., 2], 2, axis=1), np.repeat(values[..., 3], 2, axis=1)


def _rgb(values: Any, stored: int) -> Any:
    """RGB of YBR_FULL values (PS3.3 C.7.6.3.1.2), uint8."""
    import numpy as np

    y, blue, red = (values[..., at].astype(np.float32) / (1 << max(stored - 8, 0)) for at in range(3))
    channels = (
        y + 1.402 * (red - 128),
        y - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
        y + 1.772 * (blue - 128),
    )
    return np.clip(np.stack(channels, axis=2), 0, 255).astype(np.uint8)


def thumbnail(picture: Any) -> Any:
    """Means of a 24 by 24 grid, float32: what tells a change of scene."""
    import numpy as np

    grey = picture.max(axis=2) if picture.ndim == 3 else picture
    rows, columns = (max(1, side // 24) for side in grey.shape)
    part = grey[: grey.shape[0] // rows * rows, : grey.shape[1] // columns * columns].astype(np.float32)
    return part.reshape(part.shape[0] // rows, rows, part.shape[1] // columns, columns).mean(axis=(1, 3))

"""What is put in place of text: one value, or noise, neither of which depends on what it covers.

Knows which stored value is dark on a screen, and how noise is drawn: by SHAKE-256 from the release's key and the
series, so one draw a series, the same in every frame, process and run. Averaging frames or runs gives the noise again,
and nothing else. Refuses to blur, to pixelate and to add: what stood there could be computed back.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from medcli.privacy.pixels.image import Image
from medcli.privacy.pixels.showing import Palette

__all__ = ["Fill"]

#: Levels to which statistics of the surroundings are rounded: a single pixel's value can't be told from them.
_LEVELS = 16


class Fill:
    """The filling of one file.

    Parameters
    ----------
    image
        The pixels' form, as they will be written.
    words
        The first frame.
    mask
        True where text was found, (rows, columns): nothing there is looked at.
    palette
        For PALETTE COLOR.
    noise
        Key of the noise; None fills with one value.
    """

    def __init__(
        self,
        image: Image,
        words: Any,
        mask: Any,
        *,
        palette: Palette | None = None,
        noise: bytes | None = None,
    ) -> None:
        self._image, self._palette = image, palette
        self._solid = self._dark(words, mask)
        self._noise = self._drawn(words, mask, noise) if noise is not None and palette is None else None

    def put(self, words: Any, mask: Any) -> Any:
        """A copy of a frame with what `mask` covers overwritten."""
        import numpy as np

        filled = words.copy()
        if self._image.halved:
            pairs = mask.reshape(mask.shape[0], -1, 2).any(axis=2)
            filled[pairs] = self._solid
            return filled
        if self._noise is None:
            filled[mask] = self._solid
        elif words.ndim == 3:
            filled[mask] = self._coloured(self._noise[mask])
        else:
            filled[mask] = self._noise[mask]
        return np.ascontiguousarray(filled)

    def _dark(self, words: Any, mask: Any) -> Any:
        """A dark word: the least value around, the greatest in MONOCHROME1, black in colour, a palette's darkest."""
        import numpy as np

        image = self._image
        if self._palette is not None:
            table, first = self._palette
            return image.words(int(first + table.astype(int).sum(axis=1).argmin()))
        if image.halved:
            return np.array([0, 0, 128, 128], np.dtype(image.kind))
        if image.samples > 1:
            middle = 1 << (image.stored - 1)
            ybr = image.photometric == "YBR_FULL"
            colour = [0, middle, middle] if ybr else [0] * image.samples
            return np.array([image.words(value) for value in colour], np.dtype(image.kind))
        return self._word(self._ends(words, mask)[image.photometric == "MONOCHROME1"])

    def _ends(self, words: Any, mask: Any) -> tuple[Any, Any]:
        """The least and the greatest value around the text; of a frame that is text all over, the least there can be."""
        values = self._image.values(words)[~mask]
        if values.size:
            return values.min(), values.max()
        low = -(1 << (self._image.stored - 1)) if self._image.signed else 0
        return low, low + (1 << self._image.stored) - 1

    def _word(self, value: Any) -> Any:
        return float(value) if self._image.real else self._image.words(int(value))

    def _drawn(self, words: Any, mask: Any, key: bytes) -> Any:
        """A whole frame of noise, uniform between coarse percentiles of what is around the text."""
        import numpy as np

        image = self._image
        low, high = self._range(words, mask)
        pixels = image.rows * image.columns
        draw = np.frombuffer(hashlib.shake_256(hmac.digest(key, b"noise", "sha256")).digest(pixels), np.uint8)
        values = low + draw.astype(np.float64) / 255 * (high - low)
        if image.real:
            return values.astype(np.dtype(image.kind)).reshape(image.rows, image.columns)
        whole = np.rint(values).astype(np.int64) & ((1 << image.stored) - 1)
        sign = np.where(values < 0, ~((1 << (image.high + 1)) - 1), 0) if image.signed else 0
        laid = (whole << (image.high + 1 - image.stored)) | sign
        return (
            (laid & ((1 << image.allocated) - 1))
            .astype(np.dtype(image.kind))
            .reshape(image.rows, image.columns)
        )

    def _range(self, words: Any, mask: Any) -> tuple[float, float]:
        import numpy as np

        values = self._image.values(words)
        around = (values[..., 0] if values.ndim == 3 else values)[~mask]
        if not around.size:
            return 0.0, float((1 << min(self._image.stored, 30)) - 1)
        least, most = float(around.min()), float(around.max())
        step = max((most - least) / _LEVELS, 1e-9)
        low, high = (float(end) for end in np.percentile(around, (10, 90)))
        return least + round((low - least) / step) * step, min(
            least + (round((high - least) / step) + 1) * step, most
        )

    def _coloured(self, noise: Any) -> Any:
        """Grey noise in three samples."""
        import numpy as np

        if self._image.photometric != "YBR_FULL":
            return noise[:, None]
        middle = np.full_like(noise, self._image.words(1 << (self._image.stored - 1)))
        return np.stack((noise, middle, middle), axis=1)

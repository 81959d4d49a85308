"""How a picture becomes the square, normalised array that a CLIP tower takes.

Knows the padding of LLaVA-Med v1.5 and the resizing of CLIP's processor, done with Pillow and numpy alone, so that the
pixels do not depend on whether torchvision is installed. Refuses to know files: it is handed open pictures.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class Draws:
    """The random pixel of ``--padding llava-med``: one draw for each row with a picture that is not square.

    The original draws ``randint(d, d + 1)`` from a generator seeded with 0 once a process, where d is half the
    difference of the sides, rounded down; a square picture draws nothing. The draw does not depend on d, so it can
    be taken while a file is planned, in input order, and travels with the row.
    """

    def __init__(self) -> None:
        self._random = random.Random(0)  # noqa: S311 - what the original uses

    def next(self, width: int, height: int) -> int:
        """Pixels (0 or 1) that this row's picture is shifted beyond the smaller offset."""
        return 0 if width == height else self._random.randint(0, 1)


def pad_to_square(image: Image, mean: Sequence[float], extra: int = 0) -> Image:
    """Put a picture in the middle of a square in the processor's mean colour.

    Grey pictures are padded in grey, with the average of the three means, before they become RGB: 114 rather than
    (122, 116, 104) for CLIP.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode L, RGB or RGBA.
    mean : sequence of float
        The processor's channel means, 0 to 1.
    extra : {0, 1}
        Pixels beyond the smaller offset.
    """
    from PIL import Image as Images

    width, height = image.size
    if width == height:
        return image
    side = max(width, height)
    colour: Any = int(255 * sum(mean) / len(mean)) if image.mode == "L" else tuple(int(255 * m) for m in mean)
    canvas = Images.new(image.mode, (side, side), colour)
    offset = abs(width - height) // 2 + extra
    canvas.paste(image, (0, offset) if width > height else (offset, 0))
    return canvas


@dataclass(frozen=True, slots=True)
class Clip:
    """CLIP's picture processor: shortest side to ``size`` (bicubic), centre crop, normalise.

    Attributes
    ----------
    size, crop : int
        Pixels.
    mean, std : tuple of float
        Of the three channels, for values 0 to 1.
    resample : int
        Pillow's number of the filter; 3 is bicubic.
    """

    size: int
    crop: int
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    resample: int = 3

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Clip:
        """Read a ``preprocessor_config.json``, old (numbers) or new (mappings)."""
        size = settings.get("size", 224)
        crop = settings.get("crop_size", size)
        if isinstance(size, Mapping):
            size = size.get("shortest_edge") or size["height"]
        if isinstance(crop, Mapping):
            crop = crop.get("height") or crop["shortest_edge"]
        return cls(
            int(size),
            int(crop),
            tuple(settings.get("image_mean", CLIP_MEAN)),
            tuple(settings.get("image_std", CLIP_STD)),
            int(settings.get("resample", 3)),
        )

    @property
    def name(self) -> str:
        """What is recorded with the answers."""
        return f"clip-pillow-{self.crop}"

    def pixels(self, image: Image) -> NDArray[np.float32]:
        """Float32 of shape (3, crop, crop); transparency is dropped, not blended."""
        import numpy as np
        from PIL import Image as Images

        rgb = image.convert("RGB")
        short, long = sorted(rgb.size)
        scaled = (self.size, int(self.size * long / short))
        rgb = rgb.resize(
            scaled if rgb.width <= rgb.height else scaled[::-1], Images.Resampling(self.resample)
        )
        left, top = (rgb.width - self.crop) // 2, (rgb.height - self.crop) // 2
        rgb = rgb.crop((left, top, left + self.crop, top + self.crop))
        values = (np.asarray(rgb) * (1 / 255)).astype(np.float32)
        normal = (values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        channels: NDArray[np.float32] = np.ascontiguousarray(normal.transpose(2, 0, 1))
        return channels

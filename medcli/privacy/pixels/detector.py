"""What finds and reads text in a picture: the protocol that any engine can fill, and the one that is used.

Knows the protocol's nouns. Refuses to know an engine: :mod:`medcli.privacy.pixels.rapid` is the default one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

from medcli.errors import MissingExtra

__all__ = ["Detector", "DetectorFailed", "Quad", "Reading", "quad_of", "require", "usual"]

#: Packages of the extra ``ocr`` that the default detector needs.
_NEEDED = ("rapidocr", "onnxruntime", "cv2")


class DetectorFailed(Exception):
    """The detector could not look: the file is withheld, never passed on. Carries no value."""


class Quad(NamedTuple):
    """Where a line of text stands: four corners in pixels, clockwise from the text's upper left, and how sure it is.

    Attributes
    ----------
    corners
        x0, y0, x1, y1, x2, y2, x3, y3.
    score
        0 to 1.
    """

    corners: tuple[float, float, float, float, float, float, float, float]
    score: float = 1.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the upright rectangle around it."""
        xs, ys = self.corners[::2], self.corners[1::2]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def area(self) -> float:
        """Of the quadrilateral, in square pixels (the shoelace formula)."""
        points = list(zip(self.corners[::2], self.corners[1::2], strict=True))
        following = points[1:] + points[:1]
        return abs(sum(x * v - u * y for (x, y), (u, v) in zip(points, following, strict=True))) / 2

    @property
    def height(self) -> float:
        """The shorter of its two sides, in pixels."""
        x0, y0, x1, y1, _, _, x3, y3 = self.corners
        return min(math.hypot(x1 - x0, y1 - y0), math.hypot(x3 - x0, y3 - y0))

    def moved(self, right: float, down: float, scale: float = 1.0) -> Quad:
        """The same, divided by `scale` and then moved."""
        x0, y0, x1, y1, x2, y2, x3, y3 = (
            value / scale + (down if at % 2 else right) for at, value in enumerate(self.corners)
        )
        return Quad((x0, y0, x1, y1, x2, y2, x3, y3), self.score)


def quad_of(box: tuple[int, int, int, int]) -> Quad:
    """An upright rectangle (right and bottom not part of it) as a quad."""
    left, top, right, bottom = box[0], box[1], box[2] - 1, box[3] - 1
    return Quad((left, top, right, top, right, bottom, left, bottom))


class Reading(NamedTuple):
    """What was read in a quad; never written anywhere."""

    text: str
    score: float

    def __repr__(self) -> str:
        return f"Reading({len(self.text)} characters, {self.score:.2f})"


class Detector(Protocol):
    """Finds lines of text in one picture, and reads them.

    Pictures are uint8, (rows, columns) or (rows, columns, 3) in RGB. A detector that can't do its work raises; an
    empty answer says that there is no text.
    """

    name: str

    def find(self, picture: Any, *, sensitive: bool = False) -> Sequence[Quad]:
        """Lines of text, in pixels of the picture; `sensitive` would rather find too much."""

    def read(self, picture: Any, quads: Sequence[Quad]) -> Sequence[Reading]:
        """The text of each quad, in any of its four directions; empty where nothing is read."""


def require() -> None:
    """Say that the default detector's packages are installed.

    Raises
    ------
    MissingExtra
        Where one is not.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise MissingExtra("ocr", "looking for text in pixels")


def usual() -> Detector:
    """The default detector, made anew; expensive, once a process."""
    require()
    from medcli.privacy.pixels.rapid import Rapid

    return Rapid()

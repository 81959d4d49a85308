"""Text and faces as boxes that are filled: what looks at a picture on behalf of :mod:`pictures`.

Knows how to ask the two detectors. Refuses to know files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medcli.privacy.pixels.detector import DetectorFailed, Quad
from medcli.privacy.pixels.picture_kinds import UnfitPicture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medcli.privacy.pixels.faces import Faces
    from medcli.privacy.pixels.finding import Finder

__all__ = ["FaceSight", "TextSight", "box_of"]

Bounds = tuple[int, int, int, int]


def box_of(quad: Quad) -> Bounds:
    """The upright rectangle around a line, widened by a seventh of its height and 2 pixels."""
    import math

    left, top, right, bottom = quad.box
    more = 2 + min(right - left, bottom - top) / 7
    return (
        max(math.floor(left - more), 0),
        max(math.floor(top - more), 0),
        math.ceil(right + more),
        math.ceil(bottom + more),
    )


class TextSight:
    """Lines of text.

    Parameters
    ----------
    finder
        Finds lines, and says which of them may stay.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def find(self, image: NDArray[np.uint8], *, second: bool = False) -> Sequence[Bounds]:
        """See :class:`medcli.privacy.pixels.pictures.Looks`."""
        try:
            found = self._finder.left([image]) if second else self._finder.find([image])
        except DetectorFailed:
            raise UnfitPicture("detector-failed") from None
        height, width = image.shape[:2]
        boxes = (box_of(quad) for quad in found)
        return [
            (x0, y0, min(x1, width), min(y1, height))
            for x0, y0, x1, y1 in boxes
            if x0 < width and y0 < height
        ]


class FaceSight:
    """Faces; on the second look too."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces

    def find(self, image: NDArray[np.uint8], *, second: bool = False) -> Sequence[Bounds]:
        """See :class:`medcli.privacy.pixels.pictures.Looks`."""
        del second
        try:
            return self._faces.find(image)
        except UnfitPicture:
            raise
        except Exception:  # noqa: BLE001 - whatever the engine raises, nobody has looked
            raise UnfitPicture("detector-failed") from None

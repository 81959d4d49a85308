"""Look at a picture of any size so that nothing readable is missed: tiles, renderings, a control string.

Knows what detectors are bad at, as measured: large frames, frames without any text (one giant box over all of it),
text at the edges, grey on grey, text on speckle. So frames are cut into overlapping tiles, each is looked at as it is and with its local
contrast evened out, in a margin that holds a control string: with a true line in sight the network stops taking
texture for text, and a look that does not find the control string has failed. Refuses to know DICOM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from medcli.privacy.pixels.detector import Detector, DetectorFailed, Quad, Reading
from medcli.privacy.pixels.renderings import (
    Rendering,
    even,
    even_large,
    grain,
    negative,
    plain,
    strokes,
)

__all__ = ["Looker", "mask_of"]

#: A tile's longer side at most, and what neighbours share, in pixels.
TILE, OVERLAP = 768, 64
#: Frames whose shorter side is below this are enlarged.
SMALL = 320
#: A box over this part of a tile is a reason to look closer, and no redaction.
GIANT = 0.2
#: A box taller than this, in pixels, is believed only where something can be read in it, so surely.
TALL = 32
_READ = 0.5
#: Tiles are not halved below this side.
LEAST = 160
#: Differences of grey levels in a tile below which nothing can be read.
FLAT = 3
_MARGIN, _FOOT = 6, 26
_CONTROL = "Aa 0123"
#: Looks whose outcome is remembered, for pictures that come again.
_REMEMBERED = 512


class Looker:
    """Finds text in pictures by a detector.

    Parameters
    ----------
    detector
        Any :class:`~medcli.privacy.pixels.detector.Detector`.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._seen: dict[bytes, list[Quad]] = {}
        self._through: dict[bytes, list[tuple[Quad, Reading]]] = {}

    def look(self, pictures: Sequence[Any]) -> list[Quad]:
        """All lines of text in a frame that is shown in several ways; the first by two renderings of each tile.

        Raises
        ------
        DetectorFailed
            Where the detector raises, or finds not even the control string.
        """
        found = self._look(pictures[0], (plain, even), sensitive=False)
        for picture in pictures[1:]:
            found += self._look(picture, (plain,), sensitive=False)
        return _distinct(found)

    def look_harder(self, picture: Any) -> list[Quad]:
        """What a more sensitive look finds, which may be no text: enlarged, local contrast evened out."""
        return self._look(picture, (even_large,), sensitive=True)

    def look_through(self, picture: Any) -> list[tuple[Quad, Reading]]:
        """Lines of text on speckle and noise that can be read in a rendering made for it; smooth parts are not looked at."""
        key = _key(picture, (strokes,))
        found = self._through.get(key)
        if found is None:
            found = [
                pair for top, left, part in tiles(picture, TILE) for pair in self._strokes(part, top, left)
            ]
            _remember(self._through, key, found)
        return found

    def _strokes(self, part: Any, top: int, left: int) -> Iterator[tuple[Quad, Reading]]:
        where = grain(part)
        if where is None:
            return
        x0, y0, x1, y1 = where
        inner = part[y0:y1, x0:x1]
        shown, scale = strokes(_framed(inner))
        try:
            quads = self._detector.find(shown, sensitive=True)
        except Exception:  # noqa: BLE001 - as in read
            raise DetectorFailed from None
        for quad, reading in zip(quads, self.read(shown, quads), strict=True):
            placed = quad.moved(-_MARGIN, -_MARGIN, scale)
            inside = (placed.box[1] + placed.box[3]) / 2 < inner.shape[0]
            if inside and placed.area <= GIANT * inner.shape[0] * inner.shape[1] and _is_read(reading, 3):
                yield placed.moved(left + x0, top + y0), reading

    def look_again(self, picture: Any) -> list[Quad]:
        """All lines of text by a rendering that :meth:`look` does not use: the negative, evened out, other tiles."""
        return self._look(picture, (negative,), sensitive=False, most=TILE - 160)

    def read(self, picture: Any, quads: Sequence[Quad]) -> Sequence[Reading]:
        """The text of each quad.

        Raises
        ------
        DetectorFailed
            Where the detector raises.
        """
        try:
            return self._detector.read(picture, quads) if quads else ()
        except Exception:  # noqa: BLE001 - whatever an engine raises, its words may quote what it read
            raise DetectorFailed from None

    def _look(
        self, picture: Any, renderings: Sequence[Rendering], *, sensitive: bool, most: int = TILE
    ) -> list[Quad]:
        key = _key(picture, renderings)
        if key not in self._seen:
            _remember(self._seen, key, self._looked(picture, renderings, sensitive=sensitive, most=most))
        return list(self._seen[key])

    def _looked(
        self, picture: Any, renderings: Sequence[Rendering], *, sensitive: bool, most: int
    ) -> list[Quad]:
        import cv2

        side = min(picture.shape[:2])
        scale = min(4.0, SMALL / side) if side < SMALL else 1.0
        if scale > 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        found: list[Quad] = []
        for top, left, part in tiles(picture, most):
            if _contrast(part) >= FLAT:
                found += (
                    quad.moved(left / scale, top / scale, scale)
                    for quad in self._tile(part, renderings, sensitive=sensitive)
                )
        return found

    def _tile(self, part: Any, renderings: Sequence[Rendering], *, sensitive: bool) -> list[Quad]:
        found, sane, giant = [], False, False
        for rendering in renderings:
            quads, control = self._once(part, rendering, sensitive=sensitive)
            sane |= control
            believed = [quad for quad in quads if sensitive or self._believes(part, quad)]
            giant |= len(believed) < len(quads)
            found += believed
        if not sane and not sensitive and min(part.shape[:2]) < 2 * LEAST:
            raise DetectorFailed
        if (giant or not sane) and min(part.shape[:2]) >= 2 * LEAST and not sensitive:
            found += self._closer(part, renderings)
        return found

    def _believes(self, part: Any, quad: Quad) -> bool:
        """Whether a box is one: not if it covers much of the tile, nor if it is tall and nothing is read in it."""
        if quad.area > GIANT * part.shape[0] * part.shape[1]:
            return False
        return quad.height <= TALL or _is_read(self.read(part, [quad])[0])

    def _closer(self, part: Any, renderings: Sequence[Rendering]) -> list[Quad]:
        """Look at the quarters of a tile in which something giant was found."""
        found: list[Quad] = []
        for top, left, quarter in tiles(part, max(part.shape[:2]) // 2 + OVERLAP // 2):
            found += (quad.moved(left, top) for quad in self._tile(quarter, renderings, sensitive=False))
        return found

    def _once(self, part: Any, rendering: Rendering, *, sensitive: bool) -> tuple[list[Quad], bool]:
        """Lines in one rendering of a tile, and whether the control string is among what was found."""
        high, wide = part.shape[:2]
        shown, scale = rendering(_framed(part))
        try:
            quads = self._detector.find(shown, sensitive=sensitive)
        except Exception:  # noqa: BLE001 - as in read
            raise DetectorFailed from None
        placed = [quad.moved(-_MARGIN, -_MARGIN, scale) for quad in quads]
        below = [quad for quad in placed if (quad.box[1] + quad.box[3]) / 2 >= high]
        inside = [quad for quad in placed if (quad.box[1] + quad.box[3]) / 2 < high and quad.box[0] < wide]
        return inside, bool(below)


def _is_read(reading: Reading, letters: int = 2) -> bool:
    """Whether something can be read, if not surely: `letters` letters or figures."""
    return reading.score >= _READ and sum(map(str.isalnum, reading.text)) >= letters


def _remember(known: dict[bytes, Any], key: bytes, found: Any) -> None:
    while len(known) >= _REMEMBERED:
        del known[next(iter(known))]
    known[key] = found


def _key(picture: Any, renderings: Sequence[Rendering]) -> bytes:
    """What tells two looks apart: shape, content and renderings."""
    digest = hashlib.sha256(f"{picture.shape} {[one.__name__ for one in renderings]}".encode())
    digest.update(picture.tobytes())
    return digest.digest()


def tiles(picture: Any, most: int, overlap: int = OVERLAP) -> Iterator[tuple[int, int, Any]]:
    """Top, left and content of tiles of like size that share `overlap` pixels, each side `most` at the utmost."""
    rows, columns = (list(_spans(length, most, overlap)) for length in picture.shape[:2])
    for top, bottom in rows:
        for left, right in columns:
            yield top, left, picture[top:bottom, left:right]


def _spans(length: int, most: int, overlap: int) -> Iterator[tuple[int, int]]:
    count = max(1, -(-(length - overlap) // (most - overlap)))
    size = -(-(length + (count - 1) * overlap) // count)
    for number in range(count):
        start = min(number * (size - overlap), max(length - size, 0))
        yield start, min(start + size, length)


def _contrast(part: Any) -> int:
    return int(part.max()) - int(part.min())


def _framed(part: Any) -> Any:
    """A tile in a margin of its median, with the control string below."""
    import cv2
    import numpy as np

    middle = [int(value) for value in np.atleast_1d(np.median(part, axis=(0, 1)))]
    width = max(part.shape[1], 96) - part.shape[1]
    framed = cv2.copyMakeBorder(
        part, _MARGIN, _FOOT, _MARGIN, _MARGIN + width, cv2.BORDER_CONSTANT, value=middle
    )
    # Seen in the strongest channel too, which is what the evened rendering is made of.
    ink = (255 if max(middle) < 128 else 0,) * 3
    at = (_MARGIN + 4, framed.shape[0] - 8)
    return cv2.putText(framed, _CONTROL, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)


def _distinct(quads: list[Quad]) -> list[Quad]:
    """Lines without those that lie, but for a tenth, within a larger one: two renderings show the same line."""
    kept: list[Quad] = []
    for quad in sorted(quads, key=lambda one: -one.area):
        left, top, right, bottom = quad.box
        for other in kept:
            u, v, x, y = other.box
            shared = max(0.0, min(right, x) - max(left, u)) * max(0.0, min(bottom, y) - max(top, v))
            if shared >= 0.9 * (right - left) * (bottom - top) and _level(quad) and _level(other):
                break
        else:
            kept.append(quad)
    return kept


def _level(quad: Quad) -> bool:
    """Whether a line lies level or upright, so that its upright box is itself."""
    left, top, right, bottom = quad.box
    return quad.area >= 0.8 * (right - left) * (bottom - top)


def mask_of(quads: Sequence[Quad], rows: int, columns: int) -> Any:
    """Which pixels the lines cover, each widened by a seventh of its height and 2 pixels: bool (rows, columns)."""
    import cv2
    import numpy as np

    covered = np.zeros((rows, columns), np.uint8)
    for quad in quads:
        corners = np.array(quad.corners, np.float32).reshape(4, 2)
        centre, (wide, high), angle = cv2.minAreaRect(corners)
        more = 4 + 2 * min(wide, high) / 7
        wider = cv2.boxPoints((centre, (wide + more, high + more), angle))
        cv2.fillPoly(covered, [np.round(wider).astype(np.int32)], 1)
    return covered.astype(bool)

"""Find what has to go from the frames of one data set: which pictures are looked at, and what is made of the lines.

Knows that text mostly stays where it is while the picture moves: of many frames the temporal maximum and minimum are
looked at, a few frames, and every frame that shows another scene; what is found in one holds for all. Refuses to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from medcli.privacy.pixels.detector import Quad
from medcli.privacy.pixels.hunt import Hunt, legible
from medcli.privacy.pixels.showing import Palette, Shown, thumbnail
from medcli.privacy.pixels.technique import is_technique

if TYPE_CHECKING:
    from medcli.privacy.pixels.frames import Frames
    from medcli.privacy.pixels.looking import Looker

__all__ = ["Finder", "scenes"]

#: Up to this many frames each is looked at, if it differs from the others.
_FEW = 3
#: Mean difference of grey levels, over a coarse grid, from which a frame is another scene.
_OTHER = 25.0
#: A reading that only the sensitive look found counts from this certainty on, whatever it says.
_CERTAIN = 0.8


class Finder:
    """Looks at one data set's pictures.

    Parameters
    ----------
    looker
        Looks.
    hunt
        Knows the header's strings.
    keep_technique
        Whether lines of technique may stay.
    """

    def __init__(self, looker: Looker, hunt: Hunt, *, keep_technique: bool = False) -> None:
        self._looker, self._hunt, self._keep = looker, hunt, keep_technique

    def find(self, pictures: list[Any], *, thorough: bool = True) -> list[Quad]:
        """Lines to be destroyed in one frame, shown as `pictures` (the last one as a reader would see it).

        `thorough` adds a more sensitive look, of which only what can be read, or is known of the patient, counts.
        """
        lines = self._looker.look(pictures)
        chosen = self._chosen(pictures[-1], lines)
        if not thorough:
            return chosen
        through = [
            quad
            for quad, reading in self._looker.look_through(pictures[-1])
            if self._hunt.finds(reading.text) or not (self._keep and is_technique(reading))
        ]
        harder = [
            quad for quad in self._looker.look_harder(pictures[-1]) if not _covered(quad, [*lines, *through])
        ]
        readings = self._looker.read(pictures[-1], harder)
        return [*chosen, *through] + [
            quad
            for quad, reading in zip(harder, readings, strict=True)
            if self._hunt.finds(reading.text)
            or (legible(reading) and reading.score >= _CERTAIN and not (self._keep and is_technique(reading)))
        ]

    def left(self, pictures: list[Any]) -> list[Quad]:
        """Lines in a cleaned frame that can still be read, by another rendering than before."""
        found: list[Quad] = []
        for picture in pictures:
            lines = self._looker.look_again(picture)
            for quad, reading in zip(lines, self._looker.read(picture, lines), strict=True):
                named = self._hunt.finds(reading.text)
                if named or (legible(reading) and not (self._keep and is_technique(reading))):
                    found.append(quad)
        return found

    def _chosen(self, picture: Any, lines: list[Quad]) -> list[Quad]:
        """All lines, or those that are not technique."""
        if not self._keep:
            return lines
        readings = self._looker.read(picture, lines)
        return [
            quad
            for quad, reading in zip(lines, readings, strict=True)
            if self._hunt.finds(reading.text) or not is_technique(reading)
        ]


def _covered(quad: Quad, others: list[Quad]) -> bool:
    """Whether the middle of a line lies in another one's upright box."""
    left, top, right, bottom = quad.box
    x, y = (left + right) / 2, (top + bottom) / 2
    return any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in (other.box for other in others))


def scenes(
    frames: Frames, window: tuple[float, float] | None, palette: Palette | None, change: Any = None
) -> Iterator[tuple[list[Any], bool]]:
    """What is looked at of all frames: lists of pictures, each with whether it is worth the most careful look.

    Parameters
    ----------
    frames
        Decoded one at a time.
    window, palette
        As :class:`~medcli.privacy.pixels.showing.Shown` takes them.
    change
        Called with number and words of each frame, for words that are to be shown instead.
    """
    shown, count = Shown(frames.image, window, palette), len(frames)
    chosen = {0, count // 2, count - 1} if count > _FEW else set(range(count))
    seen: set[bytes] = set()
    known: list[Any] = []
    for number in range(count):
        digest = frames.digest(number)
        if digest in seen:
            continue
        seen.add(digest)
        words = frames.words(number)
        words = words if change is None else change(number, words)
        small = None
        if count > _FEW:
            picture = shown.quick(words)
            shown.add(words, picture)
            small = thumbnail(picture)
        other = small is not None and bool(known) and all(abs(small - one).mean() > _OTHER for one in known)
        if number in chosen or other:
            if small is not None:
                known.append(small)
            yield shown.pictures(words), other or count <= _FEW
    if count > _FEW:
        yield from ((pictures, True) for pictures in shown.extremes())

"""The cleaning of one file's pixels: find, write, prove, until nothing is left to be read.

Knows the order of the work. Refuses to trust what it wrote: it reads it again, decodes every frame, compares each with
the source's outside the boxes, and looks once more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.privacy.dicom.encoding import Buffer, Encoding, Frame, encoding_of, read_frame
from medcli.privacy.dicom.normalise import inflated
from medcli.privacy.dicom.write import Written, write
from medcli.privacy.pixels.comparing import Compare
from medcli.privacy.pixels.detector import DetectorFailed, Quad, quad_of
from medcli.privacy.pixels.fill import Fill
from medcli.privacy.pixels.finding import Finder, scenes
from medcli.privacy.pixels.frames import Frames
from medcli.privacy.pixels.hunt import Hunt
from medcli.privacy.pixels.image import Unclean
from medcli.privacy.pixels.looking import mask_of
from medcli.privacy.pixels.places import (
    BURNED_IN,
    FEATURES,
    METHOD,
    Places,
    device_of,
    palette_of,
    places,
    window_of,
)
from medcli.privacy.pixels.regions import rectangles
from medcli.privacy.pixels.rewriting import form_after, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.dicom.header import Header
    from medcli.privacy.dicom.segments import Segment
    from medcli.privacy.pixels.cleaner import PixelCleaner
    from medcli.privacy.pixels.faces import Faces
    from medcli.privacy.text.known import Known

__all__ = ["Cleaned", "Work", "opened"]

#: How often text that is still readable is added to the boxes before the file is withheld.
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What came of it.

    Attributes
    ----------
    written
        The new file.
    overlaid
        Whether overlays are left, which nobody looks at: the file then does not claim clean pixels.
    boxes
        Left, top, right, bottom of each box, in pixels.
    covered
        Part of the frame that they cover.
    """

    written: Written
    overlaid: bool
    boxes: tuple[tuple[int, int, int, int], ...]
    covered: float


@contextmanager
def opened(stored: Buffer | None, target: Path | str | None) -> Iterator[tuple[Buffer, Frame, bytes]]:
    """A written file's data set in clear, its frame, and the bytes before it."""
    frame = read_frame(stored) if stored is not None else None
    if stored is None or frame is None:
        raise Unclean("too-large")
    folder = os.path.dirname(target) if target else None
    with inflated(stored, frame, folder) as (data, inner):
        yield data, inner, stored[: frame.start]


class Work:
    """The cleaning of one file."""

    def __init__(
        self, cleaner: PixelCleaner, where: Places, known: Known | None, seed: bytes, source: Header | None
    ) -> None:
        self.cleaner, self.places = cleaner, where
        policy = cleaner.policy
        self.frames = Frames(where)
        self.syntax, self.after = form_after(self.frames)
        self.window, self.palette = window_of(where), palette_of(where)
        self.finder = Finder(cleaner.looker(), Hunt(known), keep_technique="technique" in policy.keep_text)
        self.noise = seed if policy.fill == "noise" else None
        self.faces: Faces | None = None
        self.quads: list[Quad] = [*rectangles(policy.regions, device_of(where, source))]

    def run(
        self,
        head: bytes,
        target: Path | str | None,
        marks: Callable[[Encoding], tuple[bytes, bytes]],
        meta: Callable[[str], bytes],
    ) -> Cleaned:
        """Find, write and prove, until nothing is left to be read."""
        for pictures, main in scenes(self.frames, self.window, self.palette):
            self._show(before=pictures[-1])
            self.quads += [*self.finder.find(pictures, thorough=main), *self._faces_in(pictures)]
        for _ in range(_ROUNDS):
            mask = mask_of(self.quads, self.after.rows, self.after.columns)
            written = self._write(mask, head, target, marks, meta)
            try:
                left = self._prove(written, mask)
            except BaseException:
                written.discard()
                raise
            if not left:
                return Cleaned(written, self.places.overlaid, self._boxes(), float(mask.mean()))
            written.discard()
            self.quads += left
        raise Unclean("text-left-in-pixels")

    def _show(self, *, before: Any = None, after: Any = None) -> None:
        """Keep the first frame for the review page: `before` once, `after` of each round."""
        known = self.cleaner.shown
        if before is not None and known is None:
            self.cleaner.shown = (before.copy(), None, ())
        elif after is not None and known is not None:
            self.cleaner.shown = (known[0], after.copy(), self._boxes())

    def _faces_in(self, pictures: list[Any]) -> list[Quad]:
        """Faces as quads.

        Raises
        ------
        DetectorFailed
            Where the engine raises.
        """
        if self.faces is None:
            return []
        try:
            return [quad_of(box) for box in self.faces.find(pictures[-1])]
        except Exception:  # noqa: BLE001 - whatever the engine raises, nobody has looked
            raise DetectorFailed from None

    def _boxes(self) -> tuple[tuple[int, int, int, int], ...]:
        boxes = [tuple(round(edge) for edge in quad.box) for quad in self.quads]
        return tuple(dict.fromkeys(boxes))  # type: ignore[arg-type]

    def _filling(self, mask: Any) -> Callable[[int, Any], Any]:
        """What overwrites the words of a frame."""
        fill = Fill(self.after, self.frames.words(0), mask, palette=self.palette, noise=self.noise)
        return lambda number, words: fill.put(words, mask)  # noqa: ARG005 - all frames are treated alike

    def _write(
        self,
        mask: Any,
        head: bytes,
        target: Path | str | None,
        marks: Callable[[Encoding], tuple[bytes, bytes]],
        meta: Callable[[str], bytes],
    ) -> Written:
        where, frame = self.places, self.places.frame
        changed = bool(mask.any())
        syntax = self.syntax if changed else frame.syntax
        folder = os.path.dirname(target) if target else None
        new: dict[int, bytes] = {}
        pixels: list[Segment] = [(where.pixel.start, where.pixel.end)]
        with ExitStack() as stack:
            if changed or self.frames.carrying():
                new, pixels = rewritten(self.frames, self._filling(mask) if changed else None, folder, stack)
            encoding = encoding_of(syntax)
            if not where.overlaid:
                new |= {METHOD: marks(encoding)[0], BURNED_IN: encoding.element(BURNED_IN, "CS", b"NO")}
                new |= {} if self.faces is None else {FEATURES: encoding.element(FEATURES, "CS", b"NO")}
            before = head if syntax == frame.syntax else meta(syntax)
            return write(
                where.data, where.changed(new, pixels, before), replace(frame, syntax=syntax), target
            )

    def _prove(self, written: Written, mask: Any) -> list[Quad]:
        """Read the file again: compare every frame, and give what can still be read.

        Raises
        ------
        Unclean
            ``pixels-changed`` where a pixel outside the boxes differs, or one inside is not as it was filled.
        """
        with written.again() as stored, opened(stored, written.path) as (data, frame, _):
            again = Frames(places(data, frame))
            if len(again) != len(self.frames):
                raise Unclean("pixels-changed")
            compare = self._comparing(mask)
            left: list[Quad] = []
            for number, (pictures, main) in enumerate(scenes(again, self.window, self.palette, compare)):
                if not number:
                    self._show(after=pictures[-1])
                left += self.finder.left(pictures) if main else ()
                left += (quad for quad in self._faces_in(pictures) if not _filled(quad, mask))
            for number in compare.missed(len(again)):
                compare(number, again.words(number))
            return left

    def _comparing(self, mask: Any) -> Compare:
        return Compare(self.frames, mask, self._filling(mask) if mask.any() else None)


def _filled(quad: Quad, mask: Any) -> bool:
    """Whether all of an upright quad is filled already."""
    left, top, right, bottom = map(int, quad.box)
    return bool(mask[top : bottom + 1, left : right + 1].all())

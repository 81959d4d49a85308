"""Clean the pixels of one file that was de-identified otherwise: find, destroy, write, and prove it from the disk.

Knows the order of the work, and when it has to be given up. What it gets is a written file whose header is clean; what
it gives is another one that differs in the pixels under the boxes and in what is said of them. Refuses to trust what it
wrote: it reads it again, decodes every frame, compares each with the source's outside the boxes, and looks once more.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.privacy.dicom.encoding import Buffer, Damaged, Encoding, Frame, Odd, encoding_of, read_frame
from medcli.privacy.dicom.normalise import inflated
from medcli.privacy.dicom.write import Written, write
from medcli.privacy.pixels.detector import DetectorFailed, Quad, quad_of, usual
from medcli.privacy.pixels.fill import Fill
from medcli.privacy.pixels.finding import Finder, scenes
from medcli.privacy.pixels.frames import Frames
from medcli.privacy.pixels.hunt import Hunt
from medcli.privacy.pixels.image import Unclean
from medcli.privacy.pixels.looking import Looker, mask_of
from medcli.privacy.pixels.places import BURNED_IN, FEATURES, METHOD, Places, before, places
from medcli.privacy.pixels.regions import rectangles
from medcli.privacy.pixels.rewriting import form_after, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom import Dataset

    from medcli.privacy.dicom.header import Header
    from medcli.privacy.dicom.segments import Segment
    from medcli.privacy.pixels.detector import Detector
    from medcli.privacy.pixels.faces import Faces
    from medcli.privacy.pixels.policy import PixelPolicy
    from medcli.privacy.pixels.showing import Palette
    from medcli.privacy.text.known import Known

__all__ = ["Cleaned", "PixelCleaner"]

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


class PixelCleaner:
    """Cleans files under one policy and one key; one a process.

    Parameters
    ----------
    policy
        The user's choice.
    key
        What noise derives from.
    detector
        Another detector than the usual one.
    """

    def __init__(self, policy: PixelPolicy, key: bytes, detector: Detector | None = None) -> None:
        self._policy = policy
        self._key = hmac.digest(key, b"pixels", "sha256")
        self._detector = detector
        self._looker: Looker | None = None
        self._faces: Faces | None = None
        #: The first frame of the last file, before and after, and its boxes: for the review page, confidential.
        self.shown: tuple[Any, Any, tuple[tuple[int, int, int, int], ...]] | None = None

    def clean(
        self,
        written: Written,
        known: Known | None,
        series: str,
        target: Path | str | None,
        *,
        marks: Callable[[Encoding], tuple[bytes, bytes]],
        meta: Callable[[str], bytes],
        source: Header | None = None,
        more: Iterable[Quad] = (),
        faces: bool = False,
    ) -> Cleaned:
        """Clean one written file.

        Parameters
        ----------
        written
            The file, its header clean.
        known
            What its source's header knows of the patient.
        series
            What all files of a series share.
        target
            Where the result goes; None keeps it in memory.
        marks, meta
            Give the elements (0012,0062) to (0012,0064) for an encoding, and the head of a file for a transfer syntax.
        source
            The source's header, for rectangles by device; the written one's where it is None.
        more
            What a person drew.
        faces
            Whether faces are looked for.

        Raises
        ------
        Unclean
            Why the file has to be withheld.
        """
        self.shown = None
        try:
            with written.again() as stored, _opened(stored, target) as (data, frame, head):
                seed = hmac.digest(self._key, series.encode(), "sha256")
                work = _Work(self, places(data, frame), known, seed, source)
                work.quads += more
                work.faces = self.faces() if faces else None
                return work.run(head, target, marks, meta)
        except DetectorFailed:
            raise Unclean("detector-failed") from None
        except (Damaged, Odd):
            raise Unclean("pixels-undecodable") from None

    def looker(self) -> Looker:
        """What looks; the detector is loaded when the first file needs it."""
        if self._looker is None:
            self._looker = Looker(self._detector or usual())
        return self._looker

    def faces(self) -> Faces:
        """What looks for faces; loaded when the first photograph needs it."""
        if self._faces is None:
            from medcli.privacy.pixels.faces import Faces

            self._faces = Faces()
        return self._faces

    @property
    def policy(self) -> PixelPolicy:
        """The user's choice."""
        return self._policy


@contextmanager
def _opened(stored: Buffer | None, target: Path | str | None) -> Iterator[tuple[Buffer, Frame, bytes]]:
    """A written file's data set in clear, its frame, and the bytes before it."""
    frame = read_frame(stored) if stored is not None else None
    if stored is None or frame is None:
        raise Unclean("too-large")
    folder = os.path.dirname(target) if target else None
    with inflated(stored, frame, folder) as (data, inner):
        yield data, inner, stored[: frame.start]


class _Work:
    """The cleaning of one file."""

    def __init__(
        self, cleaner: PixelCleaner, where: Places, known: Known | None, seed: bytes, source: Header | None
    ) -> None:
        self.cleaner, self.places = cleaner, where
        policy = cleaner.policy
        self.frames = Frames(where)
        self.syntax, self.after = form_after(self.frames)
        self.window, self.palette = _window(where), _palette(where)
        self.finder = Finder(cleaner.looker(), Hunt(known), keep_technique="technique" in policy.keep_text)
        self.noise = seed if policy.fill == "noise" else None
        self.faces: Faces | None = None
        self.quads: list[Quad] = [*rectangles(policy.regions, _device(where, source))]

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
        with written.again() as stored, _opened(stored, written.path) as (data, frame, _):
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

    def _comparing(self, mask: Any) -> _Compare:
        return _Compare(self.frames, mask, self._filling(mask) if mask.any() else None)


def _filled(quad: Quad, mask: Any) -> bool:
    """Whether all of an upright quad is filled already."""
    left, top, right, bottom = map(int, quad.box)
    return bool(mask[top : bottom + 1, left : right + 1].all())


class _Compare:
    """Compares each frame that was written with the source's."""

    def __init__(self, frames: Frames, mask: Any, change: Callable[[int, Any], Any] | None) -> None:
        self._frames, self._mask, self._change = frames, mask, change
        self._done: set[int] = set()

    def __call__(self, number: int, words: Any) -> Any:
        """The same words, if they are what they should be."""
        import numpy as np

        old = self._frames.words(number)
        outside = ~self._mask
        if self._frames.image.halved:
            outside = outside.reshape(outside.shape[0], -1, 2).all(axis=2)
        wanted = old if self._change is None else self._change(number, old)
        words_, old, wanted = (_bits(one) for one in (words, old, wanted))
        if not (np.array_equal(words_[outside], old[outside]) and np.array_equal(words_, wanted)):
            raise Unclean("pixels-changed")
        self._done.add(number)
        return words

    def missed(self, count: int) -> list[int]:
        """Frames that were not compared yet, for they equal another one."""
        return [number for number in range(count) if number not in self._done]


def _bits(words: Any) -> Any:
    """Words to be compared to the bit: numbers of no value (NaN) are not equal to themselves."""
    return words.view(f"u{words.dtype.itemsize}") if words.dtype.kind == "f" else words


def _device(where: Places, source: Header | None) -> Dataset:
    """The header by which a device is known: the source's, for the written one may say less."""
    if source is None or source.pixels is None:
        return where.dataset
    return before(source.data, source.frame, source.pixels.start)


def _window(where: Places) -> tuple[float, float] | None:
    """The header's first window in stored values."""
    dataset = where.dataset
    try:
        centre, width = (
            float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
            for value in (dataset.WindowCenter, dataset.WindowWidth)
        )
        slope, intercept = (
            float(dataset.get("RescaleSlope") or 1),
            float(dataset.get("RescaleIntercept") or 0),
        )
        return ((centre - intercept) / slope, width / abs(slope)) if slope else None
    except (AttributeError, TypeError, ValueError, IndexError):
        return None


def _palette(where: Places) -> Palette | None:
    """Colours of a PALETTE COLOR image (PS3.3 C.7.9), 8 bits each.

    Raises
    ------
    Unclean
        ``pixels-unusual`` where the tables can't be read.
    """
    if where.image.photometric != "PALETTE COLOR":
        return None
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut

    try:
        entries, first, _ = (int(value) for value in where.dataset.RedPaletteColorLookupTableDescriptor)
        indices = np.arange(first, first + (entries or 1 << 16))
        table = apply_color_lut(indices, where.dataset)[:, :3].astype(np.float64)
        # Some tables hold 8 bits in 16: what counts here is how they differ.
        return (table * (255 / max(table.max(), 1))).astype(np.uint8), first
    except Exception:  # noqa: BLE001 - pydicom's errors quote values
        raise Unclean("pixels-unusual") from None

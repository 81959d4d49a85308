"""One picture on its way: parted, upright, looked at, filled, written, read again, looked at again.

Knows the order of the work and what it comes to. Refuses to know where pictures come from, and how text and faces are
seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from medcli.privacy.pixels.jpeg_blocks import NotSequential, grid_of, mask_blocks, trimmed
from medcli.privacy.pixels.jpeg_file import Jpeg, read_jpeg
from medcli.privacy.pixels.picture_fill import fill
from medcli.privacy.pixels.picture_kinds import HEAD, SUFFIXES, UnfitPicture, recognise, within_limits
from medcli.privacy.pixels.picture_pages import Page, decode, encode, encode_jpeg
from medcli.privacy.pixels.picture_renderings import renderings
from medcli.privacy.pixels.picture_residue import texts_of_tiff
from medcli.privacy.pixels.png_file import Png, read_png
from medcli.privacy.pixels.webp_file import WebP, read_webp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Bounds", "Looks", "PictureWork", "ScrubbedPicture"]

Bounds = tuple[int, int, int, int]
#: A look at the written picture may find more than the first did; so often it is filled and looked at again.
_ROUNDS = 3
_READERS: dict[str, Callable[[bytes], Png | Jpeg | WebP]] = {
    "png": read_png,
    "jpeg": read_jpeg,
    "webp": read_webp,
}
#: Pixels beside a filled unit that borrow its colour when subsampled chroma is spread (T.81 leaves that to readers).
_BORROWED = 4


class Looks(Protocol):
    """Sees what has to go."""

    def find(self, image: NDArray[np.uint8], *, second: bool = False) -> Sequence[Bounds]:
        """Boxes (x0, y0, x1, y1, half open) to be filled in a picture of 8 bits, grey or RGB.

        Parameters
        ----------
        image
            (height, width) or (height, width, 3).
        second
            Whether this is the look at what was written, which is another than the first.

        Raises
        ------
        SafetyRefused
            Where it can't be done.
        """
        ...


@dataclass(slots=True)
class ScrubbedPicture:
    """What became of one picture.

    Attributes
    ----------
    status
        ``released``, ``withheld`` or ``ignored``.
    reason
        Reason code of a picture that was not released.
    kind, suffix
        Of ``picture_kinds``.
    pages, boxes
        How many pages it has, and how many boxes were filled on all of them.
    method
        What was done to the pixels: ``none``, ``filled`` (equal outside the boxes), ``blocks`` (JPEG: equal outside
        the blocks that the boxes touch), ``coded-again`` (JPEG that is progressive or turned).
    deviation
        With ``coded-again``: the largest difference outside the boxes, of 255.
    digest
        SHA-256 of the source.
    sha256, size
        Of the released file.
    shown
        What the review page shows: the first page as it was and as it is now, and its boxes. Confidential.
    """

    status: str
    reason: str = ""
    kind: str = ""
    suffix: str = ""
    pages: int = 0
    boxes: int = 0
    method: str = ""
    deviation: int = 0
    digest: bytes = b""
    sha256: str = ""
    size: int = 0
    shown: tuple[Any, Any, tuple[Bounds, ...]] | None = field(default=None, repr=False)


class PictureWork:
    """One picture on its way."""

    def __init__(self, data: bytes, result: ScrubbedPicture, looks: tuple[Looks, ...], how: str) -> None:
        self._data, self._result, self._looks, self._how = data, result, looks, how
        kind = result.kind = recognise(data[:HEAD])
        if not kind:
            raise UnfitPicture("picture-unsupported")
        result.suffix = SUFFIXES[kind]
        self._parted: Png | Jpeg | WebP | None = None
        if kind in _READERS:
            self._parted = _READERS[kind](data)
        if isinstance(self._parted, Jpeg):
            within_limits(len(data), *self._parted.size)
        self.dropped = self._parted.dropped if self._parted else texts_of_tiff(data) if kind == "tiff" else []
        self._turned = self._parted.turned if self._parted else 1
        self._plain = self._plain_of(data)
        self._stored = self._decoded(self._plain)
        self._pages = [page.turned(self._turned) for page in self._stored]
        result.pages = len(self._pages)

    def _plain_of(self, data: bytes) -> bytes:
        """The file without all that the image does not need."""
        if isinstance(self._parted, Jpeg):
            return trimmed(self._parted)
        return self._parted.plain() if self._parted else data

    def _decoded(self, data: bytes) -> list[Page]:
        deep = (self._parted.depth, self._parted.colour) if isinstance(self._parted, Png) else (0, 0)
        return decode(self._result.kind, data, deep)

    def show_only(self) -> None:
        """Have the review page show the picture as it is."""
        self._show(self._pages[0], [])

    def done(self, drawn: list[Bounds]) -> bytes:
        """The written picture, looked at again."""
        boxes = [[*drawn, *self._seen(page)] for page in self._pages]
        for _ in range(_ROUNDS):
            written, shown = self._written(boxes)
            self._result.boxes = sum(map(len, boxes))
            self._show(shown[0], boxes[0])
            left = [self._seen(page, second=True) for page in shown]
            if not any(left):
                return written
            if all(_covered(new, known) for new, known in zip(left, boxes, strict=True)):
                break
            boxes = [[*known, *new] for known, new in zip(boxes, left, strict=True)]
        raise UnfitPicture("text-left-in-pixels")

    def _seen(self, page: Page, *, second: bool = False) -> list[Bounds]:
        found = (
            box
            for look in self._looks
            for image in renderings(page)
            for box in look.find(image, second=second)
        )
        return list(dict.fromkeys(found))

    def _show(self, page: Page, boxes: Sequence[Bounds]) -> None:
        before, after = (next(iter(renderings(one)), None) for one in (self._pages[0], page))
        self._result.shown = (before, after, tuple(boxes))

    def _written(self, boxes: list[list[Bounds]]) -> tuple[bytes, list[Page]]:
        """The file without boxes' content, and its pages as they are read from it."""
        result, kind = self._result, self._result.kind
        if self._parted is not None and self._turned == 1 and not any(boxes):
            result.method = "none"
            return self._plain, self._checked(self._plain, self._pages, boxes)
        if kind == "jpeg":
            return self._jpeg(boxes[0])
        result.method = "filled" if any(boxes) else "none"
        filled = [
            Page(page.mode, page.pixels.copy(), page.palette, page.transparency) for page in self._pages
        ]
        for page, areas in zip(filled, boxes, strict=True):
            fill(page, areas, self._how)
        written = encode(kind, filled)
        pages = self._checked(written, self._pages, boxes)
        if not all(one.same(other) for one, other in zip(pages, filled, strict=True)):
            raise UnfitPicture("unsound")
        return written, pages

    def _checked(self, written: bytes, expected: list[Page], boxes: list[list[Bounds]]) -> list[Page]:
        """The pages of what was written, equal outside the boxes."""
        pages = self._decoded(written)
        if len(pages) != len(expected):
            raise UnfitPicture("unsound")
        for page, known, areas in zip(pages, expected, boxes, strict=True):
            if not page.same(known, _inside(known, areas)):
                raise UnfitPicture("unsound")
        return pages

    def _jpeg(self, boxes: list[Bounds]) -> tuple[bytes, list[Page]]:
        jpeg = self._parted
        assert isinstance(jpeg, Jpeg)
        grid = grid_of(jpeg)
        if self._turned == 1:
            with suppress(NotSequential):
                written = mask_blocks(jpeg, boxes, _levels(jpeg, self._how))
                borrowed = _BORROWED if max(grid.width, grid.height) > 8 else 0
                grown = [_grown(grid.aligned(box), borrowed) for box in boxes]
                self._result.method = "blocks"
                return written, self._checked(written, self._pages, [grown])
        return self._coded_again(jpeg, [grid.aligned(box) for box in boxes])

    def _coded_again(self, jpeg: Jpeg, boxes: list[Bounds]) -> tuple[bytes, list[Page]]:
        """With the source's own tables, and its subsampling; the largest difference outside the boxes is told."""
        import numpy as np

        page = self._pages[0]
        filled = Page(page.mode, page.pixels.copy())
        fill(filled, boxes, self._how)
        tables, subsampling = _coding(self._plain, jpeg, swapped=self._turned > 4)
        written = encode_jpeg(filled, tables, subsampling)
        again = self._decoded(written)[0]
        inside = _inside(page, boxes)
        different = np.abs(again.pixels.astype(np.int16) - page.pixels)[~inside]
        self._result.method, self._result.deviation = "coded-again", int(different.max(initial=0))
        return written, [again]


def _covered(new: Iterable[Bounds], known: Sequence[Bounds]) -> bool:
    """Whether each new box lies wholly in one that is filled already, so that filling it again changes nothing."""
    return all(
        any(k[0] <= n[0] and k[1] <= n[1] and k[2] >= n[2] and k[3] >= n[3] for k in known) for n in new
    )


def _grown(box: Bounds, by: int) -> Bounds:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _inside(page: Page, boxes: Iterable[Bounds]) -> NDArray[np.bool_]:
    import numpy as np

    inside = np.zeros(page.pixels.shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        inside[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return inside


def _levels(jpeg: Jpeg, how: str) -> Callable[[int], int]:
    """Black, or noise of the darker half, for each component of a block."""
    names = bytes(one.name for one in jpeg.components)
    count = len(names)
    plain_rgb = count == 3 and (
        jpeg.transform == 0 or (jpeg.transform is None and not jpeg.jfif and names == b"RGB")
    )
    chroma = frozenset(() if count == 1 or plain_rgb or (count == 4 and jpeg.transform != 2) else (1, 2))

    def level(component: int) -> int:
        if component in chroma:
            return 128
        return os.urandom(1)[0] >> 1 if how == "noise" else 0

    return level


def _coding(plain: bytes, jpeg: Jpeg, *, swapped: bool) -> tuple[dict[int, list[int]], int]:
    """Quantisation tables in rows and Pillow's word for the subsampling; both turned where rows and columns change places."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(plain), formats=["JPEG"]) as image:
        tables = {int(number): list(table) for number, table in image.quantization.items()}
    if swapped:
        tables = {n: [t[8 * (at % 8) + at // 8] for at in range(64)] for n, t in tables.items()}
    first = jpeg.components[0]
    factors = (first.down, first.across) if swapped else (first.across, first.down)
    known = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
    return tables, known.get(factors, 0) if len(jpeg.components) > 1 else 0

"""Pictures as pages of pixels: decoded, shown to a detector, filled, and written anew with nothing else beside them.

Knows what Pillow and OpenCV decode, and the modes of pixels. Refuses to read metadata: PNG, JPEG and WebP come here
stripped, and what is written is made from arrays alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medcli.privacy.pixels.exif import upright
from medcli.privacy.pixels.picture_kinds import UnfitPicture, within_limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["Bounds", "Page", "decode", "encode", "encode_jpeg"]

Bounds = tuple[int, int, int, int]
_MOST_PAGES = 500
#: Modes of Pillow whose pixels an array holds as they are: mode to mode as it is written.
_MODES = {
    "1": "1",
    "L": "L",
    "LA": "LA",
    "P": "P",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "CMYK": "CMYK",
    "I;16": "I;16",
    "I;16L": "I;16",
    "I;16B": "I;16",
    "I": "I",
    "F": "F",
}
_DEPTHS = {"RGB": 3, "RGBA": 4, "CMYK": 4, "I": 4, "F": 4, "I;16": 2, "LA": 2}
_WRITTEN = {
    "png": frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    "bmp": frozenset(("1", "L", "P", "RGB", "RGBA")),
    "webp": frozenset(("RGB", "RGBA")),
    "tiff": frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")),
}
_SAVED: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "bmp": {"format": "BMP"},
    "webp": {"format": "WEBP", "lossless": True, "exact": True},
    "tiff": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
}
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL = 258, 277


@dataclass(slots=True)
class Page:
    """One page.

    Attributes
    ----------
    mode
        As Pillow names it, or ``RGB;16`` and ``RGBA;16``.
    pixels
        (height, width) or (height, width, samples): bool for ``1``, uint8, uint16, int32 or float32.
    palette
        Entries (n, 3) of mode ``P``.
    transparency
        As Pillow's PNG writer takes it: bytes for a palette, else one number or three.
    """

    mode: str
    pixels: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    transparency: Any = field(default=None)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def turned(self, orientation: int) -> Page:
        """The page as it is meant to be seen."""
        return Page(self.mode, upright(self.pixels, orientation), self.palette, self.transparency)

    def same(self, other: Page, inside: NDArray[np.bool_] | None = None) -> bool:
        """Whether two pages are equal, but for what is `inside`; palettes and transparency too."""
        import numpy as np

        if self.mode != other.mode or self.pixels.shape != other.pixels.shape:
            return False
        different = self.pixels != other.pixels
        if self.mode == "F":
            different &= ~(np.isnan(self.pixels) & np.isnan(other.pixels))
        if different.ndim == 3:
            different = different.any(axis=2)
        if inside is not None:
            different &= ~inside
        return not different.any() and self._same_palette(other)

    def _same_palette(self, other: Page) -> bool:
        if self.palette is None or other.palette is None:
            return self.palette is other.palette
        used = int(self.pixels.max(initial=0)) + 1
        return bool((self.palette[:used] == other.palette[:used]).all())


def decode(kind: str, data: bytes, deep: tuple[int, int] = (0, 0)) -> list[Page]:
    """All pages of a picture.

    Parameters
    ----------
    kind
        Of ``picture_kinds.KINDS``.
    data
        The file; stripped, where it is PNG, JPEG or WebP.
    deep
        Of a PNG: bits a sample, and colour type.

    Raises
    ------
    UnfitPicture
        ``picture-damaged``, ``picture-too-large``, ``picture-unsupported``.
    MissingExtra
        Where Pillow, or for colours of 16 bits OpenCV, is missing.
    """
    if kind == "png" and deep[0] == 16 and deep[1] != 0:
        return [_deep(data)]
    image = _open(data, kind)
    try:
        return list(_pages(image, kind, data))
    except UnfitPicture:
        raise
    except Exception:  # noqa: BLE001 - decoders raise what they like, and their words quote the file
        raise UnfitPicture("picture-damaged") from None
    finally:
        image.close()


def _open(data: bytes, kind: str) -> Image.Image:
    try:
        from PIL import Image
    except ImportError:
        from medcli.errors import MissingExtra

        raise MissingExtra("ocr", "cleaning pictures") from None
    names = {"png": "PNG", "jpeg": "JPEG", "tiff": "TIFF", "bmp": "BMP", "webp": "WEBP"}
    try:
        image = Image.open(io.BytesIO(data), formats=[names[kind]])
    except Exception:  # noqa: BLE001 - as above
        raise UnfitPicture("picture-damaged") from None
    within_limits(len(data), image.width, image.height, depth=_DEPTHS.get(image.mode, 1))
    return image


def _pages(image: Image.Image, kind: str, data: bytes) -> Iterator[Page]:
    total = number = 0
    while True:
        within_limits(len(data), image.width, image.height, depth=_DEPTHS.get(image.mode, 1))
        total += image.size[0] * image.size[1]
        within_limits(len(data), 1, 1, max(total, 1), 4)
        yield _page(image, kind, data, number)
        number += 1
        if kind != "tiff":
            return
        if number >= _MOST_PAGES:
            raise UnfitPicture("picture-too-large")
        try:
            image.seek(number)
        except EOFError:
            return


def _page(image: Image.Image, kind: str, data: bytes, number: int) -> Page:
    import numpy as np
    from PIL import ImageOps

    if kind == "tiff" and _is_deep(image):
        if number or getattr(image, "n_frames", 1) != 1:
            raise UnfitPicture("picture-unsupported")
        return _deep(data)
    image.load()
    if kind == "tiff":
        image = ImageOps.exif_transpose(image)
    mode = _MODES.get(image.mode)
    if mode is None:
        raise UnfitPicture("picture-unsupported")
    pixels = np.asarray(image)
    if mode == "I;16":
        pixels = pixels.astype(np.uint16)
    palette = None
    if mode == "P":
        raw = image.getpalette("RGB") or []
        palette = np.asarray(raw, np.uint8).reshape(-1, 3)
    return Page(mode, np.array(pixels), palette, image.info.get("transparency") if kind == "png" else None)


def _is_deep(image: Image.Image) -> bool:
    """Whether a TIFF has several samples of more than 8 bits, which Pillow would cut down to 8."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS_PER_SAMPLE, (8,))
    return int(tags.get(_SAMPLES_PER_PIXEL, 1)) > 1 and max(bits) > 8


def _deep(data: bytes) -> Page:
    """A page of three or four samples of 16 bits."""
    import numpy as np

    try:
        import cv2
    except ImportError:
        from medcli.errors import MissingExtra

        raise MissingExtra("ocr", "cleaning pictures of 16 bits a colour") from None
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise UnfitPicture("picture-damaged")
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise UnfitPicture("picture-unsupported")
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return Page("RGB;16" if len(order) == 3 else "RGBA;16", np.ascontiguousarray(pixels[..., order]))


def encode(kind: str, pages: Sequence[Page]) -> bytes:
    """A file of `kind` (not JPEG) that holds the pages' pixels unchanged, and no other thing.

    Raises
    ------
    UnfitPicture
        ``picture-unsupported`` where this kind can't hold these pixels.
    """
    if any(page.mode.endswith(";16") and page.mode != "I;16" for page in pages):
        return _encode_deep(kind, pages)
    if any(page.mode not in _WRITTEN[kind] for page in pages) or (len(pages) > 1 and kind != "tiff"):
        raise UnfitPicture("picture-unsupported")
    images = [_image(page) for page in pages]
    options = dict(_SAVED[kind])
    if pages[0].transparency is not None and kind == "png":
        options["transparency"] = pages[0].transparency
    if len(pages) > 1:
        options |= {"save_all": True, "append_images": images[1:]}
    out = io.BytesIO()
    images[0].save(out, **options)
    return out.getvalue()


def _encode_deep(kind: str, pages: Sequence[Page]) -> bytes:
    import cv2
    import numpy as np

    if len(pages) != 1 or kind not in ("png", "tiff"):
        raise UnfitPicture("picture-unsupported")
    pixels = pages[0].pixels
    order = [2, 1, 0, 3][: pixels.shape[2]]
    done, data = cv2.imencode(".png" if kind == "png" else ".tif", np.ascontiguousarray(pixels[..., order]))
    if not done:
        raise UnfitPicture("picture-unsupported")
    return bytes(data.tobytes())


def encode_jpeg(page: Page, tables: dict[int, list[int]], subsampling: int) -> bytes:
    """A JPEG of the page with the quantisation tables and the subsampling (0, 1, 2 as Pillow has them) of its source."""
    out = io.BytesIO()
    _image(page).save(out, format="JPEG", qtables=tables, subsampling=subsampling, optimize=True)
    return out.getvalue()


def _image(page: Page) -> Image.Image:
    """A fresh image: no information comes with it but the pixels and the palette."""
    from PIL import Image

    if page.mode == "1":
        return Image.fromarray(page.pixels.astype("uint8") * 255).convert("1", dither=Image.Dither.NONE)
    image = Image.frombytes(page.mode, page.size, page.pixels.tobytes())
    if page.palette is not None:
        image.putpalette(page.palette.tobytes(), "RGB")
    return image

"""DICOM or picture file to a picture that a model can take.

Knows PS3.3 C.7.6.3 (pixels) and EXIF orientation; what stored values look like is :mod:`medcli.windowing`'s. Refuses to
know models, patients or what the picture shows: nothing of the header leaves this module but pixels, and no error
quotes a value.

A picture is a :class:`PIL.Image.Image` of mode L (grey), RGB or RGBA, 8 bits a channel, upright.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from medcli.errors import ItemFailed, MissingExtra
from medcli.windowing import rendered, to_bytes

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydicom import Dataset

MISSING = "image-missing"
UNREADABLE = "image-unreadable"
NO_FRAME = "image-no-such-frame"
NO_PIXELS = "image-without-pixels"
NO_CODEC = "image-codec-missing"

_LARGEST = 1 << 28  # pixels: twice the largest whole-slide frame in use, and far below what exhausts memory
_OPENABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")

T = TypeVar("T")
Source = Any  # Path, str, bytes or PIL.Image.Image


def open_picture(source: Source, *, frame: int = 1, window: tuple[float, float] | None = None) -> Image:
    """Open a picture or one frame of a DICOM file.

    Parameters
    ----------
    source : Path, str, bytes or PIL.Image.Image
        A file, its content, or a picture that is decoded already.
    frame : int
        From 1; pages of a TIFF and frames of a GIF count too.
    window : (float, float) or None
        Centre and width in the values after the modality look-up table (Hounsfield units for CT). None takes the
        header's first window or VOI look-up table, and the whole range of the values where there is none.

    Returns
    -------
    PIL.Image.Image
        Mode L, RGB or RGBA.

    Raises
    ------
    ItemFailed
        With a reason code of this module.
    MissingExtra
        If Pillow is not installed.
    """
    _pillow()
    if _is_image(source):
        return _eight_bits(source, window)
    if is_dicom(source):
        return _from_dicom(source, frame, window)
    return _from_file(source, frame, window)


def size_of(source: Source) -> tuple[int, int]:
    """Width and height of a picture, from its header alone; raises as :func:`open_picture`."""
    _pillow()
    if _is_image(source):
        return int(source.width), int(source.height)
    if is_dicom(source):
        from pydicom import dcmread

        dataset = _guarded(
            lambda: dcmread(
                _stream(source),
                stop_before_pixels=True,
                specific_tags=["Rows", "Columns"],
                force=True,
            )
        )
        try:
            return int(dataset.Columns), int(dataset.Rows)
        except (AttributeError, TypeError, ValueError):
            raise ItemFailed(NO_PIXELS) from None
    from PIL import Image

    def read() -> tuple[int, int]:
        with Image.open(_stream(source), formats=_OPENABLE) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(0x0112, 1) in (5, 6, 7, 8) else (width, height)

    return _guarded(read)


def frames_of(source: Source) -> int:
    """How many frames a DICOM file, or pages a TIFF, has; raises as :func:`open_picture`."""
    if _is_image(source):
        return 1
    if is_dicom(source):
        from pydicom import dcmread

        tags = ["NumberOfFrames"]
        dataset = _guarded(
            lambda: dcmread(_stream(source), stop_before_pixels=True, specific_tags=tags, force=True)
        )
        return _frame_count(dataset)
    _pillow()
    from PIL import Image

    def read() -> int:
        with Image.open(_stream(source), formats=_OPENABLE) as image:
            return int(getattr(image, "n_frames", 1))

    return _guarded(read)


def is_dicom(source: Source) -> bool:
    """Whether a file is DICOM: by the prefix of PS3.10 7.1, or by its first element where the preamble is missing."""
    if _is_image(source):
        return False
    head = source[:132] if isinstance(source, bytes) else _guarded(lambda: _head(Path(source)))
    if head[128:132] == b"DICM":
        return True
    # No preamble: group 0002 or 0008 first, little endian, and nothing that a picture file starts with.
    return head[:4] in (b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x00\x00", b"\x02\x00\x00\x00")


def pixel_hash(image: Image) -> str:
    """What two pictures share when a model cannot tell them apart: SHA-256 of mode, size and pixels."""
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(132)


def _is_image(source: Source) -> bool:
    return hasattr(source, "tobytes") and hasattr(source, "getbands")


def _stream(source: Source) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else os.fspath(source)


def _pillow() -> None:
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise MissingExtra("ask", "opening pictures") from None


def _guarded(read: Callable[[], T]) -> T:
    """Call a reader, and turn whatever a broken file makes it raise into a reason code without the file's words."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except ItemFailed:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ItemFailed(MISSING) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - decoders raise anything
        raise ItemFailed(UNREADABLE) from None


def _from_file(source: Source, frame: int, window: tuple[float, float] | None) -> Image:
    from PIL import Image, ImageOps

    def read() -> Image.Image:
        with Image.open(_stream(source), formats=_OPENABLE) as image:
            if image.width * image.height > _LARGEST:
                raise ItemFailed(UNREADABLE)
            if not 1 <= frame <= getattr(image, "n_frames", 1):
                raise ItemFailed(NO_FRAME)
            if frame > 1:
                image.seek(frame - 1)
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _eight_bits(upright, window)

    return _guarded(read)


def _eight_bits(image: Image, window: tuple[float, float] | None = None) -> Image:
    """Mode L, RGB or RGBA of any picture; deep grey values through the window or stretched over their range."""
    import numpy as np
    from PIL import Image as Images

    if image.mode in ("L", "RGB", "RGBA"):
        return image.copy() if getattr(image, "fp", None) else image
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        values = np.asarray(image, dtype=np.float64)
        return Images.fromarray(to_bytes(values, window))
    if image.mode in ("1", "LA", "La"):
        return image.convert("L")
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    return image.convert("RGBA" if image.mode in ("P", "PA", "RGBa") else "RGB")


def _from_dicom(source: Source, frame: int, window: tuple[float, float] | None) -> Image:
    from PIL import Image
    from pydicom import dcmread

    dataset = _guarded(lambda: dcmread(_stream(source), force=True))
    if "PixelData" not in dataset or "Rows" not in dataset:
        raise ItemFailed(NO_PIXELS)
    if not 1 <= frame <= _frame_count(dataset):
        raise ItemFailed(NO_FRAME)
    pixels = _frame(dataset, frame)

    def render() -> Image.Image:
        return Image.fromarray(rendered(dataset, pixels, frame, window))

    return _guarded(render)


def _frame_count(dataset: Dataset) -> int:
    return _guarded(lambda: max(1, int(dataset.get("NumberOfFrames") or 1)))


def _frame(dataset: Dataset, frame: int) -> Any:
    """Decode one frame: (rows, columns) or (rows, columns, 3) in RGB."""
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" not in getattr(dataset, "file_meta", {}):
        implicit, little = dataset.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    try:
        return _guarded(lambda: pixel_array(dataset, index=frame - 1))
    except ItemFailed:
        if _no_decoder(dataset):
            raise ItemFailed(NO_CODEC) from None
        raise


def _no_decoder(dataset: Dataset) -> bool:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        return not get_decoder(dataset.file_meta.TransferSyntaxUID).is_available
    except NotImplementedError:
        return True

"""DICOM or picture file to a picture that a model can take.

Knows PS3.3 C.7.6.3 (pixels), C.11.1 and C.11.2 (modality and VOI look-up tables) and C.7.9 (palette), PS3.14 no more
than MONOCHROME1's direction, and EXIF orientation. Refuses to know models, patients or what the picture shows:
nothing of the header leaves this module but pixels, and no error quotes a value.

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

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
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
        return Images.fromarray(_to_bytes(values, window))
    if image.mode in ("1", "LA", "La"):
        return image.convert("L")
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    return image.convert("RGBA" if image.mode in ("P", "PA", "RGBa") else "RGB")


def _to_bytes(values: NDArray[np.float64], window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Scale to 0..255: by PS3.3 C.11.2.1.2.1 (LINEAR) with a window, over the whole range without."""
    import numpy as np

    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if window is None:
        low, high = float(finite.min()), float(finite.max())
        scaled = (finite - low) / (high - low) if high > low else np.zeros_like(finite)
    else:
        centre, width = window
        slope = (finite - (centre - 0.5)) / max(width - 1.0, 1e-9)
        scaled = np.clip(slope + 0.5, 0.0, 1.0)
    grey: NDArray[np.uint8] = np.rint(scaled * 255.0).astype(np.uint8)
    return grey


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
        return Image.fromarray(_rendered(dataset, pixels, frame, window))

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


def _rendered(dataset: Dataset, pixels: Any, frame: int, window: tuple[float, float] | None) -> Any:
    """Display values of decoded pixels, uint8: what PS3.4 N.2 calls the grey-scale pipeline, or colour."""
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2")).strip()
    if photometric == "PALETTE COLOR":
        bits = int(dataset.RedPaletteColorLookupTableDescriptor[2])
        return _top_bits(apply_color_lut(pixels, dataset), bits)
    if pixels.ndim == 3:
        return _top_bits(pixels, int(dataset.get("BitsStored", 8)))
    _flatten_groups(dataset, frame)
    values = np.asarray(apply_modality_lut(pixels, dataset))
    if window is not None:
        grey = _to_bytes(values.astype(np.float64), window)
    elif "VOILUTSequence" in dataset and dataset.VOILUTSequence:
        looked = np.asarray(apply_voi(values, dataset)).astype(np.float64)
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        grey = np.rint(np.clip(looked / ((1 << bits) - 1), 0, 1) * 255).astype(np.uint8)
    else:
        grey = _windowed(dataset, values.astype(np.float64))
    if photometric == "MONOCHROME1":
        grey = 255 - grey
    return np.ascontiguousarray(grey)


def _windowed(dataset: Dataset, values: Any) -> Any:
    """Apply the header's first window by its function (PS3.3 C.11.2.1.3); the whole range without one."""
    import numpy as np

    try:
        centre = _first(dataset.WindowCenter)
        width = _first(dataset.WindowWidth)
    except (AttributeError, TypeError, ValueError, IndexError):
        return _to_bytes(_without_padding(dataset, values), None)
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip()
    if width <= 0 or (function == "LINEAR" and width < 1):
        return _to_bytes(_without_padding(dataset, values), None)
    if function == "SIGMOID":
        return np.rint(255.0 / (1.0 + np.exp(-4.0 * (values - centre) / width))).astype(np.uint8)
    if function == "LINEAR_EXACT":
        return np.rint(np.clip((values - centre) / width + 0.5, 0.0, 1.0) * 255.0).astype(np.uint8)
    return _to_bytes(values, (centre, width))


def _without_padding(dataset: Dataset, values: Any) -> Any:
    """Raise values that mean "no pixel here" (PS3.3 C.7.5.1.1.2) to the smallest true one, before a stretch."""
    import numpy as np

    if "PixelPaddingValue" not in dataset:
        return values
    slope = float(dataset.get("RescaleSlope") or 1)
    intercept = float(dataset.get("RescaleIntercept") or 0)
    ends = sorted(
        slope * float(dataset[name].value) + intercept
        for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if name in dataset
    )
    outside = (values >= ends[0]) & (values <= ends[-1])
    if outside.all():
        return values
    return np.where(outside, values[~outside].min(), values)


def _flatten_groups(dataset: Dataset, frame: int) -> None:
    """Lift an enhanced object's window and rescale of this frame (PS3.3 C.7.6.16) to where plain objects have them."""
    groups = [
        dataset.get("SharedFunctionalGroupsSequence") or [],
        (dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame - 1 : frame],
    ]
    for group in (one for sequence in groups for one in sequence):
        for macro in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in group.get(macro) or []:
                for element in item:
                    dataset[element.tag] = element


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)


def _top_bits(pixels: Any, bits: int) -> Any:
    """Colour values as 8 bits: the upper ones where there are more."""
    import numpy as np

    return np.ascontiguousarray((pixels >> max(0, bits - 8)).astype(np.uint8))

"""Stored values of a DICOM image to the 8 bits that a screen shows.

Knows PS3.3 C.11.1 and C.11.2 (modality and VOI look-up tables), C.7.9 (palette), C.7.6.16 (functional groups), and
PS3.14 no more than MONOCHROME1's direction. Refuses to know files: it is handed decoded pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom import Dataset


def rendered(dataset: Dataset, pixels: Any, frame: int, window: tuple[float, float] | None) -> Any:
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
        grey = to_bytes(values.astype(np.float64), window)
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
        return to_bytes(_without_padding(dataset, values), None)
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip()
    if width <= 0 or (function == "LINEAR" and width < 1):
        return to_bytes(_without_padding(dataset, values), None)
    if function == "SIGMOID":
        return np.rint(255.0 / (1.0 + np.exp(-4.0 * (values - centre) / width))).astype(np.uint8)
    if function == "LINEAR_EXACT":
        return np.rint(np.clip((values - centre) / width + 0.5, 0.0, 1.0) * 255.0).astype(np.uint8)
    return to_bytes(values, (centre, width))


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


def to_bytes(values: NDArray[np.float64], window: tuple[float, float] | None) -> NDArray[np.uint8]:
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

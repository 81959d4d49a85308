"""One compressed frame to words and back, by transfer syntax.

Knows which codec speaks which syntax, and that samples must come out as they are stored: no colour is converted where
the syntax stays. Refuses to know files and fragments. Codecs are those of imagecodecs (BSD-3) and pydicom's own RLE.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

from medcli.privacy.pixels.codestream import size_of
from medcli.privacy.pixels.image import Image, Unclean

__all__ = ["JPEG_LOSSY", "VIDEO", "decode", "encode", "is_native", "kept"]

RLE = "1.2.840.10008.1.2.5"
ENCAPSULATED_RAW = "1.2.840.10008.1.2.1.98"
JPEG_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51))
JPEG_LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70))
JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (80, 81))
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93))
HTJ2K = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
#: Videos, and streams that stand for them (PS3.5 A.4.5 to A.4.12, PS3.22).
VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.(4\.10\d(\.1)?|7\.\d)\Z")
_NATIVE = frozenset(
    (
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.113619.5.2",
    )
)


def is_native(syntax: str) -> bool:
    """Whether pixels lie uncompressed in one value."""
    return syntax in _NATIVE


def kept(syntax: str) -> bool:
    """Whether changed frames can be written under the same syntax, without loss."""
    return syntax in JPEG_LOSSLESS | JPEG_LS | JPEG_2000 | HTJ2K | {RLE, ENCAPSULATED_RAW}


def decode(syntax: str, image: Image, raw: bytes) -> Any:
    """Words of one frame, (rows, columns[, samples]).

    YBR of lossy JPEG becomes RGB; all others stay as they are stored, but for JPEG 2000's own transforms, which are
    part of its code stream.

    Raises
    ------
    Unclean
        ``pixels-undecodable``, ``pixels-codec-missing``, or ``pixels-unusual`` for a syntax nobody decodes here.
    """
    import numpy as np

    if syntax not in (RLE, ENCAPSULATED_RAW) and find_spec("imagecodecs") is None:
        raise Unclean("pixels-codec-missing")
    if size_of(raw) not in (None, (image.rows, image.columns)):
        # Asked before anything is decoded: a code stream may say that it is 65,535 pixels wide and high.
        raise Unclean("pixels-undecodable")
    try:
        found = _decoded(syntax, image, raw)
    except Unclean:
        raise
    except Exception:  # noqa: BLE001 - codecs raise anything, and may quote
        raise Unclean("pixels-undecodable") from None
    wanted = (image.rows, image.columns) + ((image.samples,) if image.samples > 1 else ())
    if found.shape != wanted:
        raise Unclean("pixels-undecodable")
    return found.astype(np.dtype(image.kind), copy=False)


def _decoded(syntax: str, image: Image, raw: bytes) -> Any:
    import numpy as np

    if syntax == RLE:
        return _rle(image, raw)
    if syntax == ENCAPSULATED_RAW:
        return image.unpack(raw)
    import imagecodecs

    raw = raw[:-1] if raw[-3:] == b"\xff\xd9\0" else raw
    if syntax in JPEG_LOSSY:
        return _lossy(image, raw)
    if syntax in JPEG_LOSSLESS:
        return imagecodecs.jpeg8_decode(raw, **_unconverted(image))
    if syntax in JPEG_LS:
        return imagecodecs.jpegls_decode(raw)
    if syntax in JPEG_2000 | HTJ2K:
        found = imagecodecs.jpeg2k_decode(raw)
        return np.asarray(found).astype(np.int64) & ((1 << image.allocated) - 1)
    raise Unclean("pixels-unusual")


def _unconverted(image: Image) -> dict[str, Any]:
    """Colour spaces for a decoder that must not convert: what it is told to read is what it is told to give."""
    return {"colorspace": "RGB", "outcolorspace": "RGB"} if image.samples == 3 else {}


def _lossy(image: Image, raw: bytes) -> Any:
    """Samples of lossy JPEG, colour as RGB."""
    import imagecodecs

    if image.samples == 1:
        return imagecodecs.jpeg8_decode(raw)
    marked = _marker(raw, 0xE0) > 0 or _marker(raw, 0xEE) > 0  # JFIF, Adobe: they say what the samples are
    spaces: dict[str, Any] = {"colorspace": "RGB"} if image.coded == "RGB" and not marked else {}
    return imagecodecs.jpeg8_decode(raw, **spaces, outcolorspace="RGB")


def _rle(image: Image, raw: bytes) -> Any:
    """PS3.5 Annex G: one segment for each byte of a sample, most significant first."""
    import numpy as np
    from pydicom.pixels.decoders.rle import _rle_decode_frame

    size, pixels = image.allocated // 8, image.rows * image.columns
    planes = np.frombuffer(
        _rle_decode_frame(raw, image.rows, image.columns, image.samples, image.allocated), np.uint8
    )
    words = (
        planes.reshape(image.samples, pixels * size)
        .view(f"<u{size}")
        .reshape(image.samples, image.rows, image.columns)
    )
    return words[0] if image.samples == 1 else words.transpose(1, 2, 0)


def encode(syntax: str, image: Image, words: Any, before: bytes) -> bytes:
    """One frame's code stream, lossless, of even length; proved by decoding it.

    Parameters
    ----------
    syntax, image
        As they stay.
    words
        What is to be encoded.
    before
        The frame's code stream before, whose form (transforms) is kept.

    Raises
    ------
    Unclean
        ``pixels-not-encodable`` where what comes out differs from what went in.
    """
    import numpy as np

    try:
        raw = _encoded(syntax, image, np.ascontiguousarray(words), before)
        raw += b"\0" * (len(raw) % 2)
        again = decode(syntax, image, raw)
    except Unclean:
        raise Unclean("pixels-not-encodable") from None
    except Exception:  # noqa: BLE001 - as in decode
        raise Unclean("pixels-not-encodable") from None
    if not np.array_equal(again, words):
        raise Unclean("pixels-not-encodable")
    return raw


def _encoded(syntax: str, image: Image, words: Any, before: bytes) -> bytes:

    if syntax == RLE:
        return _rle_encoded(image, words)
    if syntax == ENCAPSULATED_RAW:
        return image.pack(words)
    import imagecodecs

    native = words.astype(words.dtype.newbyteorder("="))
    if syntax in JPEG_LOSSLESS:
        predictor = 1 if syntax.endswith("70") else _predictor(before)
        found = imagecodecs.jpeg8_encode(
            native,
            lossless=True,
            predictor=predictor,
            bitspersample=_precision(before, image),
            **_unconverted(image),
        )
    elif syntax in JPEG_LS:
        found = imagecodecs.jpegls_encode(native)
    elif syntax in JPEG_2000:
        signed = native.view(native.dtype.str.replace("u", "i")) if _signed_2000(before) else native
        found = imagecodecs.jpeg2k_encode(
            signed, codecformat="j2k", reversible=True, level=0, mct=_transformed(before),
            bitspersample=_bits_2000(before) or image.stored,
        )  # fmt: skip
    else:
        found = imagecodecs.htj2k_encode(native, reversible=True)
    return bytes(found)


def _rle_encoded(image: Image, words: Any) -> bytes:
    from pydicom.pixels.encoders.base import EncodeRunner
    from pydicom.pixels.encoders.native import _encode_frame
    from pydicom.uid import RLELossless

    runner = EncodeRunner(RLELossless)
    options: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "samples_per_pixel": image.samples,
        "number_of_frames": 1,
        "bits_allocated": image.allocated,
        "bits_stored": image.allocated,
        "pixel_representation": 0,
        "photometric_interpretation": "RGB" if image.samples == 3 else "MONOCHROME2",
        "planar_configuration": 0,
    }
    runner.set_options(**options)
    return bytes(_encode_frame(words.astype(words.dtype.newbyteorder("<")).tobytes(), runner))


def _marker(raw: bytes, code: int) -> int:
    """Where a JPEG marker segment's content begins, behind its length; -1 where there is none."""
    pos = 2
    while pos + 4 <= len(raw) and raw[pos] == 0xFF:
        if raw[pos + 1] == code:
            return pos + 4
        pos += 2 + int.from_bytes(raw[pos + 2 : pos + 4], "big")
    return -1


def _precision(raw: bytes, image: Image) -> int:
    """Sample precision of a lossless JPEG (SOF3; T.81 B.2.2)."""
    at = _marker(raw, 0xC3)
    return raw[at] if at > 0 else image.stored


def _predictor(raw: bytes) -> int:
    """Predictor of a lossless JPEG: Ss of its first scan (T.81 B.2.3)."""
    at = _marker(raw, 0xDA)
    return raw[at + 1 + 2 * raw[at]] if at > 0 else 1


def _size_2000(raw: bytes) -> int:
    at = raw.find(b"\xff\x51", 0, 256)
    return raw[at + 40] if at >= 0 and at + 40 < len(raw) else -1


def _signed_2000(raw: bytes) -> bool:
    """Whether samples of a JPEG 2000 stream are signed (Ssiz; T.800 A.5.1)."""
    return _size_2000(raw) >= 0x80


def _bits_2000(raw: bytes) -> int:
    size = _size_2000(raw)
    return (size & 0x7F) + 1 if size >= 0 else 0


def _transformed(raw: bytes) -> bool:
    """Whether a JPEG 2000 stream has a multiple component transform (SGcod; T.800 A.6.1)."""
    at = raw.find(b"\xff\x52", 0, 4096)
    return at < 0 or raw[at + 8] == 1

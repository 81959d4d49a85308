"""The Image Pixel module of one data set as numbers, and frames as arrays of stored values.

Knows PS3.3 C.7.6.3 and PS3.5 8.1. Refuses to know compression: it is handed the bytes of native frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Image", "Unclean"]


class Unclean(Exception):
    """The pixels can't be cleaned, so the file is withheld.

    Parameters
    ----------
    reason
        A reason code, without values.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Image:
    """What the header says of the pixels.

    Attributes
    ----------
    rows, columns, frames, samples
        As the attributes; at least 1.
    allocated, stored, high, signed
        Bits of a value, and whether it is a two's complement number. 32 and 64 bits of Float Pixel Data are `real`.
    photometric
        Photometric Interpretation.
    planar
        Whether colour planes follow each other (Planar Configuration 1).
    little
        Whether multi-byte values are little endian.
    coded
        Photometric Interpretation of the code streams, where frames are compressed.
    swapped
        Whether bytes of 8-bit values are swapped in pairs (OW in big endian).
    """

    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    photometric: str
    planar: bool = False
    little: bool = True
    swapped: bool = False
    real: bool = False
    coded: str = ""

    @property
    def halved(self) -> bool:
        """Whether two neighbours share their colour (YBR_FULL_422 in native form)."""
        return self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and self.samples == 3

    @property
    def kind(self) -> str:
        """The numpy type of a stored value as it lies in native pixels."""
        order = "<" if self.little else ">"
        if self.real:
            return f"{order}f{self.allocated // 8}"
        return f"{order}u{max(1, self.allocated // 8)}"

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame."""
        pixels = self.rows * self.columns
        return pixels * (2 if self.halved else self.samples) * self.allocated

    def check(self) -> None:
        """Refuse what no rule here is written for.

        Raises
        ------
        Unclean
            ``pixels-unusual``.
        """
        sound = self.rows > 0 and self.columns > 0 and self.frames > 0 and self.samples in (1, 3, 4)
        depth = self.allocated in ((32, 64) if self.real else (1, 8, 16, 32, 64))
        stored = self.real or 0 < self.stored <= self.high + 1 <= self.allocated
        even = not self.halved or (self.columns % 2 == 0 and self.allocated == 8)
        if not (sound and depth and stored and even) or (
            self.allocated == 1 and (self.samples != 1 or self.swapped)
        ):
            raise Unclean("pixels-unusual")

    def unpack(self, raw: bytes) -> Any:
        """A native frame's bytes as words (rows, columns[, samples]); halved colour as (rows, columns / 2, 4).

        Single bits become bytes 0 and 1; the caller hands over whole frames then, see :mod:`native`.
        """
        import numpy as np

        if self.swapped:
            raw = np.frombuffer(raw[: len(raw) // 2 * 2], np.uint16).byteswap().tobytes()
        words = np.frombuffer(raw, np.dtype(self.kind), count=self.frame_bits // self.allocated)
        if self.halved:
            return words.reshape(self.rows, self.columns // 2, 4)
        if self.samples == 1:
            return words.reshape(self.rows, self.columns)
        if self.planar:
            return words.reshape(self.samples, self.rows, self.columns).transpose(1, 2, 0)
        return words.reshape(self.rows, self.columns, self.samples)

    def pack(self, words: Any) -> bytes:
        """The reverse of :meth:`unpack`."""
        import numpy as np

        laid = words.transpose(2, 0, 1) if self.planar and words.ndim == 3 and not self.halved else words
        raw = np.ascontiguousarray(laid).astype(np.dtype(self.kind), copy=False).tobytes()
        if self.swapped:
            raw = np.frombuffer(raw, np.uint16).byteswap().tobytes()
        return raw

    def values(self, words: Any) -> Any:
        """Stored values of words: bits outside the stored ones dropped, sign extended; int64 or float64."""
        import numpy as np

        if self.real:
            return np.nan_to_num(words.astype(np.float64), posinf=0, neginf=0)
        if self.allocated == 1:
            return words.astype(np.int64)
        values = (words.astype(np.uint64) >> np.uint64(self.high + 1 - self.stored)).astype(np.int64)
        if self.stored < 63:
            values &= (1 << self.stored) - 1
            if self.signed:
                values -= (values >> (self.stored - 1)) << self.stored
        return values

    def spare(self, words: Any) -> Any:
        """Bits of words that are no part of the stored value nor repeat its sign; words of none, where there are none."""
        if self.real or self.allocated in (1, self.stored):
            return None
        low = self.high + 1 - self.stored
        whole = (1 << self.allocated) - 1
        unused = whole & ~(((1 << self.stored) - 1) << low)
        kind = words.dtype.newbyteorder("=")
        bits = words.astype(kind) & kind.type(unused)
        if self.signed:
            above = whole & ~((1 << (self.high + 1)) - 1)
            negative = (words.astype(kind) >> kind.type(self.high)) & kind.type(1)
            bits ^= negative * kind.type(above)
        return bits

    def words(self, value: int) -> int:
        """The word in which a stored value lies; the bits around it are zero, or repeat the sign."""
        low = self.high + 1 - self.stored
        word = (value & ((1 << self.stored) - 1)) << low
        if self.signed and value < 0:
            word |= ((1 << self.allocated) - 1) & ~((1 << (self.high + 1)) - 1)
        return word

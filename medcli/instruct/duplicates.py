"""Captions that say nearly the same: MinHash signatures in bands, one pass, the first of a kind stays.

A caption is the set of its runs of three words. Two sets' Jaccard similarity (shared runs by all runs) is the share of
equal entries of their MinHash signatures (Broder 1997), and signatures that agree in one whole band of four fall into
one bucket (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3.4). Each bucket holds the first caption
that came into it and no other, so that the cost is linear however many repeat one another. Nothing is random: the same
captions in the same order give the same answer on every machine.

Memory: 256 bytes of signature and 16 bucket entries for each caption that is kept, about 0.6 kB in all.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from medcli.instruct.buckets import Buckets

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
_RUN = 3
_BANDS, _ROWS = (
    16,
    4,
)  # two captions of similarity 0.8 share a band with probability 0.9998, two of 0.4 with 0.34
_HASHES = _BANDS * _ROWS
_BLOCK = 512
_MULTIPLIER = 0x9E3779B97F4A7C15  # 2**64 by the golden ratio
_WORDS_KEPT = 1 << 18


def near_duplicates(captions: Iterable[str], *, threshold: float = 0.8) -> Iterator[int]:
    """Yield for each caption the place of the earlier one that it nearly repeats, or -1.

    Parameters
    ----------
    captions : iterable of str
        Read in blocks of 512.
    threshold : float
        Least estimated similarity, from 0 to 1; the estimate's standard error is 0.05 at 0.8. Captions of fewer than
        three words repeat one another only if they are the same but for case and marks.

    Yields
    ------
    int
        A place that was not itself a repetition, so that chains end at the first of a kind.
    """
    seen = _Seen(threshold)
    stream = iter(captions)
    while block := list(islice(stream, _BLOCK)):
        yield from seen.take(block)


class _Seen:
    """Signatures and buckets of the captions that were kept."""

    def __init__(self, threshold: float) -> None:
        import numpy as np

        self._needed = threshold * _HASHES
        self._words = dict[str, int]()
        self._buckets = Buckets()
        self._signatures = list["NDArray[Any]"]()
        self._places = array("q")  # of those kept, in the input
        self._count = 0
        spread = np.arange(1, 2 * _HASHES + 1, dtype=np.uint64) * np.uint64(_MULTIPLIER)
        spread ^= spread >> np.uint64(29)
        spread *= np.uint64(0xBF58476D1CE4E5B9)  # as the finaliser of splitmix64 has it
        spread ^= spread >> np.uint64(32)
        self._factors = spread[:_HASHES] | np.uint64(1)
        self._terms = spread[_HASHES:]

    def take(self, block: list[str]) -> Iterator[int]:
        import numpy as np

        signatures = self._signed(block)
        hashes = self._banded(signatures)
        known = self._buckets.find(hashes)
        fresh: dict[int, int] = {}  # buckets that this block opens
        answers = [
            self._place(signature, row.tolist(), before.tolist(), fresh)
            for signature, row, before in zip(signatures, hashes, known, strict=True)
        ]
        self._buckets.add(np.fromiter(fresh, np.uint64), np.fromiter(fresh.values(), np.int32))
        yield from answers

    def _place(
        self, signature: NDArray[Any], hashes: list[int], before: list[int], fresh: dict[int, int]
    ) -> int:
        """Where a caption repeats an earlier one, or keep it and say -1."""
        here = self._count
        self._count += 1
        others = {other for other in before if other >= 0}
        others.update(fresh[one] for one in hashes if one in fresh)
        for other in sorted(others):
            alike = self._signatures[other // _BLOCK][other % _BLOCK] == signature
            if int(alike.sum()) >= self._needed:
                return self._places[other]
        kept = len(self._places)
        self._places.append(here)
        self._keep(kept, signature)
        for one, other in zip(hashes, before, strict=True):
            if other < 0:
                fresh.setdefault(one, kept)
        return -1

    def _keep(self, kept: int, signature: NDArray[Any]) -> None:
        import numpy as np

        if kept % _BLOCK == 0:
            self._signatures.append(np.empty((_BLOCK, _HASHES), np.uint32))
        self._signatures[-1][kept % _BLOCK] = signature

    def _banded(self, signatures: NDArray[Any]) -> NDArray[Any]:
        """One hash a band, an array of (captions, 16): equal for equal entries of the same band."""
        import numpy as np

        four = signatures.reshape(-1, _BANDS, _ROWS).astype(np.uint64)
        first, second = (
            four[..., 0] | four[..., 1] << np.uint64(32),
            four[..., 2] | four[..., 3] << np.uint64(32),
        )
        mixed = (first * self._factors[0] ^ second) * self._factors[1] + self._terms[:_BANDS]
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        told: NDArray[Any] = mixed
        return told

    def _signed(self, block: list[str]) -> NDArray[Any]:
        """Signatures of a block, an array of (captions, 64) 32-bit numbers."""
        import numpy as np

        runs = [self._runs(caption) for caption in block]
        starts = np.cumsum([0, *(len(one) for one in runs[:-1])])
        hashes = np.concatenate(runs)
        signatures = np.empty((len(block), _HASHES), np.uint32)
        for column, (factor, term) in enumerate(zip(self._factors, self._terms, strict=True)):
            mixed = ((hashes * factor + term) >> np.uint64(32)).astype(np.uint32)
            signatures[:, column] = np.minimum.reduceat(mixed, starts)
        return signatures

    def _runs(self, caption: str) -> NDArray[Any]:
        """Hashes of a caption's runs of three words; of the whole of a shorter one."""
        import numpy as np

        if len(self._words) > _WORDS_KEPT:
            self._words.clear()
        known = self._words
        words = _WORD.findall(caption.casefold())
        codes = []
        for word in words:
            code = known.get(word)
            if code is None:
                data = word.encode("utf-8", "surrogatepass")
                code = known[word] = zlib.crc32(data) << 32 | zlib.adler32(data)
            codes.append(code)
        short = len(codes) < _RUN
        one = np.array([len(codes), *codes] if short else codes, np.uint64)
        if short:
            return _folded(one)
        first, second, third = one[:-2], one[1:-1], one[2:]
        a, b = np.uint64(_MULTIPLIER), np.uint64(0xBF58476D1CE4E5B9)
        return ((first * a ^ second) * b ^ third) * a


def _folded(codes: NDArray[Any]) -> NDArray[Any]:
    """One hash of a whole short caption."""
    import numpy as np

    value = 0
    for code in codes.tolist():
        value = ((value ^ code) * _MULTIPLIER) & 0xFFFFFFFFFFFFFFFF
    return np.array([value], np.uint64)

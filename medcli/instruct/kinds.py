"""Which kind of sample a caption becomes: weights, and a draw that depends on seed and caption alone.

So the kind of a caption stays what it was when others are added or left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate

from medcli.errors import UsageError
from medcli.instruct.sample import KINDS

_SCALE = 1 << 64


def weights_of(wishes: Sequence[str]) -> dict[str, float]:
    """Read ``--kind``: names with weights, in :data:`~medcli.instruct.sample.KINDS`' order.

    >>> weights_of(["conversation=3,description", "alignment=0.5"])
    {'conversation': 3.0, 'description': 1.0, 'alignment': 0.5}

    Raises
    ------
    UsageError
        For a kind that there is not, one that is named twice, or a weight that is none.
    """
    found: dict[str, float] = {}
    for wish in (one.strip() for text in wishes for one in text.split(",")):
        name, _, number = wish.partition("=")
        if name not in KINDS:
            raise UsageError("--kind names no kind that there is.", hint=f"They are: {', '.join(KINDS)}.")
        if name in found:
            raise UsageError(f"--kind names {name} twice.", hint="One weight for each.")
        found[name] = _weight(number or "1")
    return {name: found[name] for name in KINDS if name in found}


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight < 1e9:
        raise UsageError("A weight of --kind is a number above 0.", hint="As conversation=3,description=1")
    return weight


class Kinds:
    """Draws kinds.

    Parameters
    ----------
    weights : mapping of str to float
        As :func:`weights_of` gives them.
    seed : int
        Another seed draws others.
    """

    def __init__(self, weights: Mapping[str, float], seed: int) -> None:
        self._names = list(weights)
        total = sum(weights.values())
        self._edges = [edge / total for edge in accumulate(weights.values())]
        self._seed = seed

    def of(self, caption_id: str) -> str:
        """The kind of one caption."""
        if len(self._names) == 1:
            return self._names[0]
        share = drawn(self._seed, "kind", caption_id) / _SCALE
        return self._names[min(bisect_right(self._edges, share), len(self._names) - 1)]


def drawn(seed: int, purpose: str, name: str) -> int:
    """A number from 0 to 2**64 - 1 that seed, purpose and name alone decide."""
    content = f"{seed}\0{purpose}\0{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest())

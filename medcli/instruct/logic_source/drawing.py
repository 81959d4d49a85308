"""Which paraphrase a row gets: drawn by a keyed hash of the row's own name, so that order and processes don't matter.

Knows seeds and names. Refuses to know texts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def draw(options: Sequence[T], seed: int, *place: str) -> T:
    """One of some options, the same one for the same seed and place on every machine.

    Parameters
    ----------
    options : sequence
        At least one. What is drawn changes with their number and order.
    seed : int
        Any whole number.
    place : str
        What is drawn for, as tree, split, row and slot.
    """
    told = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (one.encode("utf-8", "surrogatepass") for one in place)
    )
    digest = hmac.digest(str(seed).encode(), told, hashlib.sha256)
    return options[int.from_bytes(digest[:8], "big") % len(options)]

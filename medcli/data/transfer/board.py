"""Where processes of one machine tell each other that a host wants to be left alone.

A small file that all of them map: a moment for each host, by the clock that they share. Two hosts may have one place;
then one rests with the other. Knows bytes and a clock; refuses to know why.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from pathlib import Path

_PLACES = 512
_MOMENT = struct.Struct("=d")


class Board:
    """The file, mapped.

    Parameters
    ----------
    path : str
        Made by :func:`make`.
    """

    def __init__(self, path: str) -> None:
        with open(path, "r+b") as stream:
            self._map = mmap.mmap(stream.fileno(), _PLACES * _MOMENT.size)

    def place(self, host: str) -> int:
        """Where a host's moment stands."""
        number = int.from_bytes(hashlib.blake2b(host.encode(), digest_size=4).digest(), "big")
        return number % _PLACES * _MOMENT.size

    def read(self, place: int) -> float:
        """Until when the host rests."""
        moment: float = _MOMENT.unpack_from(self._map, place)[0]
        return moment

    def write(self, place: int, moment: float) -> None:
        """Let it rest until then at least."""
        if moment > self.read(place):
            _MOMENT.pack_into(self._map, place, moment)


def make(path: Path) -> str:
    """Make an empty board; return its path, absolute."""
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(bytes(_PLACES * _MOMENT.size))
    return os.path.abspath(path)

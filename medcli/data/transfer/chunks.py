"""The chunked transfer coding (RFC 9112 7.1), for answers that are made on the fly: listings, searches.

Knows the coding; refuses to know what is in it.
"""

from __future__ import annotations

import re

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,7})[ \t]*(?:;[^\r\n]*)?")
_LONGEST_LINE = 1 << 12
_END = b"\r\n"


class Chunks:
    """Takes bytes as they come and gives what they carry.

    Attributes
    ----------
    content : bytearray
        What they carry.
    beyond : bool
        Whether something came behind the end.
    """

    def __init__(self) -> None:
        self.content = bytearray()
        self.beyond = False
        self._raw = bytearray()

    def feed(self, block: bytes | memoryview) -> bool:
        """Take bytes; say whether the end has come.

        Raises
        ------
        ValueError
            If it is not this coding.
        """
        self._raw += block
        at = 0
        while True:
            stop = self._raw.find(_END, at, at + _LONGEST_LINE)
            if stop < 0:
                if len(self._raw) - at >= _LONGEST_LINE:
                    raise ValueError
                break
            size = _SIZE.fullmatch(self._raw, at, stop)
            if size is None:
                raise ValueError
            count = int(size[1], 16)
            if not count:
                if self._ends(stop):
                    return True
                break
            following = stop + 2 + count + 2
            if len(self._raw) < following:
                break
            if self._raw[following - 2 : following] != _END:
                raise ValueError
            self.content += self._raw[stop + 2 : following - 2]
            at = following
        del self._raw[:at]
        return False

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self.content) + len(self._raw)

    def _ends(self, stop: int) -> bool:
        """Whether the empty line has come that ends the last chunk and its trailers, which nobody wants."""
        last = self._raw.find(_END + _END, stop, stop + _LONGEST_LINE)
        if last < 0:
            if len(self._raw) - stop >= _LONGEST_LINE:
                raise ValueError
            return False
        self.beyond = len(self._raw) > last + 4
        return True

"""Huffman tables and quantisation steps of a JPEG file (ITU-T T.81 Annex C, B.2.4), to read coded data and to write them.

Knows tables. Refuses to know blocks and scans.
"""

from __future__ import annotations

from functools import cached_property

from medcli.privacy.pixels.jpeg_file import Jpeg, Scan
from medcli.privacy.pixels.picture_kinds import UnfitPicture

__all__ = ["Huffman", "NotSequential", "first_steps", "huffman_tables"]


class NotSequential(Exception):
    """The file is not coded in one sequential scan, so its blocks can't be replaced one by one."""


class Huffman:
    """One table (T.81 Annex C), to read by and, with symbols added where the code has room, to write by."""

    def __init__(self, counts: bytes, symbols: bytes) -> None:
        self._counts = list(counts)
        self._symbols = list(symbols)
        self._codes: dict[int, tuple[int, int]] = {}
        code, at = 0, 0
        for length, count in enumerate(counts, 1):
            for symbol in symbols[at : at + count]:
                self._codes.setdefault(symbol, (code, length))
                code += 1
            if code > 1 << length:
                raise UnfitPicture("picture-damaged")
            at += count
            code <<= 1
        self._next = code >> 1

    @cached_property
    def lookup(self) -> list[int]:
        """By the next 16 bits: symbol * 32 + length of its code; -1 where there is none."""
        table = [-1] * 65536
        for symbol, (code, length) in self._codes.items():
            start = code << (16 - length)
            table[start : start + (1 << (16 - length))] = [symbol * 32 + length] * (1 << (16 - length))
        return table

    def code(self, symbol: int) -> tuple[int, int]:
        """Code and length; a symbol that the table lacks is added behind all others, which changes no code."""
        if symbol not in self._codes:
            # The code of ones only is never given (T.81 C.2).
            if self._next >= 0xFFFF or len(self._symbols) >= 256:
                raise NotSequential
            self._codes[symbol] = (self._next, 16)
            self._next += 1
            self._counts[15] += 1
            self._symbols.append(symbol)
        return self._codes[symbol]

    def payload(self, kind: int) -> bytes:
        """As it stands in a DHT segment."""
        return bytes((kind, *self._counts, *self._symbols))


def huffman_tables(jpeg: Jpeg) -> dict[int, Huffman]:
    """Tables by class and destination, the last of each."""
    tables = {}
    for part in jpeg.parts:
        if isinstance(part, Scan) or part[0] != 0xC4:
            continue
        payload = part[1]
        while payload:
            counts = payload[1:17]
            end = 17 + sum(counts)
            if len(counts) < 16 or len(payload) < end:
                raise UnfitPicture("picture-damaged")
            tables[payload[0]] = Huffman(counts, payload[17:end])
            payload = payload[end:]
    return tables


def first_steps(jpeg: Jpeg) -> dict[int, int]:
    """Each quantisation table's step for the DC coefficient."""
    steps = {}
    for part in jpeg.parts:
        if isinstance(part, Scan) or part[0] != 0xDB:
            continue
        payload = part[1]
        while len(payload) >= 65:
            wide = payload[0] >> 4
            steps[payload[0] & 15] = int.from_bytes(payload[1 : 2 + wide], "big") or 1
            payload = payload[65 + 64 * wide :]
    return steps

"""What a word of a text is used as: given name, surname, English word, clinical word, city, title, relative ...

Knows the packed lists (``words.dat``, made by ``tools/text_lists.py``) and the cue words (``words_cues.tsv``), and
looks up a document's words in them once. Refuses to know what follows from it; names, places and the safe list do.
Nothing of a text is ever added to the lists.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medcli.privacy.text.document import Document
    from medcli.privacy.text.span import Span

__all__ = ["Lexicon", "Looked", "lexicon", "look", "marked", "word_set"]

_HERE = Path(__file__).parent

#: A word's number. Levels of two bits: 3 surely, 2 maybe, 1 hardly; how usual an English word is: 3 very, 1 seldom.
FIRST, LAST, COMMON, CITY = 0b11, 0b11 << 2, 0b11 << 4, 0b11 << 8
MEDICAL, EPONYM = 1 << 6, 1 << 7
REGION, PROPER, OPENS, COUNTY = 1 << 10, 1 << 11, 1 << 12, 1 << 13
_CUE = 16
CUES = (
    "title", "given", "relative", "role", "by", "self", "label", "credential", "suffix", "act", "particle", "head",
    "weakhead", "facility", "street", "unit", "dwell", "at", "stop", "state",
)  # fmt: skip
TITLE, GIVEN, RELATIVE, ROLE, BY, SELF, LABEL, CREDENTIAL, SUFFIX, ACT, PARTICLE, HEAD, WEAKHEAD = (
    1 << (_CUE + position) for position in range(13)
)
FACILITY, STREET, UNIT, DWELL, AT, STOP, STATE = (1 << (_CUE + position) for position in range(13, 20))
NAME = FIRST | LAST

#: A part of a double name has so many letters.
_SHORTEST = 3
_POSSESSIVE = ("'s", "\u2019s", "s'", "s\u2019")
#: A capital may follow these within a name: McDonald, DeAngelo.
_INNER = ("mc", "mac", "de", "di", "du", "la", "le", "van", "von", "fitz", "st", "o")
#: How a word is written.
LOWER, CAPITAL, UPPER, INITIAL, UNCASED = range(5)


class Lexicon(dict[str, int]):
    """Words in lower case and their numbers; 0 for a word that no list has. Groups of words are read when asked for."""

    def __init__(self, packed: bytes, cues: dict[str, int]) -> None:
        super().__init__()
        self._body = zlib.decompress(packed)
        self._cues: dict[str, dict[str, int]] = {}
        for word, number in cues.items():
            self._cues.setdefault(word[:2], {})[word] = number
        self._groups = self._index()

    def _index(self) -> dict[str, tuple[int, int, int, int]]:
        """Each prefix: where its words stand, where their numbers stand, and how many they are."""
        length, count = struct.unpack_from("<II", self._body)
        prefixes = str(self._body[8 : 8 + length], "utf-8").split("\n")
        sizes = array("I", self._body[8 + length : 8 + length + 8 * count])
        if sys.byteorder == "big":
            sizes.byteswap()
        groups, at = {}, 8 + length + 8 * count
        number = at + sum(sizes[::2])
        for prefix, size, words in zip(prefixes, sizes[::2], sizes[1::2], strict=True):
            groups[prefix] = (at, size, number, words)
            at, number = at + size, number + 2 * words
        for prefix in self._cues:
            groups.setdefault(prefix, (0, 0, 0, 0))
        return groups

    def __missing__(self, word: str) -> int:
        """Read the word's group, once; a word that is not in it is not remembered."""
        group = self._groups.pop(word[:2], None)
        if group is None:
            return 0
        at, size, number, count = group
        if count:
            values = array("H", self._body[number : number + 2 * count])
            if sys.byteorder == "big":
                values.byteswap()
            self.update(zip(str(self._body[at : at + size], "utf-8").split("\n"), values, strict=True))
        for cue, bits in self._cues.get(word[:2], {}).items():
            self[cue] = self.get(cue, 0) | bits
        return self.get(word, 0)


@cache
def lexicon() -> Lexicon:
    """The lists, loaded once a process."""
    packed = (_HERE / "words.dat").read_bytes()
    return Lexicon(packed[packed.index(b"\n\n") + 2 :], _cues())


def _cues() -> dict[str, int]:
    cues: dict[str, int] = {}
    for line in (_HERE / "words_cues.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        kind, _tab, words = line.partition("\t")
        if words and not kind.startswith("#"):
            bit = 1 << (_CUE + CUES.index(kind))
            for word in words.split():
                cues[word] = cues.get(word, 0) | bit
    return cues


@cache
def _sets() -> dict[str, frozenset[str]]:
    rows = (_HERE / "words_sets.tsv").read_text(encoding="utf-8").splitlines()[1:]
    pairs = (row.partition("\t") for row in rows if not row.startswith("#"))
    return {name: frozenset(words.split()) for name, _tab, words in pairs}


def word_set(name: str) -> frozenset[str]:
    """A small set of words that one rule asks for, by its name in ``words_sets.tsv``."""
    return _sets()[name]


def marked(spans: Iterable[Span], length: int) -> bytearray:
    """1 for each code point of a text that a span covers, else 0."""
    marks = bytearray(length)
    for span in spans:
        marks[span.start : span.end] = b"\1" * (span.end - span.start)
    return marks


@dataclass(eq=False, slots=True)
class Looked:
    """A document's words beside what is known of each: lists of equal length.

    Attributes
    ----------
    starts, ends
        Offsets; a possessive ``'s`` stands outside.
    lows
        The words in lower case, without the possessive.
    numbers
        What the lexicon says.
    shapes
        ``LOWER``, ``CAPITAL`` (also mixed), ``UPPER`` (two letters and more), ``INITIAL`` (one capital), ``UNCASED``.
    shouts
        The text is written in capitals, so that they say nothing.
    every, present
        All bits of all numbers, and all words: what no word has needs no search.
    """

    starts: list[int]
    ends: list[int]
    lows: list[str]
    numbers: list[int]
    shapes: list[int]
    shouts: bool
    every: int
    present: frozenset[str]


def look(document: Document) -> Looked:
    """Look up every word of a document."""
    words, lower, table = document.words, document.lower, lexicon()
    starts, ends, lows, numbers, shapes = [], [], [], [], []
    upper = small = every = 0
    for start, stop, text in words:
        low = lower[start:stop]
        if low[-2:] in _POSSESSIVE:
            low = low[:-2] if low[-1] == "s" else low[:-1]
        number = table[low]
        if not number and not low.isalpha():
            number = _double(table, text, low) or _joined(table, low)
        if text.islower():
            shape = LOWER
            small += 1
        elif len(text) == 1:
            shape = INITIAL if text.isupper() else UNCASED
        elif text.isupper():
            shape = UPPER
            upper += len(text) > 3
        else:
            shape = _mixed(text, low)
        every |= number
        starts.append(start)
        ends.append(start + len(low))
        lows.append(low)
        numbers.append(number)
        shapes.append(shape)
    return Looked(
        starts, ends, lows, numbers, shapes, upper > 2 * small and upper > 2, every, frozenset(lows)
    )


def _mixed(text: str, low: str) -> int:
    """How a word is written that is neither small nor all capitals."""
    if "-" in text or "'" in text or "\u2019" in text:  # al-Rashid, d'Angelo
        return CAPITAL
    if not text[0].isupper():
        return UNCASED if low == text else LOWER  # mRNA
    return CAPITAL if text[1:].islower() or low.startswith(_INNER) else UPPER  # AFib, but McDonald


def _double(table: Lexicon, text: str, low: str) -> int:
    """What a double name (Okereke-Wells) is; 0 for other words of two parts: Guillain-Barré, Covid-19, X-Ray."""
    parts = low.replace("\u2010", "-").replace("\u2011", "-").split("-")
    if len(parts) != 2 or min(map(len, parts)) < _SHORTEST or not text[len(parts[0]) + 1].isupper():
        return 0
    numbers = [table[part] for part in parts]
    if not text[0].isupper() or all(number & EPONYM for number in numbers):
        return 0
    if any(number and not number & NAME for number in numbers):
        return 0
    best = (
        max(
            3 if not number else max(number & FIRST, (number & LAST) >> 2)
            for number in numbers
            if not number & (MEDICAL | STOP) or number & EPONYM
        )
        if any(not number & (MEDICAL | STOP) or number & EPONYM for number in numbers)
        else 0
    )
    plain = any(not number & (COMMON | MEDICAL | EPONYM) for number in numbers)
    if best < 2:
        return 0
    return 3 << 2 if plain else 2 << 2 if all(number & NAME for number in numbers) else 0


def _joined(table: Lexicon, low: str) -> int:
    """What a word of several parts (Smith-Jones, follow-up, O'Neil) is, by its parts."""
    parts = [
        part
        for part in low.replace("\u2019", "'")
        .replace("\u2010", "-")
        .replace("\u2011", "-")
        .replace("'", "-")
        .split("-")
        if part
    ]
    if "\u2019" in low and (number := table[low.replace("\u2019", "'")]):
        return number
    if parts and parts[0] in ("o", "d", "l", "al", "el", "mc", "fitz"):
        tail = table["".join(parts)] | table[parts[-1]]
        return (tail & (MEDICAL | COMMON)) or FIRST | LAST
    if parts[1:] and parts[-1] in ("san", "sama", "sensei", "kun", "chan", "ji"):
        return table[parts[0]] & NAME | LAST
    numbers = [table[part] for part in parts]
    if any(number & (EPONYM | MEDICAL) for number in numbers):
        if all(number & NAME for number in numbers) and not any(number & COMMON for number in numbers):
            return LAST | (EPONYM if all(number & EPONYM for number in numbers) else 0)
        return MEDICAL | (EPONYM if all(number & EPONYM for number in numbers) else 0)
    if any(number & COMMON for number in numbers) and not all(number & NAME for number in numbers):
        named = any(number & LAST == LAST and not number & COMMON for number in numbers)
        return 1 << 4 | (2 << 2 if named else 0)  # Barnes-Jewish is a maybe, follow-up is not
    return min((number & NAME for number in numbers), default=0)

"""Search texts, as characters, for the names, identifiers and dates that should be gone.

Knows how such values are spelt by people: other orders and separators, run together, without leading zeros, with a
genitive s, years of two digits. Refuses to know bytes: :mod:`medcli.privacy.dicom.residue` searches those.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from medcli.privacy.dicom.values import decode

__all__ = ["Spelling", "Words", "fold"]

#: Kind ("word", "bare") and folded text.
Spelling = tuple[str, str]
#: From here on scripts write without spaces (CJK, kana, hangul): a name needs no boundary there, and two characters do.
_DENSE_SCRIPTS = 0x2E80
_SHORT, _BARE, _ZEROS = 4, 6, 5
#: Characters that are searched at a time.
_BATCH = 1 << 20
_SEPARATORS = re.compile(r"[\s\-./_,:]+")


#: Letters that some write as two, where they have to do without accents.
_TWO = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "æ": "ae", "ø": "oe", "œ": "oe"})


def fold(text: str) -> str:
    """`text` in one form of Unicode (NFKD), without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize(
        "NFKC", "".join(char for char in decomposed if not unicodedata.combining(char))
    )


@dataclass(slots=True)
class Words:
    """What is looked for: folded spelling -> the tag it came from.

    Attributes
    ----------
    words
        Found where no letter or digit stands beside them.
    bare
        Identifiers without separators: found in texts without separators, where no digit stands beside a digit.
    """

    words: dict[str, int] = field(default_factory=dict)
    bare: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, text: str, tag: int) -> None:
        """Look for `text`, which came from `tag`; of several tags the first is told."""
        (self.bare if kind == "bare" else self.words).setdefault(text, tag)

    def search(self, texts: Iterable[str]) -> int | None:
        """The tag whose value stands in one of the texts, or None."""
        waiting: list[str] = []
        size = 0
        for text in texts:
            waiting.append(text)
            size += len(text)
            if size > _BATCH:
                hit = self._search("\n".join(waiting))
                if hit is not None:
                    return hit
                waiting, size = [], 0
        return self._search("\n".join(waiting))

    def _search(self, text: str) -> int | None:
        joined = fold(text)
        for needle, tag in self.words.items():
            if needle in joined and _stands(joined, needle):
                return tag
        if self.bare:
            lines = "\n".join(_SEPARATORS.sub("", line) for line in joined.split("\n"))
            for needle, tag in self.bare.items():
                if needle in lines and _stands(lines, needle, str.isdigit):
                    return tag
        return None


def _stands(text: str, needle: str, inside: Callable[[str], bool] = str.isalnum) -> bool:
    """Whether `needle` stands in `text` with nothing of `inside` beside it (a genitive s may follow)."""
    if ord(max(needle)) >= _DENSE_SCRIPTS:
        return True
    at = text.find(needle)
    while at >= 0:
        behind = at + len(needle)
        if not (at and inside(text[at - 1])):
            rest = text[behind : behind + 2]
            if not inside(rest[:1]) or (rest[:1] == "s" and not inside(rest[1:])):
                return True
        at = text.find(needle, at + 1)
    return False


@lru_cache(maxsize=65536)
def name_words(raw: bytes, charset: bytes) -> tuple[Spelling, ...]:
    """The spellings of a person name that the search of bytes does not know: run together, in folded characters."""
    found: set[str] = set()
    for group in decode(raw, charset).replace("\\", "=").split("="):
        name = unicodedata.normalize("NFC", group.strip("\0 ")).casefold()
        for spelt in {fold(name), fold(name.translate(_TWO))}:
            parts = [part for part in re.split(r"[\s^,;()\[\]]+", spelt) if part]
            found.update(parts)
            for part in parts:
                pieces = re.split(r"[-'\u2019]", part)
                found.update((*pieces, "".join(pieces)))
            if len(parts) > 1:
                found.update((parts[0] + parts[1], parts[1] + parts[0]))
    return tuple(("word", word) for word in sorted(found) if _long_enough(word))


def _long_enough(word: str) -> bool:
    return len(word) >= (2 if word and ord(max(word)) >= _DENSE_SCRIPTS else _SHORT)


@lru_cache(maxsize=65536)
def identifier_words(raw: bytes, charset: bytes) -> tuple[Spelling, ...]:
    """The spellings of an identifier: as it is, with other separators, without leading zeros."""
    found: set[Spelling] = set()
    for value in decode(raw, charset).split("\\"):
        text = fold(value.strip("\0 \t\r\n"))
        bare = _SEPARATORS.sub("", text)
        if _long_enough(text):
            found.add(("word", text))
        if len(bare) >= _BARE and any(char.isdigit() for char in bare):
            found.add(("bare", bare))
        if bare.isdigit() and bare != bare.lstrip("0") and len(bare.lstrip("0")) >= _ZEROS:
            found.add(("word", bare.lstrip("0")))
    return tuple(sorted(found))


@lru_cache(maxsize=65536)
def birth_words(digits: bytes) -> tuple[Spelling, ...]:
    """The spellings of a date of birth (YYYYMMDD) with a year of two digits."""
    text = digits.decode("ascii")
    year, month, day = text[2:4], text[4:6], text[6:]
    name = (["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])[
        int(month) - 1
    ]
    days, months = (day, day.lstrip("0")), (month, month.lstrip("0"))
    found = {f"{d}{mark}{m}{mark}{year}" for mark in "/.-" for d in days for m in (*months, name)}
    found.update(f"{m}{mark}{d}{mark}{year}" for mark in "/-" for d in days for m in months)
    return tuple(("word", form) for form in sorted(found))

"""A text as tokens: words in one spelling, numbers, and the marks that mean something.

British and American spellings fall together (leukaemia, leukemia), so do singular and plural, "isn't" and "is not".
Refuses to know what the words mean.
"""

from __future__ import annotations

import csv
import functools
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import NamedTuple

Words = tuple[str, ...]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*(?![^\W\d_])|[^\W_]+|[%<>≤≥=+?!.,;:()\n/]|[-\u2013\u2014\u2212]")
_NOT = re.compile(r"n['\u2019]t\b", re.IGNORECASE)
_OWNED = re.compile(r"['\u2019]s\b", re.IGNORECASE)
_CANNOT = re.compile(r"\b(can)not\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_DASHES = frozenset("-\u2013\u2014\u2212")  # hyphen, en dash, em dash, minus
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
_NUMBERS = dict(zip(_UNITS, map(str, range(20)), strict=True)) | dict(
    zip(_TENS, map(str, range(20, 101, 10)), strict=True)
)
LONGEST = 20_000
"""Characters of a text that are read; an answer is shorter."""


class Token(NamedTuple):
    """One word, number or mark: in the spelling that is compared, and as it stands."""

    text: str
    raw: str


def tokens(text: str) -> list[Token]:
    """A text's tokens; a dash between numbers is ``to``, one that stands alone is ``;``, one in a word is nothing."""
    text = unicodedata.normalize("NFKC", text[:LONGEST])
    text = _OWNED.sub("", _NOT.sub(" not", _CANNOT.sub(r"\1 not", text)))
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        raw = match[0]
        if raw not in _DASHES:
            found.append(Token(spelt(raw), raw))
        elif (mark := _dash(text, match.start())) is not None:
            found.append(Token(mark, raw))
    return found


def _dash(text: str, at: int) -> str | None:
    """What a dash means: ``to`` between numbers, nothing within a word, ``-`` before a number, else ``;``."""
    before, after = text[:at].rstrip(), text[at + 1 :].lstrip(" ")
    if (before[-1:].isdigit() or before[-1:] == "%") and after[:1].isdigit():
        return "to"
    if text[at - 1 : at].isalnum() and text[at + 1 : at + 2].isalnum():
        return None
    if text[at + 1 : at + 2].isdigit():
        return "-"
    return ";"


def spelt(word: str) -> str:
    """A word in the spelling that is compared.

    >>> spelt("Leukaemias"), spelt("tumour"), spelt("oedema"), spelt("Diagnosis")
    ('leukemia', 'tumor', 'edema', 'diagnosis')
    """
    word = word.casefold()
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "is", "us")):
        word = word[:-1]
    if len(word) > 4:
        word = word.replace("ae", "e").replace("oe", "e")
        if word.endswith("our"):
            word = f"{word[:-3]}or"
    return word


def phrase(text: str) -> Words:
    """The tokens of a phrase, as those of a text are compared with them."""
    return tuple(token.text for token in tokens(text))


def number(token: Token) -> Decimal | None:
    """The number that a token is: digits with a point or a decimal comma, or a word up to a hundred."""
    raw = _NUMBERS.get(token.raw.casefold(), token.raw)
    if not raw[:1].isdigit():
        return None
    raw = raw.replace(",", "") if _THOUSANDS.fullmatch(raw) else raw.replace(",", ".")
    try:
        return Decimal(raw)
    except InvalidOperation:  # 1.2.3
        return None


def starts(found: Sequence[Token], at: int, words: Words) -> bool:
    """Whether the tokens from a place on are these words."""
    return len(found) - at >= len(words) and all(
        found[at + step].text == word for step, word in enumerate(words)
    )


@functools.cache
def cues() -> dict[str, dict[str, tuple[Words, ...]]]:
    """The table cues.tsv: kind to first word to phrases, longer ones first."""
    text = resources.files("medcli.logic").joinpath("cues.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found: dict[str, dict[str, set[Words]]] = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        words = phrase(row["words"])
        found.setdefault(row["kind"], {}).setdefault(words[0], set()).add(words)
    return {
        kind: {
            first: tuple(sorted(held, key=lambda one: (-len(one), one))) for first, held in by_first.items()
        }
        for kind, by_first in found.items()
    }


def cue(found: Sequence[Token], at: int, kind: str) -> int:
    """How many tokens the cue of a kind takes that starts at a place; 0 if none does."""
    if at >= len(found) or not (held := cues()[kind].get(found[at].text)):
        return 0
    return next((len(words) for words in held if starts(found, at, words)), 0)

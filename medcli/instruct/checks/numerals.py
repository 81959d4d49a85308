"""Numbers as texts write them: in digits or spelt out, with decimals and thousands.

Knows English numerals. Refuses to know what is counted or measured.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = {
    word: 10 * place
    for place, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
VALUES = {word: place for place, word in enumerate(_ONES)} | _TENS | {"hundred": 100, "thousand": 1000}
"""Words of numerals, small letters, and their values."""

_UNIT = "|".join(_ONES[1:10])
_TEN = "|".join(_TENS)
_BELOW = rf"(?:(?:{_TEN})(?:[\s-](?:{_UNIT}))?|{'|'.join(sorted(_ONES, key=len, reverse=True))})"
SPELLED = (
    rf"(?:(?:{_BELOW}|an?)[\s-]hundred(?:[\s-](?:and[\s-])?{_BELOW})?|{_BELOW}(?:[\s-]thousand)?)(?![\w])"
)
"""A numeral that is spelt out."""

DIGITS = r"(?:\d{1,3}(?:[,\u2009\u202f]\d{3})+(?:\.\d+)?|\d+(?:[.\u00b7]\d+|,\d{1,2}(?!\d))?)"
"""A numeral in digits; "3,5" is three and a half, "3,500" three thousand five hundred."""

NUMERAL = rf"(?:{DIGITS}|{SPELLED})"


class Number(NamedTuple):
    """A value, and how exactly it was said: digits behind the point, and digits that count in all."""

    value: float
    decimals: int
    digits: int


@lru_cache(4096)
def read(text: str) -> Number:
    """Read a numeral that :data:`NUMERAL` matched.

    >>> read("3,5"), read("1,200"), read("Forty-five").value, read("one hundred and twenty").value
    (Number(value=3.5, decimals=1, digits=2), Number(value=1200.0, decimals=0, digits=2), 45.0, 120.0)
    """
    if not text[0].isdigit():
        value = _spelled(re.split(r"[\s-]+", text.lower()))
        return Number(float(value), 0, len(str(value).rstrip("0")) or 1)
    if re.fullmatch(r"\d{1,3}(?:[,\u2009\u202f]\d{3})+(?:\.\d+)?", text):
        text = re.sub(r"[,\u2009\u202f]", "", text)
    text = text.replace(",", ".").replace("\u00b7", ".")
    decimals = len(text.partition(".")[2])
    digits = text.replace(".", "").lstrip("0")
    return Number(float(text), decimals, len(digits if decimals else digits.rstrip("0")) or 1)


def _spelled(words: list[str]) -> int:
    total = 0
    for word in words:
        value = VALUES.get(word)
        if value is None:  # "and", "a"
            continue
        total = max(total, 1) * value if value >= 100 else total + value
    return total

"""One normal form for texts that should count as equal, and a user's synonyms.

Knows case, Unicode forms, marks, articles, number words, units. Refuses to know questions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from medcli.errors import InputError

_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        [
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
            "twenty",
        ]
    )
}
_ARTICLES = frozenset(("a", "an", "the"))
_SIMPLE = re.compile(r"[a-z0-9 ]*")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_APOSTROPHE = re.compile(r"(?<=\w)['\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}](?=\w)")
_UNIT = re.compile(r"(?<=\d)(?=(?:[a-zµμ%°]))")
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W_]+|[%°<>±+]")
_SIGN = re.compile(r"(?:(?<=\s)|^)[-\N{MINUS SIGN}\N{FIGURE DASH}\N{EN DASH}](?=\d)")


_SHORT = 64  # characters: what repeats is short, and a cache of long texts would cost more than it saves


def normalized(text: str) -> str:
    """Bring a text into the normal form, words parted by single spaces.

    Compatibility forms and case are folded, markup and punctuation go (decimal points, percent, degree, comparison and
    signs of numbers stay), a unit is parted from its number, number words to twenty become digits, articles go.

    >>> normalized("**The** X-ray: 1,500mL!")
    'x ray 1500 ml'
    """
    return _remembered(text) if len(text) <= _SHORT else _normalized(text)


def _normalized(text: str) -> str:
    folded = text.casefold()
    if not _SIMPLE.fullmatch(folded):
        folded = unicodedata.normalize("NFKC", folded).casefold()
        folded = _APOSTROPHE.sub("", folded)
        if "," in folded:
            folded = _DECIMAL_COMMA.sub(".", _GROUPED.sub("", folded))
        folded = _SIGN.sub(" minus ", folded)
    if any(map(str.isdigit, folded)):
        folded = _UNIT.sub(" ", folded)
    words = _WORD.findall(folded)
    kept = [_NUMBERS.get(word, word) for word in words if word not in _ARTICLES]
    return " ".join(kept or words)  # "A" alone is an answer, too


_remembered = lru_cache(16384)(_normalized)


class Synonyms:
    """Phrases that a user counts as equal.

    Parameters
    ----------
    groups : iterable of iterable of str
        Each group's phrases; the first stands for all of them.
    """

    def __init__(self, groups: Iterable[Iterable[str]] = ()) -> None:
        self._first: dict[str, str] = {}
        for group in groups:
            forms = [form for form in map(normalized, group) if form]
            for form in forms[1:]:
                self._first.setdefault(form, forms[0])
        longest = sorted(self._first, key=len, reverse=True)
        self._pattern = (
            re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, longest))})(?!\S)") if longest else None
        )

    def __bool__(self) -> bool:
        return self._pattern is not None

    def apply(self, text: str) -> str:
        """Normalise a text and put the first phrase of its group for each phrase in it, the longest first."""
        form = normalized(text)
        if self._pattern is None:
            return form
        return self._pattern.sub(lambda found: self._first[found[0]], form)


def synonyms_of(content: object) -> Synonyms:
    """Read synonyms: a list of lists, or an object from a phrase to its others.

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(content, Mapping):
        content = [[key, *(value if isinstance(value, list) else [value])] for key, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(group, list) for group in content):
        raise InputError(
            "The file of synonyms is no list of lists and no object.",
            hint='As [["x-ray", "radiograph"], ...]',
        )
    return Synonyms([str(one) for one in group] for group in content)

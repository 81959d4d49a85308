"""Whether a line that was read tells of technique only: measures, scale labels, laterality, device settings.

Knows an allow-list (technique.tsv). Whatever is not on it goes: a number that could be an identifier or a date, a word
that is no term. Refuses to keep what was read doubtfully.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

from medcli.privacy.pixels.detector import Reading

__all__ = ["is_technique"]

#: A line that was read less surely than this is not believed.
_SURE = 0.85
_SPLIT = re.compile(r"[\s,;]+")
_GLUED = re.compile(r"(\d[\d.,]*)([^\W\d]+\S*)\Z")


def is_technique(reading: Reading) -> bool:
    """Whether a line may stay under ``--keep-text technique``."""
    words = [word.strip(".:=()") for word in _SPLIT.split(reading.text.strip().lower())]
    words = [word for word in words if word]
    return bool(words) and reading.score >= _SURE and all(map(_is_term, words)) and _few_digits(words)


def _few_digits(words: list[str]) -> bool:
    """A line of more than two bare integers, or with one of five digits, could be an identifier or a date."""
    bare = [word for word in words if word.isdigit()]
    return len(bare) <= 2 and all(len(word) < 5 for word in bare)


def _is_term(word: str) -> bool:
    terms, numbers = _terms()
    if word in terms or numbers.fullmatch(word):
        return not _is_year(word)
    glued = _GLUED.match(word)
    return bool(glued) and glued[2] in terms and bool(numbers.fullmatch(glued[1]))  # type: ignore[index]


def _is_year(word: str) -> bool:
    return word.isdigit() and len(word) == 4 and word[:2] in ("18", "19", "20")


@lru_cache(maxsize=1)
def _terms() -> tuple[frozenset[str], re.Pattern[str]]:
    lines = (resources.files(__package__) / "technique.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    words = frozenset(value for kind, value in rows if kind != "number")
    return words, re.compile("|".join(f"(?:{value})" for kind, value in rows if kind == "number"))

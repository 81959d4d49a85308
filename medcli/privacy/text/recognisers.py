"""Recognisers of the user's own, from a YAML file: a name, a category, patterns, words of context, a score.

Knows the file's form and how to search with it. Refuses patterns that could take for ever on a hostile text, and to
run anything: the file is read as data (``yaml.safe_load``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from medcli.errors import InputError, MissingExtra
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.patterns import explodes
from medcli.privacy.text.span import Span

__all__ = ["Recogniser", "read_recognisers", "recognisers_of"]

_KEYS = frozenset(("name", "category", "patterns", "words", "context", "window", "score", "ignore_case"))
_LONGEST_PATTERN = 1000
_MOST = 500


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One recogniser; a :class:`~medcli.privacy.text.span.Detector`.

    Attributes
    ----------
    name
        As in the file.
    category
        Of ``categories.tsv``.
    patterns
        Compiled; where one has a group called ``find``, that is what is found.
    context
        Words of which one must stand near; none needed where empty.
    window
        Characters before and after a find that are near.
    score
        0 to 1.
    """

    name: str
    category: str
    patterns: tuple[re.Pattern[str], ...]
    context: re.Pattern[str] | None = None
    window: int = 60
    score: float = 1.0
    version: str = "1"

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """One list of spans a text, in the texts' order."""
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[Span]:
        found = []
        for pattern in self.patterns:
            group: str | int = "find" if "find" in pattern.groupindex else 0
            for match in pattern.finditer(text):
                start, end = match.span(group)
                if 0 <= start < end and self._near(text, start, end):
                    found.append(Span(start, end, self.category, self.score, f"user:{self.name}"))
        return found

    def _near(self, text: str, start: int, end: int) -> bool:
        if self.context is None:
            return True
        return any(
            self.context.search(text, *place)
            for place in ((max(0, start - self.window), start), (end, end + self.window))
        )


def read_recognisers(path: Path) -> str:
    """The text of a recogniser file, once it is known to be sound.

    Raises
    ------
    InputError
        Where it can't be read or is wrong; the recogniser is named by its number.
    MissingExtra
        Where PyYAML is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError("The recognisers file can't be read.", hint="A YAML file in UTF-8.") from None
    recognisers_of(text)
    return text


@lru_cache(maxsize=4)
def recognisers_of(text: str) -> tuple[Recogniser, ...]:
    """The recognisers in a YAML text, a list of mappings or one under the key ``recognisers``."""
    if not text.strip():
        return ()
    try:
        import yaml
    except ImportError:
        raise MissingExtra("text", "--recognisers") from None
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError("The recognisers file is no YAML.", hint="docs/formats.md shows one.") from None
    listed = found.get("recognisers") if isinstance(found, dict) else found
    if not isinstance(listed, list) or len(listed) > _MOST:
        raise InputError(
            "The recognisers file holds no list of recognisers.", hint="docs/formats.md shows one."
        )
    return tuple(_recogniser(one, number) for number, one in enumerate(listed, 1))


def _recogniser(one: Any, number: int) -> Recogniser:
    if not isinstance(one, Mapping) or set(one) - _KEYS or not {"name", "category"} <= set(one):
        raise _wrong(
            number, f"it has the keys {', '.join(sorted(_KEYS))}, of which name and category are needed"
        )
    name, category = str(one["name"]), str(one["category"]).upper()
    score, window = one.get("score", 1.0), one.get("window", 60)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}", name):
        raise _wrong(number, "name has 1 to 40 letters, digits, blanks or ._-")
    if category not in CATEGORIES:
        raise _wrong(number, f"category is one of {', '.join(CATEGORIES)}")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise _wrong(number, "score is a number from 0 to 1")
    if type(window) is not int or not 0 < window <= 1000:
        raise _wrong(number, "window is a whole number from 1 to 1000")
    flags = re.IGNORECASE if one.get("ignore_case") is True else 0
    patterns = [_compiled(pattern, flags, number) for pattern in _texts(one, "patterns", number)]
    words = _texts(one, "words", number)
    if words:
        patterns.append(_worded(words, flags))
    if not patterns:
        raise _wrong(number, "patterns or words are needed")
    context = _texts(one, "context", number)
    near = _worded(context, re.IGNORECASE) if context else None
    return Recogniser(name, category, tuple(patterns), near, window, float(score))


def _texts(one: Mapping[str, Any], key: str, number: int) -> list[str]:
    found = one.get(key) or []
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise _wrong(number, f"{key} is a text or a list of texts")
    return found


def _worded(words: Sequence[str], flags: int) -> re.Pattern[str]:
    joined = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", flags)


def _compiled(pattern: str, flags: int, number: int) -> re.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise _wrong(number, f"a pattern has {_LONGEST_PATTERN} characters at most")
    try:
        compiled = re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError):
        raise _wrong(number, "a pattern is no regular expression of Python's") from None
    if compiled.search("") is not None:
        raise _wrong(number, "a pattern matches nothing at all, so it would match everywhere")
    if explodes(pattern, flags):
        raise _wrong(
            number, "a pattern repeats what repeats already, so that some texts would take for ever to search"
        )
    return compiled


def _wrong(number: int, why: str) -> InputError:
    return InputError(
        f"Recogniser {number} of the recognisers file: {why}.", hint="docs/formats.md shows one."
    )

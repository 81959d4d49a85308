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
from medcli.privacy.text.span import Span

__all__ = ["Recogniser", "read_recognisers", "recognisers_of"]

_KEYS = frozenset(("name", "category", "patterns", "words", "context", "window", "score", "ignore_case"))
_LONGEST_PATTERN = 1000
_MOST = 500
#: A repeat that may go on for longer than this counts as one without bound.
_MANY = 100


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
    if _explodes(pattern, flags):
        raise _wrong(
            number, "a pattern repeats what repeats already, so that some texts would take for ever to search"
        )
    return compiled


def _explodes(pattern: str, flags: int) -> bool:
    """Whether a pattern has a repeat without bound inside a repeat, one beside another, or a backward reference.

    The syntax tree of Python's own compiler is walked. This refuses some patterns that would be harmless, and none
    that is harmful by nesting; two unbounded repeats that can match the same characters side by side take quadratic
    time and are refused where they touch.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from re import _parser  # type: ignore[attr-defined]  # the only parser that knows what re compiles

    return _unbounded(_parser.parse(pattern, flags), inside=False)


def _unbounded(tree: Any, *, inside: bool) -> bool:
    before: frozenset[int] = frozenset()
    for operation, argument in tree:
        name = str(operation)
        if name in ("GROUPREF", "GROUPREF_EXISTS"):
            return True
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, body = argument
            many, signs = int(most) > _MANY, _signs(body)
            if (many and (inside or before & signs)) or _unbounded(body, inside=inside or int(most) > 1):
                return True
            before = before | signs if many else before if int(argument[0]) == 0 else frozenset()
        else:
            before = frozenset()
            if any(_unbounded(part, inside=inside) for part in _parts(name, argument)):
                return True
    return False


_ASCII = frozenset(range(128))
_CLASSES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def _signs(tree: Any) -> frozenset[int]:
    """The ASCII characters that a repeat's body can be made of; all of them where that is not plain."""
    if len(tree) != 1:
        return _ASCII
    operation, argument = tree[0]
    name = str(operation)
    if name == "LITERAL":
        return frozenset((argument,)) & _ASCII or _ASCII
    if name != "IN":
        return _ASCII
    found: set[int] = set()
    for kind, what in argument:
        if str(kind) == "LITERAL":
            found.add(what)
        elif str(kind) == "RANGE":
            found |= set(range(what[0], min(what[1], 127) + 1))
        elif str(kind) == "CATEGORY" and str(what).rpartition("_")[2] in _CLASSES and "NOT" not in str(what):
            fits = re.compile(_CLASSES[str(what).rpartition("_")[2]])
            found |= {sign for sign in _ASCII if fits.match(chr(sign))}
        else:
            return _ASCII
    return frozenset(found) & _ASCII


def _parts(name: str, argument: Any) -> list[Any]:
    """The trees inside of one node."""
    if name == "SUBPATTERN":
        return [argument[-1]]
    if name == "BRANCH":
        return list(argument[1])
    if name in ("ASSERT", "ASSERT_NOT"):
        return [argument[1]]
    return [argument] if name == "ATOMIC_GROUP" else []


def _wrong(number: int, why: str) -> InputError:
    return InputError(
        f"Recogniser {number} of the recognisers file: {why}.", hint="docs/formats.md shows one."
    )

"""Whether a regular expression could search some texts for ever.

Knows the syntax trees of Python's ``re``. Refuses to run a pattern to find out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["explodes"]

#: Repeats of more count as without bound.
_MANY = 100
#: So often, an ambiguous body may be repeated.
_FEW = 4


def explodes(pattern: str, flags: int) -> bool:
    """Whether a pattern has a repeat without bound inside a repeat, one beside another, or a backward reference.

    The syntax tree of Python's own compiler is walked. This refuses some patterns that would be harmless, and none
    that is harmful by nesting; two unbounded repeats that can match the same characters side by side take quadratic
    time and are refused where they touch. Refused too is a repeat whose body fits one text in two ways: alternatives
    that can begin alike, something optional with nothing firm of other characters beside it.
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
            if (many and (inside or before & signs)) or (int(most) > _FEW and _ambiguous(body)):
                return True
            if _unbounded(body, inside=inside or int(most) > 1):
                return True
            before = before | signs if many else before if int(argument[0]) == 0 else frozenset()
        else:
            before = frozenset()
            if any(_unbounded(part, inside=inside) for part in _parts(name, argument)):
                return True
    return False


def _ambiguous(body: Any) -> bool:
    """Whether what is repeated could fit one text in two ways, each of which would be tried, at every repeat."""
    firm, loose = frozenset[int](), []
    for operation, argument in body:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = argument
            if int(least) != int(most):
                loose.append(_signs(inner))
            if _ambiguous(inner):
                return True
        elif name == "BRANCH":
            if _alike(argument[1]) or any(map(_ambiguous, argument[1])):
                return True
        elif name in ("LITERAL", "IN"):
            firm |= _signs([(operation, argument)])
        elif any(map(_ambiguous, _parts(name, argument))):
            return True
    return any(not firm - signs for signs in loose)


def _alike(ways: Sequence[Any]) -> bool:
    """Whether two alternatives can begin with the same character."""
    seen = frozenset[int]()
    for way in ways:
        signs = _signs(way[:1]) if len(way) else _ASCII
        if seen & signs:
            return True
        seen |= signs
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

"""What a judge's words come to: a match or none, two scores, or nothing that can be read.

Knows JSON within prose, labels, fractions, markup. A judge that says two different things says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_MARKUP = re.compile(r"[*_`#>]|\\boxed|[{}$](?=\d)|(?<=\d)[}$]")
_OF = re.compile(r"\s*(?:/|out of)\s*(?:10|ten)\b(?:\.0)?", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d+)?(?![\w%])")
_LABEL = re.compile(
    r"\b(?:assistant|answer|response|model|score)[\s_-]*\(?([12ab])\)?(?=\W|$)", re.IGNORECASE
)
_SCALE = 10.0
_LINES = 6


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects that stand anywhere in a text, outer ones only."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)


_MATCHES = {
    "1": 1,
    "true": 1,
    "yes": 1,
    "match": 1,
    "correct": 1,
    "0": 0,
    "false": 0,
    "no": 0,
    "incorrect": 0,
}
_ITEM = re.compile(r"^\s*[12][.)]\s+(?=\S)")
_MATCH_LINE = re.compile(
    r"^\W*(?:match|verdict|score|answer|result)?\W*(1|0|yes|no|true|false|correct|incorrect)\b", re.IGNORECASE
)


def match_of(text: str) -> dict[str, Any] | None:
    """Read a verdict of a semantic match: JSON with ``match``, or a first line such as ``1`` or ``Match: yes``.

    Returns
    -------
    dict or None
        ``match`` (0 or 1) and ``reason``.
    """
    found = [one for one in objects(text) if "match" in one]
    values = {_MATCHES.get(str(one["match"]).strip().lower()) for one in found}
    if found:
        value = values.pop() if len(values) == 1 else None
        return None if value is None else {"match": value, "reason": str(found[-1].get("reason") or "")}
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = _MATCH_LINE.match(lines[0]) if lines else None
    if told is None:
        return None
    return {
        "match": _MATCHES[told[1].lower()],
        "reason": " ".join([lines[0][told.end() :].strip(" .:,;-*"), *lines[1:]]).strip(),
    }


def scores_of(text: str) -> tuple[float, float] | None:
    """Read two scores of up to 10: the first line's two numbers, labelled scores of the first lines, or JSON.

    >>> scores_of("8 7.5"), scores_of("Assistant 2: 7/10, Assistant 1: 9/10"), scores_of("7")
    ((8.0, 7.5), (9.0, 7.0), None)
    """
    for one in objects(text):
        if (pair := _from_object(one)) is not None:
            return pair
    lines = [_OF.sub("", _MARKUP.sub("", line)) for line in text.splitlines() if line.strip(" \t*_`#>-")]
    if len(lines) > 1 and all(_ITEM.match(line) for line in lines[:2]):  # a list of two: "1. 8", "2. 6"
        lines[:2] = [" ".join(_ITEM.sub("", line) for line in lines[:2])]
    for line in (_ITEM.sub("", line) for line in lines[:1]):
        if (pair := _labelled(line) or _bare(line)) is not None:
            return pair
    return _labelled("\n".join(lines[:_LINES]))


def _from_object(content: dict[str, Any]) -> tuple[float, float] | None:
    """Two numbers under keys that end in 1 and 2, or a list of two under ``scores``."""
    listed = content.get("scores")
    if isinstance(listed, list) and len(listed) == 2:
        return _pair([str(one) for one in listed])
    found: dict[str, str] = {}
    for key, value in content.items():
        told = re.search(r"([12])$", key)
        inner = value.get("score") if isinstance(value, dict) else value
        if told and isinstance(inner, int | float | str):
            found.setdefault(told[1], _OF.sub("", str(inner)))
    return _pair([found["1"], found["2"]]) if found.keys() == {"1", "2"} else None


def _labelled(text: str) -> tuple[float, float] | None:
    """The first number behind each of two labels."""
    labels = list(_LABEL.finditer(text))
    found: dict[str, str] = {}
    ends = [*(one.start() for one in labels), len(text)][1:]
    for label, end in zip(labels, ends, strict=True):
        number = _NUMBER.search(text, label.end(), end)
        name = {"a": "1", "b": "2"}.get(label[1].lower(), label[1])
        if number and name not in found:
            found[name] = number[0]
    return _pair([found["1"], found["2"]]) if found.keys() == {"1", "2"} else None


def _bare(line: str) -> tuple[float, float] | None:
    return _pair(_NUMBER.findall(_LABEL.sub(" ", line)))


def _pair(numbers: list[str]) -> tuple[float, float] | None:
    try:
        first, second = (float(one) for one in numbers)
    except ValueError:
        return None
    return (first, second) if 0 <= first <= _SCALE and 0 <= second <= _SCALE else None

"""Rule ``identity``: no identity, and no placeholder of the gate, in what came back.

A caption goes out with placeholders in the place of identity, and a model may repeat them; it may also come up with a
name of its own. Neither belongs into training data. Placeholders are known by their shape, however a model spelt them;
identity is found by a reader, which the gate gives (:func:`reader`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from medcli.instruct.sample import Finding
from medcli.privacy.gate import placeholders_in

if TYPE_CHECKING:
    from medcli.instruct.checks.subject import Subject
    from medcli.privacy.gate import Gate

Reader = Callable[[str], Mapping[str, int]]
"""A text to the identity in it, by category: ``{"NAME": 1}``; empty where there is none."""

_HINT = re.compile(r"[A-Za-z_ -][1-9]\d{0,5}\s{0,2}\\?[\]}>\u3011]|[A-Za-z]\\?_[1-9]")
"""Without this a text holds no placeholder, bare or in brackets of any kind."""


def reader(gate: Gate) -> Reader:
    """Make what finds identity in an answer of a gate's rules and lists; picklable, loads on first use."""
    return partial(_read, gate)


def _read(gate: Gate, text: str) -> Mapping[str, int]:
    return gate.session().read(text)[0]


def identity(subject: Subject) -> Iterator[Finding]:
    """No turn holds a placeholder of the gate, or identity that the reader finds."""
    for place, text in enumerate(subject.texts):
        if _HINT.search(text) and placeholders_in(text):
            yield Finding("identity", place, "a placeholder of the gate")
        elif subject.settings.reader is not None and (found := subject.settings.reader(text)):
            yield Finding("identity", place, f"found: {', '.join(sorted(found))}")

"""Rules on a sample's shape: ``schema``, ``empty``, ``alternation``, ``picture-token``, ``markup``.

Knows what replies come in: role labels, markup and the special tokens of templates. Refuses to know what is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from medcli.instruct.checks.subject import Subject
from medcli.instruct.sample import KINDS, Finding

_ROLES = ("user", "assistant")
PICTURE_TOKEN = re.compile(
    r"<\|?im(?:age|g)(?:_?\d+|_pad|pad)?\|?>|<im_(?:start|end|patch)>|\[(?:image|img)\]", re.IGNORECASE
)
"""Placeholders for a picture in the templates of models in use; :data:`medcli.records.PICTURE` is one of them."""

_LABEL = r"(?:user|human|assistant|gpt|chatbot|question|answer)"
LABEL = re.compile(rf"^[\s*#_>-]{{0,12}}{_LABEL}\s*\d*\s*[*_]*\s*:[\s*_]*", re.IGNORECASE)
"""A role's name that a parser left at the beginning of a turn."""

_LABEL_INSIDE = re.compile(rf"\n[\s*#_>-]{{0,12}}{_LABEL}\s*\d*\s*[*_]*\s*:", re.IGNORECASE)
SPECIAL = re.compile(
    r"</?s>|\[/?INST\]|<</?SYS>>|<\|[a-z_]{2,20}\|>|<(?:start|end)_of_turn>|^\s*#{2,}|#{3,}|`{3,}(?:json)?"
)
"""Tokens of templates, and the marks of headings and code."""

_OBJECT = re.compile(
    r'[{\[]\s*"(?:question|answer|conversations?|role|from|value|content)"\s*:|"(?:answer|value)"\s*:'
)


_MARKS = frozenset("<[#`*{:")


def schema(subject: Subject) -> Iterator[Finding]:
    """A sample has turns, each with a known role and a text, and a kind that is known or none."""
    sample = subject.sample
    if not sample.turns:
        yield Finding("schema", detail="no turns")
    if sample.kind not in KINDS and sample.kind:
        yield Finding("schema", detail="an unknown kind")
    for place, (role, _text) in enumerate(sample.turns):
        if role not in _ROLES:
            yield Finding("schema", place, "a role that is neither user nor assistant")


def empty(subject: Subject) -> Iterator[Finding]:
    """Every turn says something beside picture tokens and marks."""
    for place, text in enumerate(subject.texts):
        if not any(letter.isalnum() for letter in PICTURE_TOKEN.sub("", text)):
            yield Finding("empty", place)


def alternation(subject: Subject) -> Iterator[Finding]:
    """Turns alternate: a question first, an answer last."""
    roles = [role for role, _ in subject.sample.turns if role in _ROLES]
    for place, role in enumerate(roles):
        if role != _ROLES[place % 2]:
            yield Finding("alternation", place, f"{role} where {_ROLES[place % 2]} is due")
            return
    if len(roles) % 2:
        yield Finding("alternation", len(roles) - 1, "a question without an answer")


def picture_token(subject: Subject) -> Iterator[Finding]:
    """No turn holds a picture token of its own: it is put into the first question once, when a sample is written."""
    for place, text in enumerate(subject.texts):
        if ("<" in text or "[" in text) and PICTURE_TOKEN.search(text):
            yield Finding("picture-token", place)


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no text is: terminals and trainers stumble over C0 and C1, half a surrogate pair is no UTF-8, and the marks that
turn a text's direction show another text than is read."""


def markup(subject: Subject) -> Iterator[Finding]:
    """No turn holds a role's label, a template's token, JSON, half a pair of asterisks, or a control character."""
    for place, text in enumerate(subject.texts):
        if CONTROL.search(text):
            yield Finding("markup", place, "a control character")
            continue
        if _MARKS.isdisjoint(text):
            continue
        if SPECIAL.search(text) or LABEL.match(text):
            yield Finding("markup", place, "a role's label or a template's token")
        elif _LABEL_INSIDE.search(text):
            yield Finding("markup", place, "another turn within this one")
        elif text.count("**") % 2 or _OBJECT.search(text):
            yield Finding("markup", place, "marks that were not read")


def without_tokens(text: str) -> str:
    """A turn without picture tokens, and without the blanks about one that stood at its edge."""
    cut = PICTURE_TOKEN.sub("", text)
    return text if cut == text else cut.strip()


def plain(text: str) -> str:
    """A turn without control characters, labels at its beginning, template's tokens and a lone pair of asterisks at an edge."""
    cut = LABEL.sub("", SPECIAL.sub("", CONTROL.sub("", text)), count=1).strip()
    if cut.count("**") % 2:
        cut = cut[2:] if cut.startswith("**") else cut.removesuffix("**")
    return cut.strip()

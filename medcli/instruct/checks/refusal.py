"""Rule ``refusal``: a model that declines to answer, or says that it sees no picture."""

from __future__ import annotations

from collections.abc import Iterator

from medcli.instruct.checks.subject import Subject
from medcli.instruct.sample import Finding


def is_refusal(text: str) -> bool:
    """Whether a reply, whole or one turn of it, refuses."""
    raise NotImplementedError


def refusal(subject: Subject) -> Iterator[Finding]:
    """No answer refuses."""
    for place, text in subject.answers:
        if is_refusal(text):
            yield Finding("refusal", place)

"""What needs a model: a judge that sees caption and sample, and a solver that sees the question alone.

Pure: makes the messages, reads the replies. Who answers is handed in (:class:`Answers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from medcli.instruct.sample import Finding, Sample
from medcli.records import Caption, Turn


class Answers(Protocol):
    """Whoever answers messages: a chat endpoint behind the gate."""

    async def answer(self, turns: Sequence[Turn]) -> str:
        """Reply to messages (role ``system`` or ``user``, and text); errors are the answerer's own."""
        ...


async def judged(sample: Sample, caption: Caption, who: Answers) -> list[Finding]:
    """Findings ``judge`` of a judge model."""
    raise NotImplementedError


async def blind_solved(sample: Sample, who: Answers, *, tries: int = 3) -> list[Finding]:
    """Say ``blind-solved`` of a question that a model answers without the picture, every time."""
    raise NotImplementedError

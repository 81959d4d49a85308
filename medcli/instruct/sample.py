"""One generated sample, and the one figure that it was made from: what every part of this domain hands to the next.

Knows shapes only. The picture token stands in no turn here: it is put there once, when a sample is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from medcli.records import Turn

Kind = Literal["conversation", "description", "vqa-open", "vqa-choice", "alignment"]
KINDS: tuple[Kind, ...] = ("conversation", "description", "vqa-open", "vqa-choice", "alignment")


@dataclass(frozen=True, slots=True)
class Sample:
    """What became of one reply.

    Attributes
    ----------
    sample_id : str
        Of the caption, or of the row of a logic's labels; LLaVA-Med's ``id``.
    kind : str
        One of :data:`KINDS`.
    turns : tuple of (str, str)
        ``user`` and ``assistant`` in turn, without picture tokens.
    image, domain : str
        File name and domain; may be empty.
    choices : tuple of str
        Options of a multiple-choice question, in their order; empty for other kinds.
    key : int
        Place of the right option; -1 where there are none.
    """

    sample_id: str
    kind: str
    turns: tuple[Turn, ...] = field(repr=False)
    image: str = ""
    domain: str = ""
    choices: tuple[str, ...] = field(default=(), repr=False)
    key: int = -1


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that a sample breaks.

    Attributes
    ----------
    rule : str
        Kebab-case name of the rule; counted in reports.
    turn : int
        Place of the turn in question; -1 for the sample as a whole.
    detail : str
        What is wrong, from our own templates: it quotes neither caption nor answer.
    """

    rule: str
    turn: int = -1
    detail: str = ""

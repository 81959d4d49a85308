"""How the files of each dataset are read: a module a layout.

Each has ``PRODUCT``, the file that is written for a split (``SPLITS`` names those, where not all are), and ``rows(found)``, which yields records: questions with
``text``, ``answer``, ``image`` or ``images`` and perhaps ``choices``, ``answer_type``; or captions. A record whose
``image`` is empty lost its picture. Modules know keys of their source; they refuse to write, to count or to fetch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli.data.datasets.pictures import Pictures

QUESTIONS = "questions.jsonl"
CAPTIONS = "captions.jsonl"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What a layout reads from.

    Attributes
    ----------
    split : str
        Whose rows are wanted.
    paths : sequence of Path
        The files of the split, in the order of their names.
    pictures : Pictures
        Takes pictures from rows or archives.
    languages : sequence of str
        Which are wanted, where there are several.
    license : str
        The wish, for sources that say it with each row.
    original : mapping
        Answer types of the original by question and answer (:func:`folded`), where the source lost them.
    """

    split: str
    paths: Sequence[Path]
    pictures: Pictures
    languages: Sequence[str] = ("en",)
    license: str = "any"
    original: Mapping[tuple[str, str], str] = field(default_factory=dict)


def folded(text: str) -> str:
    """Fold what copies of one text differ in: case and blanks."""
    return " ".join(text.casefold().split())


def answer_type(question: str, answer: str) -> Record:
    """Derive whether an answer is one of few, and say that it is derived.

    >>> answer_type("Is it large?", "Yes")["answer_type"], answer_type("Is it a CT or an MRI?", "CT")["answer_type"]
    ('CLOSED', 'CLOSED')
    >>> answer_type("Which organ is it?", "the liver")["answer_type"]
    'OPEN'
    """
    said, asked = folded(answer).strip(" ."), f" {folded(question).strip(' ?.')} "
    offered = " or " in asked and f" {said} " in asked.replace(",", " ")
    kind = "CLOSED" if said in ("yes", "no") or offered else "OPEN"
    return {"answer_type": kind, "answer_type_source": "derived"}


def letter_of(answer: str, choices: Sequence[str]) -> str:
    """The letter of an option; the answer as it stands where it is none, or two.

    >>> letter_of("spleen", ["liver", "Spleen"])
    'B'
    """
    places = [place for place, one in enumerate(choices) if folded(one) == folded(answer)]
    return LETTERS[places[0]] if len(places) == 1 else answer

"""Answers to their questions, by id and never by position; and what does not fit.

Knows ids. Refuses to guess: an answer to no question, a second answer, a question without one are listed, and are the
file's trouble unless the caller wants the part that fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from medcli.errors import InputError
from medcli.evaluate.answers import Given
from medcli.evaluate.truths import Id, Truths

_SHOWN = 10
_SHORT = 16


@dataclass(slots=True)
class Joined:
    """Answers in the order of the questions.

    Attributes
    ----------
    replies : list of str or None
        One a question; None where there is none to be scored.
    missing, doubled, unknown, failed, unreferenced : list
        Ids of questions without an answer, answered twice, answers to no question, answers that are errors, and
        answers to questions without a reference.
    doubled_questions : list
        Ids that stand twice in the file of questions.
    unusable : list of (int, str)
        Rows of either file that cannot be read, with the reason.
    """

    replies: list[str | None]
    missing: list[Id] = field(default_factory=list)
    doubled: list[Id] = field(default_factory=list)
    unknown: list[Id] = field(default_factory=list)
    failed: list[Id] = field(default_factory=list)
    unreferenced: list[Id] = field(default_factory=list)
    doubled_questions: list[Id] = field(default_factory=list)
    unusable: list[tuple[int, str]] = field(default_factory=list)

    @property
    def problems(self) -> dict[str, list[Any]]:
        """What does not fit, by kind; empty kinds left out."""
        found: dict[str, list[Any]] = {
            "missing": self.missing,
            "doubled": self.doubled,
            "unknown": self.unknown,
            "without answer": self.failed,
            "without reference": self.unreferenced,
            "doubled question": self.doubled_questions,
            "unreadable row": [f"{number} ({kind})" for number, kind in self.unusable],
        }
        return {kind: ids for kind, ids in found.items() if ids}

    @property
    def scored(self) -> int:
        """How many answers can be scored."""
        return sum(reply is not None for reply in self.replies)


def join(truths: Truths, answers: Iterable[Given]) -> Joined:
    """Put answers to their questions; of two answers the first counts."""
    joined = Joined([None] * len(truths))
    joined.doubled_questions, joined.unusable = truths.doubled, list(truths.unusable)
    seen = bytearray(len(truths))
    shared: dict[str, str] = {}
    for given in answers:
        if given.question_id is None:
            joined.unusable.append((given.number, given.error or "no-question-id"))
            continue
        place = _place(truths, given)
        if place is None:
            joined.unknown.append(given.question_id)
        elif seen[place]:
            joined.doubled.append(given.question_id)
        else:
            seen[place] = 1
            if given.error:
                joined.failed.append(given.question_id)
            elif truths.truths[place] is None:
                joined.unreferenced.append(given.question_id)
            else:
                text = given.text  # short replies repeat, by the hundred thousand
                joined.replies[place] = shared.setdefault(text, text) if len(text) <= _SHORT else text
    joined.missing = [number for number, there in zip(truths.ids, seen, strict=True) if not there]
    return joined


def _place(truths: Truths, given: Given) -> int | None:
    for number in (*given.others, given.question_id):
        if number is not None and (place := truths.find(number)) is not None:
            return place
    return None


def insist(joined: Joined, *, partial: bool) -> None:
    """Refuse what does not fit together, unless a part is wanted.

    Raises
    ------
    InputError
        Listing the ids; or with ``partial`` if nothing is left.
    """
    problems = joined.problems
    if problems and not partial:
        raise InputError(
            f"Answers and questions do not fit together: {describe(problems)}.",
            hint="Mend the files, or say --partial to score what fits.",
        )
    if not joined.scored:
        raise InputError(
            "No answer belongs to a question with a reference.", hint="Are these the right files?"
        )


def describe(problems: dict[str, list[Any]]) -> str:
    """Name problems with their first ids."""
    return "; ".join(f"{len(ids):,} {kind} ({_some(ids)})" for kind, ids in problems.items())


def _some(ids: Sequence[Any]) -> str:
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(str(one) for one in ids[:_SHOWN]) + more


def counted(problems: dict[str, list[Any]]) -> dict[str, int]:
    """How many of each kind."""
    return dict(Counter({kind: len(ids) for kind, ids in problems.items()}))

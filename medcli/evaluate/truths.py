"""The references: what is asked, what is right, and what figures are grouped by, in columns.

Knows questions in their shapes and the keys under which data sets tell question type, modality and data set. Columns
and shared strings keep a million rows in memory. Refuses to know answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli.errors import InputError, ItemFailed
from medcli.evaluate.metrics.wording import normalized
from medcli.reading import Value, values
from medcli.records import question_of

Id = int | str
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_LARGEST = 10**18
GROUPS = {
    "question_type": ("question_type", "content_type", "category"),
    "modality": ("modality", "imaging_modality", "image_modality"),
    "dataset": ("dataset", "source"),
}
"""What figures are grouped by, and the keys of a row that tell it."""


@dataclass(slots=True)
class Truths:
    """Columns of one length; row i of each belongs to one question.

    Attributes
    ----------
    places : dict
        Id to row.
    ids, texts, truths, answer_types, images, choices : list
        ``answer_types`` as the file has them, in capitals; ``images`` name what belongs to one picture.
    groups : dict of str to list
        By the names of :data:`GROUPS`; empty strings where nothing is told.
    slots, conversations : list of str
        What the set ``logic`` needs: keys ``slot`` and ``conversation``.
    doubled, unusable : list
        Ids that came twice; line numbers with their reasons.
    """

    places: dict[Id, int] = field(default_factory=dict)
    ids: list[Id] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    truths: list[str | None] = field(default_factory=list)
    answer_types: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    choices: list[tuple[str, ...]] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in GROUPS})
    slots: list[str] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    doubled: list[Id] = field(default_factory=list)
    unusable: list[tuple[int, str]] = field(default_factory=list)
    _shared: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, number: Id) -> int | None:
        """The row of an id; ``7`` also finds ``"7"`` and the other way round where only one of them is there."""
        place = self.places.get(number)
        if place is not None:
            return place
        if isinstance(number, int):
            return self.places.get(str(number)) if abs(number) < _LARGEST else None
        if _WHOLE.fullmatch(number):  # neither "007" nor a number beyond what Python turns into text
            return self.places.get(int(number))
        return None

    def kind(self, place: int) -> str:
        """``OPEN`` or ``CLOSED``: as the row says, else closed where it has options or its truth is yes or no."""
        told = self.answer_types[place].strip()
        if told in ("OPEN", "CLOSED"):
            return told
        closed = self.choices[place] or normalized(self.truths[place] or "") in ("yes", "no")
        return "CLOSED" if closed else "OPEN"

    def add(self, value: Value) -> None:
        """Take one row."""
        if value.error:
            self.unusable.append((value.number, value.error))
            return
        try:
            question = question_of(value.value)
        except ItemFailed as error:
            self.unusable.append((value.number, error.kind))
            return
        number = question.question_id
        if number in self.places:
            self.doubled.append(number)
            return
        share = self._shared.setdefault
        self.places[number] = len(self.ids)
        self.ids.append(number)
        self.texts.append(share(question.text, question.text))
        truth = question.answer
        self.truths.append(truth if truth is None else share(truth, truth))
        self.answer_types.append(share(question.answer_type, question.answer_type))
        image = "\n".join(question.images)
        self.images.append(share(image, image))
        self.choices.append(share(question.choices, question.choices))
        for column, key in ((self.slots, "slot"), (self.conversations, "conversation")):
            told = _told(value.value, (key,))
            column.append(share(told, told))
        for name, keys in GROUPS.items():
            told = _told(value.value, keys)
            self.groups[name].append(share(told, told))


def _told(row: Mapping[str, Any], keys: Iterable[str]) -> str:
    inner = row.get("metadata")
    for place in (row, inner if isinstance(inner, Mapping) else {}):
        for key in keys:
            if place.get(key):
                return str(place[key])
    return ""


def read(path: Path) -> Truths:
    """Read a file of questions with their references.

    Raises
    ------
    InputError
        If it cannot be read, or no row of it is a question with a reference.
    """
    return gather(values(path))


def gather(rows: Iterator[Value]) -> Truths:
    """Take rows together; errors as of :func:`read`."""
    truths = Truths()
    for value in rows:
        truths.add(value)
    truths._shared.clear()  # noqa: SLF001 - of this module
    if truths.unusable and not truths.ids:
        reasons = ", ".join(sorted({reason for _, reason in truths.unusable}))
        raise InputError(
            f"No row of the file of questions can be read: {reasons}.",
            hint="Its shapes stand in docs/ask.md: `text`, `conversations` or `turns`.",
        )
    if not any(truth is not None for truth in truths.truths):
        raise InputError(
            "No row of the file of questions has a reference.",
            hint="It stands under `answer`, or in the last turn of `conversations`.",
        )
    return truths

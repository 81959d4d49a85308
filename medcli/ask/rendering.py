"""How a question of a file becomes what is asked, and the record that a plan keeps of it.

Knows options, suffixes, blind asking and LLaVA-Med's padding draws; refuses to know prompt templates, which are the
model's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medcli.ask.pictures import Pictures
from medcli.errors import ItemFailed
from medcli.reading import Value
from medcli.records import PICTURE, RENDERING, Question, extend, render_choices

PICTURE_TOKENS = 576  # of LLaVA at 336 pixels; only what a chunk may hold is reckoned with it
_CHARACTERS_A_TOKEN = 3  # as above
_SHAPE = frozenset(
    [
        "question_id",
        "id",
        "text",
        "image",
        "images",
        "conversations",
        "conversatons",
        "turns",
        "choices",
        "answer",
        "answer_type",
        "kind",
        "notes",
    ]
)
dumps = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Rendering:
    """How questions of a file become what is asked.

    Attributes
    ----------
    suffixes : mapping
        ``OPEN`` or ``CLOSED`` to the text put behind questions of that ``answer_type``.
    pictures : bool
        Whether pictures are shown; False is the blind baseline.
    limit : int
        Only so many rows of the file; 0 for all.
    max_new_tokens, batch_tokens : int
        What a chunk may hold: with ``batch_tokens`` above 0, rows whose prompts and answers fit.
    draws_in : Pictures or None
        Folder of the images where ``--padding llava-med`` wants a draw for each that is not square.
    gated : bool
        Whether the gate will want to know what a row's own fields say of its patient.
    """

    suffixes: Mapping[str, str]
    pictures: bool = True
    limit: int = 0
    max_new_tokens: int = 1024
    batch_tokens: int = 0
    draws_in: Pictures | None = None
    gated: bool = False

    def turns(self, question: Question) -> tuple[tuple[str, str], ...]:
        """Return the turns with options and suffix behind the last one."""
        text = question.turns[-1][1]
        if question.choices:
            text = extend(text, f"\n{render_choices(question.choices)}")
        suffix = self.suffixes.get(question.answer_type, "")
        if suffix:
            text = extend(text, suffix if suffix[0].isspace() else f" {suffix}")
        if not (self.pictures and question.images):
            text = text.replace(PICTURE, "").strip() if PICTURE in text else text
        return (*question.turns[:-1], ("user", text))

    def pack(
        self, question: Question, images: tuple[str, ...], known: Sequence[tuple[str, str]] = ()
    ) -> tuple[str, int]:
        """Return a row's record (see :class:`medcli.ask.plan.Asked`), and about how many tokens it and its answer take."""
        choices = RENDERING if question.choices else ""
        more = ((), known) if known else ()
        record = dumps(
            (
                question.question_id,
                self.turns(question),
                images,
                question.kind,
                question.notes,
                question.form,
                choices,
                *more,
            )
        )
        return record, len(record) // _CHARACTERS_A_TOKEN + self.max_new_tokens


def known_of(row: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return what the fields of a row say of its patient, beside those that make the question."""
    others = {name: value for name, value in row.items() if name not in _SHAPE}
    if not others:
        return ()
    from medcli.privacy.gate import facts_of

    return facts_of(others)


def unaskable(value: Value) -> str:
    """Return the record of what is no question: its id, if it has one, and its line's number in place of turns."""
    row = value.value if isinstance(value.value, dict) else {}
    number = row.get("question_id", row.get("id"))
    if not isinstance(number, int | str) or isinstance(number, bool):
        number = None
    return dumps((number, value.number, (), "", False, "record", ""))


class Draws:
    """The padding draws of LLaVA-Med's own program, in the file's order; see :class:`medcli.models.padding.Draws`."""

    def __init__(self, pictures: Pictures) -> None:
        from medcli.models.padding import Draws

        self._pictures = pictures
        self._draws = Draws()

    def extras(self, images: tuple[str, ...]) -> list[int]:
        """Return the draw for each picture of a row; a picture that cannot be read draws nothing."""
        from medcli.imaging import size_of

        extras = []
        for image in images:
            try:
                extras.append(self._draws.next(*size_of(self._pictures.locate(image))))
            except ItemFailed:
                extras.append(0)
        return extras

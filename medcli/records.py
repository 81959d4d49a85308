"""The shared vocabulary: a question, an answer, a caption, a conversation, and how each stands in a file.

Knows three shapes of a question (our own record, LLaVA-Med's JSONL, a VQA JSON) and makes one of them; the misspelt
key ``conversatons``, which published files have, is read everywhere. Refuses to know files, prompts of a model, or
what is done with a record. An error is a reason code (:class:`~medcli.errors.ItemFailed`) and quotes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from medcli.errors import ItemFailed

PICTURE = "<image>"
RENDERING = "letters"
"""The name of the one rendering of multiple choice, recorded with each answer; see :func:`render_choices`."""

Form = Literal["record", "jsonl", "vqa-json"]
Turn = tuple[str, str]

_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
_ORIGIN = ("pmid", "pmcid", "figure_id", "license", "version", "retracted")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Question:
    """One question about no, one or several pictures.

    Attributes
    ----------
    question_id : int or str
        Unique within a file.
    turns : tuple of (str, str)
        Role (``user``, ``assistant``, ``system``) and text. The last one is the user's and is what is asked; those
        before it are given as they stand. A picture token ``<image>`` is left where the file has it.
    images : tuple of str
        Paths relative to the folder of images.
    choices : tuple of str
        The options of a multiple-choice question, in order.
    answer : str or None
        The reference; never sent to a model.
    answer_type : str
        ``OPEN``, ``CLOSED`` or empty.
    kind : str
        ``scan``, ``chart`` or empty for unknown.
    notes : bool
        Whether the text holds clinical notes, which a remote endpoint must not see ungated.
    form : {"record", "jsonl", "vqa-json"}
        The shape it was read from.
    """

    question_id: int | str
    turns: tuple[Turn, ...]
    images: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    answer: str | None = None
    answer_type: str = ""
    kind: str = ""
    notes: bool = False
    form: Form = "record"

    @property
    def text(self) -> str:
        """What is asked, without the picture token."""
        return self.turns[-1][1].replace(PICTURE, "").strip()

    def to_json(self) -> dict[str, object]:
        """As our own record, without what is empty."""
        turns = [{"role": role, "text": text} for role, text in self.turns]
        rest = {
            "images": list(self.images),
            "choices": list(self.choices),
            "answer": self.answer,
            "answer_type": self.answer_type,
            "kind": self.kind,
            "notes": self.notes,
        }
        return {"question_id": self.question_id, "turns": turns} | {k: v for k, v in rest.items() if v}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, under LLaVA-Med's keys.

    Attributes
    ----------
    question_id : int or str or None
        The question's; None where a row was no question at all.
    prompt, text : str
        What was asked, and what was answered: empty where ``metadata`` has an ``error``.
    answer_id : str
        Derived from the question's content and the model's name: 22 hexadecimal digits.
    model_id : str
        The last part of the model's path or Hub id.
    metadata : mapping
        Finish reason, token counts and what was loaded; neither time nor device.
    """

    question_id: int | str | None
    prompt: str
    text: str
    answer_id: str
    model_id: str
    metadata: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """In the order of LLaVA-Med's own files."""
        return {
            "question_id": self.question_id,
            "prompt": self.prompt,
            "text": self.text,
            "answer_id": self.answer_id,
            "model_id": self.model_id,
            "metadata": dict(self.metadata),
        }

    @classmethod
    def of(cls, value: object) -> Answer:
        """Read one; missing parts are empty.

        Raises
        ------
        ItemFailed
            If it is no object or names no question.
        """
        row = _object(value)
        if "question_id" not in row:
            raise ItemFailed("no-question-id")
        prompt, text, answer_id, model_id = (
            _text(row.get(name)) for name in ("prompt", "text", "answer_id", "model_id")
        )
        metadata = row.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        return cls(row["question_id"], prompt, text, answer_id, model_id, metadata)


@dataclass(frozen=True, slots=True)
class Caption:
    """One figure's caption with what the article says of it: what instruction data is made from.

    Attributes
    ----------
    caption_id : str
        LLaVA-Med's ``pair_id``.
    image, label, caption : str
        File name, "Figure 1", and the text.
    mentions : tuple of str
        Sentences of the article that mention the figure.
    domain : str
        The first that is true of ``chest_xray, mri, histology, gross, ct_scan``, or empty.
    pmid, pmcid, figure_id : str
        PubMed's number, "PMC4083729", and the figure's id in the article; empty where unknown.
    license : str
        As PubMed Central codes it, as "CC BY"; empty where unknown.
    version : int
        Of the article in PubMed Central; 0 where unknown.
    retracted : bool
        Whether the article was retracted when it was fetched.
    """

    caption_id: str
    caption: str
    image: str = ""
    label: str = ""
    mentions: tuple[str, ...] = ()
    domain: str = ""
    pmid: str = ""
    pmcid: str = ""
    figure_id: str = ""
    license: str = ""
    version: int = 0
    retracted: bool = False

    def to_json(self) -> dict[str, object]:
        """Under LLaVA-Med's keys."""
        return {
            "pair_id": self.caption_id,
            "image": self.image,
            "fig_label": self.label,
            "fig_caption": self.caption,
            "in_text_mention": [{"tokens": mention} for mention in self.mentions],
            "domain": {self.domain: True} if self.domain else {},
        } | {name: getattr(self, name) for name in _ORIGIN if getattr(self, name)}

    @classmethod
    def of(cls, value: object) -> Caption:
        """Read one of LLaVA-Med's caption records; mentions may be texts, objects with ``tokens``, or null.

        Raises
        ------
        ItemFailed
            If it has no id or no caption.
        """
        row = _object(value)
        number, caption = row.get("pair_id", row.get("id")), _text(row.get("fig_caption", row.get("caption")))
        if number is None or not caption:
            raise ItemFailed("no-caption")
        mentions = row.get("in_text_mention") or ()
        texts = (_text(one.get("tokens") if isinstance(one, dict) else one) for one in mentions)
        image = _text(row.get("image")) or f"{number}.jpg"
        return cls(
            str(number),
            caption,
            image,
            _text(row.get("fig_label")),
            tuple(filter(None, texts)),
            domain_of(row),
            _text(row.get("pmid")),
            _text(row.get("pmcid")),
            _text(row.get("figure_id", row.get("fig_id"))),
            _text(row.get("license")),
            version if isinstance(version := row.get("version"), int) else 0,
            row.get("retracted") is True,
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """One item of instruction data: turns about a picture.

    Attributes
    ----------
    conversation_id : int or str
        LLaVA-Med's ``id``.
    turns : tuple of (str, str)
        ``user`` and ``assistant`` in turn.
    image, domain : str
        File name and domain; may be empty.
    """

    conversation_id: int | str
    turns: tuple[Turn, ...]
    image: str = ""
    domain: str = ""

    def to_json(self) -> dict[str, object]:
        """Under LLaVA-Med's keys."""
        names = {"user": "human", "assistant": "gpt"}
        return {
            "id": self.conversation_id,
            "image": self.image,
            "domain": {self.domain: True} if self.domain else {},
            "conversations": [{"from": names.get(role, role), "value": text} for role, text in self.turns],
        }

    @classmethod
    def of(cls, value: object) -> Conversation:
        """Read one.

        Raises
        ------
        ItemFailed
            If it has no id or its conversation cannot be read.
        """
        row = _object(value)
        if not isinstance(row.get("id"), int | str):
            raise ItemFailed("no-id")
        return cls(row["id"], _conversation(_turns_of(row)), _text(row.get("image")), domain_of(row))


def question_of(value: object) -> Question:
    """Read a question in any of its three shapes.

    Raises
    ------
    ItemFailed
        ``not-an-object``, ``no-question-id``, ``no-text``, ``bad-conversation``, ``bad-image`` or ``bad-choices``.
    """
    row = _object(value)
    number = row.get("question_id", row.get("id"))
    if not isinstance(number, int | str) or isinstance(number, bool):
        raise ItemFailed("no-question-id")
    answer = row.get("answer")
    form: Form = "jsonl"
    if "turns" in row:
        form, turns = "record", _conversation(row["turns"])
    elif "conversations" in row or "conversatons" in row:
        form, turns = "vqa-json", _conversation(_turns_of(row))
    else:
        text = row.get("text")
        if not isinstance(text, str):
            raise ItemFailed("no-text")
        turns = (("user", text),)
    if turns[-1][0] == "assistant":
        answer, turns = turns[-1][1], turns[:-1]
    if not turns or turns[-1][0] != "user" or not turns[-1][1].replace(PICTURE, "").strip():
        raise ItemFailed("no-text")
    return Question(
        number,
        turns,
        _images(row),
        _choices(row["choices"]) if row.get("choices") else (),
        None if answer is None else str(answer),
        _text(row.get("answer_type")).upper(),
        _text(row.get("kind")),
        bool(row.get("notes")),
        form,
    )


def render_choices(choices: Sequence[str]) -> str:
    """Write out options as every multiple-choice question has them: a letter a line, then what is wanted.

    >>> print(render_choices(["left", "right"]))
    A. left
    B. right
    Answer with the letter of one option.
    """
    lines = [f"{letter}. {choice}" for letter, choice in zip(_LETTERS, choices, strict=False)]
    return "\n".join([*lines, "Answer with the letter of one option."])


def extend(text: str, addition: str) -> str:
    r"""Put something behind a question, before a picture token that ends it.

    >>> extend("Is it large?\n<image>", " [yes, no]")
    'Is it large? [yes, no]\n<image>'
    """
    body = text.rstrip()
    if body.endswith(PICTURE):
        return f"{body[: -len(PICTURE)].rstrip()}{addition}\n{PICTURE}"
    return body + addition


def domain_of(row: Mapping[str, Any]) -> str:
    """Return the first domain that is true, in the order of LLaVA-Med's summariser, or the empty string."""
    domain = row.get("domain")
    if isinstance(domain, str):
        return domain
    names = ("chest_xray", "mri", "histology", "gross", "ct_scan")
    return next((name for name in names if isinstance(domain, dict) and domain.get(name)), "")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ItemFailed("not-an-object")
    return value


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _turns_of(row: Mapping[str, Any]) -> object:
    return row["conversations"] if "conversations" in row else row.get("conversatons")


def _conversation(turns: object) -> tuple[Turn, ...]:
    """Read turns under either naming; answers may be numbers."""
    if not isinstance(turns, list) or not turns:
        raise ItemFailed("bad-conversation")
    read = []
    for turn in turns:
        role = turn.get("from", turn.get("role")) if isinstance(turn, dict) else None
        text = turn.get("value", turn.get("text", turn.get("content"))) if isinstance(turn, dict) else None
        if not isinstance(role, str) or role not in _ROLES or not isinstance(text, str | int | float):
            raise ItemFailed("bad-conversation")
        read.append((_ROLES[role], str(text)))
    return tuple(read)


def _images(row: Mapping[str, Any]) -> tuple[str, ...]:
    value = row.get("images") or row.get("image")
    if not value:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
        return tuple(value)
    raise ItemFailed("bad-image")


def _choices(value: object) -> tuple[str, ...]:
    """Read options: a list of texts, or an object from letters to texts in alphabetical order."""
    if isinstance(value, dict):
        value = [value[letter] for letter in sorted(value)]
    if not isinstance(value, list) or not 2 <= len(value) <= len(_LETTERS):
        raise ItemFailed("bad-choices")
    if not all(isinstance(one, str | int | float) for one in value):
        raise ItemFailed("bad-choices")  # a list, an object or null would be asked as Python writes it
    return tuple(str(one) for one in value)

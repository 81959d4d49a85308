"""One row of a file of instruction data as a sample, and a mended sample as a row again.

Knows two shapes: LLaVA's (``id, image, domain, conversations`` of ``from`` and ``value``, the key ``conversatons`` too)
and chat messages (``messages`` of ``role`` and ``content``, a text or a list of parts). The picture token is taken out
when a row is read, and put in once when it is written; all else of a row stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from medcli.errors import ItemFailed
from medcli.instruct.checks.choices import named
from medcli.instruct.sample import KINDS, Finding, Sample
from medcli.records import PICTURE, Turn, domain_of

_KEYS = ("conversations", "conversatons", "messages")
_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
_OPTION = re.compile(r"^\s*([A-Z])[.)]\s+(\S.*?)\s*$", re.MULTILINE)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Row(NamedTuple):
    """A row that was read.

    Attributes
    ----------
    value : mapping
        As the file has it.
    sample : Sample
        Without picture tokens.
    findings : tuple of Finding
        What is wrong with the picture tokens as they stand in the file.
    key : str
        Where the turns are.
    pictures : int
        How many tokens the first question should have.
    behind : bool
        Whether a token stands behind the first question.
    """

    value: Mapping[str, Any]
    sample: Sample
    findings: tuple[Finding, ...]
    key: str
    pictures: int
    behind: bool


def read(value: object) -> Row:
    """Read a row.

    Raises
    ------
    ItemFailed
        ``not-an-object`` or ``bad-conversation``.
    """
    if not isinstance(value, dict):
        raise ItemFailed("not-an-object")
    key = next((name for name in _KEYS if name in value), "")
    turns = value.get(key)
    if not isinstance(turns, list) or not turns:
        raise ItemFailed("bad-conversation")
    marked = tuple(map(_turn, turns))
    system = marked[0][0] == "system"
    marked = marked[1:] if system else marked
    plain = tuple(
        (role, text.replace(PICTURE, "").strip() if PICTURE in text else text) for role, text in marked
    )
    pictures, image = _pictures(value)
    behind = bool(marked) and marked[0][1].rstrip().endswith(PICTURE)
    return Row(value, _sample(value, plain, image), tuple(_tokens(marked, pictures)), key, pictures, behind)


def written(row: Row, sample: Sample) -> dict[str, Any]:
    """A row with a mended sample's turns, the picture token in the first question and nowhere else."""
    original = row.value[row.key]
    turns = list[Turn](sample.turns)
    if row.pictures and turns:
        role, text = turns[0]
        token = "\n".join([PICTURE] * row.pictures)
        turns[0] = role, f"{text}\n{token}" if row.behind else f"{token}\n{text}"
    system = [original[0]] if _turn(original[0])[0] == "system" else []
    samples = {_turn(one)[0]: one for one in reversed(original)}
    made = [_as(samples.get(role, original[0]), role, text, original) for role, text in turns]
    return {**row.value, row.key: [*system, *made]}


def stem(image: str) -> str:
    """A picture's name without folders and its ending."""
    return PurePosixPath(image.replace("\\", "/")).stem


def _sample(value: Mapping[str, Any], turns: tuple[Turn, ...], image: str) -> Sample:
    kind = value.get("kind")
    kind = kind if isinstance(kind, str) and kind in KINDS else ""
    number = value.get("id", value.get("question_id"))
    name = stem(image) if number is None else str(number)
    choices, key = _choices(value, turns, kind)
    return Sample(
        name, kind or ("vqa-choice" if choices else ""), turns, image, domain_of(value), choices, key
    )


def _choices(value: Mapping[str, Any], turns: tuple[Turn, ...], kind: str) -> tuple[tuple[str, ...], int]:
    """Options that a row lists or that its one question writes out, and the place of the one that is answered."""
    if kind not in ("", "vqa-choice") or len(turns) != 2:
        return (), -1
    listed = value.get("choices")
    choices = tuple(map(str, listed)) if isinstance(listed, list) else ()
    if not choices:
        lines = _OPTION.findall(turns[0][1])
        if len(lines) > 1 and "".join(letter for letter, _ in lines) == _LETTERS[: len(lines)]:
            choices = tuple(text for _, text in lines)
    key = value.get("key")
    if choices and isinstance(key, int) and not isinstance(key, bool):
        return choices, key
    return choices, named(turns[1][1], choices) if choices else -1


def _turn(turn: object) -> Turn:
    """Role and text of a turn, a picture token where a part is a picture."""
    if not isinstance(turn, dict):
        raise ItemFailed("bad-conversation")
    role = turn.get("from", turn.get("role"))
    text = turn.get("value", turn.get("content"))
    if isinstance(text, list):
        text = "\n".join(map(_part, text))
    if not isinstance(role, str) or role not in _ROLES or not isinstance(text, str | int | float):
        raise ItemFailed("bad-conversation")
    return _ROLES[role], str(text)


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    if kind in ("image", "image_url", "input_image"):
        return PICTURE
    raise ItemFailed("bad-conversation")


def _pictures(value: Mapping[str, Any]) -> tuple[int, str]:
    """How many pictures a row has, and the first one's name."""
    several = value.get("images")
    if isinstance(several, list) and several:
        return len(several), several[0] if isinstance(several[0], str) else ""
    image = value.get("image") or several
    return (1, image) if isinstance(image, str) and image else (1, "") if image else (0, "")


def _tokens(turns: tuple[Turn, ...], pictures: int) -> list[Finding]:
    """What is wrong with the picture tokens."""
    counts = [text.count(PICTURE) for _, text in turns]
    parts = sum(counts)
    if not parts and pictures:
        return [Finding("picture-token", 0, "no picture token")]
    if parts and not pictures:
        return [Finding("picture-token", counts.index(max(counts)), "a picture token without a picture")]
    if counts and counts[0] != parts:
        place = next(at for at, many in enumerate(counts) if many and at)
        return [Finding("picture-token", place, "a picture token behind the first question")]
    return [Finding("picture-token", 0, f"{parts} picture tokens")] if parts != pictures else []


def _as(model: Mapping[str, Any], role: str, text: str, original: list[Any]) -> dict[str, Any]:
    """A turn in the manner of another one of the row."""
    if "value" in model:
        return {"from": model.get("from", role), "value": text}
    content = model.get("content")
    if not isinstance(content, list):
        return {"role": model.get("role", role), "content": text}
    pictures = [
        part
        for turn in original
        if isinstance(turn.get("content"), list)
        for part in turn["content"]
        if isinstance(part, dict) and part.get("type") != "text"
    ]
    parts: list[Any] = []
    for piece in re.split(f"({PICTURE})", text):
        if piece == PICTURE:
            parts.append(pictures[0] if pictures else {"type": "image"})
            pictures = pictures[1:]
        elif piece.strip():
            parts.append({"type": "text", "text": piece.strip()})
    return {"role": model.get("role", role), "content": parts}

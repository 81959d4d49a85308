"""A model's reply to turns: JSON wherever it stands in the reply, else plain text with roles at the beginning of lines.

Knows the ways in which models write what they were asked for: fences, markup around roles, roles in any case, numbers
before questions, letters before options. A reply that holds nothing of the kind is None. What is read is not judged.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medcli.records import PICTURE, Turn

_QUESTION = "user|human|person|patient|student|question|q"
_ANSWER = "assistant|gpt|ai|chatbot|expert|model|answer|a"
_MARK = re.compile(
    rf"^[ \t>*_#\-\u2022]*(?:\(?\d{{1,2}}[.):][ \t]+)?[*_]*(?P<role>{_QUESTION}|{_ANSWER})[ \t]*(?:\d{{1,2}})?[ \t]*[*_]*"
    r"[ \t]*:[*_]*[ \t]*|(?<=[.?!\s])[*_]{0,2}(?P<inside>(?-i:User|USER|Assistant|ASSISTANT|Human|HUMAN))[*_]{0,2}:[*_]{0,2}[ \t]+",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWERING = frozenset(_ANSWER.split("|"))
_CHOICE = re.compile(
    r"^[ \t>*_#\-\u2022]*(?P<name>question|correct(?: answer)?|right(?: answer)?|answer|wrong(?: answer)?|incorrect|distractor)"
    r"[ \t]*\d{0,2}[ \t]*[*_]*[ \t]*:[*_]*[ \t]*(?P<text>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_OPTION = re.compile(r"^[ \t>*_\-\u2022]*\(?([A-H])[.):][ \t]*[*_]*[ \t]*(.+?)[ \t*_]*$", re.MULTILINE)
_LETTER = re.compile(r"^\W*([A-H])(?:\W|$)")
_JSON = re.compile(r'[{\[]\s*["{\[]')
_FENCE = re.compile(r"^[ \t]*`{3,}[ \t]*\w*[ \t]*$", re.MULTILINE)
_LEAD = re.compile(
    r"^[\s*_#>]*(?:(?:assistant|answer|gpt|(?:detailed |brief )?(?:description|statement|summary))[\s*_]*:)[\s*_]*",
    re.IGNORECASE,
)
_LISTS = (
    "turns",
    "conversation",
    "conversations",
    "pairs",
    "questions",
    "qa_pairs",
    "qa",
    "dialogue",
    "messages",
)
_ASKED = ("question", "q", "user", "human")
_SAID = ("answer", "a", "assistant", "gpt", "response")
_ALONE = ("description", "statement", "summary", "caption", "answer", "text")
_WRONG = ("wrong", "distractors", "wrong_answers", "incorrect", "incorrect_answers")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply holds.

    Attributes
    ----------
    turns : tuple of (str, str)
        ``user`` and ``assistant``; for kinds whose question is not the model's the answer alone.
    choices : tuple of str
        The right option, then the wrong ones.
    """

    turns: tuple[Turn, ...] = field(repr=False)
    choices: tuple[str, ...] = field(default=(), repr=False)


def parse(kind: str, reply: str, *, cut: bool = False) -> Parsed | None:
    """Read a reply.

    Parameters
    ----------
    kind : str
        Which sample was asked for.
    reply : str
        As the model wrote it.
    cut : bool
        Whether the reply ended because it was long enough: then its last words are not whole.
    """
    if kind == "vqa-choice":
        return _first(map(_choice_of, _values(reply))) or (None if cut else _choice_in(_bare(reply)))
    if kind in ("description", "alignment"):
        return _first(map(_alone_of, _values(reply))) or (None if cut else _alone_in(_bare(reply)))
    found = _first(map(_pairs_of, _values(reply)))
    if found is None and (found := _pairs_in(_bare(reply))) is not None and cut:
        return Parsed(found.turns[:-2]) if len(found.turns) > 2 else None
    return found


def _first(found: Iterable[Parsed | None]) -> Parsed | None:
    return next((one for one in found if one is not None), None)


def _values(reply: str) -> Iterator[Any]:
    """The JSON objects and arrays that stand anywhere in a reply, outer ones only."""
    scan, at = json.JSONDecoder(strict=False).raw_decode, 0
    while (start := min((p for p in (reply.find("{", at), reply.find("[", at)) if p >= 0), default=-1)) >= 0:
        try:
            value, at = scan(reply, start)
        except (ValueError, RecursionError):
            if _JSON.match(reply, start):
                return  # broken or broken off: what is whole within it is not all that was said
            at = start + 1
        else:
            yield value


def _bare(reply: str) -> str:
    """A reply without fences; nothing of one that is half a JSON document."""
    text = _FENCE.sub("", reply).strip()
    return "" if _JSON.match(text) else text


def _clean(value: Any) -> str:
    """A text without picture tokens, quotes around it and emphasis around it."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    text = str(value).replace(PICTURE, "").strip()
    for mark in ("**", "__", '"'):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            inner = text[len(mark) : -len(mark)]
            text = inner.strip() if mark not in inner else text
    return text


def _get(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    folded = {str(name).casefold().replace(" ", "_"): one for name, one in value.items()}
    return next((folded[name] for name in names if name in folded), None)


def _pairs_of(value: Any) -> Parsed | None:
    if isinstance(value, Mapping):
        inner = _get(value, _LISTS)
        value = inner if isinstance(inner, list) else [value]
    turns: list[Turn] = []
    for one in value if isinstance(value, list) else ():
        if not isinstance(one, Mapping):
            return None
        role = str(_get(one, ("role", "from", "speaker")) or "").casefold()
        if role:
            said = _get(one, ("content", "value", "text"))
            turns.append(("assistant" if role in _ANSWERING else "user", _clean(said)))
            continue
        asked, said = _get(one, _ASKED), _get(one, _SAID)
        if asked is None or said is None:
            return None
        turns += [("user", _clean(asked)), ("assistant", _clean(said))]
    return _paired(turns)


def _pairs_in(text: str) -> Parsed | None:
    marks = list(_MARK.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)] if marks else []
    turns = []
    for mark, end in zip(marks, ends, strict=True):
        name = (mark["role"] or mark["inside"]).casefold()
        turns.append(("assistant" if name in _ANSWERING else "user", _clean(text[mark.end() : end])))
    return _paired(turns)


def _paired(turns: Sequence[Turn]) -> Parsed | None:
    """Questions with their answers, in order; what has no other half is left out, as where a reply broke off."""
    kept: list[Turn] = []
    for (role, text), (following, answer) in itertools.pairwise(turns):
        if (role, following) == ("user", "assistant") and text and answer:
            kept += [(role, text), (following, answer)]
    return Parsed(tuple(kept)) if kept else None


def _alone_of(value: Any) -> Parsed | None:
    said = _get(value, _ALONE) if isinstance(value, Mapping) else None
    text = _clean(said) if said is not None else ""
    return Parsed((("assistant", text),)) if text else None


def _alone_in(text: str) -> Parsed | None:
    pairs = _pairs_in(text) if re.match(r"[\s*_#>]*(?:user|human|question)\W", text, re.IGNORECASE) else None
    if pairs is not None:
        return Parsed(pairs.turns[1:2])
    said = _clean(_LEAD.sub("", text, count=1))
    return Parsed((("assistant", said),)) if said else None


def _choice_of(value: Any) -> Parsed | None:
    if not isinstance(value, Mapping):
        return None
    asked, right, wrong = (
        _get(value, ("question",)),
        _get(value, ("answer", "correct", "correct_answer")),
        _get(value, _WRONG),
    )
    if wrong is None:
        wrong = _get(value, ("options", "choices"))
        if isinstance(wrong, Mapping):
            wrong = [f"{letter}. {one}" for letter, one in wrong.items()]
    if not isinstance(wrong, list):
        return None
    texts = [_clean(one) for one in wrong]
    return _chosen(_clean(asked), _clean(right), texts)


def _choice_in(text: str) -> Parsed | None:
    named = [(match["name"].casefold(), _clean(match["text"])) for match in _CHOICE.finditer(text)]
    asked = next((said for name, said in named if name == "question"), "")
    right = next((said for name, said in named if name.startswith(("correct", "right", "answer"))), "")
    wrong = [said for name, said in named if name.startswith(("wrong", "incorrect", "distractor"))]
    wrong = wrong or [match[0].strip() for match in _OPTION.finditer(text)]
    return _chosen(asked, right, wrong)


def _chosen(asked: str, right: str, wrong: Sequence[str]) -> Parsed | None:
    """A question with its right option first; options that carry letters lose them, and an answer by letter is looked up."""
    lettered = {match[1]: _clean(match[2]) for one in wrong if (match := _OPTION.match(one))}
    options = [match[2] if (match := _OPTION.match(one)) else one for one in wrong]
    if len(lettered) == len(options) > 0:
        letter = _LETTER.match(right)
        right = lettered.get(letter[1], right) if letter and len(right) < 4 else right
        right = match[2] if (match := _OPTION.match(right)) else right
    others = [_clean(one) for one in options if _clean(one) and _clean(one).casefold() != right.casefold()]
    others = list({one.casefold(): one for one in others}.values())
    if not (asked and right and others):
        return None
    return Parsed((("user", asked), ("assistant", right)), (right, *others))

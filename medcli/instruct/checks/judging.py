"""What needs a model: a judge that sees caption and sample, and a solver that sees the question alone.

Pure: makes messages, reads replies, turns them into findings. Who answers is handed in (:class:`Answers`): a chat
endpoint behind the gate. A reply that cannot be read condemns nothing; it is counted by who asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Any, NamedTuple, Protocol

from medcli.instruct.checks.choices import named
from medcli.instruct.checks.wording import tokens
from medcli.instruct.sample import Finding, Sample
from medcli.records import Caption, Turn, render_choices

VERDICTS = ("supported", "visual", "silent", "helpful")
"""What a judge says of a sample; all four have to be true."""

TRIES = 3
"""How often a blind solver is asked: three right answers out of three come by chance once in 64 with four options."""

_OVERLAP = 0.8


class Answers(Protocol):
    """Whoever answers messages."""

    async def answer(self, turns: Sequence[Turn]) -> str:
        """Reply to messages, each a role (``system`` or ``user``) and a text; errors are the answerer's own."""
        ...


class Prompt(NamedTuple):
    """A text of the package that a model is told first, and eight hexadecimal digits of it."""

    text: str
    version: str


@cache
def prompt(name: str) -> Prompt:
    """The prompt ``judge`` or ``blind``."""
    text = resources.files(__package__).joinpath(f"{name}_system.txt").read_text(encoding="utf-8").strip()
    return Prompt(text, blake2b(text.encode(), digest_size=4).hexdigest())


def judge_request(sample: Sample, caption: Caption) -> tuple[Turn, ...]:
    """Messages that ask for a verdict on a sample."""
    parts = [("Caption", f"{caption.label}: {caption.caption}" if caption.label else caption.caption)]
    if caption.mentions:
        parts.append(("Sentences of the article", "\n".join(f"- {one}" for one in caption.mentions)))
    names = {"user": "Question", "assistant": "Answer"}
    turns = "\n".join(f"{names.get(role, role)}: {text}" for role, text in sample.turns)
    if sample.choices and not all(choice in turns for choice in sample.choices):
        turns = f"{turns}\nOptions:\n{render_choices(sample.choices)}"
    parts.append(("Conversation", turns))
    asked = "\n\n".join(f"[{title}]\n{text}" for title, text in parts)
    return ("system", prompt("judge").text), ("user", asked)


def verdict_of(reply: str) -> dict[str, bool] | None:
    """Read a judge's reply: its four verdicts, or None where one is missing or two objects differ.

    >>> verdict_of('```json {"supported": true, "visual": "yes", "silent": 1, "helpful": false}```')
    {'supported': True, 'visual': True, 'silent': True, 'helpful': False}
    """
    found = [told for one in _objects(reply) if (told := _told(one)) is not None]
    return found[0] if found and all(one == found[0] for one in found) else None


def judge_findings(verdict: dict[str, bool]) -> list[Finding]:
    """One finding ``judge`` where a verdict is not all true."""
    wrong = [name for name in VERDICTS if not verdict[name]]
    return [Finding("judge", detail=f"not {', '.join(wrong)}")] if wrong else []


async def judged(sample: Sample, caption: Caption, who: Answers) -> list[Finding] | None:
    """Findings of a judge, or None where its reply cannot be read."""
    verdict = verdict_of(await who.answer(judge_request(sample, caption)))
    return None if verdict is None else judge_findings(verdict)


class Blind(NamedTuple):
    """One question to a solver: the messages, the options in the order that was asked, and the right answer."""

    turns: tuple[Turn, ...]
    choices: tuple[str, ...]
    right: str
    key: int


def blind_requests(sample: Sample, tries: int = TRIES) -> list[Blind]:
    """The first question of a sample, once a try; options change their places by turns.

    Empty for a sample whose answer has more than eight words: nobody guesses those, and no rule could compare them.
    """
    if len(sample.turns) < 2:
        return []
    question, right = sample.turns[0][1], sample.turns[1][1]
    if not sample.choices:
        if len(tokens(right)) > 8:
            return []
        return [Blind(_asked(question), (), right, -1)] * tries
    stem = _without_options(question)
    made = []
    for at in range(tries):
        by = at % len(sample.choices)
        choices = sample.choices[by:] + sample.choices[:by]
        key = (sample.key - by) % len(choices)
        made.append(Blind(_asked(f"{stem}\n{render_choices(choices)}"), choices, choices[key], key))
    return made


def solved(blind: Blind, reply: str) -> bool:
    """Whether a solver gave the right answer; "unsure", and what cannot be read, is none."""
    answers = [one["answer"] for one in _objects(reply) if isinstance(one.get("answer"), str)]
    said = answers[0] if answers else ("" if "{" in reply else reply)
    if len(answers) > 1 or not said.strip() or "unsure" in said.lower():
        return False
    if blind.choices:
        return named(said, blind.choices) == blind.key
    given, wanted = tokens(said), tokens(blind.right)
    if wanted[:1] in (["yes"], ["no"]):
        return given[:1] == wanted[:1]
    shared = len(set(given) & set(wanted))
    return bool(wanted) and 2 * shared >= _OVERLAP * (len(set(given)) + len(set(wanted)))


async def blind_solved(sample: Sample, who: Answers, *, tries: int = TRIES) -> list[Finding]:
    """Say ``blind-solved`` of a sample whose first question is answered without the picture, every time.

    Stops at the first answer that is not right.
    """
    requests = blind_requests(sample, tries)
    for blind in requests:
        if not solved(blind, await who.answer(blind.turns)):
            return []
    return [Finding("blind-solved", 0)] if requests else []


def _asked(question: str) -> tuple[Turn, ...]:
    return ("system", prompt("blind").text), ("user", question)


def _without_options(question: str) -> str:
    """A question without options, a letter a line, and without what :func:`render_choices` puts behind them."""
    lines = [line for line in question.splitlines() if not re.match(r"\s*[A-Z][.)]\s", line)]
    return "\n".join(
        line for line in lines if line.strip() != "Answer with the letter of one option."
    ).strip()


def _told(content: dict[str, Any]) -> dict[str, bool] | None:
    values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    found = {name: values.get(str(content.get(name)).strip().lower()) for name in VERDICTS}
    told = {name: value for name, value in found.items() if value is not None}
    return told if len(told) == len(VERDICTS) else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects that stand anywhere in a text, outer ones only."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)

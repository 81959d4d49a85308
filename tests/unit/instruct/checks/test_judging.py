"""Judge and blind solver: messages, replies, and that chance alone condemns nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from medcli.instruct.checks import judging
from medcli.instruct.checks.judging import (
    blind_requests,
    blind_solved,
    judge_request,
    judged,
    prompt,
    solved,
    verdict_of,
)
from medcli.instruct.sample import Sample
from medcli.records import Caption, Turn, render_choices

CAPTION = Caption("a", "CT of the left kidney.", label="Figure 1", mentions=("A cyst was found.",))
OPTIONS = ("spleen", "liver", "kidney", "pancreas")
ASKED = f"Which organ is shown?\n{render_choices(OPTIONS)}"
CHOICE = Sample("a", "vqa-choice", (("user", ASKED), ("assistant", "C")), "", "", OPTIONS, 2)
OPEN = Sample("a", "vqa-open", (("user", "Which organ is shown?"), ("assistant", "The left kidney.")))
FINE = '{"supported": true, "visual": true, "silent": true, "helpful": true, "reason": "ok"}'


class Scripted:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self, *replies: str) -> None:
        self.replies, self.asked = list(replies), list[Sequence[Turn]]()

    async def answer(self, turns: Sequence[Turn]) -> str:
        self.asked.append(turns)
        return self.replies.pop(0)


def test_prompts_have_versions() -> None:
    assert prompt("judge").version != prompt("blind").version
    assert all(len(prompt(name).version) == 8 for name in ("judge", "blind"))
    assert all(f'"{name}"' in prompt("judge").text for name in judging.VERDICTS)


def test_a_judge_sees_caption_mentions_and_conversation() -> None:
    (system, told), (user, asked) = judge_request(OPEN, CAPTION)
    assert (system, user, told) == ("system", "user", prompt("judge").text)
    for text in (
        "Figure 1: CT of the left kidney.",
        "A cyst was found.",
        "Question: Which organ is shown?",
        "Answer: The left kidney.",
    ):
        assert text in asked
    bare = Sample("a", "vqa-choice", (("user", "Which?"), ("assistant", "C")), "", "", OPTIONS, 2)
    assert "B. liver" in judge_request(bare, CAPTION)[1][1]


@pytest.mark.parametrize(
    ("reply", "rules"),
    [
        (FINE, []),
        (f"Here it is:\n```json\n{FINE}\n```", []),
        (FINE.replace('"visual": true', '"visual": false'), ["judge"]),
        (FINE.replace("true", '"yes"'), []),
        (FINE.replace("true", "0"), ["judge"]),
        (FINE.replace('"silent": true, ', ""), None),
        (FINE + FINE, []),
        (FINE + FINE.replace("true", "false"), None),
        ("", None),
        ("It is fine.", None),
        ('{"supported": ', None),
        ('{"supported": "perhaps", "visual": true, "silent": true, "helpful": true}', None),
    ],
)
def test_verdicts(reply: str, rules: list[str] | None) -> None:
    found = asyncio.run(judged(OPEN, CAPTION, Scripted(reply)))
    assert (None if found is None else [one.rule for one in found]) == rules


def test_a_verdict_says_what_is_wrong() -> None:
    verdict = verdict_of(
        FINE.replace('"silent": true', '"silent": false').replace('"helpful": true', '"helpful": false')
    )
    assert verdict is not None
    assert [one.detail for one in judging.judge_findings(verdict)] == ["not silent, helpful"]


def test_options_change_places_from_try_to_try() -> None:
    made = blind_requests(CHOICE)
    assert [blind.choices[blind.key] for blind in made] == ["kidney"] * 3
    assert [blind.key for blind in made] == [2, 1, 0]
    for blind in made:
        asked = blind.turns[1][1]
        assert asked == f"Which organ is shown?\n{render_choices(blind.choices)}"


@pytest.mark.parametrize(
    ("replies", "found", "asked"),
    [
        (["C", "B", "A"], True, 3),
        (['{"answer": "kidney"}'] * 3, True, 3),
        (["C", "C", "C"], False, 2),
        (["A", "B", "A"], False, 1),
        (['{"answer": "unsure"}'] * 3, False, 1),
        (["C", "B", "unsure"], False, 3),
        (["", "", ""], False, 1),
    ],
)
def test_a_question_is_dropped_that_is_answered_every_time(
    replies: list[str], found: bool, asked: int
) -> None:
    who = Scripted(*replies)
    rules = [one.rule for one in asyncio.run(blind_solved(CHOICE, who))]
    assert rules == (["blind-solved"] if found else [])
    assert len(who.asked) == asked


@pytest.mark.parametrize(
    ("right", "reply", "same"),
    [
        ("The left kidney.", "left kidney", True),
        ("The left kidney.", "the left kidney", True),
        ("Left kidney", '{"answer": "Left kidney"}', True),
        ("Left kidney", "right kidney", False),
        ("Yes, it is enlarged.", "yes", True),
        ("Yes, it is enlarged.", "No, it is not.", False),
        ("No", '{"answer": "no"}', True),
        ("No", "unsure", False),
        ("No", '{"answer": "no"} {"answer": "yes"}', False),
        ("No", '{"answer": ', False),
        ("No", "nodule", False),
    ],
)
def test_open_answers_are_compared_by_words(right: str, reply: str, same: bool) -> None:
    blind = blind_requests(Sample("a", "vqa-open", (("user", "Which?"), ("assistant", right))))[0]
    assert solved(blind, reply) is same


def test_long_answers_are_not_asked_for() -> None:
    long = Sample("a", "conversation", (("user", "Which?"), ("assistant", "It is " + "very " * 9 + "large.")))
    assert blind_requests(long) == []
    assert asyncio.run(blind_solved(long, Scripted())) == []
    assert blind_requests(Sample("a", "vqa-open", (("user", "Which?"),))) == []

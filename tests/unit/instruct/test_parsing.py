"""A model's reply to turns, in the ways in which models write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.instruct.parsing import parse
from medcli.instruct.sample import KINDS

TWO = (
    ("user", "What is it?"),
    ("assistant", "A CT."),
    ("user", "Where?"),
    ("assistant", "In the lung: left."),
)


@pytest.mark.parametrize(
    "reply",
    [
        '{"turns": [{"question": "What is it?", "answer": "A CT."}, {"question": "Where?", "answer": "In the lung: left."}]}',
        '```json\n{"Turns": [{"Question": "What is it?", "Answer": "A CT."}, {"Question": "Where?", "Answer": "In the lung: left."}]}\n```',
        'Sure! [{"from": "human", "value": "What is it?\\n<image>"}, {"from": "gpt", "value": "A CT."}, {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "In the lung: left."}] Done.',
        "User: What is it?\n\nAssistant: A CT.\n\nUser: Where?\n\nAssistant: In the lung: left.",
        "**User:** What is it?\n**Assistant:** A CT.\n\n**USER**: Where?\n**assistant**: In the lung: left.",
        "### User: What is it?\n### ASSISTANT: A CT.\n> human: Where?\n> gpt: In the lung: left.",
        "Here it is.\n1. User: What is it?\n   Assistant: A CT.\n2. User: Where?\n   Assistant: In the lung: left.",
        "Q1: What is it?\nA1: A CT.\nQ2: Where?\nA2: In the lung: left.",
        "- **Question 1:** What is it?\n- **Answer 1:** A CT.\n- **Question 2:** Where?\n- **Answer 2:** In the lung: left.",
        "User: What is it? Assistant: A CT. User: Where? Assistant: In the lung: left.",
        "<think>hm</think>```\nUser: What is it?\nAssistant: A CT.\nUser: Where?\nAssistant: In the lung: left.\n```",
    ],
)
def test_conversations(reply: str) -> None:
    for kind in ("conversation", "vqa-open"):
        found = parse(kind, reply)
        assert found is not None
        assert found.turns == TWO


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot help with that.",
        '{"turns": [{"question": "What?", "answer": "A."}, {"question": "B',
        '{"turns": []}',
        '{"turns": [{"question": "What?"}]}',
        '{"description": 5',
        "Assistant: An answer without a question.",
        "[" * 5000,
    ],
)
def test_what_is_no_conversation(reply: str) -> None:
    assert parse("conversation", reply) is None


def test_what_broke_off_loses_its_end_alone() -> None:
    reply = "User: What is it?\nAssistant: A CT.\nUser: Where?\nAssistant: In the lu"
    found = parse("conversation", reply, cut=True)
    assert found is not None
    assert found.turns == TWO[:2]
    assert parse("conversation", reply[:35], cut=True) is None
    assert parse("description", "This picture sho", cut=True) is None
    assert parse("description", '{"description": "Whole."} and mo', cut=True) is not None


@pytest.mark.parametrize(
    "reply",
    [
        '{"description": "A CT of the lung."}',
        '```\n{"Description": "A CT of the lung."}\n```',
        "A CT of the lung.",
        "**Description:** A CT of the lung.",
        'Assistant: "A CT of the lung."',
        "User: What?\nAssistant: A CT of the lung.",
    ],
)
def test_descriptions(reply: str) -> None:
    for kind in ("description", "alignment"):
        found = parse(kind, reply)
        assert found is not None
        assert found.turns == (("assistant", "A CT of the lung."),)


@pytest.mark.parametrize(
    "reply",
    [
        '{"question": "Which?", "answer": "left", "wrong": ["right", "both", "none"]}',
        '{"question": "Which?", "answer": "A", "options": {"A": "left", "B": "right", "C": "both", "D": "none"}}',
        '{"question": "Which?", "answer": "A. left", "choices": ["A. left", "B. right", "C. both", "D. none"]}',
        "Question: Which?\nAnswer: left\nWrong: right\nWrong: both\nWrong: none",
        "**Question:** Which?\n**Correct answer:** left\n- Distractor 1: right\n- Distractor 2: both\n- Distractor 3: none",
        "Question: Which?\nA) left\nB) right\nC) both\nD) none\nAnswer: A",
        'Question: Which?\nRight: left\nIncorrect: right\nIncorrect: both\nIncorrect: "none"',
    ],
)
def test_choices_come_with_the_right_one_first(reply: str) -> None:
    found = parse("vqa-choice", reply)
    assert found is not None
    assert found.turns == (("user", "Which?"), ("assistant", "left"))
    assert found.choices == ("left", "right", "both", "none")


def test_choices_that_are_none() -> None:
    for reply in (
        '{"question": "Which?", "answer": "left"}',
        "Question: Which?\nAnswer: left",
        "left",
        '{"wrong": 1}',
    ):
        assert parse("vqa-choice", reply) is None


@given(
    kind=st.sampled_from(KINDS),
    reply=st.text() | st.text(alphabet='{}[]":,User Asitnqo\n*'),
    cut=st.booleans(),
)
def test_nothing_raises(kind: str, reply: str, cut: bool) -> None:
    found = parse(kind, reply, cut=cut)
    assert found is None or found.turns


words = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip() and text.strip('*_"') == text and "<image>" not in text
)


@given(pairs=st.lists(st.tuples(words, words), min_size=1), fence=st.booleans())
def test_json_is_read_as_it_was_written(pairs: list[tuple[str, str]], fence: bool) -> None:
    value: dict[str, Any] = {"turns": [{"question": one, "answer": two} for one, two in pairs]}
    reply = f"```json\n{json.dumps(value)}\n```" if fence else json.dumps(value, ensure_ascii=False)
    found = parse("conversation", reply)
    assert found is not None
    assert found.turns == tuple(turn for one, two in pairs for turn in (("user", one), ("assistant", two)))

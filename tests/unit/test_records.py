"""Questions in their three shapes, and the other nouns, to JSON and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import ItemFailed
from medcli.records import Answer, Caption, Conversation, Question, extend, question_of, render_choices

CONVERSATION = [{"from": "human", "value": "Where?\n<image>"}, {"from": "gpt", "value": "Left"}]


def test_llava_med_jsonl() -> None:
    asked = question_of({"question_id": 3, "image": "a.png", "text": "Where?\n<image>", "gpt4_answer": "x"})
    assert asked == Question(3, (("user", "Where?\n<image>"),), ("a.png",), form="jsonl")
    assert asked.text == "Where?"


@pytest.mark.parametrize("key", ["conversations", "conversatons"])
def test_vqa_json_with_its_misspelling(key: str) -> None:
    asked = question_of({"id": 7, "image": "t/b.png", "answer_type": "OPEN", key: CONVERSATION})
    assert (asked.form, asked.turns, asked.answer) == ("vqa-json", (("user", "Where?\n<image>"),), "Left")
    assert (asked.images, asked.answer_type) == (("t/b.png",), "OPEN")


def test_of_several_turns_the_last_question_is_asked() -> None:
    turns = [*CONVERSATION, {"from": "human", "value": "How large?"}, {"from": "gpt", "value": 3}]
    asked = question_of({"id": 7, "conversations": turns})
    assert [role for role, _ in asked.turns] == ["user", "assistant", "user"]
    assert (asked.text, asked.answer) == ("How large?", "3")


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ([], "not-an-object"),
        ({"text": "a"}, "no-question-id"),
        ({"question_id": True, "text": "a"}, "no-question-id"),
        ({"question_id": 1}, "no-text"),
        ({"question_id": 1, "text": 5}, "no-text"),
        ({"question_id": 1, "text": " <image> "}, "no-text"),
        ({"id": 1, "conversations": []}, "bad-conversation"),
        ({"id": 1, "conversations": [{"from": "dog", "value": "a"}]}, "bad-conversation"),
        ({"id": 1, "conversations": [{"from": "gpt", "value": "a"}]}, "no-text"),
        ({"question_id": 1, "text": "a", "image": 5}, "bad-image"),
        ({"question_id": 1, "text": "a", "images": ["a", ""]}, "bad-image"),
        ({"question_id": 1, "text": "a", "choices": ["one"]}, "bad-choices"),
    ],
)
def test_what_is_no_question(row: object, kind: str) -> None:
    with pytest.raises(ItemFailed) as caught:
        question_of(row)
    assert caught.value.kind == kind


def test_choices_have_one_rendering() -> None:
    asked = question_of({"question_id": 1, "text": "Side?", "choices": {"B": "right", "A": "left"}})
    assert render_choices(asked.choices) == "A. left\nB. right\nAnswer with the letter of one option."


def test_an_addition_stands_before_the_picture_token() -> None:
    assert extend("Where?\n<image>", " [a, b]") == "Where? [a, b]\n<image>"
    assert extend("<image>\nWhere? ", "\nA. x") == "<image>\nWhere?\nA. x"


texts = st.text(min_size=1).filter(lambda text: bool(text.replace("<image>", "").strip()))


@given(
    st.builds(
        Question,
        st.integers() | st.text(),
        st.tuples(st.just(("user", "first")), st.just(("assistant", "so")), texts.map(lambda t: ("user", t))),
        st.lists(texts, max_size=3).map(tuple),
        st.lists(texts, min_size=2, max_size=5).map(tuple) | st.just(()),
        st.none() | texts,
        st.sampled_from(["OPEN", "CLOSED", ""]),
        st.sampled_from(["scan", "chart", ""]),
        st.booleans(),
    )
)
def test_our_own_record_goes_round(asked: Question) -> None:
    assert question_of(asked.to_json()) == asked


def test_the_other_nouns_go_round() -> None:
    given = Answer(1, "Where?", "Left", "ab", "m", {"error": "x"})
    assert Answer.of(given.to_json()) == given
    caption = Caption("1_F1", "A mass.", "1_F1.jpg", "Figure 1", ("See it.",), "mri")
    assert Caption.of(caption.to_json()) == caption
    talk = Conversation("1_F1", (("user", "Where?\n<image>"), ("assistant", "Left")), "a.jpg", "mri")
    assert Conversation.of(talk.to_json()) == talk

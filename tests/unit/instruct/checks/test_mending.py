"""What mending keeps, cuts and drops; and what holds of it whatever it is given."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.instruct.checks import Settings, check, mend
from medcli.instruct.checks.lead_ins import capitalised, cut
from medcli.instruct.sample import Sample
from medcli.records import PICTURE, Caption

FINE = ("user", "Which organ is shown?"), ("assistant", "The left kidney is shown from behind.")


def sample(*turns: tuple[str, str], kind: str = "conversation") -> Sample:
    return Sample("a", kind, turns)


def mended(*turns: tuple[str, str], caption: Caption | None = None) -> list[str] | None:
    rest, _ = mend(sample(*turns), caption)
    return None if rest is None else [text for _, text in rest.turns]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("According to the caption, MRI shows a mass.", "MRI shows a mass."),
        ("Yes, according to the caption, MRI shows a mass.", "Yes, MRI shows a mass."),
        ("No. Based on the provided context, there is none.", "No. There is none."),
        ("Based on the caption and the text, pH is low.", "pH is low."),
        ("The context mentions that mRNA of p53 is low.", "mRNA of p53 is low."),
        ("The caption states: T2-weighted MRI of the brain.", "T2-weighted MRI of the brain."),
        ("It is mentioned in the caption that the mass is benign.", "The mass is benign."),
        ("As stated in the text, c-kit is positive.", "c-kit is positive."),
        ("According to the caption, the context suggests that it is benign.", "It is benign."),
        ("The mass is large, as described in the caption, and dark.", "The mass is large and dark."),
        ("The mass is large (as described in the caption).", "The mass is large."),
        ("The lesion mentioned in the context is large.", "The lesion is large."),
        ("The lesion is malignant, according to the caption.", "The lesion is malignant."),
        ("Based on the context, what does the MRI show?", "What does the MRI show?"),
    ],
)
def test_a_lead_in_is_cut_and_capitals_stay(text: str, left: str) -> None:
    assert cut(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "It is mentioned in the caption.",
        "The caption does not say where.",
        "The arrow in Figure 2 points to it.",
        "The authors call it benign.",
    ],
)
def test_what_would_not_stand_without_its_source_goes(text: str) -> None:
    assert mended(("user", "Where is it?"), ("assistant", text), *FINE) == [text for _, text in FINE]
    assert mended(("user", "Where is it?"), ("assistant", text)) is None


def test_a_fine_sample_is_itself() -> None:
    given = sample(*FINE)
    assert mend(given) == (given, [])
    assert mend(given)[0] is given


def test_bad_pairs_go_and_the_order_stays() -> None:
    rest = mended(
        *FINE,
        ("user", "Is there a mass?"),
        ("assistant", "I'm sorry, I cannot see the image."),
        ("user", "Is there a stone?"),
        ("assistant", "A stone lies in the lower pole."),
    )
    assert rest == [*(text for _, text in FINE), "Is there a stone?", "A stone lies in the lower pole."]


def test_questions_without_an_answer_and_answers_without_a_question_go() -> None:
    turns = [("assistant", "Hello there."), ("user", "Is it small?"), *FINE, ("user", "Is it large?")]
    assert mended(*turns) == [text for _, text in FINE]


def test_a_repeated_question_goes_once() -> None:
    again = ("user", "Which organ is shown?"), ("assistant", "It is an organ.")
    assert mended(*FINE, *again) == [text for _, text in FINE]


def test_an_answer_that_repeats_one_that_went_is_looked_at_anew() -> None:
    caption = Caption("a", "A mass of 3.5 cm.")
    leaking = ("user", "How large is the mass?"), ("assistant", "The mass measures 3.5 cm in length.")
    other = ("user", "How large is the mass?"), ("assistant", "It fills most of the lobe.")
    assert mended(*leaking, *other, caption=caption) == [text for _, text in other]


def test_tokens_labels_and_small_letters_are_put_right() -> None:
    turns = ("user", "<image>\nUser: What is it?"), ("assistant", "**Assistant:** An mri of the head.</s>")
    assert mended(*turns) == ["What is it?", "An MRI of the head."]


def test_too_many_pairs_lose_the_last() -> None:
    pairs = [
        turn
        for number in range(15)
        for turn in (
            ("user", f"Is organ {number} large?"),
            ("assistant", f"Organ {number} looks normal in size."),
        )
    ]
    rest, found = mend(sample(*pairs))
    assert rest is not None
    assert rest.turns == tuple(pairs[:24])
    assert [one.rule for one in found] == ["length"]


def test_a_rule_that_is_off_neither_finds_nor_mends() -> None:
    turns = ("user", "What is it?"), ("assistant", "According to the caption, an mri of the head.")
    rest, found = mend(sample(*turns), None, Settings(off=frozenset({"source-talk"})))
    assert rest is not None
    assert rest.turns[1][1] == "According to the caption, an MRI of the head."
    assert [one.rule for one in found] == ["capitals"]


def test_findings_quote_nothing() -> None:
    caption = Caption("a", "A 45-year-old woman, Dr. Harlow.")
    turns = (
        ("user", "Who is it?"),
        ("assistant", "According to the caption, Dr. Harlow, 45 years old, has an mri."),
    )
    _, found = mend(sample(*turns), caption)
    assert found
    assert not re.search(r"Harlow|45|mri", " ".join(one.detail for one in found))


WORDS = st.sampled_from(
    [
        "MRI",
        "CT",
        "T2-weighted",
        "pH",
        "mRNA",
        "c-kit",
        "mri",
        "ct",
        "the",
        "a",
        "lesion",
        "is",
        "large",
        "in",
        "left",
        "lung",
        "of",
        "45",
        "3.5",
        "cm",
        "caption",
        "context",
        "text",
        "According",
        "to",
        "based",
        "on",
        ",",
        ".",
        ":",
        "<image>",
        "[NAME_1]",
        "User:",
        "**",
        "I'm",
        "sorry",
        "cannot",
        "see",
        "image",
        "Yes,",
        "mentioned",
        "that",
        "20",
        "%",
        "described",
        "as",
        "[",
        "]",
        "(",
        ")",
    ]
)
TEXTS = st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=60)
TURNS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=9)
CAPTION = Caption("a", "A 45-year-old woman with a lesion of 3.5 cm; 20 % of cells stained.")


@settings(max_examples=150, deadline=None)
@given(TURNS, st.sampled_from(["conversation", "description", "vqa-open", "alignment", ""]), st.booleans())
def test_what_is_kept_breaks_no_rule(turns: list[tuple[str, str]], kind: str, told: bool) -> None:
    given = sample(*turns, kind=kind)
    rest, found = mend(given, CAPTION if told else None)
    assert found == check(given, CAPTION if told else None)
    if rest is not None:
        assert check(rest, CAPTION if told else None) == []
        assert mend(rest, CAPTION if told else None) == (rest, [])
        assert [role for role, _ in rest.turns] == ["user", "assistant"] * (len(rest.turns) // 2)
        assert not any(PICTURE in text for _, text in rest.turns)


@settings(max_examples=150, deadline=None)
@given(TURNS)
def test_capitals_survive(turns: list[tuple[str, str]]) -> None:
    """No word of what is kept has fewer capitals than it had: "MRI" does not become "mri"."""
    rest, _ = mend(sample(*turns))
    if rest is None:
        return
    before = set(re.findall(r"[\w-]+", " ".join(text for _, text in turns)))
    for _, text in rest.turns:
        for word in re.findall(r"[\w-]+", text):
            same = {one for one in before if one.casefold() == word.casefold()}
            capitals = sum(letter.isupper() for letter in word)
            assert not same or any(sum(letter.isupper() for letter in one) <= capitals for one in same)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,8}( [a-z]{1,8}){0,3}", fullmatch=True))
def test_only_a_first_letter_is_ever_made_a_capital(text: str) -> None:
    made = capitalised(text)
    assert made[1:] == text[1:]
    assert made[0] in (text[0], text[0].upper())


@pytest.mark.parametrize(
    "piece",
    [
        "a-",
        "1/",
        "1 x ",
        "0.1-",
        "twenty-1-",
        "CDa-",
        "University of ",
        "the caption ",
        "as described in the ",
        "**\n",
        "1, 1-",
        "éa-",
    ],
)
def test_no_text_costs_its_square(piece: str) -> None:
    text = piece * (6000 // len(piece))
    begun = time.process_time()
    mend(sample(("user", "What is it?"), ("assistant", text)), Caption("a", text))
    assert time.process_time() - begun < 2  # measured: 0.3 at most

"""What a judge's words come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.evaluate.judge.verdicts import match_of, scores_of


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("8 7", (8, 7)),
        ("8 7\nBecause ...", (8, 7)),
        ("8.5 7.0\r\nBecause", (8.5, 7)),
        (" 8 7", (8, 7)),
        ("8 7 ", (8, 7)),
        ("8\t7", (8, 7)),
        ("8, 7", (8, 7)),
        ("8/10 7/10", (8, 7)),
        ("8 out of 10, 7 out of 10", (8, 7)),
        ("**8 7**", (8, 7)),
        ("\n\n8 7", (8, 7)),
        ("Assistant 1: 8, Assistant 2: 7", (8, 7)),
        ("Assistant 2: 7\nAssistant 1: 8", (8, 7)),
        ("Assistant 1: 8/10\nAssistant 2: 7/10\nBoth good.", (8, 7)),
        ("Score of Assistant 1: 8\nScore of Assistant 2: 7", (8, 7)),
        ("Score 1: 8; Score 2: 7", (8, 7)),
        ('{"assistant_1": 8, "assistant_2": "7/10", "reason": "x"}', (8, 7)),
        ('```json\n{"assistant_1": {"score": 8}, "assistant_2": {"score": 7}}\n```', (8, 7)),
        ('{"scores": [8, 7]}', (8, 7)),
        ("10 1", (10, 1)),
        ("1. 8\n2. 7", (8, 7)),
        ("1) Assistant 1: 8\n2) Assistant 2: 7", (8, 7)),
        ("1. 8\nBecause", None),
        ("0 5", (0, 5)),
        ("8", None),
        ("8 7 6", None),
        ("80 70", None),
        ("Sorry, I cannot.", None),
        ("", None),
        ("{broken", None),
        ("85% 70%", None),
        ("Assistant 1 is better than Assistant 2.", None),
    ],
)
def test_scores(text: str, scores: tuple[float, float] | None) -> None:
    assert scores_of(text) == scores


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"match": 1, "reason": "same"}', 1),
        ('{"match": false}', 0),
        ('{"match": "yes"}', 1),
        ('Here you are:\n```json\n{"match": 0, "reason": "other side"}\n```', 0),
        ("1", 1),
        ("0 - another organ", 0),
        ("Match: yes", 1),
        ("**Verdict:** no", 0),
        ("Incorrect. The side differs.", 0),
        ('{"match": 1} or rather {"match": 0}', None),
        ('{"match": 0.5}', None),
        ('{"verdict": 1}', 1),
        ("10", None),
        ("Perhaps.", None),
        ("", None),
    ],
)
def test_matches(text: str, match: int | None) -> None:
    found = match_of(text)
    assert (None if found is None else found["match"]) == match


def test_a_reason_is_kept() -> None:
    assert match_of("0 - another organ") == {"match": 0, "reason": "another organ"}


@given(st.text(max_size=60))
def test_no_words_raise(text: str) -> None:
    scores_of(text)
    match_of(text)


@given(
    st.integers(1, 10), st.integers(1, 10), st.sampled_from([" ", ", ", "\t", " / "]), st.text(max_size=30)
)
def test_two_numbers_on_the_first_line_are_the_scores(
    first: int, second: int, between: str, rest: str
) -> None:
    if between != " / " or second != 10:
        assert scores_of(f"{first}{between}{second}\nWell: {rest.replace('{', '(')}") == (first, second)

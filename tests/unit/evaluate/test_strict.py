"""Strict scores of open answers, their normal form, synonyms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import InputError
from medcli.evaluate.metrics import strict
from medcli.evaluate.metrics.wording import Synonyms, normalized, synonyms_of


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("**The** X-ray: 1,500mL!", "x ray 1500 ml"),
        ("5,2 cm", "5.2 cm"),
        ("Two lesions", "2 lesions"),
        ("Crohn's disease", "crohns disease"),
        ("Crohn\N{RIGHT SINGLE QUOTATION MARK}s", "crohns"),
        ("-5", "minus 5"),
        ("T2-weighted", "t2 weighted"),
        ("45%", "45 %"),
        ("A", "a"),
        ("ﬁbrosis", "fibrosis"),
        ("", ""),
        ("!?", ""),
    ],
)
def test_the_normal_form(text: str, form: str) -> None:
    assert normalized(text) == form


@given(st.text(max_size=40))
def test_the_normal_form_of_a_normal_form_holds_no_other_words(text: str) -> None:
    once = normalized(text)
    assert once == " ".join(once.split())
    assert not set(once) & set("*_`,;:!?\"'()[]")


def test_scores_of_open_answers() -> None:
    assert strict.score_open("right upper lobe", "The right upper lobe.")[:3] == (1.0, 1.0, 1.0)
    exact, f1, rouge, bleu = strict.score_open("right upper lobe", "upper right lobe")
    assert (exact, f1, rouge) == (0.0, 1.0, pytest.approx(2 / 3))
    assert 0 < bleu < 1
    assert strict.score_open("liver", "") == (0.0, 0.0, 0.0, 0.0)
    assert strict.exact("?", "?") == 1.0
    assert strict.exact("?", "!") == 0.0
    assert strict.token_f1(["heart"], ["heart"] * 4) == 2 / 5  # repeats are no more hits


def _slow_common(first: list[str], second: list[str]) -> int:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first):
        for j, two in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if one == two else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("abcd"), min_size=1))
def test_rouge_l_is_the_longest_common_subsequence(first: list[str], second: list[str]) -> None:
    assert strict.rouge_l(first, second) == 2 * _slow_common(first, second) / (len(first) + len(second))


def test_synonyms_stand_for_each_other() -> None:
    same = Synonyms([["x-ray", "radiograph", "plain film"], ["chest x-ray", "CXR"]])
    assert strict.exact("X-ray", "A plain film.", same) == 1.0
    assert strict.exact("chest x-ray", "CXR", same) == 1.0
    assert strict.exact("X-ray", "filming", same) == 0.0
    assert strict.closed("x-ray", "plain film", ("CT", "X-ray"), synonyms=same) == 1.0
    assert synonyms_of({"liver": ["hepar"], "heart": "cor"}).apply("Hepar, cor") == "liver heart"
    with pytest.raises(InputError, match="synonyms"):
        synonyms_of("liver")

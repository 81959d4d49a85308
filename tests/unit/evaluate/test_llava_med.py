"""The original programs' scores: their recorded values, nltk's BLEU, and the shortcuts taken."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.evaluate.metrics import llava_med
from medcli.evaluate.metrics.bleu import nltk_bleu, sacre_bleu
from medcli.evaluate.metrics.tables import contractions

ORACLE = Path(__file__).parents[4] / "shared" / "oracle" / "evaluate"
# The candidates that the recorded hits were made with are not part of the oracle; these four agree with all of them.
CANDIDATES = ["Right upper lobe", 2, "heart", "lateral ventricles"]

_clinical = st.lists(
    st.sampled_from(
        [*"ab ,.-/?!;", "1,000", "none", "two", "the", "cant", "yes", "no", "5.2cm", "...", "İ", "٣"]
    ),
    max_size=14,
).map("".join)


@pytest.fixture(scope="module")
def recorded() -> Any:
    if not ORACLE.is_dir():
        pytest.skip("the oracle is not here")
    return json.loads((ORACLE / "expected_per_item.json").read_text(encoding="utf-8"))


def test_every_recorded_score_is_reproduced(recorded: list[dict[str, Any]]) -> None:
    candidates = llava_med.Candidates(CANDIDATES)
    compared = 0
    for row in recorded:
        opened = row["answer_type"] == "OPEN"
        names = llava_med.OPEN if opened else llava_med.CLOSED
        values = (llava_med.score_open if opened else llava_med.score_closed)(row["gt"], row["pred"])
        ours = dict(zip(names, values, strict=True))
        if opened:
            ours["open_candidate_hit"] = llava_med.candidate_hit(row["gt"], row["pred"], candidates)
        assert llava_med.normalize(row["gt"].lower()) == row["gt_norm"]
        assert llava_med.normalize(row["pred"].lower()) == row["pred_norm"]
        told = {"id", "answer_type", "gt", "pred", "gt_norm", "pred_norm"}
        assert ours.keys() == row.keys() - told
        for name, value in ours.items():
            assert value == pytest.approx(row[name], abs=1e-12, rel=1e-12), (row["id"], name)
            compared += 1
    assert compared == 170


def test_the_table_of_contractions_is_whole() -> None:
    table = contractions()
    assert len(table) == 120
    assert (table["dont"], table["somebody'd"], table["twas"]) == ("don't", "somebodyd", "'twas")


def slow_normalize(text: str) -> str:
    """The rules as the reference page words them, step by step."""
    marks = [
        ";",
        "/",
        "[",
        "]",
        '"',
        "{",
        "}",
        "(",
        ")",
        "=",
        "+",
        "\\",
        "_",
        "-",
        ">",
        "<",
        "@",
        "`",
        ",",
        "?",
        "!",
    ]
    made = text
    for mark in marks:
        gone = f"{mark} " in text or f" {mark}" in text or re.search(r"\d,\d", text)
        made = made.replace(mark, "" if gone else " ")
    kept, deleted = [], 0
    for place, character in enumerate(made):
        digit_next = place + 1 < len(made) and re.match(r"\d", made[place + 1])
        if character == "." and not digit_next and deleted < 32:
            deleted += 1
        else:
            kept.append(character)
    numbers = dict(
        zip(
            ["none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
            "0012345678",
            strict=False,
        )
    )
    numbers |= {"nine": "9", "ten": "10"}
    words = [numbers.get(word, word) for word in "".join(kept).lower().split()]
    words = [contractions().get(word, word) for word in words if word not in ("a", "an", "the")]
    return " ".join(words).replace(",", "")


@settings(max_examples=300)
@given(_clinical)
def test_normalising_follows_the_rules_once_and_twice(text: str) -> None:
    once = llava_med.normalize(text)
    assert once == slow_normalize(text)
    assert llava_med.again(once) == slow_normalize(once)


def test_no_more_than_32_periods_go_at_a_time() -> None:
    text = " ".join("x." for _ in range(70))
    once = llava_med.normalize(text)
    assert (once.count("."), llava_med.again(once).count(".")) == (38, 6)


_tokens = st.lists(st.sampled_from("abcdef"), max_size=12)


@settings(max_examples=400)
@given(_tokens, _tokens)
def test_bleu_is_nltks_to_the_last_digit(reference: list[str], hypothesis: list[str]) -> None:
    from nltk.translate.bleu_score import sentence_bleu

    weights = ((0.25, 0.25, 0.25, 0.25), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = (
            [sentence_bleu([reference], hypothesis, weights=one) for one in weights]
            if hypothesis
            else [0] * 4
        )
    assert nltk_bleu(reference, hypothesis) == tuple(theirs)


_texts = st.lists(
    st.sampled_from(
        ["a", "b.", "c,", "1,000", "5.2cm", "(x)", "it's", "&amp;", "<b>", "-", "3-4", "e/f", "\n", "Z", "é"]
    ),
    max_size=10,
).map(" ".join)


@settings(max_examples=300)
@given(_texts.filter(str.strip), _texts)
def test_sacre_bleu_is_sacrebleus(reference: str, hypothesis: str) -> None:
    from sacrebleu.metrics.bleu import BLEU

    theirs = BLEU(lowercase=True, effective_order=True).sentence_score(hypothesis, [reference]).score / 100
    assert sacre_bleu(reference, hypothesis) == pytest.approx(theirs, abs=1e-12)


def test_a_candidate_is_chosen_by_the_share_of_its_words_and_the_first_wins() -> None:
    candidates = llava_med.Candidates(["left lung", "lung", "right lung", "the"])
    assert candidates.nearest({"right", "lung"}) == "lung"
    assert candidates.nearest({"nothing"}) == "left lung"
    assert llava_med.candidate_hit("lung", "the lungs", llava_med.Candidates(["lung", "lungs"])) == 0.0

"""Scores of all answers: columns of numbers, one a metric, and which of them are a table's figures.

Knows which metric speaks of which questions. Refuses to average.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from medcli.evaluate.metrics import choice, llava_med, strict
from medcli.evaluate.metrics.llava_med import Candidates
from medcli.evaluate.metrics.wording import Synonyms
from medcli.evaluate.truths import Truths

SETS = ("llava-med", "strict", "choice", "judge", "logic", "embedding")
Compare = Callable[[Sequence[str], Sequence[str]], Iterable[tuple[float, float, float]]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table of scores.

    Attributes
    ----------
    metrics : str
        The set: ``llava-med``.
    name : str
        What it is called: ``recall``.
    column : str
        Where its numbers are.
    part : {"open", "closed", "choice", "all"}
        The questions that it speaks of.
    note : str
        What it really is, where the name misleads.
    """

    metrics: str
    name: str
    column: str
    part: str
    note: str = ""


FIGURES = (
    Figure("llava-med", "recall", "recall", "open", "what papers report as open accuracy"),
    Figure("llava-med", "precision", "precision", "open"),
    Figure("llava-med", "f1", "f1", "open"),
    Figure(
        "llava-med", "exact", "exact", "open", "no exact match: distinct truth words found, over answer words"
    ),
    Figure("llava-med", "accuracy (candidates)", "open_candidate_hit", "open", "run_eval"),
    Figure("llava-med", "accuracy (substring)", "open_substring_hit", "open", "run_eval_batch"),
    Figure("llava-med", "bleu", "bleu", "open", "cumulative, order 4, no smoothing"),
    Figure("llava-med", "bleu_1", "bleu_1", "open", "1-grams alone"),
    Figure("llava-med", "bleu_2", "bleu_2", "open", "2-grams alone"),
    Figure("llava-med", "bleu_3", "bleu_3", "open", "3-grams alone"),
    Figure(
        "llava-med",
        "yes/no accuracy",
        "closed_hit_run_eval_batch",
        "closed",
        "run_eval_batch; what papers report",
    ),
    Figure(
        "llava-med",
        "yes/no accuracy (run_eval)",
        "closed_hit_run_eval",
        "closed",
        "letters of yes or no wanted",
    ),
    Figure("llava-med", "recall_closed", "recall", "closed"),
    Figure("llava-med", "precision", "precision", "closed"),
    Figure("llava-med", "f1", "f1", "closed"),
    Figure("strict", "accuracy", "strict_hit", "all", "closed as parsed, open as equal"),
    Figure("strict", "accuracy", "strict_closed", "closed", "parsed yes/no or option"),
    Figure("strict", "exact match", "strict_exact", "open", "equal normal forms"),
    Figure("strict", "token F1", "strict_f1", "open"),
    Figure("strict", "ROUGE-L", "strict_rouge_l", "open"),
    Figure("strict", "BLEU", "strict_bleu", "open", "sacrebleu's sentence BLEU, 13a, lower case"),
    Figure("choice", "accuracy", "choice_hit", "choice"),
    Figure("choice", "random guess", "choice_guess", "choice", "one over the number of options"),
    Figure("judge", "accuracy", "judge_hit", "all", "an LLM judge's semantic match"),
    Figure("judge", "accuracy", "judge_hit", "closed"),
    Figure("judge", "accuracy", "judge_hit", "open"),
    Figure("logic", "question accuracy", "logic_hit", "all", "state of the reply equals the truth's"),
    Figure(
        "logic", "conversation accuracy", "logic_conversation", "all", "all questions of a conversation right"
    ),
    Figure(
        "logic", "diagnosis accuracy", "logic_diagnosis", "all", "questions of the slot that is the diagnosis"
    ),
    Figure("embedding", "similarity", "embedding_f1", "open", "BERTScore F1"),
    Figure("embedding", "precision", "embedding_precision", "open"),
    Figure("embedding", "recall", "embedding_recall", "open"),
)
HEADLINES = frozenset(
    {
        ("llava-med", "recall"),
        ("llava-med", "closed_hit_run_eval_batch"),
        ("strict", "strict_hit"),
        ("choice", "choice_hit"),
        ("judge", "judge_hit"),
        ("logic", "logic_hit"),
        ("embedding", "embedding_f1"),
    }
)
"""Set and column of the figures that are also broken down by question type, modality and data set on the terminal."""


@dataclass(slots=True)
class Scores:
    """Columns of one length; NaN where a metric does not speak of a question.

    Attributes
    ----------
    replies : list of str or None
        What was scored.
    columns : dict of str to array
        By the column's name.
    parts : list of str
        ``OPEN``, ``CLOSED`` or empty where there is no answer.
    notes : dict of str to list of str
        Words beside the numbers: a judge's reasons.
    """

    replies: list[str | None]
    parts: list[str]
    columns: dict[str, array[float]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def column(self, name: str) -> array[float]:
        """A column, made where it is missing."""
        if name not in self.columns:
            self.columns[name] = array("d", [math.nan]) * len(self.replies)
        return self.columns[name]


def score(
    truths: Truths,
    replies: list[str | None],
    sets: Sequence[str],
    *,
    candidates: Candidates | None = None,
    synonyms: Synonyms | None = None,
) -> Scores:
    """Score answers by the sets that need nothing but strings: ``llava-med``, ``strict``, ``choice``."""
    parts = ["" if reply is None else truths.kind(place) for place, reply in enumerate(replies)]
    scores = Scores(replies, parts)
    if "llava-med" in sets:
        _llava_med(scores, truths, candidates)
    if "strict" in sets:
        _strict(scores, truths, synonyms or Synonyms())
    if "choice" in sets:
        _choice(scores, truths, synonyms or Synonyms())
    return scores


def _pairs(scores: Scores, truths: Truths) -> Iterable[tuple[int, str, str]]:
    for place, (truth, reply) in enumerate(zip(truths.truths, scores.replies, strict=True)):
        if reply is not None and truth is not None:
            yield place, truth, reply


def _llava_med(scores: Scores, truths: Truths, candidates: Candidates | None) -> None:
    """Only rows that say OPEN or CLOSED count, as in the original."""
    opened = [scores.column(name) for name in llava_med.OPEN]
    closed = [scores.column(name) for name in llava_med.CLOSED]
    nearest = scores.column("open_candidate_hit") if candidates is not None else None
    told = truths.answer_types
    for place, truth, reply in _pairs(scores, truths):
        if told[place] == "OPEN":
            for column, value in zip(opened, llava_med.score_open(truth, reply), strict=True):
                column[place] = value
            if candidates is not None and nearest is not None:
                nearest[place] = llava_med.candidate_hit(truth, reply, candidates)
        elif told[place] == "CLOSED":
            for column, value in zip(closed, llava_med.score_closed(truth, reply), strict=True):
                column[place] = value


def _strict(scores: Scores, truths: Truths, synonyms: Synonyms) -> None:
    opened = [scores.column(name) for name in strict.OPEN]
    closed, both = scores.column("strict_closed"), scores.column("strict_hit")
    for place, truth, reply in _pairs(scores, truths):
        if scores.parts[place] == "OPEN":
            values = strict.score_open(truth, reply, synonyms)
            both[place] = values[0]
            for column, value in zip(opened, values, strict=True):
                column[place] = value
        else:
            hit = strict.closed(truth, reply, truths.choices[place], truths.texts[place], synonyms)
            closed[place] = both[place] = hit


def fill_embedding(scores: Scores, truths: Truths, compare: Compare) -> None:
    """Fill the columns of the set ``embedding``, of open answers, by what compares texts."""
    columns = [scores.column(f"embedding_{name}") for name in ("precision", "recall", "f1")]
    pairs = [one for one in _pairs(scores, truths) if scores.parts[one[0]] == "OPEN"]
    found = compare([truth for _, truth, _ in pairs], [reply for _, _, reply in pairs])
    for (place, _, _), values in zip(pairs, found, strict=True):
        for column, value in zip(columns, values, strict=True):
            column[place] = value


def _choice(scores: Scores, truths: Truths, synonyms: Synonyms) -> None:
    hits, guesses = (scores.column(name) for name in choice.COLUMNS)
    for place, truth, reply in _pairs(scores, truths):
        if truths.choices[place]:
            hits[place], guesses[place] = choice.score(truth, reply, truths.choices[place], synonyms)

"""The scores of LLaVA-Med's own programs (v1.0: ``run_eval``, ``run_eval_batch``), with their oddities.

For reproducing the tables of papers, and for nothing else: "exact match" is none, a closed answer is right where its
letters stand anywhere, and repeated words raise recall. What the paper reports as open accuracy is ``recall``; its
closed accuracy is ``closed_hit_run_eval_batch``. Written anew from a description of the programs' behaviour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from medcli.evaluate.metrics.bleu import nltk_bleu
from medcli.evaluate.metrics.tables import contractions

_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_ANY_MARK = re.compile(f"[{re.escape(_MARKS)}]")
_GROUPED = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS = 32  # a flag of that value is passed where the count belongs
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"none": "0"}
_ARTICLES = frozenset(("a", "an", "the"))


def normalize(text: str) -> str:
    """Normalise as VQA evaluation does, with LLaVA-Med's list of marks.

    A mark that touches a space anywhere, or any mark of a text that holds ``digit,digit``, is deleted everywhere; another
    becomes a space. Periods before a non-digit go, the first 32 of them. Number words become digits, articles go.

    >>> normalize("The image is a PA view (posterior-anterior).")
    'image is pa view posterior anterior'
    """
    if _ANY_MARK.search(text):
        text = text.translate(_marks_of(text))
    if "." in text:
        text = _PERIOD.sub("", text, count=_PERIODS)
    words = [_NUMBERS.get(word, word) for word in text.lower().split()]
    spelt = contractions()
    return " ".join([spelt.get(word, word) for word in words if word not in _ARTICLES])


def _marks_of(text: str) -> dict[int, str | None]:
    grouped = bool(_GROUPED.search(text))
    return {
        ord(mark): None if grouped or f"{mark} " in text or f" {mark}" in text else " "
        for mark in set(_ANY_MARK.findall(text))
    }


@lru_cache(16384)
def _once(truth: str) -> tuple[str, Mapping[str, int]]:
    """A truth normalised, and its words after the second normalisation; truths repeat."""
    once = normalize(truth.lower())
    return once, counted(again(once).split())


def again(once: str) -> str:
    """Normalise what is normalised already, which changes no more than periods beyond the first 32."""
    return normalize(once) if _PERIOD.search(once) else once


def counted(words: Iterable[str]) -> dict[str, int]:
    """Count words."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def f1_precision_recall(
    prediction: Mapping[str, int], truth: Mapping[str, int]
) -> tuple[float, float, float]:
    """F1, precision and recall of words; a match counts as often as the prediction has it.

    Parameters
    ----------
    prediction, truth : mapping of str to int
        Words and how often they stand in normalised texts.
    """
    hits = sum([count for word, count in prediction.items() if word in truth])
    if not hits:
        return 0.0, 0.0, 0.0
    missed = sum([count for word, count in truth.items() if word not in prediction])
    precision = hits / sum(prediction.values())
    recall = hits / (hits + missed)
    return 2 * precision * recall / (precision + recall), precision, recall


def exact(prediction: Mapping[str, int], truth: Mapping[str, int]) -> float:
    """What the programs call exact match: distinct words of the truth that are there, over all words of the answer."""
    total = sum(prediction.values())
    return sum([word in prediction for word in truth]) / total if total else 0.0


class Candidates:
    """The answers that a prediction is mapped to for ``open_candidate_hit``.

    Parameters
    ----------
    answers : iterable
        All answers of the training set, in order; numbers too.
    """

    def __init__(self, answers: Iterable[object]) -> None:
        self._texts = [normalize(str(one)) for one in answers]
        self._sizes = []
        self._by_word: dict[str, list[int]] = {}
        for place, text in enumerate(self._texts):
            words = set(text.lower().split())
            self._sizes.append(len(words))
            for word in words:
                self._by_word.setdefault(word, []).append(place)

    def nearest(self, words: Iterable[str]) -> str:
        """The candidate with the largest share of its distinct words among ``words``; the first where several have."""
        counts: dict[int, int] = {}
        for word in words:
            for place in self._by_word.get(word, ()):
                counts[place] = counts.get(place, 0) + 1
        if not counts:
            return self._texts[0]
        best = min(counts, key=lambda place: (-counts[place] / self._sizes[place], place))
        return self._texts[best]


def closed_run_eval(prediction: str, truth: str) -> int:
    """1 if the prediction holds the letters of yes or no anywhere, and the truth's; both normalised once."""
    return int(("yes" in prediction or "no" in prediction) and truth in prediction)


def closed_run_eval_batch(prediction: str, truth: str) -> int:
    """1 if the truth's letters stand anywhere in the prediction; both normalised once."""
    return int(truth in prediction)


OPEN = ("f1", "precision", "recall", "exact", "open_substring_hit", "bleu", "bleu_1", "bleu_2", "bleu_3")
CLOSED = ("f1", "precision", "recall", "closed_hit_run_eval", "closed_hit_run_eval_batch")


def score_open(truth: str, prediction: str) -> tuple[float, ...]:
    """All scores of an open answer, in the order of :data:`OPEN`."""
    wanted, counts = _once(truth)
    given = normalize(prediction.lower())
    mine = counted(again(given).split())
    substring = float(wanted in given)
    bleus = nltk_bleu(wanted.split(), given.split())
    return (*f1_precision_recall(mine, counts), exact(mine, counts), substring, *bleus)


def score_closed(truth: str, prediction: str) -> tuple[float, ...]:
    """All scores of a closed answer, in the order of :data:`CLOSED`."""
    wanted, counts = _once(truth)
    given = normalize(prediction.lower())
    mine = counted(again(given).split())
    hits = closed_run_eval(given, wanted), closed_run_eval_batch(given, wanted)
    return (*f1_precision_recall(mine, counts), float(hits[0]), float(hits[1]))


def candidate_hit(truth: str, prediction: str, candidates: Candidates) -> float:
    """1 if the candidate that is nearest to the prediction is the truth."""
    wanted, _ = _once(truth)
    given = again(normalize(prediction.lower()))
    return float(candidates.nearest(set(given.split())) == again(wanted))

"""Scores that mean what they say: a closed answer is right where the reply says so, and an open one where it is equal.

Sources: token F1 as SQuAD counts it (Rajpurkar et al., EMNLP 2016: the smaller of the two counts of each word), ROUGE-L
(Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, section 3.2, with beta 1), BLEU as sacrebleu's.
All but BLEU are taken of the normal form of :mod:`medcli.evaluate.metrics.wording`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from medcli.evaluate.metrics.bleu import sacre_bleu
from medcli.evaluate.metrics.replies import LETTERS, alternatives, option, yes_or_no
from medcli.evaluate.metrics.wording import Synonyms, normalized

OPEN = ("strict_exact", "strict_f1", "strict_rouge_l", "strict_bleu")
CLOSED = ("strict_closed",)
_NONE = Synonyms()


@lru_cache(4096)
def key(truth: str, choices: tuple[str, ...]) -> int | None:
    """The place of the right option: the truth is its text or its letter; None if it is neither."""
    wanted = normalized(truth)
    texts = [normalized(one) for one in choices]
    if wanted in texts:
        return texts.index(wanted)
    letter = truth.strip().strip("().").upper()
    if len(letter) == 1 and letter in LETTERS[: len(choices)]:
        return LETTERS.index(letter)
    return None


def closed(
    truth: str, reply: str, choices: tuple[str, ...] = (), question: str = "", synonyms: Synonyms = _NONE
) -> float:
    """1 if the reply says what is true and nothing else; 0 otherwise.

    With ``choices``, by option; where the truth is yes or no, by :func:`~medcli.evaluate.metrics.replies.yes_or_no`;
    else the truth's phrase has to stand in the reply, and no alternative that the question offers with "or".
    """
    right = key(truth, choices) if choices else None
    if right is not None:
        return float(named(reply, choices, synonyms) == right)
    if (wanted := normalized(truth)) in ("yes", "no"):
        return float(yes_or_no(reply) == wanted)
    pair = alternatives(question, truth)
    place = option(synonyms.apply(reply), tuple(synonyms.apply(one) for one in pair))
    return float(place is not None and normalized(pair[place]) == wanted)


def named(reply: str, choices: tuple[str, ...], synonyms: Synonyms = _NONE) -> int | None:
    """The option that a reply names; among the options yes and no, what it says of these."""
    place = option(reply, choices)
    forms = [normalized(one) for one in choices]
    if sorted(forms) == ["no", "yes"] and (said := yes_or_no(reply)) and place is None:
        return forms.index(said)
    if place is None and synonyms:
        return option(synonyms.apply(reply), tuple(synonyms.apply(one) for one in choices))
    return place


def exact(truth: str, reply: str, synonyms: Synonyms = _NONE) -> float:
    """1 if the normal forms are equal."""
    wanted, given = synonyms.apply(truth), synonyms.apply(reply)
    return float(wanted == given if wanted else truth.strip() == reply.strip())


def token_f1(truth: Sequence[str], reply: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of words, each counted at most as often as in the other."""
    if not truth or not reply:
        return 0.0
    shared = sum((Counter(truth) & Counter(reply)).values()) if len(truth) > 1 else int(truth[0] in reply)
    return 2 * shared / (len(truth) + len(reply))


def rouge_l(truth: Sequence[str], reply: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of words, from 0 to 1."""
    if not truth or not reply:
        return 0.0
    return 2 * _common(truth, reply) / (len(truth) + len(reply))


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel over ``first`` (Hyyrö, 2004)."""
    if len(first) == 1:
        return int(first[0] in second)
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(first)) - 1
    free = full
    for word in second:
        here = free & places.get(word, 0)
        free = ((free + here) | (free - here)) & full
    return len(first) - free.bit_count()


def score_open(truth: str, reply: str, synonyms: Synonyms = _NONE) -> tuple[float, ...]:
    """All scores of an open answer, in the order of :data:`OPEN`."""
    wanted, given = synonyms.apply(truth), synonyms.apply(reply)
    first, second = wanted.split(), given.split()
    equal = float(wanted == given if wanted else truth.strip() == reply.strip())
    return equal, token_f1(first, second), rouge_l(first, second), sacre_bleu(truth, reply)

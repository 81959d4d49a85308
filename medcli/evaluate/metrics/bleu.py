"""BLEU of one sentence against one reference, as nltk and as sacrebleu count it.

Sources: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002; the choices of
nltk 3.8 to 3.10 (``sentence_bleu`` without smoothing, where an order without a match counts as the smallest positive
float); those of sacrebleu 2 (Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018: tokenizer 13a, exponential
smoothing, effective order). Written anew; equal to both to 1e-12, which tests hold.
"""

from __future__ import annotations

import html
import math
import re
import sys
from collections.abc import Sequence

_SMALLEST = sys.float_info.min
_LOG_SMALLEST = math.log(_SMALLEST)
_ORDERS = (1, 2, 3, 4)


def matches(reference: Sequence[str], hypothesis: Sequence[str]) -> list[int]:
    """Count the clipped n-gram matches of orders 1 to 4 (Papineni, section 2.1.1)."""
    found: list[int] = []
    for n in _ORDERS:
        if len(reference) < n or len(hypothesis) < n or (found and not found[-1]):
            found.append(0)  # no longer match without a shorter one
            continue
        left: dict[object, int] = {}
        for gram in zip(*(reference[i:] for i in range(n)), strict=False):
            left[gram] = left.get(gram, 0) + 1
        count = 0
        for gram in zip(*(hypothesis[i:] for i in range(n)), strict=False):
            if left.get(gram):
                left[gram] -= 1
                count += 1
        found.append(count)
    return found


def nltk_bleu(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[float, float, float, float]:
    """BLEU as LLaVA-Med's programs call nltk: cumulative of order 4, then each of the orders 1, 2, 3 alone.

    Parameters
    ----------
    reference, hypothesis : sequence of str
        Tokens.

    Returns
    -------
    tuple of float
        ``bleu, bleu_1, bleu_2, bleu_3`` from 0 to 1. All are 0 where no word matches; an order without a match stands
        for 2.2e-308, so that ``bleu`` of a short answer is about 1e-231 or 1e-78.
    """
    found = matches(reference, hypothesis)
    if not found[0]:
        return 0.0, 0.0, 0.0, 0.0
    length, wanted = len(hypothesis), len(reference)
    brevity = 1.0 if length > wanted else math.exp(1 - wanted / length)
    logs = [
        math.log(count / max(1, length - n + 1)) if count else _LOG_SMALLEST
        for n, count in zip(_ORDERS, found, strict=True)
    ]
    cumulative = math.fsum(0.25 * one for one in logs)
    return (
        brevity * math.exp(cumulative),
        brevity * math.exp(logs[0]),
        brevity * math.exp(logs[1]),
        brevity * math.exp(logs[2]),
    )


_MARKS = re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])")
_AFTER_OTHER = re.compile(r"([^0-9])([\.,])")
_BEFORE_OTHER = re.compile(r"([\.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")
_PLAIN = re.compile(r"[A-Za-z0-9\s]*")


def tokenize_13a(text: str) -> list[str]:
    """Split a text as mteval-v13a does (NIST's scorer, and sacrebleu's default)."""
    if _PLAIN.fullmatch(text):
        return text.split()
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        text = html_unescape(text)
    text = _MARKS.sub(r" \1 ", f" {text} ")
    text = _AFTER_OTHER.sub(r"\1 \2 ", text)
    text = _BEFORE_OTHER.sub(r" \1 \2", text)
    return _DASH.sub(r"\1 \2 ", text).split()


def html_unescape(text: str) -> str:
    """Undo the four entities that mteval-v13a knows, in its order."""
    for entity in ("&quot;", "&amp;", "&lt;", "&gt;"):
        text = text.replace(entity, html.unescape(entity))
    return text


def sacre_bleu(reference: str, hypothesis: str) -> float:
    """BLEU of a sentence as sacrebleu's ``sentence_bleu`` gives it with ``lowercase=True``, from 0 to 1.

    Tokenizer 13a, exponential smoothing (each order without a match counts half of the one before), effective order.
    """
    wanted = tokenize_13a(reference.lower().rstrip())
    given = tokenize_13a(hypothesis.lower().rstrip())
    found = matches(wanted, given)
    length = len(given)
    if not found[0]:
        return 0.0
    logs, halved = [], 1.0
    for n, count in zip(_ORDERS, found, strict=True):
        total = length - n + 1
        if total <= 0:
            break
        if not count:
            halved *= 2
        logs.append(math.log(count / total if count else 1.0 / (halved * total)))
    brevity = 1.0 if length >= len(wanted) else math.exp(1 - len(wanted) / length)
    return brevity * math.exp(sum(logs) / len(logs))

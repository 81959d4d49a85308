"""Rules on how a text is put: ``length``, ``repetition``, ``language``."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise

from medcli.instruct.checks.settings import LENGTHS, Lengths
from medcli.instruct.checks.subject import Subject
from medcli.instruct.checks.tables import rows
from medcli.instruct.sample import Finding

_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f"  # kana, Han, Hangul, Thai: a character counts as a word
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_](?:[^\W_{_UNSPACED}]|['\u2019.-](?=[^\W_]))*")
_SENTENCE = re.compile(r"(?<=[.!?\u3002])\s+|\n+")
_AT_HOME = ("GREEK", "MICRO", "MODIFIER")  # first words of Unicode's names of letters
_TELLING, _LACKING = 8, 20  # different words from which function words tell, and from which their lack does
_LONG = 5  # words from which an answer or a sentence that comes twice is no coincidence
_GRAM, _MANY, _DISTINCT = 4, 40, 0.7


def tokens(text: str) -> list[str]:
    """Words of a text in small letters, with numbers; in scripts without spaces, its characters."""
    return _TOKEN.findall(text.casefold())


def folded(text: str) -> str:
    """A text in small letters without marks, for comparison."""
    return " ".join(tokens(text))


def _tokens_of(subject: Subject) -> list[list[str]]:
    """Tokens of each turn, worked out once."""
    if not subject.tokens:
        subject.tokens = [tokens(text) for text in subject.texts]
    return subject.tokens


def lengths_of(subject: Subject) -> Lengths:
    """The limits for a sample's kind; those of an unknown kind where the settings have none."""
    kind = subject.sample.kind
    return subject.settings.lengths.get(kind) or LENGTHS.get(kind, LENGTHS[""])


def length(subject: Subject) -> Iterator[Finding]:
    """Questions and answers have as many words as their kind wants, and a sample no more pairs."""
    limits, told = lengths_of(subject), _tokens_of(subject)
    for turns, (least, most), what in (
        (subject.questions, limits.question, "question"),
        (subject.answers, limits.answer, "answer"),
    ):
        for place, _ in turns:
            if not least <= (words := len(told[place])) <= most:
                yield Finding("length", place, f"{what} of {words} words; {least} to {most} are due")
    if (pairs := len(subject.answers)) > limits.pairs:
        yield Finding("length", 2 * limits.pairs, f"{pairs} pairs; {limits.pairs} are due")


def repetition(subject: Subject) -> Iterator[Finding]:
    """No question comes twice, no answer of five words or more does, and none goes round in circles.

    An answer goes round in circles that holds a word four times in a row, a sentence of five words twice, or more than
    40 words of which under 70 % of the runs of four are distinct. One that only says the question again counts too.
    """
    seen, asked = set[tuple[str, str]](), ""
    for place, ((role, text), words) in enumerate(
        zip(subject.sample.turns, _tokens_of(subject), strict=True)
    ):
        said = " ".join(words)
        if said and (role == "user" or len(words) >= _LONG) and (role, said) in seen:
            yield Finding("repetition", place, "the same as an earlier turn")
        elif role == "assistant" and said and said == asked:
            yield Finding("repetition", place, "the question again")
        elif role == "assistant" and _circles(text, words):
            yield Finding("repetition", place, "the same words again and again")
        seen.add((role, said))
        asked = said if role == "user" else ""


def _circles(text: str, words: list[str]) -> bool:
    again = len(words) - 1 - len(set(pairwise(words)))
    if again < _GRAM - 2:  # a word four times in a row repeats two pairs, a sentence of five words four
        return False
    grams = list(zip(*(words[start:] for start in range(_GRAM)), strict=False))
    distinct = set(grams)
    if any(len(set(gram)) == 1 for gram in distinct):
        return True
    if len(distinct) == len(grams):  # so no sentence of five words comes twice
        return False
    sentences = [one for one in map(folded, _SENTENCE.split(text)) if one.count(" ") >= _LONG - 1]
    return len(set(sentences)) < len(sentences) or (
        len(words) > _MANY and len(distinct) < _DISTINCT * len(grams)
    )


@cache
def _function_words() -> dict[str, frozenset[str]]:
    """By language: its commonest words that carry no meaning of their own."""
    return {row["language"]: frozenset(row["words"].split()) for row in rows("languages") if row["words"]}


@cache
def _scripts() -> dict[str, tuple[str, ...]]:
    """By language: the scripts it is written in, as Unicode's names of letters begin."""
    return {row["language"]: tuple(row["scripts"].split()) for row in rows("languages")}


def languages() -> tuple[str, ...]:
    """Codes that :attr:`Settings.language` may have."""
    return tuple(_scripts())


@lru_cache(4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0].split("-")[0]


def language(subject: Subject) -> Iterator[Finding]:
    """Every turn is in the language that is wished for.

    A turn is in another one if over a tenth of its letters are of another script (Greek ones are at home everywhere, up
    to a third); or if it has eight different words or more, and of another language's function words two at least and
    more than of its own; or twenty and none of its own. Notes in key words are in any language.
    """
    wish = subject.settings.language
    if wish not in _scripts():
        return
    for place, text in enumerate(subject.texts):
        if said := _foreign(text, subject.words[place], wish):
            yield Finding("language", place, said)


def _foreign(text: str, words: frozenset[str], wish: str) -> str:
    own = _scripts()[wish]
    if not (text.isascii() and "LATIN" in own):
        counts = Counter(_script(letter) for letter in text if letter.isalpha())
        total = sum(counts.values())
        strange = sum(many for script, many in counts.items() if script not in (*own, *_AT_HOME))
        if strange * 10 > total or ("GREEK" not in own and counts["GREEK"] * 3 > total):
            return "another script"
    mine = _function_words().get(wish)
    if mine is None or len(words) < _TELLING:
        return ""
    hits = len(words & mine)
    others = max(
        (len(words & theirs) for code, theirs in _function_words().items() if code != wish), default=0
    )
    foreign = others > max(hits, 1) or (not hits and len(words) >= _LACKING)
    return "another language" if foreign else ""

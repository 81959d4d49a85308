"""Rules on multiple choice: ``choices`` and ``choice-giveaway``.

Knows options and the key. What option an answer names is told by its first letter or by an option's whole text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from medcli.instruct.checks.subject import Subject
from medcli.instruct.sample import Finding, Sample

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKS = re.compile(r"[\W_]+")
_LEADING = re.compile(
    r"^\W*(?i:(?:the\s+)?(?:correct\s+|right\s+|best\s+)?(?:answer|option|choice)\s*(?:is\s*)?:?\s*)?(?i:option\s+)?"
    r"[(\[*]*([A-Z])(?:[)\].:*,]|\s*[-\u2013\u2014]\s|\s*$)"
)
_CATCH_ALL = re.compile(r"^(?:all|none|both|neither|any) of (?:above|options|others|these|them)\b")
_RATIO, _MORE = 1.6, 15
_SHORT = 2.5


def folded(option: str) -> str:
    """An option for comparison: small letters, without marks and articles."""
    words = [word for word in _MARKS.sub(" ", option.casefold()).split() if word not in ("a", "an", "the")]
    return " ".join(words)


def named(answer: str, options: tuple[str, ...]) -> int:
    """Place of the option that an answer names, by its text or its letter, or -1 if none or several can be told."""
    said, whole = f" {folded(answer)} ", [folded(option) for option in options]
    if said.strip() in whole:
        return whole.index(said.strip())
    if (found := _LEADING.match(answer)) and (place := _LETTERS.index(found[1])) < len(options):
        return place
    inside = [place for place, option in enumerate(whole) if option and f" {option} " in said]
    return inside[0] if len(inside) == 1 else -1


def choices(subject: Subject) -> Iterator[Finding]:
    """Two to 26 distinct options, a key among them, one pair of turns, and an answer that names the key.

    "All of the above" and its like are no options: which letter they stand at changes what they say. Samples of other
    kinds have neither options nor a key.
    """
    sample = subject.sample
    if not (sample.choices or sample.kind == "vqa-choice"):
        if sample.key != -1:
            yield Finding("choices", detail="a key without options")
        return
    if sample.kind not in ("vqa-choice", ""):
        yield Finding("choices", detail="options in a sample of another kind")
        return
    if said := _options(sample):
        yield Finding("choices", detail=said)
        return
    if len(sample.turns) != 2:
        yield Finding("choices", detail="other than one question and one answer")
    for place, answer in subject.answers:
        if named(answer, sample.choices) != sample.key:
            yield Finding("choices", place, "the answer does not name the key")


def _options(sample: Sample) -> str:
    """What is wrong with the options themselves."""
    options = [folded(option) for option in sample.choices]
    if not 2 <= len(options) <= len(_LETTERS):
        return "not two to 26 options"
    if not all(options):
        return "an empty option"
    if len(set(options)) < len(options):
        return "two options that say the same"
    if any(_CATCH_ALL.match(option) for option in options):
        return "an option that speaks of the others"
    return "" if 0 <= sample.key < len(options) else "a key that is no option's place"


def choice_giveaway(subject: Subject) -> Iterator[Finding]:
    """The key is not told by its length, and the question does not name it alone.

    By length: longer than every other option by 60 % and by 15 characters; or shorter than every other by a factor of
    2.5 where the others have 15 characters or more. By name: the key's text of two words or more stands in the
    question and no other option's does.
    """
    sample = subject.sample
    if not 0 <= sample.key < len(sample.choices) or len(sample.choices) < 2:
        return
    sizes = [len(option.strip()) for option in sample.choices]
    own = sizes.pop(sample.key)
    if own >= _RATIO * max(sizes) and own >= max(sizes) + _MORE:
        yield Finding("choice-giveaway", detail="the key is much longer than the others")
    elif own * _SHORT <= min(sizes) and min(sizes) >= _MORE:
        yield Finding("choice-giveaway", detail="the key is much shorter than the others")
    options = [folded(option) for option in sample.choices]
    for place, question in subject.questions[:1]:
        said = f" {folded(_stem(question))} "
        inside = [at for at, option in enumerate(options) if " " in option and f" {option} " in said]
        if inside == [sample.key]:
            yield Finding("choice-giveaway", place, "the question names the key alone")


def _stem(question: str) -> str:
    """A question without options that are written out in it, a letter a line."""
    return "\n".join(line for line in question.splitlines() if not re.match(r"\s*[(\[]?[A-Z][).:\]]\s", line))

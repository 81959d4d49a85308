"""What of a text that speaks of its source can be cut, so that the rest still stands.

Three shapes: a beginning up to its comma ("According to the caption, ..."), a clause that reports ("The context
mentions that ..."), and an adjunct within or at the end ("..., as described in the text, ..."). Only letters at the
cut change: the first one of the rest is made a capital where its word is in small letters, and nothing is lowered.
"""

from __future__ import annotations

import re
from functools import cache

from medcli.instruct.checks.source_talk import nouns, talks

_ANSWERED = r"(?P<kept>(?:yes|no|correct|right)\s*[,.;:]\s+)?"
_PARTICIPLE = (
    r"(?:mentioned|described|indicated|noted|stated|shown|reported|specified|provided|given|seen|depicted|discussed|"
    r"explained|suggested|documented)"
)
_START = (
    r"(?:according to|based (?:up)?on|judging (?:by|from)|as per|per|from|in|within|given|by|considering|"
    rf"as\s+(?:is\s+)?(?:\w+ly\s+)?{_PARTICIPLE}\s+(?:in|by|within))"
)
_THAT = r"(?:also\s+|further\s+)?(?:mention|state|say|describe|indicate|suggest|note|report|explain|specifie|read|tell)e?s?"
_AFTER_COPULA = re.compile(
    r"\b(?:is|are|was|were|be|been|being|has|have|had|not|\w+ly|also|and|or|of)\s*$", re.IGNORECASE
)
_FIRST = re.compile(r"[a-z]{2,}|a\b")
_GAP, _DOUBLE = re.compile(r"\s+([,.;:?!)])"), re.compile(r",(\s*[,.;:?!])")


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    noun = rf"(?:the|this|that|your)?\s*(?:[\w'-]+\s+){{0,3}}?(?:{nouns()})\b"
    begins = re.compile(rf"^{_ANSWERED}(?P<cut>{_START}\s+[^,.:;?!]{{3,110}}(?:,\s*|:\s+))", re.IGNORECASE)
    reports = re.compile(
        rf"^{_ANSWERED}(?P<cut>(?:{noun}\s+{_THAT}\s*(?:that\s+|:\s*)"
        rf"|it\s+(?:is|was)\s+(?:\w+ly\s+)?(?:mentioned|stated|noted)\s+(?:(?:in|by)\s+{noun}\s+)?that\s+))",
        re.IGNORECASE,
    )
    within = re.compile(
        rf"(?:\s*[,(]\s*|\s+)(?:(?:as|which\s+(?:is|was)|that\s+(?:is|was))\s+)?(?:\w+ly\s+)?"
        rf"(?:{_PARTICIPLE}\s+(?:in|by|within)|according to|as per)\s+{noun}(?:\s+(?:provided|given|above|below))?"
        r"(?:\s*\)|\s*,(?=\s)|(?=[\s.;:?!,]|$))",
        re.IGNORECASE,
    )
    return begins, reports, within


def cut(text: str) -> str:
    """A text without what of its talk of a source can go; the text itself where there is none.

    >>> cut("Yes, according to the caption, MRI shows a 'caption-free' mass.")
    "Yes, MRI shows a 'caption-free' mass."
    """
    if not talks(text):
        return text
    begins, reports, within = _patterns()
    for _ in range(3):  # "According to the caption, the context mentions that ..."
        before = text
        for shape in (begins, reports):
            found = shape.match(text)
            if found and talks(found["cut"]):
                kept = found["kept"] or ""
                text = kept + (
                    text[found.end() :] if kept.endswith(", ") else capitalised(text[found.end() :])
                )
        if text == before:
            break
    return _without(text, within)


def _without(text: str, within: re.Pattern[str]) -> str:
    """A text without adjuncts; one behind a form of "to be" is what the sentence says, and stays."""
    parts, at = [], 0
    for found in within.finditer(text):
        if _AFTER_COPULA.search(text, max(0, found.start() - 30), found.start()) or not talks(found[0]):
            continue
        parts.append(text[at : found.start()])
        at = found.end()
    if not parts:
        return text
    joined = "".join([*parts, text[at:]])
    return _DOUBLE.sub(r"\1", _GAP.sub(r"\1", joined)).strip()


def capitalised(text: str) -> str:
    """A text whose first word has a capital, if that word is in small letters throughout.

    >>> capitalised("the mass"), capitalised("pH is low"), capitalised("c-kit is positive"), capitalised("MRI")
    ('The mass', 'pH is low', 'c-kit is positive', 'MRI')
    """
    word = re.match(r"[^\s,.;:?!]+", text)
    if (
        word
        and _FIRST.fullmatch(word[0].split("-")[0])
        and word[0].islower()
        and word[0].isalpha() | ("-" in word[0])
    ):
        return text[0].upper() + text[1:]
    return text

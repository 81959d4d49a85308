"""Names written small that stand alone: behind a title, in a question, as who writes, behind an initial.

Knows which words in small letters no list has, or only lists of names, and the few places where one of them is a
person. Refuses to take a word that is one letter away from a usual one, or that ends as drugs and diseases do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    ACT,
    CAPITAL,
    COMMON,
    COUNTY,
    CREDENTIAL,
    DWELL,
    FACILITY,
    FIRST,
    HEAD,
    LABEL,
    LAST,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    PROPER,
    REGION,
    RELATIVE,
    ROLE,
    STATE,
    STOP,
    STREET,
    TITLE,
    WEAKHEAD,
    lexicon,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_lower", "named_too"]

_NEVER = (
    STOP
    | TITLE
    | ACT
    | ROLE
    | RELATIVE
    | LABEL
    | CREDENTIAL
    | HEAD
    | WEAKHEAD
    | FACILITY
    | STREET
    | STATE
    | REGION
    | DWELL
)
#: What a word may be listed as though no list of names has it.
_CASE = PROPER | OPENS | COUNTY
#: A word that no list has has so many letters to be a name.
_FEWEST = 3
#: A word of so many letters that is one away from a usual one is rather mistyped; a shorter one is as often a name.
_TYPED = 7
#: Where more than one word of so many is in no list, the text is no English.
_OTHER_TONGUE = 6
#: Who writes: im lars, its keisha, this is pavlos; and what follows a name there.
_SELVES = re.compile(
    r"(?<![\w'])(?:i'?m|i\u2019m|i am|it'?s|it\u2019s|this is|my name(?:'s| is)|name(?:'s| is)|thanks,?|regards,?|cheers,?|love,?|sincerely,?|best,?|yours,?|by|from|hi|hello|hey|dear|sir|signed|called|named)[ \n]{1,2}(?P<name>[a-z][a-z'-]{2,20})(?P<then>(?:,? (?:from|here|again|and|at|in|is|has|[a-z]\.)\b)|,? \d{1,3}\b|[,.;!?]|[ \n]*$)"
)
_SELF_WORDS = word_set("names-selves")
_HERE = re.compile(r"(?:^|[.!?\n] ?)(?P<name>[a-z][a-z'-]{2,20}) (?:here|again)\b")
#: Two that are named together: harin & hajun, samira and her.
_TOO = re.compile(r"(?:,? and |,? & |, |/)(?P<name>[a-z][a-z'-]{2,20})(?![\w'-])")
#: Endings of words that no list has and that are no names: verbs, drugs, diseases, methods.
_ENDS = re.compile(
    r"(?:ing|ed|ly|tion|ness|itis|emia|aemia|osis|oses|itic|otic|ic|ous|able|less|ment|mab|nib|ine|pril|tan|statin|cin|zole|vir|pam|lam|uria|oma|ectomy|scopy|graphy|pathy|plasty|tide|xaban|ers?|ies|n't)$"
)
_SPECIES = re.compile(
    r"(?:ii|is|us|ae|um|ensis|ans|osa|ata|ica|oides|ens|ia|iae|lyticus|philus|ori|oli|ogenes)$"
)
_INITIAL = re.compile(
    r"(?<![\w.])(?:for|by|re|per|with|and|to|from|nurse|dr|pt|saw|called|told|asked|pharm|signed|attn|cc)\.?:? (?P<all>(?:[a-z]\. ?){1,2}(?P<family>[a-z][a-z'-]{1,20}))(?![\w.])"
)
_AGED = re.compile(r",? ?\(?\d{1,3} ?(?:[mf]|yo|y/o|yr)\b|[,?!.]|$")
_ASKS = frozenset(("is", "was", "does", "did", "can", "should", "has", "will", "could", "may", "do"))
_QUESTIONS = frozenset(
    ("why", "when", "what", "how", "where", "dose", "and", "but", "or", "so", "much", "often", "long", "soon")
)


def find_lower(document: Document) -> Iterator[Span]:
    """Names written small, by where they stand; for high, and where the text is about somebody, by lists alone."""
    yield from _strange(document)
    yield from _asked(document)
    yield from _selves(document)
    if ". " in document.text:
        yield from _initialled(document)
    if document.high or document.found:
        yield from _listed(document)
    if document.high:
        yield from _unlisted(document)


def _strange(document: Document) -> Iterator[Span]:
    """A word written small that no list has, behind a title or a relative: miss oyelowo, my wife ngozika."""
    looked = document.looked
    strangers = [
        at
        for at, number in enumerate(looked.numbers)
        if not number & ~_CASE and looked.shapes[at] == LOWER and at
    ]
    for position in strangers:
        low, previous = looked.lows[position], looked.numbers[position - 1]
        if looked.lows[max(0, position - 2) : position] == ["in", "law"]:
            previous = RELATIVE
        if not previous & (TITLE | RELATIVE | ROLE):
            continue
        if len(low) < _FEWEST or _ENDS.search(low):
            continue
        gap = document.text[looked.ends[position - 1] : looked.starts[position]]
        told = _acts_or_ends(document, position)
        if gap not in (" ", ". ") or not (previous & (TITLE | RELATIVE) or told):
            continue
        if (told and previous & (TITLE | RELATIVE)) or not misspelt(low):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.6, "rule:called")


def _selves(document: Document) -> Iterator[Span]:
    """Who writes, in small letters: im lars from malmö, its keisha again, thanks, olu."""
    table = lexicon()
    if document.looked.present.isdisjoint(_SELF_WORDS):
        return
    for pattern in (_SELVES, _HERE):
        for found in pattern.finditer(document.text):
            low = found["name"]
            number = table[low]
            if nameable(low, number) and (number or not misspelt(low)):
                yield Span(*found.span("name"), "NAME", 0.6, "rule:self")


def nameable(low: str, number: int) -> bool:
    """Whether a word written small is listed as a name and nothing else, or in no list and with no ending of medicine's."""
    if number & ~_CASE:
        level = max(number & FIRST, (number & LAST) >> 2)
        return level > 1 and not number & (COMMON | MEDICAL | _NEVER)
    return _ENDS.search(low) is None


def named_too(text: str, end: int) -> tuple[int, int] | None:
    """Where a second name stands, behind a first one written small; None where none does."""
    found = _TOO.match(text, end)
    if found is None:
        return None
    number = lexicon()[found["name"]]
    fits = nameable(found["name"], number) and (number & NAME or not misspelt(found["name"]))
    return found.span("name") if fits else None


def _acts_or_ends(document: Document, position: int) -> bool:
    """Whether the word is followed by what persons do, an age, a comma or nothing."""
    end = document.looked.ends[position]
    return _acts(document, position) or _AGED.match(document.text, end) is not None


def _asked(document: Document) -> Iterator[Span]:
    """A name written small that a question is about: why was anders switched, does ngozi need a booster."""
    looked = document.looked
    if looked.present.isdisjoint(_ASKS):
        return
    for position in range(1, len(looked.lows)):
        number = looked.numbers[position]
        if looked.lows[position - 1] not in _ASKS or looked.shapes[position] != LOWER:
            continue
        if document.text[looked.ends[position - 1] : looked.starts[position]] != " ":
            continue
        if (
            position > 1
            and looked.lows[position - 2] not in _QUESTIONS
            and not _opens(document, position - 1)
        ):
            continue
        level = max(number & FIRST, (number & LAST) >> 2)
        named = level > 1 and not number & (COMMON | MEDICAL | STOP | _NEVER)
        unknown = document.high and not number and len(looked.lows[position]) > _FEWEST
        if (
            named
            or (unknown and not _ENDS.search(looked.lows[position]) and not misspelt(looked.lows[position]))
        ) and len(looked.lows[position]) > 2:
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.6, "rule:asked")


def _opens(document: Document, position: int) -> bool:
    gap = document.text[: document.looked.starts[position]].rstrip()[-1:]
    return gap in ("", ".", "?", "!", ":", ";", ",")


def _initialled(document: Document) -> Iterator[Span]:
    """An initial written small before a surname: w. esterhazy; a species (s. lugdunensis) has an ending of its own."""
    table = lexicon()
    for found in _INITIAL.finditer(document.text):
        low = found["family"]
        number = table[low]
        if number & (MEDICAL | STOP | HEAD) or (number & COMMON and number & LAST != LAST):
            continue
        if number & NAME or (not number and not _SPECIES.search(low) and not misspelt(low)):
            yield Span(found.start("all"), found.end(), "NAME", 0.6, "rule:initial")


def _listed(document: Document) -> Iterator[Span]:
    """Words written small that are listed as names and as nothing else: for high only."""
    looked = document.looked
    for position, number in enumerate(looked.numbers):
        level = max(number & FIRST, (number & LAST) >> 2)
        if (
            level > 1
            and looked.shapes[position] == LOWER
            and len(looked.lows[position]) >= _FEWEST
            and (number & COMMON) >> 4 < 2
            and not number & (MEDICAL | _NEVER)
            and not _after_capitals(document, position)
        ):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.5, "list:lower")


def _after_capitals(document: Document, position: int) -> bool:
    """Whether a name with its capital stands right before: what is written small there is what it does (kam, said)."""
    looked, before = document.looked, position - 1
    return (
        position > 0
        and looked.shapes[before] == CAPITAL
        and bool(looked.numbers[before] & NAME)
        and document.text[looked.ends[before] : looked.starts[position]] == " "
    )


def _unlisted(document: Document) -> Iterator[Span]:
    """Words written small that no list has at all, nor one letter away: for high only."""
    looked = document.looked
    strange = [
        at for at, number in enumerate(looked.numbers) if not number & ~_CASE and looked.shapes[at] == LOWER
    ]
    if len(strange) * _OTHER_TONGUE > len(looked.lows):
        return
    for position in strange:
        low = looked.lows[position]
        if (
            len(low) >= _FEWEST
            and not _ENDS.search(low)
            and "-" not in low
            and (len(low) < _TYPED or not misspelt(low))
        ):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.4, "rule:unlisted")


def _acts(document: Document, last: int) -> bool:
    """Whether what persons do follows the run, or its end."""
    looked, following = document.looked, last + 1
    if following == len(looked.lows):
        return False
    return document.text[looked.ends[last] : looked.starts[following]] == " " and bool(
        looked.numbers[following] & ACT
    )

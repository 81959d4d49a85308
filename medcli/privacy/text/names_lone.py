"""Names by one word that points cannot carry: Ed after "spoke with", the Andersons, a listed name written small.

Knows a few surroundings that leave little doubt, and, for ``high``, which listed words beside a person are a name
though they are English words too. Refuses to judge what the points have judged.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.safe import eponym
from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    ACT,
    CAPITAL,
    COMMON,
    COUNTY,
    CREDENTIAL,
    DWELL,
    EPONYM,
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
    from medcli.privacy.text.names_parts import Reading

__all__ = ["find_lone", "named_too"]

_CONTACT = word_set("names-contact")
_SHORT = word_set("names-short")
_BESIDE = word_set("names-beside")
_WITH = frozenset(("w", "with", "to", "by"))
_SPOKEN = frozenset(
    (
        "spoke",
        "spoken",
        "talked",
        "discussed",
        "chatted",
        "met",
        "speaking",
        "d",
        "dw",
        "verified",
        "confirmed",
    )
)
#: Past tenses and third persons of what persons do.
_SAID = frozenset(
    w
    for w in word_set("names-personal")
    if w.endswith(("s", "ed")) or w in ("said", "told", "wrote", "has", "was", "is")
)
#: A surname that is surely one.
_LISTED = 2 << 2
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
#: What things do as well.
_OFTEN = frozenset(
    (
        "and",
        "is",
        "can",
        "may",
        "could",
        "should",
        "would",
        "will",
        "do",
        "does",
        "be",
        "family",
        "use",
        "used",
        "read",
    )
)
_ENDINGS = ("es", "s")
#: What a word may be listed as though no list of names has it.
_CASE = PROPER | OPENS | COUNTY
#: A word that no list has has so many letters to be a name.
_FEWEST = 3
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


def find_lone(document: Document, reading: Reading) -> Iterator[Span]:
    """Names of one word, or small ones in a row, by where they stand."""
    yield from _contacted(document)
    yield from _families(document)
    yield from _strange(document)
    yield from _asked(document)
    yield from _selves(document)
    if ". " in document.text:
        yield from _initialled(document)
    if not document.looked.present.isdisjoint(("may", "will")):
        yield from _months(document, reading)
    if document.high or document.found:
        yield from _listed(document)
    if document.high:
        yield from _unlisted(document)
    if document.high:
        yield from _small(document, reading)
        yield from _acting(document, reading)


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
            and len(looked.lows[position]) > _FEWEST
            and not number & (COMMON | MEDICAL | _NEVER)
        ):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.5, "list:lower")


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
        if len(low) > _FEWEST and not _ENDS.search(low) and "-" not in low and not misspelt(low):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.4, "rule:unlisted")


def _contacted(document: Document) -> Iterator[Span]:
    """``spoke w/ Ed``, ``told Jo``, ``per Al``: a short given name with a capital."""
    looked = document.looked
    if looked.shouts:
        return
    for low in looked.present & _SHORT:
        for position in range(1, len(looked.lows)):
            if looked.lows[position] != low or looked.shapes[position] != CAPITAL:
                continue
            gap = document.text[looked.ends[position - 1] : looked.starts[position]]
            before, earlier = looked.lows[position - 1], looked.lows[max(0, position - 2)]
            told = gap == " " and (before in _CONTACT or (before in _WITH and earlier in _SPOKEN))
            if told or (gap == "/ " and before == "w" and earlier in _SPOKEN):
                yield Span(looked.starts[position], looked.ends[position], "NAME", 0.75, "rule:contact")


def _months(document: Document, reading: Reading) -> Iterator[Span]:
    """``May called``: at the head of a sentence the auxiliary has its subject behind it, and never a past tense."""
    looked = document.looked
    for position in range(len(looked.lows) - 1):
        if (
            looked.lows[position] in ("may", "will")
            and looked.shapes[position] == CAPITAL
            and looked.lows[position + 1] in _SAID
            and reading.opens(position)
            and document.text[looked.ends[position] : looked.starts[position + 1]] == " "
        ):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.75, "rule:said")


def _families(document: Document) -> Iterator[Span]:
    """``the Andersons``: a surname's plural behind the article."""
    looked, table = document.looked, lexicon()
    if looked.shouts or "the" not in looked.present:
        return
    for position in range(1, len(looked.lows)):
        if looked.shapes[position] != CAPITAL or looked.lows[position - 1] != "the":
            continue
        if not _alone(document, position):
            continue
        word = document.lower[looked.starts[position] : looked.ends[position]]
        for ending in _ENDINGS:
            number = table[word.removesuffix(ending)] if word.endswith(ending) else 0
            if number & LAST >= _LISTED and not number & (COMMON | STOP | STATE | REGION) and len(word) > 5:
                yield Span(looked.starts[position], looked.ends[position], "NAME", 0.8, "rule:family")
                break


def _alone(document: Document, position: int) -> bool:
    """Whether nothing follows that would make an adjective of the word: the Maddocks rule."""
    looked = document.looked
    if position + 1 == len(looked.lows):
        return True
    if document.text[looked.ends[position] : looked.starts[position + 1]] != " ":
        return not eponym(document.text, looked, position, position)
    number = looked.numbers[position + 1]
    return looked.shapes[position + 1] == LOWER and bool(number & (STOP | ACT)) and not number & HEAD


def _small(document: Document, reading: Reading) -> Iterator[Span]:
    """Listed names written small: two in a row, or one beside a word for a person."""
    looked, position, count = document.looked, 0, len(reading.kinds)
    while position < count:
        last = position
        while (
            last < count
            and last - position < 3
            and _nameable(document, last)
            and _joined(document, position, last)
        ):
            last += 1
        if last == position:
            position += 1
            continue
        if _told(document, position, last - 1):
            yield Span(looked.starts[position], looked.ends[last - 1], "NAME", 0.5, "list:small")
        position = last


def _acting(document: Document, reading: Reading) -> Iterator[Span]:
    """Listed words with a capital that do or own something, though they mean something else: Bell was extubated."""
    looked = document.looked
    if not reading.plain:
        return
    for position in range(len(looked.lows) - 1):
        number, following = looked.numbers[position], looked.numbers[position + 1]
        if looked.shapes[position] != CAPITAL or not number & NAME or number & (_NEVER & ~HEAD & ~WEAKHEAD):
            continue
        if looked.shapes[position + 1] != LOWER or following & (HEAD | WEAKHEAD):
            continue
        gap = document.text[looked.ends[position] : looked.starts[position + 1]]
        did = gap == " " and bool(following & ACT) and looked.lows[position + 1] not in _OFTEN
        if did or (gap in ("'s ", "\u2019s ") and not eponym(document.text, looked, position, position)):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.5, "list:acting")


def _joined(document: Document, first: int, position: int) -> bool:
    looked = document.looked
    return first == position or document.text[looked.ends[position - 1] : looked.starts[position]] == " "


def _nameable(document: Document, position: int) -> bool:
    """Whether a word written small is listed as a name and as hardly anything else."""
    looked = document.looked
    number = looked.numbers[position]
    if looked.shapes[position] != LOWER or number & (_NEVER | EPONYM) or len(looked.lows[position]) < 3:
        return False
    if number & MEDICAL and number & FIRST < 2:
        return False
    level = max(number & FIRST, (number & LAST) >> 2)
    return level >= max(1, min(3, (number & COMMON) >> 4))


def _told(document: Document, first: int, last: int) -> bool:
    """Whether the words beside the run, or the run itself, speak of a person."""
    looked = document.looked
    numbers = looked.numbers[first : last + 1]
    plain = sum(not number & COMMON for number in numbers)
    sure = any(number & FIRST > 1 or number & LAST >= _LISTED for number in numbers)
    if last > first and plain and sure and any(number & FIRST for number in numbers):
        return True
    if not any(number & NAME for number in numbers) or not sure:
        return False
    before = looked.lows[first - 1] if first else ""
    gap = document.text[looked.ends[first - 1] : looked.starts[first]] if first else ""
    known = bool(first) and (before in _BESIDE or bool(looked.numbers[first - 1] & (TITLE | RELATIVE)))
    if known and gap in (" ", ". ", ", ", ": ", "/ "):
        return (
            bool(plain) or _acts(document, last) or before not in ("my", "her", "his", "for", "with", "the")
        )
    return _acts(document, last) and (gap != " " or bool(plain))


def _acts(document: Document, last: int) -> bool:
    """Whether what persons do follows the run, or its end."""
    looked, following = document.looked, last + 1
    if following == len(looked.lows):
        return False
    return document.text[looked.ends[last] : looked.starts[following]] == " " and bool(
        looked.numbers[following] & ACT
    )

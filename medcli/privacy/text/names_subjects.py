"""Names by where they stand, whatever else they mean: colt bit his tongue, my son ace, star's tsh, dr ip.

Knows the places in a sentence that hold persons, and asks of the lists only whether a word can be a name there.
Refuses to take what is no name in any list in ``balanced``; ``high`` takes words that no list has, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.spelling import misspelt
from medcli.privacy.text.words import (
    ACT,
    BY,
    CAPITAL,
    CITY,
    COMMON,
    COUNTY,
    CREDENTIAL,
    DWELL,
    EPONYM,
    FACILITY,
    FIRST,
    HEAD,
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
    TITLE,
    UPPER,
    WEAKHEAD,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find_subjects"]

#: What a word may be listed as though no list of names has it.
_CASE = PROPER | OPENS | COUNTY
#: English words that are given names.
_WORDS = word_set("names-words") | word_set("names-words-more")
#: Of these also the thing does something: summer has come, dawn is, honey is.
_THINGS = word_set("names-things")
#: What only persons do, and what they do as well as things.
_PERSONAL = word_set("names-personal") | word_set("names-personal-more")
#: Before the subject of a clause.
_JOINTS = word_set("names-joints")
#: Before a person, small or not.
_TOLD = word_set("names-told")
_OFTEN = word_set("names-personal-often")
_TITLES = word_set("names-titles-small")
_SURELY = frozenset(
    (
        "told",
        "tell",
        "asked",
        "ask",
        "saw",
        "met",
        "thanks",
        "thank",
        "texted",
        "emailed",
        "messaged",
        "remind",
        "let",
    )
)
_OWNED = word_set("names-owned")
_SELF = frozenset(("i'm", "im", "i\u2019m"))
_ADVERBS = frozenset(
    (
        "still",
        "just",
        "also",
        "really",
        "never",
        "always",
        "now",
        "only",
        "already",
        "usually",
        "often",
        "sometimes",
    )
)
_IS = frozenset(("is", "was"))
_GREETS = word_set("names-greets")
#: Auxiliaries, which are no names behind a relative: my mom will, my dad may.
_AGED = re.compile(
    r",? \(?\d{1,3} ?(?:yo|y/o|yrs?|years?|m|f|mo|months?|weeks?|wks?)\b|,? \(?\d{1,3}[,)]|, (?:my|our|his|her) (?:son|daughter|wife|husband|mom|mum|dad|sister|brother|niece|nephew|kid|baby|boy|girl|twin|aunt|uncle|cousin|friend|partner|neighbou?r|roommate|grandson|granddaughter)\b"
)
_ENDS = re.compile(r"[.!?)\s]{0,3}$")
_ASKS = frozenset(("is", "was", "does", "did", "can", "should", "has", "will", "could", "would"))
_ASKED = word_set("names-asked")
_AUXILIARIES = frozenset(("will", "may", "can", "might", "must"))
_NO_PERSON = TITLE | ROLE | RELATIVE | CREDENTIAL | STATE | REGION | HEAD | WEAKHEAD
_GOES_ON = ACT | STOP | BY | DWELL
#: Words of these kinds are no names unless they are listed as words that are.
_EASY = STOP | MEDICAL | TITLE | ROLE | RELATIVE | STATE | REGION
_OWNS = ("'s", "\u2019s")
_NEXT = _PERSONAL | _ADVERBS | {"here", "again", "from"}
_BEFORE = _TITLES | _GREETS | _SURELY | _ASKS
#: How good a name a word is.
_SURE, _WORD, _LISTED, _STRANGE, _NONE = 4, 3, 2, 1, 0


def find_subjects(document: Document) -> Iterator[Span]:
    """Names by the place they have in a sentence."""
    looked = document.looked
    if looked.shouts:
        return
    numbers, lows, high = looked.numbers, looked.lows, document.high
    words = looked.present & _WORDS
    said = high and "name" in looked.present
    for position, number in enumerate(numbers):
        if number & _EASY and not said and lows[position] not in words:
            continue
        if not (number & FIRST > 1 or high or not number & ~_CASE or lows[position] in words):
            continue
        if not (number & ~_CASE or high or _near(document, position)):
            continue
        kind = _kind(number, lows[position], looked.shapes[position])
        if kind and _stands(document, position, kind):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.55, "rule:subject")
        elif kind >= _WORD and _paired(document, position):
            yield Span(looked.starts[position], looked.ends[position + 1], "NAME", 0.55, "rule:subject")
        elif not kind and high and _faint(document, position):
            yield Span(looked.starts[position], looked.ends[position], "NAME", 0.4, "rule:subject")


def _near(document: Document, position: int) -> bool:
    """Whether anything beside a word that no list has speaks of a person."""
    looked = document.looked
    if looked.lows[position + 1 : position + 2] and looked.lows[position + 1] in _NEXT:
        return True
    before = position - 1
    return before >= 0 and (
        looked.lows[before] in _BEFORE or bool(looked.numbers[before] & (RELATIVE | TITLE))
    )


def _paired(document: Document, position: int) -> bool:
    """A given name that is a word and a surname that is none, both written small: hope okafor."""
    looked, following = document.looked, position + 1
    if (
        following == len(looked.lows)
        or document.text[looked.ends[position] : looked.starts[following]] != " "
    ):
        return False
    number, low = looked.numbers[following], looked.lows[following]
    if (
        looked.shapes[position] != LOWER
        or looked.shapes[following] != LOWER
        or looked.lows[position] in _AUXILIARIES
    ):
        return False
    if not number & ~_CASE:
        return document.high and len(low) > 2 and not misspelt(low)
    if number & (COMMON | MEDICAL | STOP | CITY | _NO_PERSON):
        return False
    return number & LAST > 1 << 2 and (document.high or looked.lows[position] not in _THINGS)


def _faint(document: Document, position: int) -> bool:
    """For ``high``: any word that is no role and no clinical one, where nothing but a person stands: rocket swallowed."""
    looked = document.looked
    number, then = looked.numbers[position], _then(document, position)
    if (
        number & (STOP | _NO_PERSON & ~HEAD & ~WEAKHEAD | MEDICAL | ACT | FACILITY)
        or looked.shapes[position] == UPPER
    ):
        return False
    gap = _gap(document, position) if position else ""
    if position and gap == " ":
        before = looked.lows[position - 1]
        if looked.numbers[position - 1] & RELATIVE and before not in ("baby", "child", "kid"):
            return bool(number & NAME) and (_breaks(document, position) or (then > 0 and then & _GOES_ON > 0))
    end = looked.ends[position]
    if document.text[end : end + 2] in _OWNS and number & NAME and not number & EPONYM:
        return looked.lows[position + 1 : position + 2] != [] and looked.lows[position + 1] in _OWNED
    if not _opens(document, position):
        return False
    if _AGED.match(document.text, end) is not None:
        return bool(number & NAME)
    following = looked.lows[position + 1 : position + 2]
    return then >= 0 and bool(number & NAME) and bool(following) and following[0] in _PERSONAL - _OFTEN


def _kind(number: int, low: str, shape: int) -> int:
    """How good a name the word is by itself."""
    if low in _WORDS:
        return _WORD
    if number & (STOP | _NO_PERSON) or shape == UPPER:
        return _NONE
    given, usual = number & FIRST, (number & COMMON) >> 4
    if given > 1:
        return _SURE if usual < 2 and not number & (MEDICAL | ACT) else _WORD if usual < 3 else _NONE
    if not number & ~_CASE:
        return _STRANGE if len(low) > 1 else _NONE
    if number & NAME and usual < 2 and not number & (MEDICAL | ACT | EPONYM):
        return _LISTED
    return _NONE


def _stands(document: Document, position: int, kind: int) -> bool:
    """Whether the word stands where a person does."""
    if position and _called(document, position, kind):
        return True
    if _owns(document, position, kind):
        return True
    if _does(document, position, kind) or _aged(document, position, kind) or _signs(document, position, kind):
        return True
    if _told(document, position, kind):
        return True
    return document.high and _capital(document, position, kind)


def _gap(document: Document, position: int) -> str:
    looked = document.looked
    return document.text[looked.ends[position - 1] : looked.starts[position]]


def _then(document: Document, position: int) -> int:
    """What the next word is; -1 behind punctuation or at the end."""
    looked, following = document.looked, position + 1
    if (
        following == len(looked.lows)
        or document.text[looked.ends[position] : looked.starts[following]] != " "
    ):
        return -1
    return looked.numbers[following]


def _breaks(document: Document, position: int) -> bool:
    """Whether the word is followed by punctuation or the end, and by no number's dot, hyphen or possessive."""
    end = document.looked.ends[position]
    return document.text[end : end + 1] in ("", ",", ".", "?", "!", ")", ";", ":", "\n")


def _called(document: Document, position: int, kind: int) -> bool:
    """Behind a relative, a title or a greeting: my son ace was, nurse bo, its brandy again."""
    looked = document.looked
    previous, before, low = looked.numbers[position - 1], looked.lows[position - 1], looked.lows[position]
    gap = _gap(document, position)
    if before in _TITLES and gap in (" ", ". "):
        return kind > _STRANGE or (len(low) > 1 and not misspelt(low))
    then = _then(document, position)
    ends = _breaks(document, position)
    if previous & RELATIVE and gap in (" ", ", ", " (") and low not in _AUXILIARIES:
        if kind == _STRANGE:
            return (ends or then & _GOES_ON > 0) and ((document.high and gap == " ") or not misspelt(low))
        return (ends or (then > 0 and then & _GOES_ON > 0)) and (gap == " " or kind >= _WORD)
    if gap == " " and before in _IS and position > 1 and looked.lows[position - 2] in ("name", "names"):
        return low not in _AUXILIARIES
    if before in ("tell", "told", "remind") and gap == " " and kind >= _WORD and low not in _AUXILIARIES:
        return then > 0 and then & STOP > 0
    if gap == " " and before in _SELF and kind >= _WORD and _breaks(document, position):
        return document.high or kind == _SURE
    if gap == " " and before in _GREETS and kind != _LISTED and low not in _AUXILIARIES:
        following = looked.lows[position + 1 : position + 2]
        told = following in (["here"], ["again"], ["from"])
        return told and (kind > _STRANGE or document.high or not misspelt(low))
    return False


def _owns(document: Document, position: int, kind: int) -> bool:
    """Before 's and what a person has: star's tsh, wren's rash."""
    looked = document.looked
    end = looked.ends[position]
    if document.text[end : end + 2] not in _OWNS or position + 1 == len(looked.lows):
        return False
    number, following = looked.numbers[position], looked.numbers[position + 1]
    if number & EPONYM or following & (HEAD | WEAKHEAD | STOP):
        return False
    owned = looked.lows[position + 1] in _OWNED
    if kind >= _WORD:
        return owned or (document.high and bool(following & MEDICAL))
    return document.high and (owned or kind == _STRANGE)


def _opens(document: Document, position: int) -> bool:
    """Whether a clause begins with the word."""
    if not position:
        return True
    gap = _gap(document, position)
    if gap != " ":
        return gap.strip()[:1] not in ("'", "-", "/", "\u2019")
    return document.looked.lows[position - 1] in _JOINTS


def _does(document: Document, position: int, kind: int) -> bool:
    """As the subject of what persons do: will needs an inhaler, and bo is five."""
    looked, following = document.looked, position + 1
    if following == len(looked.lows) or (
        not looked.numbers[following] & ACT and looked.lows[following] not in _PERSONAL
    ):
        return False
    if (
        looked.shapes[following] != LOWER
        or document.text[looked.ends[following - 1] : looked.starts[following]] != " "
        or document.text[looked.ends[position] : looked.ends[position] + 1] != " "
    ):
        return False
    personal = looked.lows[following] in _PERSONAL
    if not _opens(document, position):
        return False
    if kind == _SURE:
        return not looked.numbers[position] & EPONYM or personal
    if kind == _WORD:
        verb = looked.lows[following]
        if looked.lows[position] in _THINGS:
            return personal and verb not in _OFTEN
        return personal or ((document.high or bool(document.found)) and verb not in _AUXILIARIES)
    if not document.high:
        return kind == _STRANGE and personal and not misspelt(looked.lows[position])
    return kind == _LISTED or personal or not misspelt(looked.lows[position])


def _aged(document: Document, position: int, kind: int) -> bool:
    """At the head of a clause, before an age or who it is: sage, 19, or honey, our daughter."""
    if (
        document.looked.numbers[position] & EPONYM
        or kind == _LISTED
        or (kind == _STRANGE and not document.high)
        or not _opens(document, position)
    ):
        return False
    return _AGED.match(document.text, document.looked.ends[position]) is not None


def _signs(document: Document, position: int, kind: int) -> bool:
    """As the last word of the text, behind a comma or a sentence: ..., chip; and behind what names: name is rocket."""
    looked = document.looked
    low = looked.lows[position]
    if position and position + 1 == len(looked.lows) and kind in (_WORD, _SURE) and low not in _AUXILIARIES:
        gap = _gap(document, position)
        if gap in (", ", ". ", "? ", "! ", "?? ", ".. ", " - ", "\n") and _ENDS.match(
            document.text, looked.ends[position]
        ):
            return kind == _SURE or low not in _THINGS or document.high
    if position and _row(document, position, kind):
        return True
    if (
        not (document.high or document.found)
        or position < 1
        or looked.lows[position - 1] not in _ASKS
        or kind < _WORD
    ):
        return False
    following = looked.lows[position + 1 : position + 2]
    return (
        _gap(document, position) == " "
        and low not in _AUXILIARIES
        and (position == 1 or _opens(document, position - 1))
        and not _ASKED.isdisjoint(following)
    )


def _row(document: Document, position: int, kind: int) -> bool:
    """Two given names with "and" between: misty and storm share; one of them no word where not for ``high``."""
    looked = document.looked
    if kind < _WORD or looked.lows[position] in _AUXILIARIES:
        return False
    for joint, other in ((position - 1, position - 2), (position + 1, position + 2)):
        if 0 <= other < len(looked.lows) and joint >= 0 and looked.lows[joint] in ("and", "&"):
            near = _kind(looked.numbers[other], looked.lows[other], looked.shapes[other])
            if (
                near >= _WORD
                and looked.lows[other] not in _AUXILIARIES
                and (_SURE in (near, kind) or document.high)
            ):
                return True
    return False


def _told(document: Document, position: int, kind: int) -> bool:
    """Behind for, with, told, called ..., before what goes on with the sentence or ends it."""
    looked = document.looked
    surely = bool(position) and looked.lows[position - 1] in _SURELY
    if not (document.high or document.found) or (kind < _WORD and not (document.high or surely)):
        return False
    if not position or looked.lows[position - 1] not in _TOLD or _gap(document, position) != " ":
        return False
    low, then = looked.lows[position], _then(document, position)
    if not (_breaks(document, position) or (then > 0 and then & _GOES_ON > 0)):
        return False
    if kind == _WORD:
        return low not in _THINGS and low not in _AUXILIARIES
    return kind > _STRANGE or not misspelt(low)


def _capital(document: Document, position: int, kind: int) -> bool:
    """For ``high``: a capital within a sentence, on a word that is no clinical and no usual one."""
    looked = document.looked
    if looked.shapes[position] != CAPITAL or not position or kind == _WORD:
        return False
    end = looked.ends[position]
    return (
        len(looked.lows[position]) > 2
        and _gap(document, position) in (" ", ", ")
        and not looked.numbers[position] & (EPONYM | MEDICAL | COMMON)
        and not document.text[end : end + 1].isdecimal()
        and bool(kind == _STRANGE or looked.numbers[position] & (FIRST | LAST))
    )

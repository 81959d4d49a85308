"""A person's name taken apart: which words of a text would name the person, alone or beside each other.

Knows the order of DICOM's components (PS3.5 6.2.1), "Family, Given" and "Given Family", hyphens, apostrophes, particles
and titles. Refuses to know texts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from medcli.privacy.text.known_fold import fold, plain
from medcli.privacy.text.known_words import words_of

__all__ = ["DENSE", "Name", "take_apart"]

#: From here on scripts write without spaces (CJK, kana, hangul): a name stands in them without boundaries.
DENSE = 0x2E80
_SPLIT = re.compile(r"[\s,;()\[\]^_/]+")
_PIECES = re.compile(r"[-'\u2018\u2019\u02bc\u00b7\u2010\u2011.`\u00b4]+")
#: Letters that some write as two, where they have to do without accents.
_TWO = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})


@dataclass(slots=True)
class Name:
    """Folded words of one name.

    Attributes
    ----------
    parts
        Name by themselves: words and pieces of hyphenated words.
    short
        Two letters that are all of a family or given name: they name the person where they are capitalised.
    joined
        Parts run together, as in log-ins and file names.
    beside
        Belong to the name where they stand beside a part: particles, titles, two letters.
    initials
        First letters of the parts, family name's last.
    dotted
        The initials together, in either order; at least two.
    dense
        Parts in scripts without spaces.
    """

    parts: set[str] = field(default_factory=set)
    short: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    beside: set[str] = field(default_factory=set)
    initials: set[str] = field(default_factory=set)
    dotted: set[str] = field(default_factory=set)
    dense: set[str] = field(default_factory=set)


@lru_cache(maxsize=4096)
def take_apart(value: str) -> list[Name]:
    """The names in a value: groups of a DICOM name, and each of them with umlauts written as two letters."""
    found = []
    for group in value.split("="):
        for spelt in _spellings(group):
            family, given = _ordered(spelt)
            name = _name(family, given)
            if name.parts or name.beside or name.dense or name.dotted:
                found.append(name)
    return found


def _spellings(group: str) -> tuple[str, ...]:
    if group.isascii():
        return (group,)
    lower = unicodedata.normalize("NFC", group).casefold()
    two = lower.translate(_TWO)
    return (group,) if two == lower else (group, two)


def _ordered(group: str) -> tuple[list[str], list[str]]:
    """Words of the family name, and of the given and middle names; titles go with the given ones."""
    if "^" in group:
        components = group.split("^")
        return _words(components[0]), _words(" ".join(components[1:]))
    if "," in group:
        family, _, given = group.partition(",")
        return _words(family), _words(given)
    words = _words(group)
    own = [word for word in words if fold(word).strip(".") not in words_of("title")]
    if len(own) < 2:
        return own, [word for word in words if word not in own]
    at = words.index(own[-1])
    while at > 1 and fold(words[at - 1]) in words_of("particle"):
        at -= 1
    return words[at:], words[:at]


def _words(text: str) -> list[str]:
    return [word for word in _SPLIT.split(text.strip("\0 \t\r\n")) if plain(fold(word))]


def _name(family: list[str], given: list[str]) -> Name:
    name = Name()
    for word in (*family, *given):
        _add(name, fold(word))
    for words in (family, given):
        # A name that is nothing but a particle or a short word: Van, Ten, Bin.
        spelt = {plain(fold(word)) for word in words}
        if not spelt & name.parts:
            name.parts |= {word for word in spelt & words_of("particle") if len(word) > 2}
            name.short |= {word for word in spelt if len(word) == 2}
    first, last = (_bare(words) for words in (given, family))
    if last:
        short = "".join(word[0] for word in first)
        whole = "".join(last)
        for ahead in dict.fromkeys((first[0], short, short[0]) if first else ()):
            name.joined |= {ahead + whole, whole + ahead, ahead + last[-1], last[-1] + ahead}
        name.joined |= {whole} if len(last) > 1 else set()
        name.joined |= {"".join(first), "".join((*first, *last))} if len(first) > 1 else set()
    name.joined = {word for word in name.joined if len(word) > 4 and word not in name.parts}
    if first and last:
        ahead, behind = "".join(word[0] for word in first), last[-1][0]
        name.dotted = {ahead + behind, behind + ahead, ahead[0] + behind, behind + ahead[0]}
    letters = {plain(fold(word)) for word in (*family, *given) if word.count(".") > 1}
    name.dotted |= {word for word in letters if 1 < len(word) < 4}
    name.initials = {word[0] for word in (*first, *last)}
    return name


def _bare(words: list[str]) -> list[str]:
    titles = words_of("title") | words_of("stand-in")
    bare = (plain(fold(word)) for word in words)
    return [word for word in bare if word not in titles]


def _add(name: Name, word: str) -> None:
    whole = plain(word)
    if not whole or whole in words_of("stand-in") or word in words_of("stand-in"):
        return
    if ord(max(whole)) >= DENSE:
        name.dense |= {whole} if len(whole) > 1 else set()
        return
    pieces = [plain(piece) for piece in _PIECES.split(word) if plain(piece)]
    for piece in (whole, *pieces):
        weak = piece in words_of("title") or piece in words_of("particle") or len(piece) < 3
        if len(set(piece)) == 1 and len(piece) > 1:
            continue
        if weak:
            name.beside.add(piece)
        else:
            name.parts.add(piece)

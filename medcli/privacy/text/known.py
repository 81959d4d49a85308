"""What is known of a patient, to be found in free text, file names and read pixels of the same patient.

Knows where known values stand (a DICOM header, the named fields of a record, a table) and of which category they
are. Refuses to be written: its repr shows counts only, and it can't be pickled. Who needs it in another process
builds it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

from medcli.privacy.profiles import makers
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.known_dates import Day, Days, read_day
from medcli.privacy.text.known_fold import fold, optical, plain
from medcli.privacy.text.known_header import header_facts, keywords
from medcli.privacy.text.known_match import Needles, Word, find
from medcli.privacy.text.known_names import take_apart
from medcli.privacy.text.known_numbers import Number, Numbers
from medcli.privacy.text.known_words import words_of
from medcli.privacy.text.span import Span
from medcli.privacy.text.tables import rows

__all__ = ["LONGEST", "Fact", "Known", "category_of", "common_words"]

#: A category and a value.
Fact = tuple[str, str]
_WORDY = frozenset(["PLACE", "FACILITY"])
_WHOLE = frozenset(["EMAIL", "URL"])
#: Letters that a word of a place or facility must have to be looked for alone.
_PLACE_LETTERS = 4
#: Values longer than this are documents, no identifiers.
LONGEST = 512


class Known:
    """The known identity of one patient.

    Parameters
    ----------
    facts
        Categories and values.
    common
        Whether a folded word is common or clinical language: such a word is a name only where it is capitalised or
        beside another part of the name, and no other word is taken for it. Default: the safe list.

    Notes
    -----
    Compiled on first use, and then kept: one a patient, used for all of the patient's texts.
    """

    __slots__ = ("_facts", "_needles", "common")

    def __init__(self, facts: Iterable[Fact] = (), *, common: Callable[[str], bool] | None = None) -> None:
        pairs = ((category, value.strip("\0 \t\r\n")) for category, value in facts)
        self._facts = tuple(dict.fromkeys(pair for pair in pairs if 0 < len(pair[1]) <= LONGEST))
        unknown = {category for category, _ in self._facts} - CATEGORIES.keys()
        if unknown:
            raise ValueError(f"no such category: {', '.join(sorted(unknown))}")
        self.common = common
        self._needles: Needles | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Categories and values as they were given: confidential, not to be written."""
        return self._facts

    @classmethod
    def from_record(cls, record: Mapping[str, object], fields: Mapping[str, str] | None = None) -> Known:
        """The known fields of a record.

        Parameters
        ----------
        record
            A JSON object; nested objects and lists are looked into, texts and whole numbers are taken.
        fields
            Further names of fields, and the category of each (`--known-fields`); they go before
            ``known_fields.tsv``. An empty category says that a field of that name is not known.
        """
        named = {_field(name): category for name, category in (fields or {}).items()}
        return cls(_facts_of(record, _field_names() | named))

    @classmethod
    def from_header(cls, values: Iterable[tuple[int, str, str]]) -> Known:
        """The identifying values of a DICOM header.

        Parameters
        ----------
        values
            Tag, VR and text (its values still joined by backslashes) of each. Attributes that do not identify, by
            ``profiles/identity.tsv``, are passed over; person names and dates always do.
        """
        return cls(fact for tag, vr, text in values for fact in header_facts(tag, vr, text))

    @classmethod
    def from_file(cls, path: Path) -> Known:
        """All that a table knows, of whichever subject; see :mod:`medcli.privacy.text.known_table`."""
        from medcli.privacy.text.known_table import read_known

        general, subjects = read_known(path)
        return cls.union((general, *subjects.values()))

    @classmethod
    def union(cls, several: Iterable[Known]) -> Known:
        """All that several know, as of one patient."""
        given = list(several)
        common = next((each.common for each in given if each.common is not None), None)
        return cls((fact for each in given for fact in each.facts), common=common)

    def __or__(self, other: Known) -> Known:
        return Known.union((self, other))

    def __bool__(self) -> bool:
        return bool(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and set(self._facts) == set(other._facts)

    def __hash__(self) -> int:
        return hash(frozenset(self._facts))

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for category, _ in self._facts:
            counts[category] = counts.get(category, 0) + 1
        return f"Known({', '.join(f'{name}={counts[name]}' for name in sorted(counts))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("What is known of a patient is never pickled; build it where it is used.")

    def find(self, text: str) -> Sequence[Span]:
        """All places of `text` where something known stands; spans may overlap, their source is ``known``."""
        return find(text, self._compiled(), self._safe()) if text and self._facts else ()

    def left(self, text: str) -> int:
        """How many known strings stand in a text that should hold none."""
        return len(self.find(text))

    def _safe(self) -> Callable[[str], bool]:
        return self.common if self.common is not None else common_words()

    def _compiled(self) -> Needles:
        if self._needles is None:
            self._needles = compiled(self._facts, self._safe())
        return self._needles


def compiled(facts: Iterable[Fact], common: Callable[[str], bool]) -> Needles:
    """What to look for, by the category of each fact."""
    needles, numbers, days = Needles(), list[Number](), set[Day]()
    initials, dotted = set[str](), set[str]()
    for category, value in facts:
        if category == "NAME":
            _add_name(needles, value, initials, dotted, common)
        elif category == "DATE":
            meant = set(read_day(value))
            days.update(meant)
            if not meant:
                _add_phrase(needles, category, _split(value))
        elif category in _WORDY:
            _add_place(needles, category, value, common)
        elif category in _WHOLE:
            _add_whole(needles, category, value)
        elif any(map(str.isdigit, value)):
            numbers.append(Number(value, category))
        elif category not in ("AGE", "ZIP"):
            for word in _split(value):
                _add_word(needles, word, category, common)
    needles.numbers, needles.days = Numbers(numbers), Days(days)
    needles.initials, needles.dotted = frozenset(initials), frozenset(dotted)
    needles.compile()
    return needles


def _add_name(
    needles: Needles, value: str, initials: set[str], dotted: set[str], common: Callable[[str], bool]
) -> None:
    for name in take_apart(value):
        for part in name.parts:
            _add_word(needles, part, "NAME", common)
        for word in name.joined:
            needles.words.setdefault(word, Word(word, "NAME"))
        for word in name.beside:
            cased = word in name.short and word not in words_of("title") | words_of("function")
            needles.words.setdefault(word, Word(word, "NAME", alone=False, cased=cased))
        needles.dense.update(dict.fromkeys(name.dense, "NAME"))
        initials |= name.initials
        dotted |= name.dotted


def _add_word(needles: Needles, word: str, category: str, common: Callable[[str], bool]) -> None:
    if len(word) < 3 or len(set(word)) < 2:
        return
    alone = not common(word)
    known = needles.words.get(word)
    if known is None or (alone and not known.alone):
        needles.words[word] = Word(word, category, alone=alone, near=alone)


def _add_place(needles: Needles, category: str, value: str, common: Callable[[str], bool]) -> None:
    """A place whole, by its pieces between commas, and by those of its words that name something."""
    for piece in value.replace("^", ",").replace("\n", ",").replace(";", ",").split(","):
        words = _split(piece)
        _add_phrase(needles, category, words)
        for word in words:
            if word.isdigit():
                continue
            generic = word in words_of("generic") or word in words_of("particle") or word in makers()
            if generic or len(word) < _PLACE_LETTERS:
                needles.words.setdefault(word, Word(word, category, alone=False, cased=False))
            else:
                _add_word(needles, word, category, common)


def _add_phrase(needles: Needles, category: str, words: list[str]) -> None:
    if len(words) > 1:
        phrase = tuple(map(optical, words))
        needles.phrases.setdefault(phrase[0], []).append((phrase, category))


def _add_whole(needles: Needles, category: str, value: str) -> None:
    text = fold(value)
    if len(text) > 5:
        needles.whole[text] = category
    user = text.partition("@")[0]
    if category == "EMAIL" and len(user) > 4:
        needles.whole.setdefault(user, "USER")


def _split(text: str) -> list[str]:
    return [word for part in fold(text).replace("_", " ").split() for word in _pieces(part)]


def _pieces(part: str) -> Iterator[str]:
    word = ""
    for char in part:
        if char.isalnum():
            word += char
        elif char not in "'\u2019":
            if word:
                yield word
            word = ""
    if word:
        yield word


@cache
def common_words() -> Callable[[str], bool]:
    """What says whether the lists have a folded word as common or clinical language, and hardly as a name."""
    from medcli.privacy.text.words import COMMON, EPONYM, FIRST, LAST, MEDICAL, lexicon

    table = lexicon()

    @cache
    def common(word: str) -> bool:
        number = table[word]
        if number & COMMON >= 2 << 4:
            return True
        surely = number & FIRST == FIRST or number & LAST == LAST
        return bool(number & MEDICAL) and not number & EPONYM and not surely

    return common


def category_of(name: str) -> str | None:
    """The category of a record's field by its name, or by its DICOM keyword; None for a field that is not known."""
    return _field_names().get(_field(name)) or None


@cache
def _field_names() -> dict[str, str]:
    return {_field(name): category for name, category in (*keywords().items(), *rows("known_fields"))}


@cache
def _field(name: str) -> str:
    return plain(fold(name))


def _facts_of(value: object, fields: Mapping[str, str], category: str = "") -> Iterator[Fact]:
    """The facts in a record, whose nested objects and lists take the category of the field they stand in."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _facts_of(inner, fields, fields.get(_field(str(name)), category))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _facts_of(inner, fields, category)
    elif category and isinstance(value, str | int) and not isinstance(value, bool):
        yield category, str(value)

"""Find one patient's known strings in a text: exactly, spelt otherwise, read wrongly, mistyped by one letter.

Knows how words, numbers and phrases are compared. Refuses to know where they come from. Building is cheap, for every
patient has a matcher of its own: dictionaries of words and of their beginnings and ends, no compiled pattern. The
time for a text grows with its length only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from medcli.privacy.text.known_dates import Days
from medcli.privacy.text.known_fold import Folded, fold, optical, plain
from medcli.privacy.text.known_numbers import Number, Numbers
from medcli.privacy.text.known_spaced import spaced
from medcli.privacy.text.span import Span

__all__ = ["Needles", "Word", "find"]

#: Words of this many letters are found with one letter wrong, too many or missing, and inside longer words.
LONG = 6
#: A word found with one letter wrong is this sure.
NEAR = 0.9
_TOKEN = re.compile(r"[^\W_]+")
#: Letters beside figures, or a capital behind a small letter: words that are run together.
_MIXED = re.compile(r"[^\W\d_]\d|\d[^\W\d_]|[^\W\d_A-Z][A-Z]")
_RUNS = re.compile(r"[A-Z][^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|[^\W\d_A-Z]+")
_JOINT = re.compile(r"[-'\u2018\u2019\u02bc\u00b7\u2010\u2011.`\u00b4 \u00a0]{1,2}\n?\Z|-[ \t]*\r?\n[ \t]*\Z")
#: What may stand between two parts of one name.
_BETWEEN = re.compile(r"[\s.,;^=_\-'\u2018\u2019/\\()+&]{0,4}\Z")


class Word(NamedTuple):
    """A word to look for.

    Attributes
    ----------
    text
        Folded.
    category
        Of the value it is part of.
    alone
        Whether it identifies wherever it stands. If not, it does where it is capitalised and `cased`, or beside
        another word of the same category.
    cased
        See `alone`.
    near
        Whether it is looked for with one letter wrong, and inside longer words.
    """

    text: str
    category: str
    alone: bool = True
    cased: bool = True
    near: bool = False

    @property
    def speaks(self) -> bool:
        """Whether it is a part of a name, and no particle, title, initial or generic word."""
        return self.cased and len(self.text) > 2


@dataclass(slots=True)
class Needles:
    """All that is looked for.

    Attributes
    ----------
    words
        By their folded form.
    phrases
        First word -> (words of the phrase, category).
    dense
        Parts in scripts without spaces -> category.
    whole
        Folded strings that are looked for as they are (e-mail, URL) -> category.
    numbers, days
        See there.
    initials
        Letters that belong to a name they stand beside.
    dotted
        Initials of a person in either order: J.S.
    """

    words: dict[str, Word] = field(default_factory=dict)
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = field(default_factory=dict)
    dense: dict[str, str] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=lambda: Numbers(()))
    days: Days = field(default_factory=lambda: Days(()))
    initials: frozenset[str] = frozenset()
    dotted: frozenset[str] = frozenset()
    _seen: dict[str, Word] = field(default_factory=dict)
    _heads: dict[str, list[str]] = field(default_factory=dict)
    _tails: dict[str, list[str]] = field(default_factory=dict)
    _inside: dict[str, None] = field(default_factory=dict)
    _verdicts: dict[str, Word | None] = field(default_factory=dict)

    def compile(self) -> None:
        """Make the dictionaries that :meth:`verdict` looks words up in."""
        for text, word in self.words.items():
            form = optical(text)
            for key in {form, form.replace("rn", "m")}:
                if key not in self._seen or word.alone:
                    self._seen[key] = word
            if word.near and len(text) >= LONG:
                for spelt in {text, form}:
                    self._heads.setdefault(spelt[:3], []).append(text)
                    self._tails.setdefault(spelt[-3:], []).append(text)
                if word.alone:
                    self._inside[text] = None

    def verdict(self, token: str, common: Callable[[str], bool]) -> Word | None:
        """The word that a folded token stands for, or None; remembered."""
        if token in self._verdicts:
            return self._verdicts[token]
        if len(self._verdicts) > 20_000:
            self._verdicts.clear()
        found = self._verdict(token, common)
        self._verdicts[token] = found
        return found

    def _verdict(self, token: str, common: Callable[[str], bool]) -> Word | None:
        word = self.words.get(token)
        if word is not None:
            return word
        if token[-1:] == "s" and token[:-1] in self.words:
            return self.words[token[:-1]]
        form = optical(token)
        word = self._seen.get(form) or (self._seen.get(form.replace("rn", "m")) if "rn" in form else None)
        if word is not None and (not _alike(token, word.text) or common(token)):
            word = None
        return word or self._nearly(token, form, common)

    def _nearly(self, token: str, form: str, common: Callable[[str], bool]) -> Word | None:
        if len(token) < LONG - 1:
            return None
        for key, bucket in (
            (token[:3], self._heads),
            (token[-3:], self._tails),
            (form[:3], self._heads),
            (form[-3:], self._tails),
        ):
            for text in bucket.get(key, ()):
                if (_one_edit(token, text) or _one_edit(form, optical(text))) and not common(token):
                    word = self.words[text]
                    return word._replace(near=True, text=text) if _alike(token, text) else None
        inner = self._within(token)
        return self.words[inner] if inner and not common(token) else None

    def _within(self, token: str) -> str:
        """A long word that a token holds and more: among few words each is tried, among many each piece of the token."""
        if len(self._inside) * 2 < len(token) ** 2:
            return next((text for text in self._inside if len(token) > len(text) and text in token), "")
        for start in range(len(token) - LONG + 1):
            for end in range(start + LONG, len(token) + 1):
                if token[start:end] in self._inside and end - start < len(token):
                    return token[start:end]
        return ""


def _alike(token: str, text: str) -> bool:
    """Whether letters stand mostly where the word has letters: 1055 is no Loss."""
    figures = sum(map(str.isdigit, token)) - sum(map(str.isdigit, text))
    return 2 * abs(figures) <= max(len(text), 2)


def _one_edit(one: str, other: str) -> bool:
    """Whether one letter replaced, put in or left out, or two neighbours exchanged, makes `one` of `other`."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = 0
    while at < len(one) and one[at] == other[at]:
        at += 1
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    return one[at + 1 :] == other[at + 1 :] or (
        one[at + 2 :] == other[at + 2 :] and one[at : at + 2] == other[at : at + 2][::-1]
    )


class _Hit(NamedTuple):
    start: int
    end: int
    word: Word
    exact: bool


def find(text: str, needles: Needles, common: Callable[[str], bool]) -> list[Span]:
    """Where the known stands in `text`; spans may overlap."""
    folded = Folded(text)
    spans = [*_words(folded, needles, common), *_strings(folded, needles)]
    spans += [_span(folded, *place, "DATE") for place in needles.days.find(folded)]
    spans += [_span(folded, start, end, kind) for start, end, kind in needles.numbers.find(folded)]
    return sorted(set(spans))


def _span(folded: Folded, start: int, end: int, category: str, score: float = 1.0) -> Span:
    begin, stop = folded.place(start, end)
    return Span(begin, stop, category, score, "known")


def _strings(folded: Folded, needles: Needles) -> Iterable[Span]:
    """Strings that are found as they are, and parts of names in scripts without spaces."""
    text = folded.text
    for needle, category in (*needles.whole.items(), *needles.dense.items()):
        at = text.find(needle)
        while at >= 0:
            yield _span(folded, at, at + len(needle), category)
            at = text.find(needle, at + len(needle))


def _words(folded: Folded, needles: Needles, common: Callable[[str], bool]) -> list[Span]:
    text = folded.text
    if not needles.words and not needles.phrases:
        return []
    mixed = _MIXED.search(folded.source(0, len(text))) if text else None
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    found = [hit for start, end in tokens if (hit := _token(text, start, end, needles, common)) is not None]
    if mixed:
        found += _run_together(folded, tokens, needles, common)
    found += _broken(text, tokens, needles, common)
    found += [
        _Hit(start, end, needles.words[word], exact=True) for start, end, word in spaced(text, needles.words)
    ]
    found += _phrases(text, tokens, needles)
    return _settle(folded, tokens, found, needles)


def _token(text: str, start: int, end: int, needles: Needles, common: Callable[[str], bool]) -> _Hit | None:
    token = text[start:end]
    word = needles.verdict(token, common)
    return None if word is None else _Hit(start, end, word, token in (word.text, f"{word.text}s"))


def _run_together(
    folded: Folded, tokens: list[tuple[int, int]], needles: Needles, common: Callable[[str], bool]
) -> Iterable[_Hit]:
    """Words run together with figures or with each other, as in SmithJohn1945."""
    for start, end in tokens:
        source = folded.source(start, end)
        if len(source) != end - start or not _MIXED.search(source):
            continue
        for match in _RUNS.finditer(source):
            word = needles.verdict(fold(match[0]), common)
            if word is not None and len(word.text) > 2:
                yield _Hit(start + match.start(), start + match.end(), word, exact=True)
        for match in re.finditer(r"[^\W\d_]+", source):
            word = needles.verdict(fold(match[0]), common)
            if word is not None and len(word.text) > 2:
                yield _Hit(start + match.start(), start + match.end(), word, exact=True)


def _broken(
    text: str, tokens: list[tuple[int, int]], needles: Needles, common: Callable[[str], bool]
) -> Iterable[_Hit]:
    """Words broken by a hyphen, an apostrophe, a space or the end of a line: O Brien, Quist-gaard."""
    words, heads = needles.words, needles._heads  # noqa: SLF001
    for (start, end), (begin, stop) in pairwise(tokens):
        if begin - end > 4 or stop - start < 4:
            continue
        head, tail = text[start:end], text[begin:stop]
        joined = head + tail
        if joined not in words and (joined[:3] not in heads or len(joined) < LONG):
            continue
        if not _JOINT.match(text[end:begin]):
            continue
        word = needles.verdict(joined, common)
        if word is None or len(word.text) < 4 or abs(len(joined) - len(word.text)) > 1:
            continue
        if joined == word.text or not text[end:begin].isspace():
            yield _Hit(start, stop, word, exact=True)


def _phrases(text: str, tokens: list[tuple[int, int]], needles: Needles) -> Iterable[_Hit]:
    if not needles.phrases:
        return
    forms = [optical(text[start:end]) for start, end in tokens]
    for at, form in enumerate(forms):
        for phrase, category in needles.phrases.get(form, ()):
            if tuple(forms[at : at + len(phrase)]) == phrase:
                last = tokens[at + len(phrase) - 1]
                yield _Hit(tokens[at][0], last[1], Word("", category), exact=True)


def _settle(folded: Folded, tokens: list[tuple[int, int]], found: list[_Hit], needles: Needles) -> list[Span]:
    """Keep what identifies where it stands, and what belongs to it beside it; join parts of one name."""
    if not found and not needles.dotted:
        return []
    text = folded.text
    found = sorted(found, key=lambda hit: (hit.start, -hit.end))
    sure = [hit for hit in found if _identifies(folded, hit)]
    identifying = set(sure)
    links = [hit for hit in found if hit not in identifying]
    links += [
        _Hit(start, end, Word(text[start:end], "NAME", cased=False), exact=True)
        for start, end in tokens
        if end - start == 1 and text[start:end] in needles.initials and _is_initial(folded, start)
    ]
    sure += _beside(text, links, sure)
    groups = _joined(text, sure)
    groups += [(start, end, "NAME", 1.0) for start, end in _dotted(folded, needles)]
    return [_span(folded, *group) for group in groups]


def _identifies(folded: Folded, hit: _Hit) -> bool:
    """Whether a hit identifies by itself: a common word does where it is capitalised, and in names of files."""
    word, text = hit.word, folded.text
    if word.alone:
        return True
    if not word.cased or not hit.exact:
        return False
    marks = (text[hit.start - 1 : hit.start], text[hit.end : hit.end + 1])
    if len(word.text) > 2 and any(mark == "_" or mark.isdigit() for mark in marks):
        return True
    source = folded.source(hit.start, hit.end)
    # Two capitals are an abbreviation more often than a name.
    return source[:1].isupper() and (len(word.text) > 2 or not source.isupper() or len(source) == len(text))


def _is_initial(folded: Folded, start: int) -> bool:
    """Whether a single letter stands as an initial: a capital, or between marks as in file names."""
    text = folded.text
    return folded.source(start, start + 1).isupper() or text[start + 1 : start + 2] in (".", "^", "_")


def _beside(text: str, links: list[_Hit], sure: list[_Hit]) -> list[_Hit]:
    """Those of `links` that stand beside a sure hit, or beside another link where one of the two is no mere initial."""
    kept = set(_paired(text, links))
    every = sorted({*links, *sure})
    anchored = kept | set(sure)
    for ordered in (every, every[::-1]):
        last: dict[str, _Hit] = {}
        for hit in ordered:
            category = hit.word.category
            before = last.get(category)
            if hit not in anchored and before is not None and _touch(text, *sorted((hit, before))):
                anchored.add(hit)
                kept.add(hit)
            if hit in anchored:
                last[category] = hit
    return list(kept)


def _paired(text: str, links: list[_Hit]) -> Iterable[_Hit]:
    """Two common words that are parts of one name, or an initial and a common word: Lung Young, J. Brown."""
    for one, other in pairwise(sorted(links)):
        different = one.word.text != other.word.text and one.word.category == other.word.category
        if (
            different
            and (one.word.speaks or other.word.speaks)
            and _BETWEEN.match(text[one.end : other.start])
        ):
            yield from (one, other)


def _touch(text: str, one: _Hit, other: _Hit) -> bool:
    return other.start - one.end <= 4 and bool(_BETWEEN.match(text[one.end : other.start]))


def _joined(text: str, hits: list[_Hit]) -> list[tuple[int, int, str, float]]:
    """Hits of one category that stand beside each other as one; initials' full stops belong to them."""
    groups: list[tuple[int, int, str, float]] = []
    for hit in sorted(hits):
        score = 1.0 if hit.exact else NEAR
        end = hit.end + (hit.end - hit.start == 1 and text[hit.end : hit.end + 1] == ".")
        if groups:
            start, stop, category, other = groups[-1]
            near = hit.start <= stop or (
                hit.start - stop <= 3 and "\n" not in text[stop : hit.start]
                and _BETWEEN.match(text[stop : hit.start])
            )  # fmt: skip
            if category == hit.word.category and near:
                groups[-1] = (start, max(stop, end), category, min(score, other))
                continue
        groups.append((hit.start, end, hit.word.category, score))
    return groups


_INITIALS = re.compile(r"(?<![^\W_])(?<![^\W_]\.)(?:[^\W\d_]\.[ -]?){1,2}[^\W\d_]\.(?![^\W_])")


def _dotted(folded: Folded, needles: Needles) -> Iterable[tuple[int, int]]:
    if not needles.dotted or "." not in folded.text:
        return
    for match in _INITIALS.finditer(folded.text):
        if plain(match[0]) in needles.dotted and folded.source(*match.span())[:1].isupper():
            yield match.span()


def numbers_of(values: Iterable[tuple[str, str]]) -> Numbers:
    """Numbers of (value, category) pairs."""
    return Numbers(Number(value, category) for value, category in values)

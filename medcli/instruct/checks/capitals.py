"""Rule ``capitals``: MRI is never "mri", as a lead-in cutter leaves it that lowers the whole sentence.

Knows abbreviations (``capitals.tsv``) and what must follow those that are words too. Mending writes them as they
should be; nothing else about a text changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from medcli.instruct.checks.subject import Subject, words_of
from medcli.instruct.checks.tables import rows
from medcli.instruct.sample import Finding


@cache
def _table() -> tuple[re.Pattern[str], dict[str, str], frozenset[str]]:
    """All words in one expression, what each should be, and the plain words that the matches begin with."""
    parts, right, first = [], {}, set()
    for row in rows("capitals"):
        word = row["word"]
        needs = rf"(?=[\s-]*{row['needs']})" if row["needs"] else ""
        unless = rf"(?![\s-]+(?:{row['unless']}))" if row["unless"] else ""
        parts.append(rf"{_either(word)}(?![\w]){needs}{unless}")
        right[word] = row["right"]
        first.add(re.split(r"[^a-z]", word)[0])
    return re.compile(rf"(?<![\w./@-])(?:{'|'.join(parts)})"), right, frozenset(first)


def _either(word: str) -> str:
    """A word in small letters, or with a first capital as at a sentence's beginning."""
    return rf"[{word[0]}{word[0].upper()}]{re.escape(word[1:])}"


def put_right(text: str, words: frozenset[str] | None = None) -> str:
    """A text with its abbreviations in capitals.

    >>> put_right("Mri and ct show a t2-weighted image; the pet is a dog.")
    'MRI and CT show a T2-weighted image; the pet is a dog.'
    """
    pattern, right, first = _table()
    if first.isdisjoint(words_of(text) if words is None else words):
        return text
    return pattern.sub(lambda found: right[found[0].lower()], text)


def capitals(subject: Subject) -> Iterator[Finding]:
    """Medical abbreviations stand in capitals."""
    for place, (text, words) in enumerate(zip(subject.texts, subject.words, strict=True)):
        if put_right(text, words) != text:
            yield Finding("capitals", place)

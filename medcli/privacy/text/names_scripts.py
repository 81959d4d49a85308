"""Names in scripts without blanks between words: Chinese, Japanese and Korean.

Knows surnames of these scripts (from the lists) and the words that stand beside names in them. Refuses to read the
languages: without a surname and a neighbour that fits, nothing is taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import LAST, lexicon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["find"]

_ANY = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAN = re.compile(r"[\u3400-\u9fff々]+")
_HANGUL = re.compile(r"[\uac00-\ud7af]+")
_BEFORE = re.compile(
    r"(?:姓名|名字|患者|病人|氏名|医师|医生|醫師|医師|主治|签名|親屬|家属|名前|我叫|叫|是|환자|이름|성명|담당의|의사|보호자)[:\uff1a\s]*(?:は|为|為|名)?[:\uff1a\s]*$"
)
_AFTER = re.compile(
    r"\s*(?:先生|女士|小姐|太太|医生|醫生|医师|大夫|主任|教授|护士|さん|さま|様|氏|くん|ちゃん|医師|看護師|씨|님|선생|교수|의사|간호사|환자|[,\uff0c(\uff08]?\s*(?:男|女|\d{1,3}\s*[岁歲歳才세]))"
)
_PARTICLES = re.compile(r"(?:은|는|이|가|을|를|의|에게|와|과|씨|님)$")
_TITLES = "先生女士小姐太太医生醫師大夫主任教授"
_LONGEST = 4
#: Two words at the beginning before an age, or behind a title: Devanagari writes vowels as marks, which no list holds.
_INDIC = re.compile(
    r"(?:^|\n|(?:\u092e\u0930\u0940\u091c|\u0930\u094b\u0917\u0940|\u0936\u094d\u0930\u0940|\u0936\u094d\u0930\u0940\u092e\u0924\u0940|\u0921\u0949\.?|\u0928\u093e\u092e:?)\s)"
    r"(?P<name>[\u0900-\u0963\u0970-\u097f]{2,16}\s[\u0900-\u0963\u0970-\u097f]{2,16})(?=,?\s?\(?\d|,|$|\s(?:\u0915\u094b|\u0915\u0947|\u0915\u0940|\u0915\u093e|\u0928\u0947)\s)"
)


def find(document: Document) -> list[Span]:
    """All such names of a document."""
    if document.text.isascii():
        return []
    indic = [Span(*found.span("name"), "NAME", 0.8, "list:names") for found in _INDIC.finditer(document.text)]
    if not _ANY.search(document.text):
        return indic
    spans = indic + [Span(start, end, "NAME", 0.8, "list:names") for start, end in _han(document)]
    return spans + [Span(start, end, "NAME", 0.8, "list:names") for start, end in _hangul(document)]


def _han(document: Document) -> Iterator[tuple[int, int]]:
    text = document.text
    for found in _HAN.finditer(text):
        alone = len(found[0]) <= _LONGEST and not _ANY.search(
            text[max(0, found.start() - 2) : found.start()] + text[found.end() : found.end() + 1]
        )
        position = found.start()
        while position < found.end():
            end = _family(text, position, found.end())
            if not end:
                position += 1
                continue
            called = bool(_BEFORE.search(text, max(0, position - 8), position))
            for stop in range(min(found.end(), end + 2), end - 1, -1):
                if (
                    _AFTER.match(text, stop)
                    or (called and stop == min(found.end(), end + 2))
                    or (alone and position == found.start() and stop == found.end() > end)
                ):
                    yield position, stop
                    position = stop - 1
                    break
            position += 1


def _family(text: str, position: int, limit: int) -> int:
    """Where a surname that begins here ends; 0 for none."""
    table = lexicon()
    for length in (3, 2, 1):
        if position + length <= limit and table[text[position : position + length]] & LAST:
            return position + length
    return 0


def _hangul(document: Document) -> Iterator[tuple[int, int]]:
    text, table = document.text, lexicon()
    for found in _HANGUL.finditer(text):
        word = found[0]
        bare = _PARTICLES.sub("", word) if len(word) > 3 else word
        if not 2 < len(bare) <= _LONGEST or not table[bare[0]] & LAST:
            continue
        called = _BEFORE.search(text, max(0, found.start() - 8), found.start())
        if (
            called
            or bare != word
            or _AFTER.match(text, found.start() + len(bare))
            or not _ANY.search(text[: found.start()])
        ):
            yield found.start(), found.start() + len(bare)

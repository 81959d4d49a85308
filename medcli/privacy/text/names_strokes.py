"""Names with a stroke between surname and given name, as lists of wards and bills have them: MCCLENDON/TYRELL.

Knows the form and the lists. Refuses to take two abbreviations, or a fraction of anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import COMMON, EPONYM, FIRST, LAST, MEDICAL, NAME, STOP, lexicon

if TYPE_CHECKING:
    from medcli.privacy.text.document import Document

__all__ = ["find_headed", "find_stroked"]

#: Names in capitals at a report's head, before a date: HERNANDEZ GUZMAN, ROCIO 03/05/1989.
_HEADED = re.compile(
    r"(?<![\w/-])(?P<name>[A-Z][A-Z'-]{2,20}(?: [A-Z][A-Z'-]{1,20}){0,2},? [A-Z][A-Z'-]{1,20}(?: [A-Z]\.?)?),? \(?(?=(?:\d{1,2}[./-]){2}\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d)"
)

_STROKED = re.compile(
    r"(?<![\w/])(?P<family>[A-Z][A-Z'-]{2,20})/(?:(?P<given>[A-Z]{2,20})(?![\w])|(?=\d{6}))|(?<![\w/])(?P<mixed>[A-Z][a-z]{2,20}/[A-Z])(?![\w/])"
)


def find_stroked(document: Document) -> list[Span]:
    """Surname and given name with a stroke between: MCCLENDON/TYRELL, DRISCOLL/060744/M."""
    table, spans = lexicon(), []
    for found in _STROKED.finditer(document.text):
        if found["mixed"]:  # Castellano/M
            number = table[found["mixed"][:-2].lower()]
            if number & LAST > 1 << 2 and not number & (COMMON | MEDICAL | STOP | EPONYM):
                spans.append(Span(*found.span("mixed"), "NAME", 0.8, "rule:stroke"))
            continue
        numbers = [table[found[part].lower()] for part in ("family", "given") if found[part]]
        names = [
            number for number in numbers if number & NAME and (number & FIRST > 1 or number & LAST > 1 << 2)
        ]
        if names and all(
            not number or (number & NAME and not number & (MEDICAL | STOP)) for number in numbers
        ):
            spans.append(
                Span(
                    found.start(),
                    found.end("given") if found["given"] else found.end("family"),
                    "NAME",
                    0.8,
                    "rule:stroke",
                )
            )
    return spans


def find_headed(document: Document) -> list[Span]:
    """Two to four words in capitals before a date, of which one is listed as a name and none is clinical."""
    table, spans = lexicon(), []
    for found in _HEADED.finditer(document.text):
        numbers = [table[word.strip(",.").lower()] for word in found["name"].split()]
        listed = any(number & FIRST > 1 or number & LAST > 1 << 2 for number in numbers)
        if listed and not any(number & (MEDICAL | STOP) and not number & NAME for number in numbers):
            spans.append(Span(*found.span("name"), "NAME", 0.8, "rule:headed"))
    return spans

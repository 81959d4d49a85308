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

__all__ = ["find_stroked"]

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

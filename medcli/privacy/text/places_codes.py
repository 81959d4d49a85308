"""States and postal codes behind a city.

Knows their forms. The state stays; the code is a span of its own. Refuses to know cities and streets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medcli.privacy.text.span import Span
from medcli.privacy.text.words import REGION, STATE, lexicon, word_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medcli.privacy.text.document import Document

__all__ = ["STATES", "STATE_NAME", "ZIP", "after_state", "code"]

ZIP = re.compile(
    r"[ \u00a0,.\n]{0,4}(\d{5}(?:-\d{4})?|[A-Z]\d[A-Z][ -]?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]{0,2}-?\d{3,4}(?: ?\d{2,3}| ?[A-Z]{2})?)(?![\w/:-]|[.,]\d)"
)
STATES = word_set("places-states")
STATE_NAME = re.compile(
    r"[ \u00a0\n]{0,2},?[ \u00a0\n]{1,2}(?:(?P<short>[A-Z]{2,3})\b|(?P<long>(?:New (?:York|Jersey|Mexico|Hampshire)|(?:North|South) (?:Carolina|Dakota)|West Virginia|Rhode Island|British Columbia|Nova Scotia|[A-Z][a-z]+))\b)"
)


def after_state(text: str, end: int) -> int:
    """Where a state that follows ends; ``end``, where none does."""
    found = STATE_NAME.match(text, end)
    if not found:
        return end
    if found["short"]:
        return found.end() if found["short"] in STATES else end
    sure = " " in found["long"] or lexicon()[found["long"].lower()] & (STATE | REGION)
    return found.end() if sure else end


def code(document: Document, end: int) -> Iterator[Span]:
    """The postal code that follows."""
    found = ZIP.match(document.text, end)
    if found:
        yield Span(found.start(1), found.end(1), "ZIP", 0.9, "rule:address")

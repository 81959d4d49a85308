"""Words of a name that was surely one, wherever they stand again in the text.

Knows the runs that were found. Refuses to find a name of its own (two passes, after Dehghan et al. 2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.privacy.text.names_parts import INITIALS, NOTHING
from medcli.privacy.text.safe import eponym
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import CAPITAL, COMMON, MEDICAL, STOP, UPPER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medcli.privacy.text.document import Document
    from medcli.privacy.text.names_parts import Reading

__all__ = ["SURE", "find_again"]

#: Points that make a run's words names wherever they stand again.
SURE = 4.5


def find_again(document: Document, reading: Reading, runs: Iterable[tuple[int, int, float]]) -> list[Span]:
    """Other places where a word of a sure name stands."""
    looked, kinds = document.looked, reading.kinds
    sure: dict[str, bool] = {}
    taken: set[int] = set()
    for first, last, points in runs:
        taken.update(range(first, last + 1))
        if points < SURE:
            continue
        for position in range(first, last + 1):
            low = looked.lows[position]
            if kinds[position] > INITIALS and len(low) > 2:
                sure[low] = not looked.numbers[position] & (COMMON | MEDICAL | STOP)
    if not sure:
        return []
    spans = []
    for position, low in enumerate(looked.lows):
        if (
            low not in sure
            or position in taken
            or not _stands_again(document, reading, position, rare=sure[low])
        ):
            continue
        spans.append(Span(looked.starts[position], looked.ends[position], "NAME", 0.9, "list:again"))
    return spans


def _stands_again(document: Document, reading: Reading, position: int, *, rare: bool) -> bool:
    looked = document.looked
    if eponym(document.text, looked, position, position) or document.covered(
        looked.starts[position], looked.ends[position]
    ):
        return False
    if rare:
        return True
    return (
        looked.shapes[position] in (CAPITAL, UPPER)
        and not reading.opens(position)
        and reading.kinds[position] > NOTHING
    )

"""Many finds to one list that is sorted and does not overlap.

Knows spans. Refuses to know text: whoever calls says what a rest of a span is worth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from medcli.privacy.text.span import Span

__all__ = ["joined", "union"]


def union(spans: Iterable[Span], text: str) -> list[Span]:
    """The union of spans: sorted, not overlapping, and no letter or digit of any of them left out.

    Where two overlap the longer one keeps its place and its category (of equally long ones the known one, then the
    surer); what the other has beyond it stays found, under the other's category, unless it is punctuation and
    blanks only.
    """
    taken: list[Span] = []
    ordered = sorted(spans)
    group: list[Span] = []
    end = -1
    for span in ordered:
        if span.start >= end and group:
            taken += _settle(group, text)
            group = []
        group.append(span)
        end = max(end, span.end)
    return taken + _settle(group, text)


#: Between an institution and its town.
_IN = frozenset((" in ", " of ", " at ", " near ", " on ", " - ", "-", " in the ", " of the "))


def joined(spans: list[Span], text: str) -> list[Span]:
    """The same, an institution and the town or street that says which one as one: Planned Parenthood of Toledo."""
    whole: list[Span] = []
    for span in spans:
        last = whole[-1] if whole else None
        if (
            last is not None
            and last.category == "FACILITY"
            and span.category in ("PLACE", "FACILITY")
            and "known" not in (last.source, span.source)
            and text[last.end : span.start] in _IN
        ):
            whole[-1] = replace(last, end=span.end)
        else:
            whole.append(span)
    return whole


def _settle(group: list[Span], text: str) -> list[Span]:
    """Share out the characters of spans that hang together."""
    if len(group) < 2:
        return group
    winners: list[Span] = []
    for span in sorted(group, key=_rank):
        winners += [rest for rest in _outside(span, winners) if _speaks(text, rest)]
    return sorted(winners)


def _rank(span: Span) -> tuple[int, bool, float, int]:
    return span.start - span.end, span.source != "known", -span.score, span.start


def _outside(span: Span, taken: list[Span]) -> list[Span]:
    """What of a span lies outside all taken ones."""
    rest = [span]
    for other in taken:
        cut: list[Span] = []
        for piece in rest:
            if other.start >= piece.end or other.end <= piece.start:
                cut.append(piece)
                continue
            if piece.start < other.start:
                cut.append(replace(piece, end=other.start))
            if other.end < piece.end:
                cut.append(replace(piece, start=other.end))
        rest = cut
    return rest


def _speaks(text: str, span: Span) -> bool:
    return any(letter.isalnum() for letter in text[span.start : span.end])

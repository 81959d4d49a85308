"""Strings that mark-up takes apart, read in one: ``<b>Sm</b>ith``, ``**Sm**ith``, ``Dr. <i>Smith</i>``.

Knows places of strings in a record. Refuses to search: whoever finds something in a run is told which strings it
stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from medcli.privacy.text.formats.token import Join, Token
from medcli.privacy.text.span import Span

__all__ = ["Piece", "Run", "across", "runs_of"]

#: Marks of HTML, Markdown and typesetting, and characters that nobody sees.
_MARK = re.compile(r"</?[A-Za-z][^<>]{0,400}>|[*`~]+|[\u00ad\u200b-\u200d\u2060\ufeff]")
_SPLIT = re.compile(rf"[^\W_](?:{_MARK.pattern})+[^\W_]")


class Piece(NamedTuple):
    """A stretch of a string, as it stands in a run.

    Attributes
    ----------
    token
        Number of the string in its record.
    start, end
        Where in the string.
    at
        Where in the run it begins.
    """

    token: int
    start: int
    end: int
    at: int


class Run(NamedTuple):
    """Strings, or stretches of one, without the mark-up between them.

    Attributes
    ----------
    text
        What they say together.
    pieces
        Of what it is made, in order.
    sentence
        Whether they are one text; else they only touch, and nothing but known identity may be looked for.
    """

    text: str
    pieces: tuple[Piece, ...]
    sentence: bool = True

    def __repr__(self) -> str:
        return f"Run({len(self.pieces)} pieces)"


def runs_of(joins: Iterable[Join], tokens: Sequence[Token]) -> Iterator[Run]:
    """The runs of a record: of several strings as its format joins them, and of single strings with marks in words."""
    for join in joins:
        pieces = [(number, 0, len(tokens[number].text), gap) for number, gap in join.parts]
        yield _run(pieces, tokens, join.sentence)
    for number, token in enumerate(tokens):
        if token.kind != "number" and _SPLIT.search(token.text):
            yield _run([(number, *place, "") for place in _between(token.text)], tokens, sentence=True)


def across(run: Run, spans: Iterable[Span]) -> Iterator[list[tuple[int, Span]]]:
    """For each span of a run, what of it stands in which string.

    Where the run is no sentence, spans inside of one piece are passed over: the piece was searched by itself.
    """
    for span in spans:
        touched = [piece for piece in run.pieces if _says(run, piece, span)]
        if len(touched) < 2 and not run.sentence:
            continue
        places: dict[int, tuple[int, int]] = {}
        for piece in touched:
            start = max(span.start - piece.at, 0) + piece.start
            end = min(span.end - piece.at + piece.start, piece.end)
            places[piece.token] = (places.get(piece.token, (start, end))[0], end)
        yield [(token, replace(span, start=start, end=end)) for token, (start, end) in places.items()]


def _says(run: Run, piece: Piece, span: Span) -> bool:
    """Whether a letter or digit of the piece is in the span."""
    start, end = max(span.start, piece.at), min(span.end, piece.at + piece.end - piece.start)
    return any(map(str.isalnum, run.text[start:end]))


def _run(parts: Iterable[tuple[int, int, int, str]], tokens: Sequence[Token], sentence: bool) -> Run:
    pieces: list[Piece] = []
    text: list[str] = []
    at = 0
    for number, start, end, before in parts:
        gap = before if pieces else ""
        text += [gap, tokens[number].text[start:end]]
        at += len(gap)
        pieces.append(Piece(number, start, end, at))
        at += end - start
    return Run("".join(text), tuple(pieces), sentence)


def _between(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for match in _MARK.finditer(text):
        if at < match.start():
            yield at, match.start()
        at = match.end()
    if at < len(text):
        yield at, len(text)

"""Tables: cells separated by commas, tabs, semicolons or bars (RFC 4180, and what is met beside it).

Quotes, separators and line ends stay as they are. Whether the first row names the columns is said by whoever asks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from medcli.privacy.text.formats.token import Edit, Join, Token, Unfit, applied, spelt_between

__all__ = ["LEAD", "Table"]

#: What may stand before the first row: blank lines, and the line by which spreadsheets are told the separator.
LEAD = re.compile(r"\ufeff?(?:\r?\n|sep=([^\w\"\r\n])\r?\n)*", re.IGNORECASE)


class Table:
    """Rows of cells.

    Parameters
    ----------
    separator
        One character.
    suffix
        ``.csv`` or ``.tsv``.

    Attributes
    ----------
    columns
        Titles, once the first row was read and taken for titles; cells are called by their number otherwise.
    """

    name = "table"
    unit = "line"

    def __init__(self, separator: str, suffix: str = ".csv") -> None:
        self.suffix = suffix
        self.columns: tuple[str, ...] | None = None
        self._separator = separator
        self._leads = True
        self._bare = re.compile(f"[^{re.escape(separator)}\r\n]*")

    def carries(self, line: str, *, inside: bool) -> bool:
        """A row goes on where a line ends inside quotes; what stands before the first row belongs to it."""
        if self._leads:
            inside, self._leads = False, bool(LEAD.fullmatch(line))
            if self._leads:
                return True
        if '"' not in line:
            return inside
        at = 0
        while at < len(line):
            if inside or line[at] == '"':
                at = _closing(line, at if inside else at + 1)
                if at < 0:
                    return True
                at, inside = at + 1, False
            at = self._bare.match(line, at).end() + 1  # type: ignore[union-attr]  # matches anywhere
        return False

    def tokens(self, record: str) -> list[Token]:
        """All cells that are not empty; those of a row of titles are names."""
        cells = self._cells(record)
        titled = len(self.columns or ()) if self.columns and _first_row(cells) == self.columns else 0
        return [
            Token(start, end, text, (self._title(number),), "name" if place < titled else "text")
            for place, (start, end, text, number) in enumerate(cells)
            if text
        ]

    def titles(self, record: str) -> tuple[str, ...]:
        """The first row, if its cells could be titles: none empty, none doubled, none a number; else nothing."""
        row = _first_row(self._cells(record))
        names = [one.strip() for one in row]
        fit = all(one and any(map(str.isalpha, one)) for one in names) and len(set(names)) == len(names)
        return row if fit else ()

    def joins(self, record: str, tokens: Sequence[Token]) -> Sequence[Join]:  # noqa: ARG002 - the protocol's
        """Nothing is."""
        return ()

    def places(self, record: str, token: Token) -> Sequence[int]:
        """Two quotes are one inside quotes."""
        if len(token.text) == token.end - token.start:
            return range(token.start, token.end + 1)
        starts, at = [], token.start
        while at < token.end:
            starts.append(at)
            at += 2 if record[at] == '"' else 1
        return [*starts, token.end]

    def spelt(self, record: str, token: Token, edits: Sequence[Edit]) -> tuple[int, int, str]:
        """Quotes doubled in a quoted cell; a bare cell is quoted where it has to be."""
        if token.start and record[token.start - 1] == '"':
            escaped = [edit.text.replace('"', '""') for edit in edits]
            return token.start, token.end, spelt_between(record, self.places(record, token), edits, escaped)
        text = applied(token.text, edits)
        if any(sign in text for sign in (self._separator, '"', "\n", "\r")):
            text = '"' + text.replace('"', '""') + '"'
        return token.start, token.end, text

    def _title(self, number: int) -> str:
        if self.columns is not None and number < len(self.columns):
            return self.columns[number]
        return str(number + 1)

    def _cells(self, record: str) -> list[tuple[int, int, str, int]]:
        """(start, end, text, number in its row) of each cell."""
        cells, number, size = [], 0, len(record)
        at = LEAD.match(record).end()  # type: ignore[union-attr]  # matches anywhere
        while at < size:
            if record[at] == '"':
                start, at = at + 1, _closing(record, at + 1)
                if at < 0:
                    raise Unfit("malformed-text")
                cells.append((start, at, record[start:at].replace('""', '"'), number))
                at += 1
                if at < size and record[at] not in (self._separator, "\r", "\n"):
                    raise Unfit("malformed-text")
            else:
                start, at = at, self._bare.match(record, at).end()  # type: ignore[union-attr]
                cells.append((start, at, record[start:at], number))
            number += 1
            if at < size and record[at] != self._separator:
                number = 0
                while at < size and record[at] in "\r\n":
                    at += 1
            else:
                at += 1
        return cells


def _first_row(cells: Sequence[tuple[int, int, str, int]]) -> tuple[str, ...]:
    numbers = [number for *_, number in cells]
    size = next((place for place, number in enumerate(numbers) if place and not number), len(cells))
    return tuple(text for _, _, text, _ in cells[:size])


def _closing(record: str, at: int) -> int:
    """Where the quote stands that closes a cell; -1 where there is none."""
    while True:
        at = record.find('"', at)
        if at < 0 or record[at + 1 : at + 2] != '"':
            return at
        at += 2

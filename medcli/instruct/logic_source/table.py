"""A table of labels, row by row: CSV, or tab-separated as ``.tsv``, with a header line.

Knows lines and cells. Refuses to know what they mean. No error quotes a cell.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from medcli.errors import InputError


class Row(NamedTuple):
    """A row: the line that it starts in, its cells by column, and what is wrong with it as a row."""

    line: int
    cells: dict[str, str]
    error: str = ""


def rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a table; empty lines are passed over.

    Parameters
    ----------
    path : Path
        UTF-8.
    needed : sequence of str
        Columns that it must have.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column, names one twice, or breaks off within quotes.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            # strict: a quote that is never closed would otherwise swallow the rest of the file
            reader = csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
            header = _header(next(reader, None), needed)
            line = reader.line_num + 1
            try:
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield _row(line, header, cells)
                    line = reader.line_num + 1
            except csv.Error:
                raise InputError(
                    f"The table of labels cannot be read from line {line} on.",
                    hint="A quote is left open there.",
                ) from None
    except OSError as error:
        raise InputError(
            f"The table of labels cannot be read: {error.strerror}.", hint="Check its path and its rights."
        ) from error


def _header(cells: list[str] | None, needed: Sequence[str]) -> list[str]:
    if cells is None:
        raise InputError(
            "The table of labels is empty.", hint="It is a CSV file whose first line names its columns."
        )
    header = [cell.strip() for cell in cells]
    if missing := [name for name in needed if name not in header]:
        raise InputError(
            f"The table of labels lacks the columns {', '.join(missing)}.",
            hint="The tree names them, under `image`, `key` and each slot's `column`.",
        )
    if any(header.count(name) > 1 for name in needed):
        raise InputError("The table of labels names a column twice.", hint="Name its columns differently.")
    return header


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(line, {}, "wrong-columns")
    if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
        return Row(line, {}, "not-utf-8")
    return Row(line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})

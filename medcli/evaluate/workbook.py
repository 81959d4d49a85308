"""The first sheet of an Excel workbook (ECMA-376, Office Open XML): rows under the names of the header.

Knows as much of the format as tables of results need: shared and inline strings, numbers, booleans. Formulas count by
the value that was saved with them, or as the text that they are. Refuses to know styles, dates and other sheets.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from medcli.errors import InputError

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LARGEST = 1 << 30  # of one part; expat bounds what entities can grow to
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of the first sheet.

    Raises
    ------
    InputError
        If it is no workbook.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shared = _shared(archive)
            rows = _cells(archive, shared)
            header = [str(name) for name in next(rows, [])]
            for row in rows:
                padded = [*row, *[None] * (len(header) - len(row))]
                yield dict(zip(header, padded, strict=False))
    except (OSError, zipfile.BadZipFile, KeyError, ET.ParseError, ValueError, IndexError) as error:
        raise InputError(
            "The workbook of answers cannot be read.", hint="Save it again as xlsx, or as tsv."
        ) from error


def _open(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > _LARGEST:
        raise ValueError
    return archive.open(name)


def _shared(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    with _open(archive, "xl/sharedStrings.xml") as stream:
        parts = ET.iterparse(stream)  # noqa: S314 - see _LARGEST
        return [_texts(item) for _, item in parts if item.tag == f"{_MAIN}si"]


def _cells(archive: zipfile.ZipFile, shared: list[str]) -> Iterator[list[Any]]:
    name = min(
        (one for one in archive.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", one)),
        key=lambda one: int(re.sub(r"\D", "", one)),
    )
    with _open(archive, name) as stream:
        for _, row in ET.iterparse(stream):  # noqa: S314 - see _LARGEST
            if row.tag == f"{_MAIN}row":
                cells: list[Any] = []
                for cell in row.iter(f"{_MAIN}c"):
                    place = _column(cell.get("r") or "", len(cells))
                    cells += [None] * (place - len(cells))
                    cells.append(_value(cell, shared))
                yield cells
                row.clear()


def _column(reference: str, otherwise: int) -> int:
    """The place of a column by its letters: A is 0, AA is 26."""
    letters = re.match(r"[A-Z]+", reference)
    if letters is None:
        return otherwise
    place = 0
    for letter in letters[0]:
        place = place * 26 + ord(letter) - 64
    if place > 16384:
        raise ValueError
    return place - 1


def _value(cell: ET.Element, shared: list[str]) -> Any:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _texts(cell)
    value = cell.findtext(f"{_MAIN}v")
    if not value:  # a reply that begins with = was taken for a formula, which nothing has computed
        formula = cell.findtext(f"{_MAIN}f")
        return f"={formula}" if formula else None
    if kind == "s":
        return shared[int(value)]
    if kind == "b":
        return value == "1"
    if kind != "n":
        return _unescaped(value)
    number = float(value)
    return int(number) if number.is_integer() else number


def _texts(element: ET.Element) -> str:
    """The text of a string, runs of other formatting joined; phonetic hints (rPh) left out."""
    phonetic = {text for hint in element.iter(f"{_MAIN}rPh") for text in hint.iter(f"{_MAIN}t")}
    return _unescaped("".join(one.text or "" for one in element.iter(f"{_MAIN}t") if one not in phonetic))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text

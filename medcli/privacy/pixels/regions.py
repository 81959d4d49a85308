"""Rectangles that are always filled in images of a known device: our own table, CTP's scripts, deid's recipes.

Knows three formats. Refuses to guess: a line that it can't read is an error that names the line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import InputError
from medcli.privacy.pixels.detector import Quad
from medcli.privacy.pixels.policy import Region

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_regions", "rectangles"]

#: Columns of a table that are no conditions.
_EDGES = ("left", "top", "right", "bottom")
_CONDITIONS = (
    "Manufacturer",
    "ManufacturerModelName",
    "Modality",
    "SOPClassUID",
    "Rows",
    "Columns",
    "ImageType",
)
_CTP_TEST = re.compile(
    r"!?\s*\[?([A-Za-z]+)\]?\.(equals|contains|containsIgnoreCase|equalsIgnoreCase)\(\"([^\"]*)\"\)"
)
_CTP_BOX = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)")
_DEID_TEST = re.compile(r"(?:\+\s*)?(contains|equals)\s+(\w+)\s+(.+?)\s*(?:\+.*)?\Z")


def rectangles(regions: Sequence[Region], dataset: Dataset) -> Iterator[Quad]:
    """The rectangles of the regions whose conditions a data set meets, cut to the frame."""
    for region in regions:
        if all(_holds(dataset.get(keyword), text) for keyword, text in region.conditions):
            left, top, right, bottom = region.box
            right, bottom = min(right, int(dataset.Columns)) - 1, min(bottom, int(dataset.Rows)) - 1
            if left <= right and top <= bottom:
                yield Quad((left, top, right, top, right, bottom, left, bottom))


def _holds(value: Any, text: str) -> bool:
    if isinstance(value, int):
        return str(value) == text
    shown = (
        "\\".join(map(str, value))
        if hasattr(value, "__iter__") and not isinstance(value, str)
        else str(value or "")
    )
    return any(part.strip().lower() in shown.lower() for part in text.split("|") if part.strip())


def read_regions(path: Path) -> tuple[Region, ...]:
    """Read a file of rectangles.

    Parameters
    ----------
    path
        A table (tab or comma) with the columns left, top, right, bottom and any of Manufacturer,
        ManufacturerModelName, Modality, SOPClassUID, Rows, Columns, ImageType; or a CTP DicomPixelAnonymizer script;
        or a deid recipe whose filters give coordinates.

    Raises
    ------
    InputError
        Where it can't be read; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            "--regions: the file can't be read as UTF-8.", hint="Check its path and rights."
        ) from None
    if re.search(r"^\s*FORMAT\s+dicom", text, re.MULTILINE):
        found = tuple(_deid(text))
    elif re.search(r"\)\s*\{|\}\s*\(|equals\(\"|contains(IgnoreCase)?\(\"", text):
        found = tuple(_ctp(text))
    else:
        found = tuple(_table(text))
    if not found:
        raise InputError(
            "--regions: no rectangle is in the file.", hint="docs/pixels.md shows the three formats."
        )
    return found


def _table(text: str) -> Iterator[Region]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    table = csv.DictReader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    names = table.fieldnames or ()
    if set(_EDGES) - set(names) or set(names) - set(_EDGES) - set(_CONDITIONS):
        raise InputError(
            "--regions: the columns are left, top, right, bottom and conditions.",
            hint=f"Conditions are {', '.join(_CONDITIONS)}.",
        )
    for number, row in enumerate(table, 2):
        conditions = tuple((name, row[name].strip()) for name in _CONDITIONS if (row.get(name) or "").strip())
        yield Region(conditions, _box([row[name] or "" for name in _EDGES], number))


def _box(edges: Sequence[str], number: int) -> tuple[int, int, int, int]:
    try:
        left, top, right, bottom = (int(edge) for edge in edges)
    except ValueError:
        raise InputError(f"--regions: line {number} holds no rectangle of four whole numbers.") from None
    if not (0 <= left < right and 0 <= top < bottom):
        raise InputError(f"--regions: line {number}: left must be below right, and top below bottom.")
    return left, top, right, bottom


def _ctp(text: str) -> Iterator[Region]:
    """CTP: `{ signature }` or a bare signature, then rectangles as (left, top, width, height).

    Only conjunctions are read: a signature with an alternative (+) or a negation (!) is refused.
    """
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    pending: list[tuple[str, str]] = []
    closed = False
    for number, line in enumerate(text.splitlines(), 1):
        tests = list(_CTP_TEST.finditer(line))
        if tests:
            if "!" in line or re.search(r"\)\s*\+|\+\s*\[?[A-Za-z]", line):
                raise InputError(f"--regions: line {number}: alternatives and negations of CTP are not read.")
            pending = [] if closed else pending
            closed = False
            pending += [(test[1], test[3]) for test in tests]
        for box in _CTP_BOX.finditer(_CTP_TEST.sub("", line)):
            left, top, width, height = (int(value) for value in box.groups())
            closed = True
            yield Region(
                tuple(pending), _box([str(left), str(top), str(left + width), str(top + height)], number)
            )


def _deid(text: str) -> Iterator[Region]:
    """deid: LABEL blocks of `contains` and `equals` lines, then `coordinates left,top,right,bottom`."""
    conditions: list[tuple[str, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("LABEL"):
            conditions = []
        elif line.startswith("||") or re.match(r"(?:\+\s*)?(missing|empty|present|not)", line):
            conditions.append(("", "unread"))
        elif match := _DEID_TEST.match(line):
            conditions.append((match[2], match[3]))
        elif line.startswith(("coordinates", "ctpcoordinates")):
            edges = line.split(None, 1)[1].split(",")
            if line.startswith("ctp") and len(edges) == 4:
                left, top, width, height = map(int, edges)
                edges = [str(left), str(top), str(left + width), str(top + height)]
            if ("", "unread") in conditions:
                raise InputError(f"--regions: line {number}: a condition above it is not read here.")
            yield Region(tuple(conditions), _box(edges, number))

"""ROCO: lists keyed by its ids, for radiology and for the rest. Its figures come from PubMed Central by their names.

Beside the captions ``figures.jsonl`` is written, which ``medcli download images`` takes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from medcli.data import licenses
from medcli.data.datasets.layouts import CAPTIONS, Found, Record
from medcli.data.pmc import links
from medcli.records import Caption

PRODUCT = CAPTIONS
FIGURES = "figures.jsonl"
_LISTS = ("keywords", "cuis", "semtypes")


def rows(found: Found) -> Iterator[Record]:
    """A caption a figure whose licence is wanted, with the row that fetches it under ``figure``."""
    for folder in sorted({path.parent for path in found.paths}):
        code = dict(_licences(folder / "licences.txt"))
        captions = {name: parts[0] for name, parts in _table(folder / "captions.txt") if parts}
        lists = {name: dict(_table(folder / f"{name}.txt")) for name in _LISTS}
        for link in links.read(folder / "dlinks.txt"):
            license_ = code.get(link.id, "")
            if link.trouble or not licenses.passes(license_, found.license):
                continue
            caption = Caption(
                link.id,
                captions.get(link.id, ""),
                f"images/{link.id}.jpg",
                pmcid=f"PMC{link.pmcid}",
                license=license_,
            )
            told = {name: [one for one in values.get(link.id, ()) if one] for name, values in lists.items()}
            figure = {"pmcid": f"PMC{link.pmcid}", "file": link.file, "id": link.id}
            yield (
                caption.to_json()
                | {"class": folder.name, "figure": figure}
                | {name: values for name, values in told.items() if values}
            )


def _table(path: Path) -> Iterator[tuple[str, list[str]]]:
    """An id and its values, between tabs, a line; nothing where a list is missing."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            name, *values = line.rstrip("\n").split("\t")
            if name.strip():
                yield name.strip(), [value.strip() for value in values]


def _licences(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield str(row.get("ROCO_ID")), str(row.get("CC") or "")

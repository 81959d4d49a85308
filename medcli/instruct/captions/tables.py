"""Captions in tables: ROCO's ``captions.txt`` with its lists beside it, and ROCOv2's CSV.

Knows columns; refuses to judge what stands in them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from medcli.errors import InputError

Numbered = tuple[int, object]


def roco(path: Path) -> Iterator[Numbered]:
    """ROCO v1: an id, a tab and a caption a line; ``licences.txt`` beside it says licence and article."""
    facts = dict(_licences(path.with_name("licences.txt")))
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                name, _, caption = line.rstrip("\n").partition("\t")
                yield (
                    number,
                    {
                        "id": name.strip(),
                        "caption": caption.strip(),
                        "image": f"{name.strip()}.jpg",
                    }
                    | facts.get(name.strip(), {}),
                )
    except OSError as error:
        raise _unreadable(error) from error


def table(path: Path) -> Iterator[Numbered]:
    """A table with a header that names the columns ``id`` and ``caption``, in any case; commas or tabs."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            lines = csv.reader(stream, delimiter=delimiter)
            header = [name.strip().casefold() for name in next(lines, [])]
            place = _places(header)
            for cells in lines:
                if cells:
                    row = {name: cells[at].strip() for name, at in place.items() if at < len(cells)}
                    yield lines.line_num, {"image": f"{row.get('id', '')}.jpg"} | row
    except OSError as error:
        raise _unreadable(error) from error
    except csv.Error as error:
        raise InputError("The table of captions cannot be read.", hint="It is CSV in UTF-8.") from error


def _places(header: list[str]) -> Mapping[str, int]:
    """Which column holds what.

    Raises
    ------
    InputError
        If id or caption is in none.
    """
    names = {
        "id": ("id", "image_id", "pair_id"),
        "caption": ("caption", "fig_caption"),
        "image": ("image", "file", "filename"),
        "license": ("license", "licence"),
        "domain": ("domain",),
        "pmcid": ("pmcid",),
    }
    found = {
        name: header.index(known)
        for name, all_known in names.items()
        for known in all_known[::-1]
        if known in header
    }
    if not {"id", "caption"} <= set(found):
        raise InputError(
            "The table of captions lacks a column ID or Caption.", hint="Look at its first line."
        )
    return found


def _licences(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        for row in csv.DictReader(stream):
            article = str(row.get("PMC_ID") or "").strip()
            facts = {"license": str(row.get("CC") or "").strip()}
            if article:
                facts["pmcid"] = article if article.startswith("PMC") else f"PMC{article}"
            yield str(row.get("ROCO_ID")).strip(), facts


def _unreadable(error: OSError) -> InputError:
    return InputError(
        f"The file of captions cannot be read: {error.strerror}.", hint="Check its path and its rights."
    )

"""The data files beside these modules: tab-separated, with comments and a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib import resources


def rows(name: str, package: str = __package__) -> Iterator[dict[str, str]]:
    """Yield the rows of a table by their column names.

    Parameters
    ----------
    name : str
        The file's name without ``.tsv``.
    package : str
        Where it lies.
    """
    text = resources.files(package).joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


@cache
def contractions() -> dict[str, str]:
    """Words that lost an apostrophe, to what VQA evaluation makes of them."""
    return {row["without"]: row["with"] for row in rows("contractions")}

"""The data files of this domain: tab-separated, comments with ``#`` first, then a line of column names."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources


def rows(name: str, package: str = __package__) -> Iterator[dict[str, str]]:
    """Yield the rows of ``NAME.tsv`` by the names of its columns; cells that are missing at a line's end are empty.

    Parameters
    ----------
    name : str
        The file's name without ``.tsv``.
    package : str
        Where it lies.
    """
    text = resources.files(package).joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    head = next(lines)
    for cells in lines:
        if len(cells) > len(head):
            raise ValueError(f"{name}.tsv: a line has {len(cells)} cells and the head {len(head)}")
        yield dict(zip(head, [*cells, *[""] * (len(head) - len(cells))], strict=True))

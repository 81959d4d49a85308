"""One self-contained page to look at: figures, confusion, answers' length, and every answer with its picture.

Knows the page's parts and its limits: 20 MB, 200 thumbnails; further pictures are links, further answers are left out
and counted. Nothing is fetched from anywhere when the page is opened. Refuses to compute scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medcli import files, pages
from medcli.evaluate.report.data import Content, gather
from medcli.evaluate.report.pictures import thumbnails
from medcli.evaluate.scoring import Scores
from medcli.evaluate.truths import Truths

LARGEST = 20_000_000
_ROOM = 400_000  # for the page itself
_THUMBNAILS = 4_000_000

__all__ = ["write_report"]


def write_report(
    path: Path, facts: Mapping[str, Any], truths: Truths, scored: Mapping[str, Scores], images: Path
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The file.
    facts : mapping
        As in scores.json.
    truths, scored : Truths, mapping of str to Scores
        What was scored, by the models' names.
    images : Path
        Folder of the questions' pictures.
    """
    content = gather(facts, truths, scored)
    embedded, links = thumbnails(content, images, path.absolute().parent, budget=_THUMBNAILS)
    content.facts["pictures"] = {"embedded": embedded, "links": links}
    spent = len(pages.as_json(content.facts).encode())
    left_out = _fit(content, LARGEST - _ROOM - spent)
    content.facts["left_out"] = left_out
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    files.write(path, page(content))


def page(content: Content) -> str:
    """Put the page's parts together."""
    return pages.page(__package__, {**content.facts, "items": content.columns})


def _fit(content: Content, room: int) -> int:
    """Leave answers out until the rest fits, right ones first; return how many."""
    sizes = [
        30 + sum(len(pages.as_json(column[place]).encode()) + 1 for column in content.columns.values())
        for place in range(len(content.places))
    ]
    total, left_out = sum(sizes), set()
    for place in sorted(range(len(sizes)), key=lambda one: (content.wrong[one], -one)):
        if total <= room:
            break
        total -= sizes[place]
        left_out.add(place)
    if left_out:
        content.keep([place for place in range(len(sizes)) if place not in left_out])
    return len(left_out)

"""Thumbnails of the pictures that matter most, and links to the others.

Knows that a question's image is a path below one folder, and that wrong answers are looked at first. A picture that
cannot be opened is left to its link; one that leads out of the folder has none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from medcli.errors import InputError
from medcli.evaluate.report.data import Content
from medcli.files import safe_relative
from medcli.pages import SHOWABLE, thumbnail

MOST = 200


def thumbnails(
    content: Content, images: Path, page: Path, *, budget: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Make thumbnails of at most 200 pictures, and links.

    Parameters
    ----------
    content : Content
        Whose pictures.
    images, page : Path
        Their folder, and the page's.
    budget : int
        Bytes that all thumbnails may take.

    Returns
    -------
    dict, dict
        Name to ``data:`` address, and name to an address relative to the page.
    """
    embedded: dict[str, str] = {}
    links: dict[str, str] = {}
    named = dict.fromkeys(_by_need(content))
    for name in named:
        try:
            path = images / safe_relative(name)
        except InputError:
            continue
        if path.suffix.lower() in SHOWABLE and path.is_file():
            links[name] = quote(os.path.relpath(path.absolute(), page).replace(os.sep, "/"))
        if len(embedded) < MOST and budget > 0 and (address := thumbnail(path)):
            embedded[name] = address
            budget -= len(address)
    return embedded, links


def _by_need(content: Content) -> Iterator[str]:
    """Names of pictures, those of wrong answers first."""
    for wanted in (True, False):
        for name, wrong in zip(content.columns["image"], content.wrong, strict=True):
            if name and wrong is wanted:
                yield name

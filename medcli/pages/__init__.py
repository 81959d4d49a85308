"""What self-contained pages share: one file, light and dark, data that no text of it can turn into markup.

Knows how a page's parts are put together and how a picture becomes a thumbnail in it. Refuses to know what a page
shows: that is its domain's.
"""

from __future__ import annotations

import base64
import io
import json
from importlib import resources
from pathlib import Path

from medcli.errors import ItemFailed, MissingExtra

SHOWABLE = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"))
"""Names of files that a browser shows."""

_SIDE = 320


def page(package: str, data: object) -> str:
    """Put a page together.

    Parameters
    ----------
    package : str
        Holds ``page.html``, ``page.css`` and ``page.js``; the first has the places ``/* page.css */``, ``/* data */`` and
        ``/* page.js */`` in this order. Style and script of all pages (``base.css``, ``base.js``) stand before its own.
    data : object
        Becomes JSON within the page.
    """
    html = _part(package, "page.html")
    html = html.replace("/* page.css */", _part(__package__, "base.css") + _part(package, "page.css"))
    head, tail = html.split("/* page.js */")
    before, after = head.split("/* data */")
    return "".join(
        (before, as_json(data), after, _part(__package__, "base.js"), _part(package, "page.js"), tail)
    )


def as_json(value: object) -> str:
    """JSON that can stand in a script element: no text ends it, and a lone surrogate is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text.encode("utf-8", "backslashreplace").decode()


def thumbnail(path: Path) -> str:
    """A picture or DICOM file as a ``data:`` address of at most 320 pixels a side; empty if it cannot be opened."""
    from medcli.imaging import open_picture

    try:
        picture = open_picture(path)
    except (ItemFailed, MissingExtra):
        return ""
    picture.thumbnail((_SIDE, _SIDE))
    content = io.BytesIO()
    picture.convert("RGB").save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def _part(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")

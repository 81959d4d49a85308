"""A released text looked into again, by what the manifest says of it alone.

Knows what was to become a tag or stars: nothing of that kind may be found any more. What was to become something like
itself (a shifted date, three digits of a ZIP code) is passed over, and where surrogates were chosen nothing can be
told from the text alone. Refuses to quote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medcli.privacy.text.fields import Fields
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.formats.reading import opened
from medcli.privacy.text.formats.token import Token, Unfit
from medcli.privacy.text.search import outside

__all__ = ["TextCheck"]

_PLACED = re.compile(r"\[[A-Z]+\]|\*+|90\+")
_GONE = frozenset(("tag", "mask", "fixed"))


class TextCheck:
    """Looks into the texts of one release.

    Parameters
    ----------
    method
        What the manifest says of texts.
    """

    def __init__(self, method: Mapping[str, Any]) -> None:
        actions: Mapping[str, str] = method["replaced_by"]
        surrogates = "surrogate" in actions.values()
        self._gone = {name for name, action in actions.items() if action in _GONE and not surrogates}
        self._finder = Finder(sensitivity="high" if " high" in method["finder"] else "balanced")
        self._fields = Fields(method["fields"])

    def look(self, source: Path | bytes, name: str) -> str:
        """What is wrong with a text: ``unreadable``, ``residue``, or nothing."""
        try:
            stream, reading = opened(source, name)
        except (OSError, Unfit):
            # An encoding that the user named is not noted: such a text can't be read here.
            return "" if isinstance(source, bytes) and _eightbit(source) else "unreadable"
        with stream:
            if not reading.is_text:
                return "unreadable"
            try:
                return "residue" if any(map(self._shows, self._tokens(reading))) else ""
            except Unfit:
                return "unreadable"

    def _tokens(self, reading: Any) -> Any:
        for record in reading.records():
            yield from reading.format.tokens(record)

    def _shows(self, token: Token) -> bool:
        if token.kind not in ("text", "raw") or not self._gone or not self._fields.chosen(token.path):
            return False
        found = [span for span in self._finder.find(token.text) if span.category in self._gone]
        return bool(outside(found, [match.span() for match in _PLACED.finditer(token.text)], token.text))


def _eightbit(source: bytes) -> bool:
    try:
        source.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False

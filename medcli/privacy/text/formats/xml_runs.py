"""Which texts of an XML document belong together: those of a paragraph with words in bold, those that touch.

Knows tags. An element with text of its own beside elements is one text (mixed content, XML 1.0 section 3.2.2). Refuses
to look into texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from medcli.privacy.text.formats.token import Join

__all__ = ["PIECE", "joined"]

#: What a well-formed document without declarations is made of.
PIECE = re.compile(
    r"<!--(?P<comment>.*?)-->|<!\[CDATA\[(?P<data>.*?)\]\]>|<\?(?P<order>[^\s?>]+)(?P<said>.*?)\?>"
    r"|<!DOCTYPE(?P<type>[^>]*)>|</(?P<close>[^\s>]+)\s*>|<(?P<open>[^\s/>]+)(?P<inside>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>"
    r"|(?P<text>[^<]+)",
    re.DOTALL,
)
#: Elements of HTML and CDA that begin a line.
_BLOCKS = frozenset(
    "br caption div footnote h1 h2 h3 h4 h5 h6 item li list ol p paragraph pre section table tbody td th thead tr ul".split()  # noqa: SIM905
)


@dataclass(slots=True)
class _Element:
    """An open element: whether it holds text and elements of its own; its texts so far, and the joins inside of it."""

    text: bool = False
    child: bool = False
    parts: list[tuple[int, str]] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)


def joined(record: str, numbers: Mapping[int, int]) -> list[Join]:
    """The joins of a well-formed document.

    Parameters
    ----------
    record
        The document.
    numbers
        Where a string begins -> its number.
    """
    scan = _Scan(record, numbers)
    for match in PIECE.finditer(record):
        kind = match.lastgroup
        if match["open"] is not None:
            scan.open(match["open"], empty=match["inside"].endswith("/"))
        elif match["close"] is not None:
            scan.close(match["close"])
        elif kind in ("text", "data"):
            scan.text(match.start(kind), match.end(kind))
    chains = (Join(tuple(chain), sentence=False) for chain in scan.chains if len(chain) > 1)
    return [*chains, *scan.opened[0].joins]


class _Scan:
    """Elements that are open, and texts that touch."""

    def __init__(self, record: str, numbers: Mapping[int, int]) -> None:
        self.opened = [_Element()]
        self.chains: list[list[tuple[int, str]]] = []
        self._record, self._numbers = record, numbers
        self._gap, self._blank, self._last = "", False, 0

    def open(self, name: str, *, empty: bool) -> None:
        """An element begins."""
        self._passes(name)
        self.opened[-1].child = True
        if not empty:
            self.opened.append(_Element())

    def close(self, name: str) -> None:
        """An element ends: where it is of mixed content, all texts in it are one."""
        self._passes(name)
        element = self.opened.pop()
        around = self.opened[-1]
        mixed = element.text and element.child and len(element.parts) > 1
        around.joins += [Join(tuple(element.parts), sentence=True)] if mixed else element.joins
        around.parts += element.parts

    def text(self, start: int, end: int) -> None:
        """A text stands between tags."""
        number = self._numbers.get(start)
        if number is None:
            self._blank, self._gap = True, self._gap or " "
            return
        touches = self._last and not self._blank and self._record[self._last - 1].isalnum()
        if touches and self._record[start].isalnum():
            self.chains[-1].append((number, ""))
        else:
            self.chains.append([(number, "")])
        self.opened[-1].text = True
        self.opened[-1].parts.append((number, self._gap))
        self._gap, self._blank, self._last = "", False, end

    def _passes(self, name: str) -> None:
        if name.rpartition(":")[2].lower() in _BLOCKS:
            self._gap = "\n"

"""Prints rows as a Markdown table and keeps them as JSON, so that a document can hold what a run printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers are set to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *cells, strict=True)]
    right = [bool(cells) and all(_number(row[at]) for row in cells) for at in range(len(head))]
    lines = [_line(head, widths, right)]
    lines.append(
        "| " + " | ".join("-" * (w - r) + ":" * r for w, r in zip(widths, right, strict=True)) + " |"
    )
    return "\n".join([*lines, *(_line(row, widths, right) for row in cells)])


def _number(cell: str) -> bool:
    return cell[:1].isdigit() or cell in ("", "-")


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    set_ = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
    return "| " + " | ".join(set_) + " |"


def verdict(value: float, bar: float, *, at_most: bool = False) -> str:
    """``yes``, or by how much a bar is missed."""
    if (value <= bar) if at_most else (value >= bar):
        return "yes"
    return f"NO: {100 * abs(value - bar) / bar:.0f} % {'above' if at_most else 'below'}"


def keep(path: Path | None, name: str, facts: Mapping[str, object]) -> None:
    """Add what was measured under a name to a JSON file."""
    if path is None:
        return
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[name] = facts
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")

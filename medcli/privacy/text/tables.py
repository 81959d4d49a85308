"""The small tables beside this module, read once a process.

Knows their layout: comment lines, a header, columns separated by tabs. Refuses to know what they are for.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

__all__ = ["rows"]


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of ``<name>.tsv`` below its header."""
    table = resources.files(__package__).joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if line and not line.startswith("#")]
    return tuple(tuple(line.split("\t")) for line in lines[1:])

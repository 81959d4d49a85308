"""Which licence lets an article pass; the table is ``licenses.tsv``.

Refuses to give legal advice: it compares codes, and the manifest keeps each file's.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping
from importlib import resources

WISHES = ("commercial", "non-commercial", "any")
_PASSES = {
    "commercial": {"commercial"},
    "non-commercial": {"commercial", "non-commercial"},
    "any": {"commercial", "non-commercial", "other"},
}


def passes(code: str | None, wish: str) -> bool:
    """Whether an article with this licence is wanted.

    >>> passes("CC BY-NC", "commercial"), passes("cc by", "commercial"), passes(None, "any")
    (False, True, True)
    """
    return group_of(code) in _PASSES[wish]


@functools.lru_cache(maxsize=1000)
def group_of(code: str | None) -> str:
    """``commercial``, ``non-commercial`` or ``other``."""
    row = table().get(_plain(code or ""))
    return row["group"] if row else "other"


@functools.cache
def table() -> Mapping[str, Mapping[str, str]]:
    """The policy's rows by their code in plain form."""
    text = resources.files("medcli.data").joinpath("licenses.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {_plain(row["code"]): row for row in csv.DictReader(lines, delimiter="\t")}


def _plain(code: str) -> str:
    """Fold what spellings differ in: case, blanks, the kinds of hyphen, a version at the end."""
    folded = re.sub(r"[\s_\u2010-\u2015-]+", " ", code.strip().upper())
    return re.sub(r" \d\.\d$", "", folded)

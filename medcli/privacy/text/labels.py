"""What the words before a number say it is.

Knows ``labels.tsv`` and the small words that may stand between a label and its value. Refuses to look further back
than 72 characters, so the cost of a number does not depend on the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from medcli.privacy.text.tables import rows

__all__ = ["Label", "label_after", "label_before"]

_REACH = 72
_TOKEN = re.compile(r"[^\W_]+(?:[./'\u2019-][^\W_]+)*|[^\s\w]|\n")
_AFTER = re.compile(
    r"[\s\"']{0,2}(?:\(|,?\s?(?:is|was|as|for)\s(?:the|his|her|my|our|their|your|a|an|patient's)\s|-\s?)([^\W_][^\W\d_ ]*(?:[ /][^\W\d_]+){0,2})"
)
_NUMBER = frozenset(("number", "numbers", "num", "no", "nr", "nos", "#", "id", "ids", "code", "n\u00b0"))
_BETWEEN = _NUMBER | frozenset((
    "is", "was", "are", "of", "for", "the", "this", "that", "his",
    "her", "my", "their", "our", "your", "a", "as", "in", "on",
    "under", "with", "at", "by", "to", "listed", "system", "shows", "showing",
    "reads", "reading", "starting", "ending", "ends", "begins", "beginning", "patient", "patient's",
    "pt", "new", "old", "current", "assigned", "given", "being", "which", "digits",
    "value", "today", "note", "from", "via", "using", "maybe", "probably", "something", "like", "still", "also", "called",
))  # fmt: skip
_SAYS = frozenset((":", "=", "is", "was", "are", "#", "\u2192"))
#: Marks that may stand between; a full stop only behind a short form.
_OPEN = frozenset(
    ("(", "[", '"', "'", ",", "-", "\u2013", "*", "|", "_", "/", "\u201c", "<", ">", "\n", "\\", "`", "{")
)
_SHORT = frozenset(
    (
        "no",
        "nr",
        "num",
        "acct",
        "lic",
        "ref",
        "tel",
        "ph",
        "ext",
        "med",
        "rec",
        "pt",
        "cert",
        "reg",
        "ser",
        "id",
        "ssn",
        "mrn",
        "fax",
        "acc",
        "hosp",
        "mob",
        "soc",
        "sec",
        "d.o.b",
        "dob",
        "a/c",
        "p.o",
        "dr",
        "kt",
        "s/n",
    )
)


class Label(NamedTuple):
    """A label's category, whether it is a strong one, what stands between it and the value, and whether values are short."""

    category: str
    strong: bool
    marked: bool
    words: int
    short: bool = False

    @property
    def clinical(self) -> bool:
        """Whether the number is clinical or technical and stays."""
        return self.category == "-"


@cache
def _labels() -> dict[str, tuple[str, str]]:
    return {label: (category, strength) for label, category, strength in rows("labels")}


@cache
def _lasts() -> frozenset[str]:
    """The last word of each label: most words before a value are none."""
    return frozenset(label.removesuffix(" #").rpartition(" ")[2] for label in _labels())


def label_before(lower: str, start: int) -> Label | None:
    """The label of the value that begins at ``start``; None where there is none.

    Parameters
    ----------
    lower
        The text in lower case.
    """
    words = _TOKEN.findall(lower[max(0, start - _REACH) : start])
    path = _Path()
    for at in range(len(words) - 1, -1, -1):
        hit = _label_at(words, at)
        if hit is not None:
            return path.label(hit, words[at])
        if not path.passes(words, at):
            return None
    return None


def _label_at(words: list[str], at: int) -> tuple[str, str] | None:
    """The longest label whose last word stands at a place."""
    if words[at].replace("\u2019", "'") not in _lasts():
        return None
    labels = _labels()
    hashed = at + 1 < len(words) and words[at + 1] == "#"
    for length in range(min(4, at + 1), 0, -1):
        phrase = " ".join(words[at + 1 - length : at + 1]).replace("\u2019", "'")
        hit = (labels.get(phrase + " #") if hashed else None) or labels.get(phrase)
        if hit is not None and not (length == 1 and words[at] in _NUMBER and _more(words, at)):
            return hit
    return None


@dataclass(slots=True)
class _Path:
    """What was passed on the way back from a value to its label."""

    between: int = 0
    free: int = 0
    lines: int = 0
    marked: bool = False
    says: bool = False
    numbered: bool = False

    def label(self, hit: tuple[str, str], last: str) -> Label:
        """The label that was reached."""
        category, strength = hit
        return Label(
            category,
            strong=strength != "weak" or self.numbered,
            marked=self.marked or last in _NUMBER,
            words=self.between + self.free,
            short=strength == "short",
        )

    def passes(self, words: list[str], at: int) -> bool:
        """Go past one word or mark; False where no label further back could mean the value."""
        word = words[at]
        self.says |= word in _SAYS
        self.numbered |= word in _NUMBER
        self.marked |= word in _SAYS or word in _NUMBER
        if word in _BETWEEN:
            self.between += word not in _SAYS
        elif word == ".":
            return at > 0 and words[at - 1] in _SHORT
        elif word == "\n":
            self.lines += 1
        elif word not in _OPEN and word not in _SAYS:
            self.free += 1
            if not self.says or self.free > 4 or not word[0].isalpha():
                return False
        return self.between <= 6 and self.lines <= 1


def _more(words: list[str], at: int) -> bool:
    """Whether a better label stands before a bare "number" or "id"."""
    before = [word for word in words[max(0, at - 3) : at] if word not in _OPEN and word != "."]
    labels = _labels()
    return bool(before) and (before[-1] in labels or " ".join(before[-2:]) in labels)


def label_after(lower: str, end: int) -> Label | None:
    """The label of a value that ends at ``end``: ``12345 (MRN)``, ``12345 is his member ID``."""
    match = _AFTER.match(lower, end)
    if match is None:
        return None
    words = match[1].split()
    for length in range(len(words), 0, -1):
        hit = _labels().get(" ".join(words[:length]))
        if hit is not None and hit[1] != "weak":
            return Label(hit[0], strong=True, marked=True, words=0)
    return None

"""What the words before a number say it is.

Knows ``labels.tsv`` and the small words that may stand between a label and its value. Refuses to look further back
than 72 characters, so the cost of a number does not depend on the length of the text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from medcli.privacy.text.tables import rows

__all__ = ["Label", "label_after", "label_before"]

_REACH = 72
_TOKEN = re.compile(r"[^\W_]+(?:[./'\u2019-][^\W_]+)*|[^\s\w]|\n")
_AFTER = re.compile(r"[\s\"']{0,2}(?:\(|,?\s?(?:is|was|as|for)\s(?:the|his|her|my|our|their|your|a|an|patient's)\s|-\s?)([^\W_][^\W\d_ ]*(?:[ /][^\W\d_]+){0,2})")
_NUMBER = frozenset(("number", "numbers", "num", "no", "nr", "nos", "#", "id", "ids", "code", "n\u00b0"))
_BETWEEN = _NUMBER | frozenset(
    "is was are of for the this that his her my their our your a as in on under with at by to listed system shows showing "
    "reads reading starting ending ends begins beginning patient patient's pt new old current assigned given being which digits value "
    "today note from via using".split()
)
_SAYS = frozenset((":", "=", "is", "was", "are", "#", "\u2192"))
#: Marks that may stand between; a full stop only behind a short form.
_OPEN = frozenset(("(", "[", '"', "'", ",", "-", "\u2013", "*", "|", "_", "/", "\u201c", "<", ">", "\n", "\\", "`", "{"))
_SHORT = frozenset(
    "no nr num acct lic ref tel ph ext med rec pt cert reg ser id ssn mrn fax acc hosp mob soc sec d.o.b dob a/c p.o dr s/n".split()
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


def label_before(lower: str, start: int) -> Label | None:
    """The label of the value that begins at ``start``; None where there is none.

    Parameters
    ----------
    lower
        The text in lower case.
    """
    tokens = _TOKEN.findall(lower[max(0, start - _REACH) : start])
    labels = _labels()
    words = free = lines = 0
    marked = says = numbered = False
    for at in range(len(tokens) - 1, -1, -1):
        token = tokens[at]
        hash_follows = at + 1 < len(tokens) and tokens[at + 1] == "#"
        for length in (4, 3, 2, 1):
            if at + 1 < length:
                continue
            phrase = " ".join(tokens[at + 1 - length : at + 1]).replace("\u2019", "'")
            hit = (labels.get(phrase + " #") if hash_follows else None) or labels.get(phrase)
            if hit is not None and not (token in _NUMBER and length == 1 and _more(tokens, at)):
                return Label(
                    hit[0], strong=hit[1] != "weak" or numbered, marked=marked or token in _NUMBER, words=words + free, short=hit[1] == "short"
                )
        if token in _SAYS:
            marked = says = True
        if token in _NUMBER:
            marked = numbered = True
        if token in _SAYS or token in _BETWEEN:
            words += token not in _SAYS
        elif token == ".":
            if at == 0 or tokens[at - 1] not in _SHORT:
                return None
        elif token == "\n":
            lines += 1
        elif token not in _OPEN:
            if not says or free >= 4 or not token[0].isalpha():
                return None
            free += 1
        if words > 6 or lines > 1:
            return None
    return None


def _more(tokens: list[str], at: int) -> bool:
    """Whether a better label stands before a bare "number" or "id"."""
    before = [token for token in tokens[max(0, at - 3) : at] if token not in _OPEN and token != "."]
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

"""How much of a labelled set is found, and how much is found that should stay.

Knows spans, gold labels and counting. Refuses to quote a text: what it gives is numbers, and errors name lines.

A gold file is JSON lines: ``text``; ``spans``, each with ``start``, ``end`` (code points, end exclusive) and ``label``;
where wanted ``keep``, stretches that must stay. ``gold_labels.tsv`` says under which category a label is counted; a
label that is not there is counted under its own name. A gold span counts as found whatever the category it is found
under: what leaks is the same. ``same`` counts those found under their own category, which decides the replacement.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from medcli.errors import InputError
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.finder import Known
from medcli.privacy.text.span import Span
from medcli.privacy.text.tables import rows

__all__ = ["COLUMNS", "Gold", "Scores", "read_gold", "score"]

#: A gold span is found where at least this share of its characters is.
FULL = 0.99
COLUMNS = (
    *("category", "gold", "full", "recall", "partial", "same"),
    *("found", "wrong", "precision", "keep_hit", "lost"),
)


@dataclass(frozen=True, slots=True)
class Gold:
    """A labelled text.

    Attributes
    ----------
    labels
        Label and subtype of each span, in capitals, as the set has them.
    row
        The whole line, for whoever takes known identity from it.
    """

    text: str = field(repr=False)
    spans: tuple[Span, ...] = ()
    keep: tuple[tuple[int, int], ...] = ()
    row: Mapping[str, Any] = field(default_factory=dict, repr=False)
    labels: tuple[tuple[str, str], ...] = ()

    def facts(self, chosen: Iterable[str]) -> Iterator[tuple[str, str]]:
        """(category, text) of the spans whose label or subtype is chosen; ``ALL`` is every one."""
        wanted = {one.upper() for one in chosen}
        for span, (label, subtype) in zip(self.spans, self.labels, strict=False):
            if wanted & {"ALL", label, subtype}:
                names = (category_of(subtype), span.category, "ID")
                category = next(name for name in names if name in CATEGORIES)
                yield category, self.text[span.start : span.end]


@dataclass
class Scores:
    """Counts over a set.

    Attributes
    ----------
    gold, full, partial, same
        Gold spans of each category; found to 99 % of their characters; found in part at least; found under their category.
    found, right
        Spans found under each category, and those of them that touch a gold span.
    kept, taken
        Of each category: stretches that must stay of which it took something; characters outside gold spans.
    texts, free, touched
        Texts; those without a gold span; those of them in which something was found.
    keep, kept_hit
        Stretches that must stay, and those of them of which something was found.
    characters, identity, lost
        All characters; those in gold spans; those found outside gold spans.
    """

    gold: Counter[str] = field(default_factory=Counter)
    full: Counter[str] = field(default_factory=Counter)
    partial: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    free: int = 0
    touched: int = 0
    keep: int = 0
    kept_hit: int = 0
    characters: int = 0
    identity: int = 0
    lost: int = 0

    def recall(self, category: str | None = None) -> float | None:
        """Share of gold spans found in full, of a category or of all; None where there are none."""
        return _share(self.full, self.gold, category)

    def precision(self, category: str | None = None) -> float | None:
        """Share of the spans found that touch a gold span, of a category or of all; None where there are none."""
        return _share(self.right, self.found, category)

    def lines(self) -> list[tuple[object, ...]]:
        """The table: one row a category in the order of ``categories.tsv``, then all; columns as in ``COLUMNS``."""
        order = list(CATEGORIES)
        names = sorted(
            set(self.gold) | set(self.found),
            key=lambda name: (order.index(name) if name in order else 99, name),
        )
        return [self._line(name) for name in names] + [self._line(None)]

    def _line(self, name: str | None) -> tuple[object, ...]:
        counts = (
            self.gold,
            self.full,
            self.partial,
            self.same,
            self.found,
            self.right,
            self.kept,
            self.taken,
        )
        gold, full, partial, same, found, right, kept, taken = (
            count.total() if name is None else count[name] for count in counts
        )
        sought = (gold, full, self.recall(name), partial, same)
        return (name or "all", *sought, found, found - right, self.precision(name), kept, taken)

    def over(self) -> dict[str, float | None]:
        """Over-redaction: of ``keep`` stretches, of texts without identity, of characters outside gold spans."""
        return {
            "keep_hit": self.kept_hit / self.keep if self.keep else None,
            "free_touched": self.touched / self.free if self.free else None,
            "characters_lost": self.lost / (self.characters - self.identity)
            if self.characters > self.identity
            else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "texts": self.texts,
            "texts_without_identity": self.free,
            "categories": [dict(zip(COLUMNS, line, strict=True)) for line in self.lines()],
            "over_redaction": self.over(),
        }


def _share(part: Counter[str], whole: Counter[str], category: str | None) -> float | None:
    above, below = (part.total(), whole.total()) if category is None else (part[category], whole[category])
    return above / below if below else None


@cache
def _categories() -> dict[str, str]:
    return {row[0]: row[1] for row in rows("gold_labels")}


def category_of(label: str) -> str:
    """The category under which a gold label is counted."""
    name = label.strip().upper().replace(" ", "_").replace("-", "_")
    return name if name in CATEGORIES else _categories().get(name, name)


def read_gold(path: Path) -> Iterator[Gold]:
    """The lines of a gold file.

    Raises
    ------
    InputError
        With the number of the line that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _gold(line, number)
    except OSError:
        raise InputError("The gold file can't be read.", hint="Check its path and rights.") from None
    except UnicodeDecodeError:
        raise InputError("The gold file is not in UTF-8.", hint="Save it as UTF-8.") from None


def _gold(line: str, number: int) -> Gold:
    try:
        row = json.loads(line)
        text = row["text"]
        spans = tuple(
            Span(span["start"], span["end"], category_of(span["label"])) for span in row.get("spans", ())
        )
        labels = tuple(
            (str(span["label"]).upper(), str(span.get("subtype") or "").upper())
            for span in row.get("spans", ())
        )
        keep = tuple((part["start"], part["end"]) for part in row.get("keep", ()))
        places = [(span.start, span.end) for span in spans] + list(keep)
        sound = isinstance(text, str) and all(0 <= start < end <= len(text) for start, end in places)
    except (ValueError, KeyError, TypeError, AttributeError):
        sound, text, spans, keep, row, labels = False, "", (), (), {}, ()
    if not sound:
        raise InputError(
            f"Line {number} of the gold file is no labelled text.",
            hint='A line is {"text": ..., "spans": [{"start": 0, "end": 4, "label": "NAME"}]}, offsets in code points.',
        )
    return Gold(text, spans, keep, row, labels)


def score(
    gold: Iterable[Gold],
    find: Callable[[str, Known | None], Sequence[Span]],
    known: Callable[[Gold], Known | None] | None = None,
) -> Scores:
    """Hold what is found against what is there.

    Parameters
    ----------
    gold
        Labelled texts.
    find
        Finds, as :meth:`medcli.privacy.text.finder.Finder.find` does.
    known
        Gives the known identity of a labelled text, where there is any.

    Raises
    ------
    SafetyRefused
        A detector failed.
    """
    scores = Scores()
    for item in gold:
        _count(scores, item, find(item.text, known(item) if known else None))
    return scores


def _count(scores: Scores, item: Gold, found: Sequence[Span]) -> None:
    covered, labelled = bytearray(len(item.text)), bytearray(len(item.text))
    for mask, spans in ((covered, found), (labelled, item.spans)):
        for span in spans:
            mask[span.start : span.end] = b"\1" * (span.end - span.start)
    for span in item.spans:
        share = sum(covered[span.start : span.end]) / (span.end - span.start)
        scores.gold[span.category] += 1
        scores.full[span.category] += share >= FULL
        scores.partial[span.category] += share > 0
        scores.same[span.category] += share >= FULL and any(
            other.category == span.category and other.start < span.end and span.start < other.end
            for other in found
        )
    for span in found:
        scores.found[span.category] += 1
        scores.right[span.category] += any(labelled[span.start : span.end])
        scores.kept[span.category] += sum(start < span.end and span.start < end for start, end in item.keep)
        scores.taken[span.category] += labelled.count(0, span.start, span.end)
    scores.texts += 1
    scores.free += not item.spans
    scores.touched += bool(found) and not item.spans
    scores.keep += len(item.keep)
    scores.kept_hit += sum(any(covered[start:end]) for start, end in item.keep)
    scores.characters += len(item.text)
    scores.identity += sum(labelled)
    scores.lost += sum(1 for was, should in zip(covered, labelled, strict=True) if was and not should)

"""Figures: means with counts and intervals, by part and by group.

Knows columns of scores and the groups of questions. Refuses to score and to print.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medcli.evaluate import statistics
from medcli.evaluate.scoring import FIGURES, Figure, Scores
from medcli.evaluate.truths import GROUPS, Truths

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_VALUES = 200  # a key with more values than this groups nothing


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of one group of questions.

    Attributes
    ----------
    figure : Figure
        What is told.
    group, value : str
        ``all`` and empty, or the group's name and the value that its questions share.
    n, images : int
        Answers, and pictures that they are about.
    mean, low, high : float
        From 0 to 1; bounds of the 95 % interval, or None if none was wanted.
    """

    figure: Figure
    group: str
    value: str
    n: int
    images: int
    mean: float
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, object]:
        """As in scores.json."""
        return {
            "metrics": self.figure.metrics,
            "name": self.figure.name,
            "column": self.figure.column,
            "part": self.figure.part,
            "group": self.group,
            "value": self.value,
            "n": self.n,
            "images": self.images,
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "note": self.figure.note,
        }


class Pictures:
    """Which rows are about one picture; a row without one stands for itself."""

    def __init__(self, truths: Truths) -> None:
        import numpy as np

        numbers: dict[str, int] = {}
        self.known = any(truths.images)
        self.of: NDArray[np.int64] = np.fromiter(
            (
                numbers.setdefault(image, len(numbers)) if image else -1 - place
                for place, image in enumerate(truths.images)
            ),
            np.int64,
            len(truths.images),
        )


def lines(
    truths: Truths, scores: Scores, sets: Sequence[str], *, resamples: int = 2000, seed: int = 0
) -> list[Line]:
    """All figures of some sets: first over all questions, then by group.

    Parameters
    ----------
    truths, scores : Truths, Scores
        Of one length.
    sets : sequence of str
        As ``llava-med``.
    resamples, seed : int
        Of the bootstrap; 0 resamples for no intervals.
    """
    import numpy as np

    pictures = Pictures(truths).of
    parts = np.array(scores.parts)
    made: list[Line] = []
    for group, value, members in _groups(truths):
        within = np.ones(len(truths), bool) if members is None else members
        bundles: dict[bytes, list[tuple[Figure, Any]]] = {}
        for figure in FIGURES:
            if figure.metrics not in sets or figure.column not in scores.columns:
                continue
            numbers = np.frombuffer(scores.columns[figure.column])
            mask = within & ~np.isnan(numbers)
            if figure.part in ("open", "closed"):
                mask &= parts == figure.part.upper()
            if mask.any():
                bundles.setdefault(np.packbits(mask).tobytes(), []).append((figure, numbers))
        for packed, bundle in bundles.items():
            mask = np.unpackbits(np.frombuffer(packed, np.uint8), count=len(truths)).astype(bool)
            made += _bundle(bundle, mask, pictures, (group, value), (resamples, seed))
    order = {figure: place for place, figure in enumerate(FIGURES)}
    whole = ["all", *GROUPS]
    return sorted(made, key=lambda line: (whole.index(line.group), line.value, order[line.figure]))


def _bundle(
    bundle: list[tuple[Figure, Any]],
    mask: Any,
    pictures: Any,
    where: tuple[str, str],
    draws: tuple[int, int],
) -> Iterator[Line]:
    """Figures over the same questions share their resamples."""
    import numpy as np

    values = np.column_stack([numbers[mask] for _, numbers in bundle])
    clusters = pictures[mask]
    images = len(np.unique(clusters))
    # One picture can be drawn in one way only: that is no certainty.
    bounds = statistics.interval(values, clusters, *draws) if draws[0] and images > 1 else None
    for place, (figure, _) in enumerate(bundle):
        low, high = (None, None) if bounds is None else (float(bounds[0, place]), float(bounds[1, place]))
        mean = float(np.mean(values[:, place]))
        yield Line(figure, *where, len(values), images, mean, low, high)


def _groups(truths: Truths) -> Iterator[tuple[str, str, Any]]:
    import numpy as np

    yield "all", "", None
    for name, told in truths.groups.items():
        present = sorted(set(told) - {""})
        if not 0 < len(present) <= MOST_VALUES:
            continue
        codes = {value: code for code, value in enumerate(present)}
        column = np.fromiter((codes.get(value, -1) for value in told), np.int32, len(told))
        for value, code in codes.items():
            yield name, value, column == code

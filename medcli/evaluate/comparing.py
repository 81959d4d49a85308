"""Two models on the same questions: paired differences, and what others published.

Knows columns of two models. A difference is taken over questions that both have answered. Refuses to call anything
better: it gives an interval and a p, and says which test it is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from medcli.evaluate import statistics
from medcli.evaluate.figures import Line, Pictures
from medcli.evaluate.metrics.tables import rows
from medcli.evaluate.scoring import FIGURES, Figure, Scores
from medcli.evaluate.truths import Truths

BENCHMARKS = ("vqa-rad", "slake", "path-vqa")


@dataclass(frozen=True, slots=True)
class Difference:
    """The second model less the first, in one figure.

    Attributes
    ----------
    figure : Figure
        What is compared.
    first, second : float
        Means over the questions that both have answered.
    n, images : int
        How many these are, and pictures that they are about.
    mean, low, high : float
        Of the difference, with its 95 % interval (None if none was wanted).
    test : str
        ``McNemar, exact`` for scores of 0 and 1, else ``paired permutation``.
    p : float
        Two-sided.
    only_first, only_second : int
        Questions where the one scores higher than the other.
    """

    figure: Figure
    first: float
    second: float
    n: int
    images: int
    mean: float
    low: float | None
    high: float | None
    test: str
    p: float
    only_first: int
    only_second: int

    def to_json(self) -> dict[str, object]:
        """As in scores.json."""
        told = asdict(self)
        del told["figure"]
        one = self.figure
        return {"metrics": one.metrics, "name": one.name, "column": one.column, "part": one.part} | told


def compare(
    truths: Truths,
    first: Scores,
    second: Scores,
    sets: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Difference]:
    """Compare two models in every figure that both have."""
    import numpy as np

    pictures = Pictures(truths).of
    parts = np.array([truths.kind(place) for place in range(len(truths))])
    found = []
    for figure in FIGURES:
        if figure.metrics not in sets or figure.column == "choice_guess":
            continue
        if figure.column not in first.columns or figure.column not in second.columns:
            continue
        one, two = (np.frombuffer(scores.columns[figure.column]) for scores in (first, second))
        mask = ~np.isnan(one) & ~np.isnan(two)
        if figure.part in ("open", "closed"):
            mask &= parts == figure.part.upper()
        if mask.any():
            found.append(_difference(figure, (one[mask], two[mask]), pictures[mask], resamples, seed))
    return found


def _difference(
    figure: Figure, pair: tuple[Any, Any], clusters: Any, resamples: int, seed: int
) -> Difference:
    import numpy as np

    one, two = pair
    gaps = two - one
    images = len(np.unique(clusters))
    bounds = (
        statistics.interval(gaps[:, None], clusters, resamples, seed) if resamples and images > 1 else None
    )
    binary = bool(np.isin(one, (0.0, 1.0)).all() and np.isin(two, (0.0, 1.0)).all())
    lost, won = int(np.count_nonzero(gaps < 0)), int(np.count_nonzero(gaps > 0))
    p = statistics.mcnemar(lost, won) if binary else statistics.permutation(gaps, clusters, seed=seed)
    return Difference(
        figure,
        float(one.mean()),
        float(two.mean()),
        len(gaps),
        images,
        float(gaps.mean()),
        None if bounds is None else float(bounds[0, 0]),
        None if bounds is None else float(bounds[1, 0]),
        "McNemar, exact" if binary else "paired permutation",
        p,
        lost,
        won,
    )


@cache
def _published() -> tuple[dict[str, str], ...]:
    return tuple(rows("published", __package__))


def published(benchmark: str) -> list[dict[str, str]]:
    """Return what others published of a benchmark: rows of ``published.tsv``."""
    return [row for row in _published() if row["benchmark"] == benchmark]


def beside(benchmark: str, ours: Sequence[Line]) -> list[dict[str, object]]:
    """Put published figures beside ours, and say what of it is comparable.

    Returns
    -------
    list of dict
        ``benchmark, part, column, ours`` (percent, or None), ``published`` (percent), ``model, setting, source, date,
        comparable`` (a sentence).
    """
    own = {(line.figure.part, line.figure.column): line.mean for line in ours if line.group == "all"}
    made: list[dict[str, object]] = []
    for row in published(benchmark):
        mean = own.get((row["part"], row["column"]))
        caution = "Fine-tuned against zero-shot is not comparable. " if row["setting"] == "fine-tuned" else ""
        made.append(
            {
                "benchmark": benchmark,
                "part": row["part"],
                "column": row["column"],
                "ours": None if mean is None else 100 * mean,
                "published": float(row["percent"]),
                "model": row["model"],
                "setting": row["setting"],
                "source": row["source"],
                "date": row["published"],
                "comparable": f"{caution}{row['comparable'][:1].upper()}{row['comparable'][1:]}.",
            }
        )
    return made


def benchmark_of(truths: Truths) -> str:
    """The benchmark that the rows' data set names, if they all name one of them."""
    named = {told.lower().replace("_", "-").replace(" ", "-") for told in truths.groups["dataset"]}
    return named.pop() if len(named) == 1 and named <= set(BENCHMARKS) else ""

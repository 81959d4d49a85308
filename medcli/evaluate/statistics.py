"""Intervals and tests for figures over questions that share pictures.

Sources: percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) over clusters
(Field and Welsh, J. R. Stat. Soc. B 69, 2007): pictures are drawn, not rows, since answers about one picture hang
together. Exact McNemar test (McNemar, Psychometrika 12, 1947; binomial, two-sided). Paired permutation by signs
(Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005, section 3.6), also by pictures.
Knows numbers. Refuses to know what they score.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CELLS = 1 << 22
_EXACT = 1000  # so many discordant pairs are counted in whole numbers


def sums(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> tuple[Any, Any]:
    """Add up rows by cluster.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        Scores of n rows by k metrics, none of them NaN.
    clusters : ndarray, shape (n,)
        Any integers that name each row's picture.

    Returns
    -------
    ndarray, shape (c, k), and ndarray, shape (c,)
        Sums and counts of rows, clusters in the order of their first row.
    """
    import numpy as np

    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    place = order[inverse]
    added = np.stack([np.bincount(place, column, len(first)) for column in values.T], axis=1)
    return added, np.bincount(place, minlength=len(first)).astype(float)


def means_of_resamples(
    added: NDArray[np.float64], counts: NDArray[np.float64], resamples: int, seed: int
) -> Any:
    """Draw as many clusters as there are, with replacement, and take the mean over their rows, again and again.

    The draws are those of ``numpy.random.default_rng(seed).integers``, the same that scipy's ``bootstrap`` makes.

    Returns
    -------
    ndarray, shape (resamples, k)
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    clusters = len(counts)
    columns = np.column_stack([added, counts])
    at_once = max(1, _CELLS // clusters)
    means = []
    for begin in range(0, resamples, at_once):
        rows = min(at_once, resamples - begin)
        drawn = generator.integers(0, clusters, (rows, clusters))
        drawn += np.arange(rows)[:, None] * clusters
        times = np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters)
        totals = times.astype(float) @ columns
        means.append(totals[:, :-1] / totals[:, -1:])
    return np.concatenate(means)


def interval(
    values: NDArray[np.float64], clusters: NDArray[np.int64], resamples: int = 2000, seed: int = 0
) -> Any:
    """95 % percentile interval of the mean of each column.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        No NaN.
    clusters : ndarray, shape (n,)
        The picture of each row.
    resamples, seed : int
        How often is drawn, and from which seed.

    Returns
    -------
    ndarray, shape (2, k)
        Lower and upper bounds.
    """
    import numpy as np

    means = means_of_resamples(*sums(values, clusters), resamples, seed)
    return np.percentile(means, [2.5, 97.5], axis=0)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test.

    Parameters
    ----------
    only_first, only_second : int
        Questions that the one has right and the other wrong, and the other way round.
    """
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    if not discordant:
        return 1.0
    if discordant <= _EXACT:
        ways = sum(math.comb(discordant, k) for k in range(fewer + 1))
        return min(1.0, float(2 * ways / 2**discordant))
    scale = discordant * math.log(2)
    tail = math.fsum(math.exp(_log_choose(discordant, k) - scale) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def permutation(
    differences: NDArray[np.float64], clusters: NDArray[np.int64], permutations: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p of the mean of paired differences, the signs of whole pictures being drawn at random.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        One a question.
    clusters : ndarray, shape (n,)
        The picture of each.
    permutations, seed : int
        How often is drawn, and from which seed. With 16 pictures or fewer all signs are gone through instead.
    """
    import numpy as np

    added, _ = sums(differences[:, None], clusters)
    total, pictures = added[:, 0], len(added)
    seen = abs(total.sum())
    limit = seen - 1e-12 * max(1.0, float(np.abs(total).sum()))  # equal sums can differ in their last digit
    if pictures <= 16:
        bits = (np.arange(1 << pictures)[:, None] >> np.arange(pictures)) & 1
        return float(np.mean(np.abs((1 - 2 * bits) @ total) >= limit))
    generator = np.random.default_rng(seed)
    hits, at_once = 0, max(1, _CELLS // pictures)
    for begin in range(0, permutations, at_once):
        signs = generator.integers(0, 2, (min(at_once, permutations - begin), pictures), dtype=np.int8)
        hits += int(np.count_nonzero(np.abs((1.0 - 2.0 * signs) @ total) >= limit))
    return (hits + 1) / (permutations + 1)

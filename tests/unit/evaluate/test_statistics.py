"""Intervals against scipy, tests against textbooks."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.evaluate import statistics


def test_intervals_over_single_rows_are_scipys_to_the_digit() -> None:
    from scipy import stats

    values = np.random.default_rng(5).random(83)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    ours = statistics.interval(values[:, None], np.arange(83))[:, 0]
    assert ours == pytest.approx([theirs.low, theirs.high], abs=1e-12)


def test_intervals_over_pictures_are_scipys_of_the_ratio_of_sums() -> None:
    from scipy import stats

    draw = np.random.default_rng(7)
    clusters = draw.integers(0, 40, 150)
    hits = (draw.random(150) < 0.4 + 0.3 * (clusters % 2)).astype(float)
    sums, counts = statistics.sums(hits[:, None], clusters)
    theirs = stats.bootstrap(
        (sums[:, 0], counts),
        lambda s, n, axis: s.sum(axis) / n.sum(axis),
        paired=True,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    ours = statistics.interval(hits[:, None], clusters)[:, 0]
    assert ours == pytest.approx([theirs.low, theirs.high], abs=1e-12)
    by_row = statistics.interval(hits[:, None], np.arange(150))[:, 0]
    assert not np.allclose(ours, by_row)


def test_resamples_do_not_depend_on_how_they_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    values, clusters = np.random.default_rng(1).random((500, 2)), np.arange(500) // 3
    whole = statistics.interval(values, clusters, 300)
    monkeypatch.setattr(statistics, "_CELLS", 700)
    assert np.array_equal(statistics.interval(values, clusters, 300), whole)


def test_mcnemar_gives_agrestis_opinion_poll() -> None:
    """Agresti, Categorical Data Analysis, section 10.1: 150 and 86 changed their minds."""
    from scipy import stats

    assert statistics.mcnemar(150, 86) == pytest.approx(stats.binomtest(86, 236).pvalue, rel=1e-9)
    assert statistics.mcnemar(150, 86) == pytest.approx(3.716e-5, rel=1e-3)
    assert statistics.mcnemar(0, 0) == 1.0
    assert statistics.mcnemar(5, 5) == 1.0
    assert statistics.mcnemar(0, 6) == pytest.approx(2 / 64)


DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_permutation_gives_fishers_result_for_darwins_maize() -> None:
    """Fisher, The Design of Experiments, section 21: 1,726 of 32,768 arrangements are as extreme."""
    assert statistics.permutation(np.array(DARWIN, float), np.arange(15)) == 1726 / 32768


def test_permutation_draws_where_there_are_too_many_signs_and_keeps_pictures_together() -> None:
    values = np.tile(DARWIN, 2).astype(float)
    exact = statistics.permutation(values, np.arange(30) % 15)
    assert exact == 1726 / 32768  # doubled rows of one picture are no more evidence
    assert statistics.permutation(values, np.arange(30)) < exact
    assert statistics.permutation(np.zeros(40), np.arange(40)) == 1.0

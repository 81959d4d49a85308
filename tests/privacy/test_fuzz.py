"""Damaged files: no crash, no hang, and nothing released that still holds a canary."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.privacy.fuzz import attack

QUICK, MANY = 200, 20_000


def report(results: list[tuple[str, str]]) -> None:
    """Fail with every finding; some files must have been released, else nothing was tested."""
    wrong = [finding for _, finding in results if finding]
    ended = Counter(status for status, _ in results)
    assert not wrong, f"{len(wrong)} of {len(results)}, {ended}\n" + "\n".join(wrong[:40])
    assert ended["released"]


def test_damaged_files_leak_nothing() -> None:
    report([attack(seed) for seed in range(QUICK)])


@pytest.mark.slow
def test_many_damaged_files_leak_nothing() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:  # a worker that dies is an error, not a wait
        report(list(pool.map(attack, range(QUICK, QUICK + MANY), chunksize=100)))

"""The driver is cheap and its memory flat, for it is one process and the items are many."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medcli import jobs
from medcli.jobs import Item, Row

ROOT = Path(__file__).parents[3]


class Trivial:
    name = "trivial"

    def __init__(self, items: int) -> None:
        self.count = items

    def fingerprint(self) -> dict[str, object]:
        return {}

    def items(self) -> Iterator[Item]:
        for i in range(self.count):
            yield Item(f"{i * 2654435761 % 2**32:08x}{i:024x}", ("a/relative/path/of/some/length", i, 12345))

    def worker(self) -> Trivial:
        return self

    def __enter__(self) -> Trivial:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, payload: tuple[str, int, int]) -> list[Row]:
        return [Row("", "done", "made", b"{" + b"x" * 200 + b"}", 100)]

    def flush(self, rows: object) -> None:
        pass

    def finish(self, run: jobs.Run) -> None:
        assert sum(1 for _ in run.rows()) == self.count


def cost(folder: Path, items: int, runner: jobs.Runner) -> float:
    """CPU-seconds of the driver for each item."""
    started = time.process_time()
    jobs.run(Trivial(items), state=folder, runner=runner)
    return (time.process_time() - started) / items


@pytest.mark.parametrize("workers", [1, 2])
def test_an_item_costs_the_driver_60_microseconds_at_most(tmp_path: Path, workers: int) -> None:
    costs = [cost(tmp_path / str(i), 10_000, jobs.ProcessRunner(workers)) for i in range(2)]
    assert min(costs) <= 60e-6


def test_an_item_that_is_done_costs_less(tmp_path: Path) -> None:
    first = cost(tmp_path, 20_000, jobs.SerialRunner())
    assert cost(tmp_path, 20_000, jobs.SerialRunner()) < first


@pytest.mark.slow
def test_memory_stays_flat_over_200_000_items(tmp_path: Path) -> None:
    peaks = [_peak(tmp_path / str(items), items) for items in (20_000, 200_000)]
    assert peaks[1] - peaks[0] < 16 * 1024
    assert peaks[1] < 100 * 1024


def _peak(folder: Path, items: int) -> int:
    """Kibibytes of a driver at its highest, over a first and a second run."""
    code = f"from tests.unit.jobs.test_cost import peak; peak({str(folder)!r}, {items})"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return int(told.stdout)


def peak(folder: str, items: int) -> None:
    for _ in range(2):
        jobs.run(Trivial(items), state=Path(folder), runner=jobs.ProcessRunner(2))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # noqa: T201 - read by the test above

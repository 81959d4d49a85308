"""How long the page of 20,000 answers of two models takes to make, and to open and filter in a headless Chromium."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import medcli
from benchmarks.machine import machine, sentence
from benchmarks.table import keep, table, verdict
from tests.evaluate import browser
from tests.evaluate.test_report import write_set

_FILTER = (
    "const start = performance.now(); const search = document.getElementById('search'); search.value = arguments[0];"
    "search.dispatchEvent(new Event('input')); document.getElementById('list').getBoundingClientRect();"
    "return performance.now() - start"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="answers of each model (20,000)")
    parser.add_argument("--rounds", type=int, default=5, help="times that the page is opened (5)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    if not browser.AVAILABLE:
        print("chromium and chromedriver are not here: not measured")
        sys.exit(0)
    facts = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        questions, first, second = write_set(folder, arguments.rows)
        page = folder / "report.html"
        begun = time.process_time()
        medcli.evaluate(
            first, second, questions=questions, images=folder / "images", report=page, resamples=0
        )
        made, size = time.process_time() - begun, page.stat().st_size
        opened, filtered = _measure(page, folder, arguments.rounds)
    print(f"The report. {sentence(facts)}; median of {arguments.rounds} rounds\n")
    lines = [
        ("scored and written, CPU-seconds", f"{made:.1f}", "", ""),
        ("size, MB", f"{size / 1e6:.1f}", "20", verdict(size / 1e6, 20, at_most=True)),
        ("opened, ms until ready", f"{opened:.0f}", "1000", verdict(opened, 1000, at_most=True)),
        ("filtered by a word, ms", f"{filtered:.0f}", "1000", verdict(filtered, 1000, at_most=True)),
    ]
    print(table((f"page of {arguments.rows:,} answers of two models", "measured", "bar", "met"), lines))
    found = {"made": made, "bytes": size, "opened_ms": opened, "filtered_ms": filtered}
    keep(arguments.json, "evaluate_report", {"machine": facts, "rows": arguments.rows, **found})


def _measure(page: Path, folder: Path, rounds: int) -> tuple[float, float]:
    opened, filtered = [], []
    with browser.chromium(folder) as running:
        for number in range(rounds):
            running.open(page.as_uri())
            opened.append(
                running.run("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
            )
            filtered.append(
                running.run(_FILTER, ("kidneys", "infarcted", "1999", "centre", "left")[number % 5])
            )
    return median(opened), median(filtered)


if __name__ == "__main__":
    main()

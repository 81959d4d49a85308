"""The one table of benchmarks: ratios, bars, what is absent, and the guard against losses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import __main__ as benchmarks
from benchmarks import summary
from benchmarks.measure import ROOT
from benchmarks.summary import Figure

MEASURED = {
    "startup": {"cpu_seconds": {"python -c pass": 0.01, "medcli --help": 0.05}},
    "text_speed": {
        "figures": {
            "medcli, balanced": [0.1, 1200.0, 2.0],
            "medcli, high": [0.2, 900.0, 2.6],
            "Presidio, no model": None,
        }
    },
    "ray_overhead": {"processes": [30_000.0], "ray": [1000.0], "medcli_on_ray": [500.0]},
}


def lines() -> list[Figure]:
    return summary.figures(MEASURED)


def test_a_ratio_says_how_many_times_as_good_ours_is() -> None:
    assert Figure("b", "w", "files/s", 30.0, "peer", 10.0).ratio == 3.0
    assert Figure("b", "w", "CPU-s", 30.0, "peer", 10.0, less=True).ratio == 10 / 30
    assert Figure("b", "w", "files/s", 30.0, "peer").ratio is None
    assert Figure("b", "w", "files/s", None, "peer", 10.0).ratio is None


def test_what_misses_its_bar_is_marked_and_what_is_absent_is_never_zero() -> None:
    told = {(one.what, one.unit): one for one in lines()}
    assert told["medcli --help", "CPU-s"].met == "yes"
    assert told["recognisers, balanced", "texts/CPU-s"].met == "yes"
    assert told["recognisers, high", "texts/CPU-s"].met == "NO"
    assert told["recognisers, high, start-up", "CPU-s"].met == "NO"
    assert told["Ray runner, empty items", "items/s"].met == "NO"  # half of Ray's, where 0.6 are asked for
    page = summary.shown(lines(), ["gate_speed"])
    row = next(line for line in page.splitlines() if line.startswith("| recognisers, high  "))
    assert [cell.strip() for cell in row.split("|")[5:8]] == ["Presidio", "absent", ""]
    assert page.endswith("Not measured in this run: gate_speed.")


def test_a_ratio_that_is_lost_by_more_than_a_quarter_is_named() -> None:
    before = lines()
    slower = json.loads(json.dumps(MEASURED))
    slower["ray_overhead"]["medcli_on_ray"] = [370.0]
    (loss,) = summary.losses(before, summary.figures(slower))
    assert loss == "Ray runner, empty items (ray_overhead), beside Ray's calls: 0.50 before, 0.37 now"
    slower["ray_overhead"] = {"processes": [9.0], "ray": [100.0], "medcli_on_ray": [40.0]}
    assert not summary.losses(before, summary.figures(slower))  # a slower machine alone is no loss


def test_the_command_compares_and_fails(tmp_path: Path) -> None:
    measured, kept = tmp_path / "measured.json", tmp_path / "kept.json"
    measured.write_text(json.dumps(MEASURED))

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks.summary", str(measured), *options]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "| medcli --help" in run("--keep", str(kept)).stdout
    assert run("--check", str(kept)).returncode == 0
    slower = json.loads(json.dumps(MEASURED))
    slower["startup"]["cpu_seconds"]["medcli --help"] = 0.09
    measured.write_text(json.dumps(slower))
    told = run("--check", str(kept))
    assert (told.returncode, "medcli --help (startup)" in told.stdout) == (1, True)
    measured.write_text("{}")
    assert run("--check", str(kept)).returncode == 1  # nothing measured is no success


def test_every_benchmark_with_a_reader_is_run_by_the_whole() -> None:
    assert set(summary.READERS) <= set(benchmarks.ALL)
    assert set(benchmarks.SMALL) <= set(benchmarks.ALL)

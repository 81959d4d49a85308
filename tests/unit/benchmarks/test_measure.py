"""The benchmarks count every process of a program, and the sets they measure are what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from benchmarks import sets
from benchmarks.measure import ROOT
from benchmarks.table import keep, table, verdict

BURN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
HELD = "import time; held = bytearray(120 << 20); time.sleep(0.3)"
linux = pytest.mark.skipif(sys.platform != "linux", reason="counts orphans by Linux's subreaper")


def cost_of(code: str, *, watch: bool = False) -> dict[str, float | str]:
    """Measure in a process of its own: whoever measures waits for all its children, and pytest has others."""
    script = (
        "import dataclasses, json, sys; from benchmarks.measure import run\n"
        f"cost = run([sys.executable, '-c', {code!r}], watch={watch})\n"
        "print(json.dumps(dataclasses.asdict(cost)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)


@linux
def test_the_time_of_an_orphan_counts() -> None:
    cost = cost_of(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURN!r}])")
    assert cost["status"] == 0
    assert 0.4 <= cost["cpu"] < 2


@linux
def test_each_process_has_its_own_peak() -> None:
    cost = cost_of(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HELD!r}])", watch=True)
    assert cost["workers"] > 120 << 20 > cost["driver"] > 0


def test_a_failure_is_seen() -> None:
    cost = cost_of("import sys; sys.exit('no such set')")
    assert cost["status"] == 1
    assert "no such set" in cost["output"]


def test_the_sets_are_dicom(tmp_path: Path) -> None:
    folder = sets.small(tmp_path / "small", 4)
    seen = {pydicom.dcmread(path).SOPInstanceUID for path in folder.iterdir()}
    assert len(seen) == 4
    assert [pydicom.dcmread(path).Rows for path in sets.large(tmp_path / "large", 1).iterdir()] == [512]
    assert sum(1 for _ in sets.tiny(tmp_path / "tiny", 3).rglob("*.dcm")) == 3
    ds = pydicom.dcmread(sets.encapsulated(tmp_path / "many.dcm", 1 << 20, 1 << 16))
    assert ds.NumberOfFrames == 16
    assert len(pydicom.encaps.parse_fragments(ds.PixelData)[1]) == 17


def test_what_is_below_its_bar_says_by_how_much() -> None:
    assert verdict(500, 500) == "yes"
    assert verdict(400, 500) == "NO: 20 % below"
    assert verdict(0.6, 0.3, at_most=True) == "NO: 100 % above"


def test_figures_are_kept_side_by_side(tmp_path: Path) -> None:
    keep(tmp_path / "figures.json", "one", {"a": 1})
    keep(tmp_path / "figures.json", "two", {"b": 2})
    assert (
        tmp_path / "figures.json"
    ).read_text() == '{\n "one": {\n  "a": 1\n },\n "two": {\n  "b": 2\n }\n}\n'
    assert table(("x", "n"), [("a", 1), ("bb", 22)]) == "| x  |  n |\n| -- | -: |\n| a  |  1 |\n| bb | 22 |"

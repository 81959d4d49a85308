"""Help is quick and light, and imports point one way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medcli import cli

ROOT = Path(__file__).parents[2]
HEAVY = "torch transformers openai aiohttp ray onnxruntime rapidocr numpy PIL pydicom tqdm"
PAGES = [[], *([name] for name in cli.COMMANDS)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: " ".join(page) or "medcli")
def test_a_help_page_loads_nothing_heavy(page: list[str]) -> None:
    code = (
        "import sys; from medcli.cli import main; code = main(sys.argv[1:]);"
        f"print(*(set({HEAVY!r}.split()) & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *page, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("Usage: medcli")
    assert told.stderr.strip() == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: " ".join(page) or "medcli")
def test_a_help_page_takes_at_most_0_3_cpu_seconds(page: list[str]) -> None:
    assert min(_cpu_seconds([sys.executable, "-m", "medcli", *page, "--help"]) for _ in range(3)) <= 0.3


def _cpu_seconds(command: list[str]) -> float:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_importing_medcli_loads_nothing_of_it() -> None:
    code = "import medcli, sys; print([name for name in sys.modules if name.startswith('medcli.')])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout

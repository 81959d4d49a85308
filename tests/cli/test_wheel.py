"""The built wheel, installed into a clean environment, brings a command that works and all its data files."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object, cwd: Path) -> str:
    # pip asks what compilers there are, and those write into the home folder.
    environment = os.environ | {
        "HOME": str(cwd),
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    told = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.mark.slow
def test_the_installed_wheel_works(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("medcli-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("medcli/")}
    tracked = run("git", "ls-files", "medcli", cwd=ROOT).split()
    assert packed >= set(tracked)
    run(sys.executable, "-m", "venv", tmp_path / "clean", cwd=tmp_path)
    folder = tmp_path / "clean" / "bin"
    run(folder / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    assert run(folder / "medcli", "--version", cwd=tmp_path).startswith("medcli, version ")
    sample = run(
        folder / "python",
        "-c",
        "from pydicom.data import get_testdata_file as f; print(f('CT_small.dcm'))",
        cwd=tmp_path,
    )
    run(folder / "medcli", "scrub", sample.strip(), "--output", tmp_path / "release", cwd=tmp_path)
    assert len(list((tmp_path / "release").rglob("*.dcm"))) == 1
    without = [folder / "medcli", "ask", "What?", "--image", sample.strip(), "--model", tmp_path / "release"]
    told = subprocess.run(without, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (3, "")
    assert "pip install 'medcli[ask]'" in told.stderr
    assert run(folder / "python", "-c", "import medcli; print(medcli.__file__)", cwd=tmp_path).startswith(
        str(folder.parent)
    )

"""The demo runs as `make demo` runs it, says what its answers are worth, and does nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

pytest.importorskip("torch")
pytest.importorskip("transformers")


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/demo.py", "--folder", str(folder), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_demo_goes_from_scrub_to_ask(tmp_path: Path) -> None:
    told = demo(tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert "its answers mean nothing" in told.stdout
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["question_id"] for row in rows] == list(range(6))
    assert all(row["text"] in told.stdout for row in rows)
    assert len({row["text"] for row in rows}) > 1
    asked = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert all((tmp_path / "release" / row["image"]).is_file() for row in asked)
    named = [line.split()[0] for line in told.stdout.splitlines() if line.startswith(f"  {tmp_path}")]
    assert len(named) == 5
    assert all(Path(name).exists() for name in named)

    before = (tmp_path / "answers.jsonl").read_bytes()
    again = demo(tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "answers.jsonl").read_bytes() == before
    assert "from earlier runs" in again.stdout

    wrong = demo(tmp_path, "--model", "/nowhere")
    assert wrong.returncode == 3
    assert "There is no model folder '/nowhere'." in wrong.stderr
    assert "the same command goes on from there" in wrong.stdout

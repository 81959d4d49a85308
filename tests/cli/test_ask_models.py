"""``medcli ask`` with a real, tiny model: the same bytes from one worker, two, and a run that was killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("PIL")

from tests.ask.inputs import ROOT, answers, environment, medcli, mixed
from tests.unit.models import tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.llava(folder / "tiny-llava")
    mixed(folder, 300, images=12)
    return folder


def options(folder: Path, output: Path, *more: object) -> list[str]:
    named = ["--questions", folder / "questions.jsonl", "--images", folder / "images", "--output", output]
    named += [
        "--model",
        folder / "tiny-llava",
        "--dtype",
        "float32",
        "--devices",
        "cpu",
        "--max-new-tokens",
        12,
    ]
    return [sys.executable, "-m", "medcli", "ask", *map(str, [*named, *more])]


def run(folder: Path, output: Path, *more: object) -> bytes:
    told = subprocess.run(
        options(folder, output, *more), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return output.read_bytes()


def test_the_same_bytes_however_the_run_went(folder: Path, tmp_path: Path) -> None:
    one = run(folder, tmp_path / "one.jsonl", "--engine", "prefix")
    rows = answers(tmp_path / "one.jsonl")
    assert [row["question_id"] for row in rows] == list(range(300))
    assert all(row["metadata"]["answer_tokens"] for row in rows)
    assert {row["metadata"]["dtype"] for row in rows} == {"float32"}
    assert run(folder, tmp_path / "two.jsonl", "--engine", "prefix", "--workers", 2) == one
    for line in (5, 150):
        with subprocess.Popen(
            options(folder, tmp_path / "killed.jsonl", "--engine", "prefix"), cwd=ROOT
        ) as process:
            part = tmp_path / "killed.jsonl.part"
            while process.poll() is None and not (part.exists() and part.read_bytes().count(b"\n") >= line):
                time.sleep(0.01)
            process.kill()
    assert run(folder, tmp_path / "killed.jsonl", "--engine", "prefix") == one
    for engine in ("features", "plain"):
        run(folder, tmp_path / f"{engine}.jsonl", "--engine", engine)
        assert [row["text"] for row in answers(tmp_path / f"{engine}.jsonl")] == [row["text"] for row in rows]


def test_transformers_serve_answers(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    code = "import sys; from transformers.cli.transformers import main; main()"
    port = "18731"
    model = str(folder / "tiny-llava")
    command = [
        sys.executable,
        "-c",
        code,
        "serve",
        model,
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--device",
        "cpu",
    ]
    with subprocess.Popen(
        command,
        env=environment(tmp_path, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path), HF_HUB_OFFLINE="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            paths = ["--questions", folder / "questions.jsonl", "--images", folder / "images", "--limit", 20]
            paths += ["--output", tmp_path / "a.jsonl", "--model", model, "--max-new-tokens", 8, "--json"]
            url = f"http://127.0.0.1:{port}/v1"
            for _ in range(5):  # until it listens
                code_, out, err = medcli(tmp_path, "ask", *paths, "--backend", "openai", "--base-url", url)
                if code_ != 3:
                    break
            assert code_ == 0, err
            assert json.loads(out)["done"] == 20
            assert all(row["text"] for row in answers(tmp_path / "a.jsonl"))
        finally:
            server.kill()

"""Prepared questions are what `ask` takes as they are: read, planned, shown with their pictures, answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medcli import cli
from tests.data import layouts
from tests.data.bucket import serving
from tests.data.hub import Hub

pytest.importorskip("pyarrow")
pytest.importorskip("huggingface_hub")
pytest.importorskip("torch")
pytest.importorskip("transformers")

SPLITS = {"vqa-rad": "test", "slake": "test", "path-vqa": "test", "pmc-vqa": "test", "omnimedvqa": "open",
          "medxpertqa-mm": "test"}  # fmt: skip

LOADED = ("vqa-rad", "medxpertqa-mm")


def test_each_dataset_is_asked_after_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.unit.models.tiny import llava

    model = llava(tmp_path / "model")
    with serving(Hub()) as hub:
        layouts.fill(hub)
        monkeypatch.setenv("HF_ENDPOINT", hub.url.rstrip("/"))
        base = [text for one in hub.addresses() for text in ("--base-url", one)]
        assert (
            cli.main(["download", "dataset", *SPLITS, "--output", str(tmp_path / "data"), *base, "--json"])
            == 0
        )
    told = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in told["datasets"]] == ["done"] * len(SPLITS)
    for name, split in SPLITS.items():
        questions, answers = tmp_path / "data" / name / split / "questions.jsonl", tmp_path / f"{name}.jsonl"
        command = ["ask", "--questions", str(questions), "--output", str(answers), "--model", str(model)]
        planned = [] if name in LOADED else ["--dry-run"]  # a model takes seconds to start
        command += ["--limit", "5", "--max-new-tokens", "2", *planned]
        assert cli.main(command) == 0, capsys.readouterr().err
        told = capsys.readouterr()
        if planned:
            assert "unusable" not in told.out + told.err
            continue
        asked = [json.loads(line) for line in questions.read_text().splitlines()]
        answered = [json.loads(line) for line in answers.read_text().splitlines()]
        assert [row["question_id"] for row in answered] == [row["question_id"] for row in asked][:5]
        assert not any("error" in row["metadata"] for row in answered)

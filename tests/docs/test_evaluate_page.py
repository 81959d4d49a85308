"""docs/evaluate.md: its commands run as they stand, and every column and reason is explained."""

from __future__ import annotations

import json
from pathlib import Path

from medcli.evaluate import reviews
from medcli.evaluate.judge.asking import UNREADABLE
from medcli.evaluate.scoring import FIGURES, SETS
from tests.docs.pages import DOCS, Shell, blocks
from tests.evaluate import files

PAGE = DOCS / "evaluate.md"


def test_the_commands_run_as_they_stand(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    files.write_json(shell.folder / "test.json", files.questions())
    files.write_jsonl(shell.folder / "answers.jsonl", files.answers())
    files.write_jsonl(shell.folder / "tuned.jsonl", files.answers(["yes"] * 6))
    files.write_jsonl(shell.folder / "reviews.jsonl", [{"question_id": 1, "gpt_eval": "8 6"}])
    (block,) = blocks(PAGE, "bash")
    told = {line: shell.run(line) for line in block.text.splitlines()}
    assert {line: one.returncode for line, one in told.items()} == dict.fromkeys(told, 0), told
    assert (shell.folder / "report.html").read_text().startswith("<!doctype html>")
    facts = json.loads((shell.folder / "scores" / "scores.json").read_text())
    assert facts["models"][0]["answers"] == 6


def test_every_figure_and_reason_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"### {name}\n" in text for name in SETS)
    assert {one.column for one in FIGURES if f"`{one.column}`" not in text} == set()
    summary = reviews.summarize([reviews.Review(1, "t", "mri", "", 8, 6, (8, 6), 2)])[0]
    told = {name for name in summary if not name.endswith(("_low", "_high"))}
    assert {
        name
        for name in told - {"group", "value", "n", "images", "reference", "model"}
        if f"`{name}`" not in text
    } == set()
    for reason in (UNREADABLE, "no-review", "unreadable-review", "reference-scored-zero"):
        assert f"`{reason}`" in text

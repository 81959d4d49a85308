"""Questions made from a tree and labels go through ``medcli ask`` and are scored by ``medcli evaluate --metrics logic``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medcli.cli import main
from medcli.instruct.logic_source import FailedRow, questions
from medcli.logic import example, read_tree
from tests.ask.inputs import file_options, jsonl, medcli, picture

ROWS = """\
image,study,quality,pneumothorax,cardiothoracic_ratio,oedema,consolidation,effusion
a.png,A,1,0,0.62,1,,both
b.png,B,1,0,0.44,0,0,0
c.png,C,1,1,,,,
"""


@pytest.fixture
def asked(tmp_path: Path) -> list[dict[str, Any]]:
    (tmp_path / "labels.csv").write_text(ROWS)
    for name in "abc":
        picture(tmp_path / "images" / f"{name}.png")
    made = list(questions(read_tree(example("chest_film")), tmp_path / "labels.csv", seed=3))
    rows = [one for one in made if not isinstance(one, FailedRow)]
    assert len(rows) == len(made) == 6 + 7 + 3
    jsonl(tmp_path / "questions.jsonl", rows)
    return rows


def scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[float, int]]:
    code = main(
        ["evaluate", "vqa", str(folder / "answers.jsonl"), "--questions", str(folder / "questions.jsonl"), "--json",
         "--metrics", "logic", "--logic", str(example("chest_film"))]
    )  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    return {one["column"]: (one["mean"], one["n"]) for one in told["models"][0]["figures"]}


def answer(folder: Path, rows: list[dict[str, Any]], texts: dict[str, str]) -> None:
    jsonl(
        folder / "answers.jsonl",
        (
            {
                "question_id": row["question_id"],
                "prompt": "",
                "text": texts[row["question_id"]],
                "model_id": "m",
            }
            for row in rows
        ),
    )


def test_other_words_of_the_same_states_are_right(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The references are worded as for the test, the answers as a model that was trained on the other words has them."""
    trained = questions(read_tree(example("chest_film")), tmp_path / "labels.csv", split="train", seed=8)
    said = {one["question_id"]: one["answer"] for one in trained if not isinstance(one, FailedRow)}
    assert not {one["answer"] for one in asked} & set(said.values())
    answer(tmp_path, asked, said)
    assert scored(tmp_path, capsys) == {
        "logic_hit": (1, 16),
        "logic_conversation": (1, 3),
        "logic_diagnosis": (1, 3),
    }
    said |= {"A/heart": "No, the heart is of normal size.", "C/impression": "I cannot say."}
    answer(tmp_path, asked, said)
    assert scored(tmp_path, capsys) == {
        "logic_hit": (pytest.approx(14 / 16), 16),
        "logic_conversation": (pytest.approx(1 / 3), 3),
        "logic_diagnosis": (pytest.approx(2 / 3), 3),
    }


def test_a_server_is_asked_and_scored(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("aiohttp")
    from tests.ask.server import Server

    with Server() as server:
        code, _, err = medcli(
            tmp_path, *file_options(tmp_path), "--backend", "openai", "--base-url", server.url
        )
    assert (code, err) == (0, "")
    assert sum(server.asked.values()) == 16
    assert scored(tmp_path, capsys)["logic_hit"][1] == 16  # it repeats the questions, which is no answer


def test_a_faulty_tree_is_told_by_line(
    tmp_path: Path, asked: object, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        example("chest_film")
        .read_text(encoding="utf-8")
        .replace("next: {limited: impression}", "next: {limited: nowhere}")
    )
    (tmp_path / "tree.yaml").write_text(text, encoding="utf-8")
    jsonl(tmp_path / "answers.jsonl", [{"question_id": "A/heart", "text": "Yes.", "model_id": "m"}])
    code = main(
        ["evaluate", "vqa", str(tmp_path / "answers.jsonl"), "--questions", str(tmp_path / "questions.jsonl"),
         "--partial", "--metrics", "logic", "--logic", str(tmp_path / "tree.yaml")]
    )  # fmt: skip
    assert code == 4
    line = text[: text.index("next: {limited: nowhere}")].count("\n") + 1
    assert (
        f"line {line}: 'nowhere' is no slot that comes later (undefined-transition)"
        in capsys.readouterr().err
    )


def test_the_commands_alone_lead_from_labels_to_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs/logic.md has them: generate, ask, evaluate."""
    pytest.importorskip("aiohttp")
    from tests.ask.server import Server

    (tmp_path / "labels.csv").write_text(ROWS + "d.png,D,1,maybe,,,,\n")
    for name in "abc":
        picture(tmp_path / "images" / f"{name}.png")
    made = ["generate-instruct", "--logic", example("chest_film"), "--labels", tmp_path / "labels.csv"]
    made += ["--split", "test", "--seed", 3, "--output", tmp_path / "questions.json", "--json"]
    code = main([*map(str, made)])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["accepted"], told["failed"]) == (5, 3, 1)
    (tmp_path / "questions.questions.jsonl").rename(tmp_path / "questions.jsonl")
    with Server() as server:
        code, _, err = medcli(
            tmp_path, *file_options(tmp_path), "--backend", "openai", "--base-url", server.url
        )
    assert (code, err) == (0, "")
    assert scored(tmp_path, capsys)["logic_hit"][1] == 16

"""``medcli ask`` with input that nobody wishes for: what a file of questions, an option or an answers file can be."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from tests.ask.inputs import answers, file_options, jsonl, logged, medcli, picture, start

ROWS = [
    ({"question_id": True, "text": "a"}, "no-question-id"),
    ({"question_id": "pipe", "text": "a", "image": "pipe.png"}, "image-unreadable"),
    ({"question_id": "half", "text": "a", "image": "\ud800.png"}, "image-unreadable"),
    ({"question_id": "role", "turns": [{"role": ["user"], "text": "a"}]}, "bad-conversation"),
    ({"question_id": "list", "text": "a", "choices": [["x"], "y"]}, "bad-choices"),
    ({"question_id": "null", "text": "a", "choices": [None, "y"]}, "bad-choices"),
    ({"question_id": "both", "text": "a", "image": "none.png", "images": []}, "image-missing"),
    ({"question_id": "well", "text": "a", "choices": [1, True]}, None),
]


def test_each_awkward_row_has_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    os.mkfifo(tmp_path / "images" / "pipe.png")
    jsonl(tmp_path / "questions.jsonl", [row for row, _ in ROWS])
    code, _, err = medcli(tmp_path, *file_options(tmp_path))
    assert (code, "mistake in medcli" in err) == (5, False)
    found = answers(tmp_path / "answers.jsonl")
    assert [row["metadata"].get("error") for row in found] == [reason for _, reason in ROWS]
    assert found[0]["question_id"] is None


def test_a_second_array_behind_the_first_is_not_lost_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rows = json.dumps([{"question_id": 1, "text": "a"}])
    (tmp_path / "questions.jsonl").write_text(f"{rows}\n \n{rows}")
    code, _, err = medcli(tmp_path, *file_options(tmp_path))
    assert (code, "beyond line 1" in err) == (4, True)
    (tmp_path / "questions.jsonl").write_text(f"{rows}\n \n")
    assert medcli(tmp_path, *file_options(tmp_path))[0] == 0


@pytest.mark.parametrize("output", ["questions.jsonl", "images"])
def test_nothing_is_replaced_that_is_no_answers_file(tmp_path: Path, output: str) -> None:
    (tmp_path / "images").mkdir()
    questions = jsonl(tmp_path / "questions.jsonl", [{"question_id": 1, "text": "a"}])
    before = questions.read_bytes()
    assert medcli(tmp_path, *file_options(tmp_path, output), "--restart")[0] == 2
    assert questions.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["images", "questions.jsonl"]


def test_a_run_that_came_to_nothing_binds_nobody(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    jsonl(tmp_path / "questions.jsonl", [{"question_id": 1, "text": "a"}])
    options = file_options(tmp_path)
    assert medcli(tmp_path, *options[:-1], "missing")[0] == 3
    assert medcli(tmp_path, *options, "--seed", "1")[0] == 0
    code, _, err = medcli(tmp_path, *options)
    assert (code, "another setting of: seed" in err) == (2, True)
    assert len(logged(tmp_path, "asked")) == 1


def test_nothing_left_to_ask_has_no_speed(tmp_path: Path) -> None:
    jsonl(tmp_path / "questions.jsonl", [{"question_id": 1, "text": "a"}])
    options = [*file_options(tmp_path), "--no-image"]  # and needs no folder of images
    code, out, _ = medcli(tmp_path, *options)
    assert (code, "questions a second" in out) == (0, True)
    code, out, _ = medcli(tmp_path, *options)
    assert (code, "questions a second" in out) == (0, False)


def test_two_runs_do_not_write_one_answers_file(tmp_path: Path) -> None:
    jsonl(tmp_path / "questions.jsonl", [{"question_id": i, "text": "a"} for i in range(400)])
    options = [*file_options(tmp_path), "--no-image", "--state"]
    with start(tmp_path, *options, tmp_path / "one", FAKE_DELAY="0.05") as process:
        while not logged(tmp_path, "asked"):
            assert process.poll() is None
            time.sleep(0.01)
        code, _, err = medcli(tmp_path, *options, tmp_path / "other")
        process.kill()
    assert (code, "Another run, with another --state, writes this --output." in err) == (3, True)

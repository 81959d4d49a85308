"""Rows that fail, raise or kill their worker take no other row with them, and only they are asked again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from tests.ask.inputs import answers, file_options, jsonl, logged, medcli, mixed


def plain(folder: Path, rows: int, **moods: str) -> None:
    """Write a file of questions without pictures; ``_70="kill"`` is the text of row 70."""
    texts = [moods.get(f"_{i}", f"fine {i}") for i in range(rows)]
    jsonl(folder / "questions.jsonl", [{"question_id": i, "text": text} for i, text in enumerate(texts)])
    (folder / "images").mkdir(exist_ok=True)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def errors(path: Path) -> dict[Any, str]:
    return {
        one["question_id"]: one["metadata"]["error"] for one in answers(path) if "error" in one["metadata"]
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_only_the_row_that_kills_is_lost(tmp_path: Path, workers: int) -> None:
    plain(tmp_path, 200)
    assert medcli(tmp_path, *file_options(tmp_path, "sound.jsonl"))[0] == 0
    plain(tmp_path, 200, _70="kill", _100="kill")
    options = [*file_options(tmp_path), "--workers", workers]
    for _ in range(2 if workers == 1 else 0):
        assert medcli(tmp_path, *options)[0] == -9  # alone, the command itself dies
    code, out, _ = medcli(tmp_path, *options, "--json")  # the third time the chunk has a process of its own
    assert code == 5
    assert json.loads(out)["kinds"] == {"worker-died": 2}
    got = lines(tmp_path / "answers.jsonl")
    assert errors(tmp_path / "answers.jsonl") == {70: "worker-died", 100: "worker-died"}
    sound = lines(tmp_path / "sound.jsonl")
    assert [one for i, one in enumerate(got) if i not in (70, 100)] == [
        one for i, one in enumerate(sound) if i not in (70, 100)
    ]
    assert medcli(tmp_path, *options)[0] == 5  # and a rerun asks nothing
    assert lines(tmp_path / "answers.jsonl") == got


def test_a_worker_killed_from_outside_costs_no_row(tmp_path: Path) -> None:
    plain(tmp_path, 200, _70="kill once")
    code, _, _ = medcli(tmp_path, *file_options(tmp_path), "--workers", 2)
    assert (code, errors(tmp_path / "answers.jsonl")) == (0, {})


def test_pictures_are_kept_together_when_a_chunk_is_divided(tmp_path: Path) -> None:
    from medcli.ask.chunk import Chunk
    from medcli.ask.plan import Row

    def row(i: int, image: str) -> Row:
        return Row(str(i), json.dumps([i, [["user", "?"]], [image], "", False, "jsonl", ""]), "")

    chunk = Chunk("c", [row(i, name) for i, name in enumerate("aaaaabbccc")])
    assert [[one.key for one in half.rows] for half in chunk.halves()] == [list("01234"), list("56789")]
    b, c = chunk.halves()[1].halves()
    assert [[one.key for one in half.rows] for half in (b, c)] == [list("56"), list("789")]
    assert [[one.key for one in half.rows] for half in c.halves()] == [["7"], ["8", "9"]]
    assert Chunk("c", [row(0, "a")]).halves() == []


def test_a_row_that_raises_is_found_and_its_place_named_but_not_its_words(tmp_path: Path) -> None:
    plain(tmp_path, 130, _70="bug of Mr Smith")
    code, out, err = medcli(tmp_path, *file_options(tmp_path), "--json")
    assert (code, json.loads(out)["kinds"]) == (5, {"bug": 1})
    bug = answers(tmp_path / "answers.jsonl")[70]
    assert bug["metadata"]["error"] == "bug"
    assert bug["metadata"]["at"].startswith("ZeroDivisionError medcli/ask/worker.py:")
    assert "Smith" not in out + err


def test_failed_rows_alone_are_asked_again(tmp_path: Path) -> None:
    mixed(tmp_path, 30)
    (tmp_path / "images" / "3.png").rename(tmp_path / "away.png")
    options = [*file_options(tmp_path), "--json"]
    code, out, _ = medcli(tmp_path, *options)
    assert (code, json.loads(out)["kinds"]) == (5, {"image-missing": 2})
    before = lines(tmp_path / "answers.jsonl")
    asked = Counter(logged(tmp_path, "asked"))
    (tmp_path / "away.png").rename(tmp_path / "images" / "3.png")
    assert medcli(tmp_path, *options)[0] == 5
    assert Counter(logged(tmp_path, "asked")) == asked
    (tmp_path / "images" / "4.png").rename(tmp_path / "4.png")  # its questions have their answers
    code, out, _ = medcli(tmp_path, *options, "--retry-failed")
    assert (code, json.loads(out)["done"]) == (0, 30)
    again = Counter(logged(tmp_path, "asked")) - asked
    assert sorted(again.values()) == [1, 1]
    after = lines(tmp_path / "answers.jsonl")
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 2
    assert errors(tmp_path / "answers.jsonl") == {}


def test_rows_that_are_no_questions_are_not_asked_again(tmp_path: Path) -> None:
    jsonl(tmp_path / "questions.jsonl", [{"question_id": 1, "text": "Fine?"}, "{broken"])
    (tmp_path / "images").mkdir()
    assert medcli(tmp_path, *file_options(tmp_path))[0] == 5
    loads = logged(tmp_path, "loads")
    assert medcli(tmp_path, *file_options(tmp_path), "--retry-failed")[0] == 5
    assert logged(tmp_path, "loads") == loads


def test_a_lost_row_is_asked_again(tmp_path: Path) -> None:
    plain(tmp_path, 90, _80="kill")
    options = [*file_options(tmp_path), "--workers", 2]
    assert medcli(tmp_path, *options)[0] == 5
    before = logged(tmp_path, "asked")
    assert medcli(tmp_path, *options, "--retry-failed")[0] == 5
    assert set(logged(tmp_path, "asked")[len(before) :]) < set(before)
    assert len(set(logged(tmp_path, "asked")[len(before) :])) == 1
    assert errors(tmp_path / "answers.jsonl") == {80: "worker-died"}

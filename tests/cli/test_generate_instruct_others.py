"""What ``medcli generate-instruct`` does beside asking: checks of what exists, conversations from a tree, a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medcli.logic import example
from medcli.records import PICTURE
from tests.instruct.inputs import caption, captions, medcli, options, read

if TYPE_CHECKING:
    from aiohttp import web


def conversation(number: int, *pairs: tuple[str, str]) -> dict[str, object]:
    turns = [
        turn
        for asked, said in pairs
        for turn in ({"from": "human", "value": asked}, {"from": "gpt", "value": said})
    ]
    turns[0]["value"] = f"{PICTURE}\n{turns[0]['value']}"
    about = caption(number)
    return {"id": about["pair_id"], "image": about["image"], "domain": {"mri": True}, "conversatons": turns}


GOOD = ("What does the mass look like?", "It has a smooth border and a bright rim.")
TALKS = ("Is there a rim?", "According to the caption, the MRI shows a bright rim around the mass.")
LEAKS = ("How old is the patient?", "The patient is 57 years old.")
REFUSES = ("Where does it lie?", "I'm sorry, but I cannot see the picture.")


@pytest.fixture
def existing(tmp_path: Path) -> Path:
    captions(tmp_path, 4, lambda number: {"fig_caption": f"case {number}: a mass in a patient of 57 years."})
    rows = [
        conversation(0, GOOD),
        conversation(1, REFUSES, GOOD),
        conversation(2, TALKS, LEAKS),
        conversation(3, REFUSES),
    ]
    path = tmp_path / "existing.json"
    path.write_text(json.dumps([*rows, {"id": 5}]))
    return path


def test_existing_data_is_checked_and_nothing_is_written(tmp_path: Path, existing: Path) -> None:
    before = sorted(tmp_path.iterdir())
    code, out, _ = medcli(tmp_path, "generate-instruct", "--check-only", existing, "--json")
    facts = json.loads(out)
    assert (code, facts["samples"], facts["clean"], facts["rejected"]) == (5, 5, 1, 2)
    assert facts["rules"] == {"refusal": 2, "source-talk": 1}
    assert sum(facts["unreadable"].values()) == 1
    told = ["generate-instruct", tmp_path / "captions.jsonl", "--check-only", existing]
    code, out, _ = medcli(tmp_path, *told, "--json", "--skip-check", "refusal", "--gate", "off")
    assert json.loads(out)["rules"] == {"source-talk": 1, "leak": 1}
    assert sorted(tmp_path.iterdir()) == before
    code, out, _ = medcli(tmp_path, *told)
    assert (code, "rule leak" in out) == (5, True)


def test_a_repair_keeps_the_token_and_capitals(tmp_path: Path, existing: Path) -> None:
    told = ["generate-instruct", tmp_path / "captions.jsonl", "--check-only", existing, "--repair"]
    page = tmp_path / "page.html"
    code, _, _ = medcli(tmp_path, *told, "--output", tmp_path / "repaired.json", "--report", page)
    assert code == 5
    rows = read(tmp_path, "repaired.json")
    assert [row["id"] for row in rows] == [caption(number)["pair_id"] for number in range(3)]
    texts = [[turn["value"] for turn in row.get("conversations", row.get("conversatons"))] for row in rows]
    assert [sum(text.count(PICTURE) for text in one) for one in texts] == [1, 1, 1]
    assert PICTURE in texts[1][0]  # the first pair went, its token did not
    assert texts[1][0].replace(PICTURE, "").strip() == GOOD[0]
    assert "MRI" in texts[2][1]
    assert "caption" not in texts[2][1]
    assert len(texts[2]) == 2
    lost = read(tmp_path, "repaired.rejected.jsonl")
    assert sorted(lost[0]["rules"]) == ["refusal"]
    assert page.read_text().lstrip().lower().startswith("<!doctype html>")
    code, _, err = medcli(tmp_path, *told, "--output", existing)
    assert (code, "never overwritten" in err) == (2, True)
    code, _, err = medcli(tmp_path, *told[:-1], "--output", tmp_path / "x.json")
    assert (code, "--output needs --repair" in err) == (2, True)


def labels(path: Path) -> Path:
    """Labels of the shipped tree of marrow smears, by its own columns."""
    from medcli.logic import read_tree
    from tests.unit.instruct.test_logic_source import random_table

    assert read_tree(example("bone_marrow_smear")).columns()
    return random_table(path, "bone_marrow_smear", 60)


def test_conversations_from_a_tree_and_labels(tmp_path: Path) -> None:
    table = labels(tmp_path / "labels.csv")
    told = ["generate-instruct", "--logic", example("bone_marrow_smear"), "--labels", table]
    for name in ("one.json", "two.json"):
        code, out, _ = medcli(
            tmp_path,
            *told,
            "--output",
            tmp_path / name,
            "--seed",
            3,
            "--report",
            tmp_path / "r.html",
            "--json",
        )
        assert code in (0, 5)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    facts, rows = json.loads(out), read(tmp_path, "one.json")
    assert facts["accepted"] == len(rows) > 10
    assert facts["requests"] == 0
    assert facts["failed"] == len(read(tmp_path, "one.rejected.jsonl"))
    assert all(row["conversations"][0]["value"].count(PICTURE) == 1 for row in rows)
    origins = read(tmp_path, "one.provenance.jsonl")
    assert {row["logic"] for row in origins} == {"bone-marrow-smear"}
    assert (tmp_path / "r.html").stat().st_size > 5000
    code, _, _ = medcli(
        tmp_path, *told, "--output", tmp_path / "test.jsonl", "--split", "test", "--format", "messages"
    )
    questions = {row["messages"][0]["content"][1]["text"] for row in read(tmp_path, "test.jsonl")}
    trained = {turn["value"].replace(PICTURE, "").strip() for row in rows for turn in row["conversations"]}
    assert questions.isdisjoint(trained)
    assert not (tmp_path / "one.questions.jsonl").exists()
    assert questions <= {row["turns"][-1]["text"] for row in read(tmp_path, "test.questions.jsonl")}
    code, _, err = medcli(
        tmp_path, *told[:-1], tmp_path / "x.questions.jsonl", "--output", tmp_path / "x.json"
    )
    assert (code, "never overwritten" in err) == (2, True)


def test_a_table_without_a_row_that_leads_somewhere(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("case,image\na,a.png\n")
    told = ["generate-instruct", "--logic", example("bone_marrow_smear"), "--labels", tmp_path / "labels.csv"]
    code, out, err = medcli(tmp_path, *told, "--output", tmp_path / "o.json")
    assert (code, out) == (4, "")
    assert err.startswith("Error: ")


def test_a_page_comes_with_generation(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    from tests.instruct.server import Server

    captions(tmp_path, 12)
    with Server() as server:
        page = tmp_path / "pages" / "page.html"
        assert medcli(tmp_path, *options(tmp_path, server.url, "--report", page))[0] == 0
    text = page.read_text(encoding="utf-8")
    assert "How does the cortex look?" in text


def test_a_judge_and_a_blind_solver_reject(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")

    from tests.instruct.server import Server

    class Three(Server):
        """A writer, a judge who dislikes every fifth and mumbles at every seventh, and a solver who knows one answer."""

        async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            asked = body["messages"][-1]["content"]
            if body["model"] == "solver":
                self.seen.append(asked)
                return self._told(
                    '{"answer": "A irregular cortex throughout"}' if "irregular cortex" in asked else "unsure"
                )
            if body["model"] != "judge":
                return await super()._answer(request, body)
            number = self.numbers(body)[0]
            verdict = dict.fromkeys(("supported", "visual", "silent", "helpful"), number % 5 > 0)
            return self._told("hm" if number % 7 == 3 else json.dumps(verdict))

    captions(tmp_path, 20)
    more = ["--judge", "judge", "--blind", "solver", "--kind", "vqa-choice", "--json", "--concurrency", 4]
    with Three() as server:
        code, out, _ = medcli(tmp_path, *options(tmp_path, server.url, *more))
    facts = json.loads(out)
    assert (code, facts["rules"]) == (0, {"judge": 3})  # the fourth of them was mumbled about
    rows = {row["id"]: row for row in read(tmp_path, "train.provenance.jsonl")}
    assert rows[caption(3)["pair_id"]]["checks"]["judge"] == "unreadable"
    assert rows[caption(4)["pair_id"]]["checks"] == {"rules": 15, "judge": "passed", "blind": "passed"}
    assert rows[caption(4)["pair_id"]]["requests"] == 3
    assert all("case" not in text for text in server.seen if "Answer with the letter" in text)
    with Three() as server:
        told = options(tmp_path, server.url, *more[2:], "--restart")
        code, out, _ = medcli(tmp_path, *told)
    assert json.loads(out)["rules"] == {"blind-solved": 1}


def test_what_a_model_is_tested_with_is_left_out(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    import numpy as np
    from PIL import Image

    from tests.instruct.server import Server

    captions(tmp_path, 10)
    dice = np.random.default_rng(1)
    for number in range(10):
        noise = Image.fromarray(dice.integers(0, 255, (8, 8), np.uint8)).resize((96, 96))
        path = tmp_path / "images" / caption(number)["image"]
        path.parent.mkdir(exist_ok=True)
        noise.save(path)
        if number == 2:
            noise.save(tmp_path / "seen.png")
    tests = [
        {"question_id": 1, "text": "What is this?", "image": caption(1)["image"]},
        {"question_id": 2, "text": "And this?", "image": "seen.png"},
        {
            "question_id": 3,
            "text": "What can be said about its edge in the present picture?",
            "image": "none.png",
        },
    ]
    (tmp_path / "tests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tests))
    more = ["--images", tmp_path / "images", "--decontaminate", tmp_path / "tests.jsonl", "--json"]
    with Server() as server:
        code, out, err = medcli(tmp_path, *options(tmp_path, server.url, *more))
    assert (code, json.loads(out)["rules"]) == (0, {"test-figure": 1, "test-picture": 1})
    assert sorted(server.order) == ["0", *map(str, range(3, 10))]  # nothing was spent on them
    assert "not found" in err
    rows = read(tmp_path, "train.provenance.jsonl")
    assert all(row["checks"]["decontaminated"] for row in rows)
    told = [
        "generate-instruct",
        "--check-only",
        tmp_path / "train.json",
        "--decontaminate",
        tmp_path / "tests.jsonl",
    ]
    code, out, _ = medcli(tmp_path, *told, "--json")
    assert (code, json.loads(out)["rejected"]) == (0, 0)

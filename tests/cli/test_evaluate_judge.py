"""Judges: the set ``judge`` and ``medcli evaluate chat``, against a judge on loopback; reviews of others summarised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from medcli.cli import main
from tests.evaluate import files
from tests.evaluate.files import write_json, write_jsonl
from tests.evaluate.judge import Judge


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return write_json(tmp_path / "test.json", files.questions())


def run(capsys: pytest.CaptureFixture[str], *arguments: str | os.PathLike[str]) -> tuple[int, Any, str]:
    code = main(["evaluate", *map(str, arguments), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else None, told.err


def mean(facts: dict[str, Any], column: str, part: str = "all") -> tuple[float, int]:
    lines = facts["models"][0]["figures"]
    found = next(one for one in lines if (one["column"], one["part"], one["group"]) == (column, part, "all"))
    return found["mean"], found["n"]


def test_a_judge_is_asked_once_and_remembered(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = write_jsonl(tmp_path / "a.jsonl", files.answers(["Yes.", "No", "mumble", "Right lung", "", "no"]))
    wish = [
        "vqa",
        given,
        "--questions",
        asked,
        "--metrics",
        "judge,strict",
        "--judge",
        "some/judge",
        "--output",
        tmp_path / "out",
    ]
    with Judge() as server:
        wish += ["--base-url", server.url, "--report", tmp_path / "report.html"]
        code, facts, _ = run(capsys, *wish)
        assert code == 5  # one reply of the judge could not be read
        assert mean(facts, "judge_hit") == (pytest.approx(4 / 5), 5)
        assert mean(facts, "judge_hit", "open") == (pytest.approx(1 / 2), 2)
        assert sum(server.asked.values()) == 5  # an empty answer needs no judge
        again = run(capsys, *wish)
        assert (again[0], again[1]) == (code, facts)
        assert sum(server.asked.values()) == 5
        assert run(capsys, *wish, "--retry-failed")[0] == 5
        assert sum(server.asked.values()) == 6
        body = server.bodies[0]
        assert (body["model"], body["temperature"]) == ("some/judge", 0)
        assert [one["role"] for one in body["messages"]] == ["system", "user"]
    assert '"reason0":["because"' in (tmp_path / "report.html").read_text()
    items = [json.loads(line) for line in (tmp_path / "out" / "per_item.jsonl").read_text().splitlines()]
    assert [item.get("judge_reason") for item in items] == [
        "because",
        "because",
        None,
        "because",
        "empty",
        "because",
    ]


def chat_set(folder: Path, count: int = 6) -> tuple[Path, Path]:
    """Questions as LLaVA-Med's 50 chat images have them, and answers."""
    questions, answers = [], []
    for number in range(count):
        questions.append(
            {
                "question_id": number,
                "image": f"{number // 2}.jpg",
                "text": f"What is shown in {number}?\n<image>",
                "gpt4_answer": "a b c d",
                "fig_caption": "A chest film.",
                "fig_label": "Figure 1",
                "in_text_mention": [{"tokens": "Fig. 1 shows it."}] if number % 2 else None,
                "domain": {"chest_xray": number % 2 == 0, "mri": number % 2 == 1, "ct_scan": False},
                "type": "conversation" if number < 4 else "detailed_description",
            }
        )
        answers.append({"question_id": number, "text": "one two" if number else "mumble", "model_id": "m"})
    return write_jsonl(folder / "qa.jsonl", questions), write_jsonl(folder / "a.jsonl", answers)


def test_both_orders_cancel_the_bias_of_position_and_a_bad_reply_is_one_failed_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, given = chat_set(tmp_path)
    with Judge() as server:
        wish = [
            "chat",
            given,
            "--questions",
            questions,
            "--judge",
            "j",
            "--base-url",
            server.url,
            "--output",
            tmp_path / "out",
        ]
        code, facts, told = run(capsys, *wish)
        assert code == 5
        assert facts["lost"] == [{"question_id": "0", "reason": "no-review"}]
        assert "1 questions have no review" in told
        assert sum(server.asked.values()) == 12
        assert any("Figure 1: A chest film.\nFig. 1 shows it." in text for text in server.asked)
        assert not any("<image>" in text for text in server.asked)
    overall = facts["summary"][-1]
    # Reference first: 6 and 2. Model first: 4 and 4. Together: reference 5, model 3.
    assert (overall["group"], overall["n"], overall["images"]) == ("overall", 5, 3)
    assert (overall["reference"], overall["model"]) == (5, 3)
    assert overall["relative"] == overall["ratio_of_means"] == pytest.approx(60)
    assert overall["relative_reference_first"] == pytest.approx(100 / 3)
    assert overall["win_rate"] == 0
    assert [(one["group"], one["value"], one["n"]) for one in facts["summary"][:-1]] == [
        ("type", "conversation", 3), ("type", "detailed_description", 2), ("domain", "chest_xray", 2), ("domain", "mri", 3),
    ]  # fmt: skip
    assert {row["percent"] for row in facts["published"] if row["part"] == "overall"} >= {"50.2", "36.1"}
    rows = [json.loads(line) for line in (tmp_path / "out" / "reviews.jsonl").read_text().splitlines()]
    assert rows[1].keys() >= {"question_id", "domain", "type", "ans1", "ans2", "gpt_eval", "swapped"}
    summed = run(capsys, "chat", "--summarize", tmp_path / "out" / "reviews.jsonl")[1]
    assert summed["summary"] == facts["summary"]


def test_an_order_can_be_that_of_the_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions, given = chat_set(tmp_path)
    with Judge() as server:
        wish = ["chat", given, "--questions", questions, "--judge", "j", "--base-url", server.url]
        facts = run(capsys, *wish, "--order", "reference-first")[1]
        assert sum(server.asked.values()) == 6
    assert facts["summary"][-1]["relative"] == pytest.approx(100 / 3)


def test_killed_and_resumed_asks_again_only_what_was_in_flight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, given = chat_set(tmp_path, 120)
    with Judge() as server:
        server.delay = 0.02
        wish = [
            "chat",
            given,
            "--questions",
            questions,
            "--judge",
            "j",
            "--base-url",
            server.url,
            "--concurrency",
            "4",
        ]
        command = [sys.executable, "-m", "medcli", "evaluate", *map(str, wish), "--json"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while sum(server.asked.values()) < 100:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.kill()
        before = sum(server.asked.values())
        assert before < 240
        code, facts, _ = run(capsys, *wish)
        assert code == 5
        assert facts["reviews"] == 119
        repeated = sum(server.asked.values()) - 240
        assert 0 <= repeated <= 4 + 60  # in flight, and what 200 ms and a slow machine had not committed
        assert max(server.asked.values()) <= 2


REVIEWS = [
    (
        {"question_id": 1, "type": "conversation", "domain": {"chest_xray": True}, "gpt_eval": "8 6\nwell"},
        75.0,
    ),
    (
        {
            "question_id": 2,
            "type": "conversation",
            "domain": {"mri": True, "ct_scan": True},
            "gpt_eval": "10 5\r\nwell",
        },
        50.0,
    ),
    ({"question_id": 3, "type": "detailed_description", "domain": {"gross": True}, "result": "4 4"}, 100.0),
]


def test_reviews_of_both_generations_are_summarised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_jsonl(tmp_path / "r.jsonl", [row for row, _ in REVIEWS])
    code, facts, _ = run(capsys, "chat", "--summarize", path)
    assert code == 0
    by = {(one["group"], one["value"]): one for one in facts["summary"]}
    assert by["overall", ""]["relative"] == pytest.approx(75)
    assert by["overall", ""]["ratio_of_means"] == pytest.approx(100 * 15 / 22)
    assert by["overall", ""]["win_rate"] == pytest.approx(100 * 0.5 / 3)
    assert by["type", "conversation"]["relative"] == pytest.approx(62.5)
    assert by["domain", "mri"]["n"] == 1  # the first true domain
    assert ("domain", "ct_scan") not in by
    assert main(["evaluate", "chat", "--summarize", str(path)]) == 0
    assert "75.0" in capsys.readouterr().out


def test_one_bad_review_does_not_kill_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [
        {"question_id": 9, "gpt_eval": "I cannot"},
        {"question_id": 10, "gpt_eval": "0 5"},
        {"question_id": 11},
    ]
    path = write_jsonl(tmp_path / "r.jsonl", [REVIEWS[0][0], *bad])
    code, facts, said = run(capsys, "chat", "--summarize", path)
    assert code == 5
    assert facts["lost"] == [
        {"question_id": "9", "reason": "unreadable-review"},
        {"question_id": "10", "reason": "reference-scored-zero"},
        {"question_id": "11", "reason": "no-review"},
    ]
    assert facts["summary"][-1]["relative"] == pytest.approx(75)
    assert "relative_low" not in facts["summary"][-1]  # one question about one picture
    assert "--retry-failed" not in said  # there is no judge to ask
    write_jsonl(path, bad)
    assert main(["evaluate", "chat", "--summarize", str(path)]) == 4


@pytest.mark.parametrize("missing", ["--questions", "--judge", "--base-url"])
def test_a_chat_needs_a_judge_and_questions(
    missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = {"--questions": "q", "--judge": "j", "--base-url": "http://127.0.0.1:9/v1"}
    told = [part for name, value in wishes.items() if name != missing for part in (name, value)]
    assert main(["evaluate", "chat", "a.jsonl", *told]) == 2
    assert missing in capsys.readouterr().err

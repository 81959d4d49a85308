"""``medcli ask --backend openai`` against real servers on loopback, some of which misbehave on purpose."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from tests.ask.inputs import answers, file_options, jsonl, medcli, mixed, picture, start
from tests.ask.server import Server


def test_a_file_is_answered_whole_by_a_misbehaving_server(tmp_path: Path) -> None:
    mixed(tmp_path, 200, images=6)
    options = [*file_options(tmp_path), "--backend", "openai"]
    with Server(moods={"7?": "429", "8?": "500", "9?": "cut", "11?": "hang"}) as server:
        code, out, err = medcli(tmp_path, *options, "--base-url", server.url, "--timeout", "0.5", "--json")
    assert (code, err) == (0, "")
    got = answers(tmp_path / "answers.jsonl")
    assert [one["question_id"] for one in got] == list(range(200))
    assert [one["text"] for one in got] == [f"{int(i % 5 > 0)} What is {i}?" for i in range(200)]
    assert got[1]["metadata"] == {
        "finish_reason": "stop", "prompt_tokens": 7, "answer_tokens": 3, "template": "chat-template",
        "image_processor": "server", "gate": {"choice": "on", "pixels": {"unseen": 1}},
    }  # fmt: skip
    assert got[1]["model_id"] == "fake-7b"
    assert json.loads(out)["done"] == 200


def test_questions_come_ordered_by_picture(tmp_path: Path) -> None:
    mixed(tmp_path, 100, images=6)
    with Server() as server:
        options = [*file_options(tmp_path), "--backend", "openai", "--base-url", server.url]
        assert medcli(tmp_path, *options, "--concurrency", 1)[0] == 0
        asked = [body["messages"][0]["content"] for body in server.bodies]
    shown = [one[0]["image_url"]["url"] for one in asked if isinstance(one, list)]
    assert sum(one != other for one, other in itertools.pairwise(shown)) == 5


def test_kill_9_asks_again_only_what_was_in_flight_or_not_yet_written(tmp_path: Path) -> None:
    mixed(tmp_path, 400, images=3)
    options = [*file_options(tmp_path), "--backend", "openai", "--concurrency", 4]
    with Server() as server:
        server.delay = 0.02  # four at a time: 200 a second, 40 within the 0.2 seconds between two commits
        for goal in (100, 250):
            with start(tmp_path, *options, "--base-url", server.url) as process:
                while len(server.order) < goal:
                    assert process.poll() is None
                    time.sleep(0.01)
                process.kill()
        code, _, _ = medcli(tmp_path, *options, "--base-url", server.url)
        assert code == 0
        assert len(server.order) <= 400 + 2 * (4 + 60)
        assert max(server.asked.values()) <= 3
    assert [one["text"] for one in answers(tmp_path / "answers.jsonl")] == [
        f"{int(i % 5 > 0)} What is {i}?" for i in range(400)
    ]


def test_a_wrong_key_stops_the_run_and_loses_no_row(tmp_path: Path) -> None:
    mixed(tmp_path, 50)
    options = [*file_options(tmp_path), "--backend", "openai"]
    with Server(key="right") as server:
        code, out, err = medcli(tmp_path, *options, "--base-url", server.url, MEDCLI_API_KEY="wrong")
        assert (code, out) == (3, "")
        assert "The server refuses the key." in err
        assert "wrong" not in err
        assert medcli(tmp_path, *options, "--base-url", server.url, MEDCLI_API_KEY="right")[0] == 0
    assert all(one["text"] for one in answers(tmp_path / "answers.jsonl"))


def test_rows_of_their_own_trouble_are_rows(tmp_path: Path) -> None:
    rows = [{"question_id": i, "text": text} for i, text in enumerate(["fine", "huge", "{", "odd"])]
    jsonl(tmp_path / "questions.jsonl", [*rows, "{broken"])
    (tmp_path / "images").mkdir()
    options = [*file_options(tmp_path), "--backend", "openai"]
    with Server(moods={"huge": "long always", "odd": "418 always"}) as server:
        code, _, err = medcli(tmp_path, *options, "--base-url", server.url)
    assert code == 5
    errors = [one["metadata"].get("error", "") for one in answers(tmp_path / "answers.jsonl")]
    assert errors == ["", "prompt-too-long", "", "endpoint-refused", "bad-json"]
    assert "odd" not in err


def test_one_answer_streams_from_a_server(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    with Server(refuses=("max_tokens",)) as server:
        options = ["ask", "What is it?", "--image", image, "--backend", "openai", "--base-url", server.url]
        assert medcli(tmp_path, *options, "--model", "m") == (0, "1 What is it?\n", "")
        code, out, _ = medcli(tmp_path, *options, "--model", "m", "--json")
        assert (code, json.loads(out)["text"]) == (0, "1 What is it?")


def test_shards_of_a_server_are_merged(tmp_path: Path) -> None:
    mixed(tmp_path, 150)
    with Server() as server:
        for output, more in (("whole", []), ("s0", ["--shard", "0/2"]), ("s1", ["--shard", "1/2"])):
            options = [
                *file_options(tmp_path, f"{output}.jsonl"),
                "--backend",
                "openai",
                "--base-url",
                server.url,
            ]
            assert medcli(tmp_path, *options, *more)[0] == 0
    runs = [tmp_path / "s0.jsonl", tmp_path / "s1.jsonl"]
    assert medcli(tmp_path, "merge", *runs, "--output", tmp_path / "merged.jsonl")[0] == 0
    assert (tmp_path / "merged.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()

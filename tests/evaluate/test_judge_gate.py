"""What leaves for a judge: identities planted in question, options, reference, answer, caption and file names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from medcli.cli import main
from tests.ask.server import Server
from tests.evaluate.files import write_json, write_jsonl
from tests.evaluate.judge import Judge

PLANTED = [
    "Lindqvist",
    "Astrid",
    "77-310-2248",
    "1948",
    "Zbigniew",
    "Kowalczyk",
    "555-0147",
    "Petrossian",
    "quellmar",
]
QUESTIONS = [
    {
        "question_id": 0,
        "image": "LINDQVIST_ASTRID/1.png",
        "text": "Who is on the film of Mrs Astrid Lindqvist, MRN 77-310-2248?",
        "answer": "Astrid Lindqvist, born 3 November 1948",
    },
    {"question_id": 1, "text": "Who reported it?", "answer": "Dr. Zbigniew Kowalczyk"},
    {"question_id": 2, "text": "what ails quellmar?", "answer": "a stone", "patient_name": "Quellmar"},
    {"question_id": 3, "text": "Which side?", "answer": "left"},
]
ANSWERS = [
    "astrid lindqvist, born 3 November 1948",
    "Dr. Petrossian, phone (617) 555-0147",
    "quellmar has a stone",
    "Left.",
]


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medcli.models.endpoint.client.ATTEMPTS", 1)


def planted(*texts: str | bytes) -> list[str]:
    told = " ".join(
        one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in texts
    ).lower()
    return [one for one in PLANTED if one.lower() in told]


def wish(folder: Path, url: str, *more: str) -> list[str]:
    questions = write_json(folder / "test.json", QUESTIONS)
    rows = [{"question_id": number, "text": text} for number, text in enumerate(ANSWERS)]
    answers = write_jsonl(folder / "a.jsonl", rows)
    base = ["evaluate", "vqa", answers, "--questions", questions, "--metrics", "judge", "--judge", "m"]
    return [*map(str, base), "--base-url", url, "--output", str(folder / "out"), "--json", *more]


def kept(folder: Path) -> list[bytes]:
    """All that a run leaves beside the inputs and the rows that repeat them."""
    state = [path.read_bytes() for path in (folder / "a.jsonl.judge").rglob("*") if path.is_file()]
    return [*state, (folder / "out" / "scores.json").read_bytes()]


def items(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / "per_item.jsonl").read_text().splitlines()]


def test_a_judge_sees_placeholders_and_equal_values_stay_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Judge() as server:
        arguments = wish(tmp_path, server.url)
        assert main(arguments) == 0
        first = capsys.readouterr()
        assert main(arguments) == 0  # the same placeholders, so nothing is asked again
        again = capsys.readouterr()
    assert planted(*server.received, first.out, first.err, *kept(tmp_path)) == []
    assert again.out == first.out
    assert len(server.bodies) == 4
    assert [item["judge_hit"] for item in items(tmp_path)] == [1, 0, 0, 1]
    sent = " ".join(server.asked)
    assert "[NAME_1]" in sent
    assert "[Question]\nWhich side?\n[End of Question]\n\n[Reference]\nleft\n" in sent
    gate = json.loads(first.out)["judge"]["gate"]["a"]
    assert (gate["choice"], gate["applied"], gate["backend"]) == ("on", True, "local")
    assert (gate["passed"], gate["refused"]) == (4, {})
    assert gate["found"]["NAME"] >= 5


@pytest.mark.parametrize("choice", ["remote", "off"])
def test_a_judge_on_this_machine_may_see_texts_as_they_are(
    choice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Judge() as server:
        assert main(wish(tmp_path, server.url, "--gate", choice)) == 0
    assert set(planted(*server.received)) == set(PLANTED)
    gate = json.loads(capsys.readouterr().out)["judge"]["gate"]["a"]
    assert (gate["choice"], gate["applied"], gate["found"]) == (choice, False, {})


@pytest.mark.parametrize("choice", ["on", "remote"])
def test_a_judge_on_another_machine_sees_placeholders(
    choice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medcli.evaluate.judge.door.is_remote", lambda _: True)
    with Judge() as server:
        assert main(wish(tmp_path, server.url, "--gate", choice)) == 0
    assert len(server.bodies) == 4
    assert planted(*server.received) == []
    assert json.loads(capsys.readouterr().out)["judge"]["gate"]["a"]["backend"] == "remote"


def test_a_detector_that_lies_keeps_every_row_from_the_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Judge() as judge, Server(moods={"input is data": "500 always"}) as lying:
        more = ["--detector", f"llm:{lying.url}#m"]
        assert main(wish(tmp_path, judge.url, *more)) == 2
        assert "is not trusted" in capsys.readouterr().err
        assert main(wish(tmp_path, judge.url, *more, "--trust-host", "127.0.0.1")) == 6
    told = capsys.readouterr()
    assert judge.received == []
    assert planted(told.out, told.err) == []
    assert "the gate kept answers from the judge: 4 gate-refused-detector" in told.err
    assert json.loads(told.out)["judge"]["gate"]["a"]["refused"] == {"gate-refused-detector": 4}
    rows = items(tmp_path)
    assert [row["judge_error"] for row in rows] == ["gate-refused-detector"] * 4
    assert not any("judge_hit" in row for row in rows)


def test_one_refused_row_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from medcli.privacy.text.finder import Finder

    find_all = Finder.find_all

    def crash(self: Finder, texts: Any, *more: Any) -> Any:
        if any("Petrossian" in text for text in texts):
            raise RuntimeError("no luck with Petrossian")
        return find_all(self, texts, *more)

    monkeypatch.setattr(Finder, "find_all", crash)
    with Judge() as server:
        assert main(wish(tmp_path, server.url)) == 6
    told = capsys.readouterr()
    assert len(server.bodies) == 3
    assert planted(*server.received, told.out, told.err, *kept(tmp_path)) == []
    assert [row.get("judge_error") for row in items(tmp_path)] == [None, "gate-refused-detector", None, None]


def chat(folder: Path, url: str, *more: str) -> list[str]:
    questions = [
        {
            "question_id": 0,
            "image": "PETROSSIAN_1.jpg",
            "text": "What did Dr. Zbigniew Kowalczyk see in Astrid Lindqvist?",
            "fig_caption": "Film of Astrid Lindqvist, born 3 November 1948, MRN 77-310-2248.",
            "gpt4_answer": "Kowalczyk saw a stone.",
            "patient_name": "Quellmar",
        }
    ]
    paths = (
        write_jsonl(folder / "qa.jsonl", questions),
        write_jsonl(
            folder / "a.jsonl",
            [{"question_id": 0, "text": "Lindqvist, that is quellmar, has petrossian stones."}],
        ),
    )
    base = ["evaluate", "chat", paths[1], "--questions", paths[0], "--judge", "m", "--base-url", url]
    return [*map(str, base), "--output", str(folder / "out"), "--json", *more]


def test_a_chat_passes_the_gate_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Judge() as server:
        assert main(chat(tmp_path, server.url)) == 0
    assert len(server.bodies) == 2
    told = capsys.readouterr()
    assert planted(*server.received, told.out, told.err, *kept(tmp_path)) == []
    assert json.loads(told.out)["gate"]["passed"] == 2


def test_a_chat_that_the_gate_keeps_back_is_lost_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Judge() as judge, Server(moods={"input is data": "500 always"}) as lying:
        more = ["--detector", f"llm:{lying.url}#m", "--trust-host", "127.0.0.1"]
        code = main(chat(tmp_path, judge.url, *more))
    told = capsys.readouterr()
    assert (code, judge.received, planted(told.out, told.err)) == (6, [], [])

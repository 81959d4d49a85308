"""``medcli ask`` and what leaves it: identities planted wherever a question can hold them, and a server that records."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from tests.ask.inputs import answers, file_options, jsonl, medcli, picture
from tests.ask.server import Server

REMOTE = ["--backend", "openai", "--base-url", "http://medcli.invalid/v1", "--model", "m"]
PLANTED = [
    "Lindqvist",
    "Astrid",
    "77-310-2248",
    "773102248",
    "1948",
    "Zbigniew",
    "Kowalczyk",
    "Oakhollow",
    "555-0147",
    "Petrossian",
]
QUESTION = "Is Mrs Lindqvist's heart enlarged? MRN 77-310-2248, born 3 November 1948, phone (617) 555-0147."
HISTORY = [
    {"role": "system", "text": "You assist Dr. Zbigniew Kowalczyk."},
    {"role": "user", "text": "Astrid Lindqvist came on 12 March 2019."},
    {"role": "assistant", "text": "What is asked of Astrid Lindqvist?"},
]


def scan(path: Path, **values: object) -> Path:
    """A real DICOM file of another patient."""
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    name = get_testdata_file("MR_small.dcm")
    assert isinstance(name, str)
    dataset = dcmread(name)
    identity = {
        "PatientName": "LINDQVIST^ASTRID", "PatientID": "77-310-2248", "PatientBirthDate": "19481103",
        "ReferringPhysicianName": "KOWALCZYK^ZBIGNIEW", "InstitutionName": "Oakhollow", "OperatorsName": "PETROSSIAN",
    }  # fmt: skip
    for keyword, value in (identity | values).items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)
    return path


def planted(data: bytes | str) -> list[str]:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return [one for one in PLANTED if one.lower() in text.lower()]


def file_of_questions(folder: Path) -> list[object]:
    scan(folder / "images" / "LINDQVIST_ASTRID" / "scan.dcm")
    picture(folder / "images" / "KOWALCZYK_1.png")
    image = "LINDQVIST_ASTRID/scan.dcm"
    rows = [
        {"question_id": 0, "image": image, "turns": [*HISTORY, {"role": "user", "text": QUESTION}]},
        {
            "question_id": 1,
            "image": image,
            "text": "did oakhollow or petrossian report on LINDQVIST?\n<image>",
        },
        {"question_id": 2, "image": "KOWALCZYK_1.png", "text": "what did kowalczyk see?"},
        {"question_id": 3, "text": "what ails petrossian?", "patient_name": "Petrossian", "notes": True},
        {"question_id": 4, "text": "Is there a fracture of the left femur?"},
    ]
    jsonl(folder / "questions.jsonl", rows)
    return file_options(folder)[:-2]


def test_no_planted_identity_reaches_a_server_and_answers_come_back_whole(tmp_path: Path) -> None:
    options = file_of_questions(tmp_path)
    with Server() as server:
        code, out, err = medcli(
            tmp_path, *options, "--backend", "openai", "--base-url", server.url, "--model", "m", "--json"
        )
    assert (code, err, len(server.bodies)) == (0, "", 5)
    assert [planted(one) for one in server.received] == [[]] * 10
    pictures = [base64.b64decode(one) for one in re.findall(rb"base64,([^\"]*)\"", b"".join(server.received))]
    assert [one[:4] for one in pictures] == [b"\x89PNG"] * 3
    assert [planted(one) for one in pictures] == [[]] * 3
    got = answers(tmp_path / "answers.jsonl")
    texts = [
        QUESTION,
        *[
            f"{text}"
            for text in (
                "did oakhollow or petrossian report on LINDQVIST?",
                "what did kowalczyk see?",
                "what ails petrossian?",
                "Is there a fracture of the left femur?",
            )
        ],
    ]
    assert [one["text"] for one in got] == [
        f"{shown} {text}" for shown, text in zip((0, 1, 1, 0, 0), texts, strict=True)
    ]
    assert [planted(one["prompt"]) for one in got] == [[]] * 5
    assert got[4]["prompt"] == texts[4]
    assert got[0]["metadata"]["gate"]["found"]["NAME"] >= 4
    assert "places" not in got[0]["metadata"]["gate"]
    run = tmp_path / "answers.jsonl.run"
    assert planted((run / "ledger.sqlite").read_bytes()) == []
    receipt = json.loads((run / "gate.json").read_text())
    assert planted(json.dumps(receipt) + out) == []
    assert (receipt["choice"], receipt["passed"], receipt["refused"]) == ("on", 5, {})
    assert stat.S_IMODE((run / "gate.json").stat().st_mode) == 0o600


def test_one_worker_two_workers_and_merged_shards_agree(tmp_path: Path) -> None:
    options = file_of_questions(tmp_path)[:-2]
    for output, more in (
        ("one", []),
        ("two", ["--workers", 2]),
        ("s0", ["--shard", "0/2"]),
        ("s1", ["--shard", "1/2"]),
    ):
        assert (
            medcli(tmp_path, *options, "--output", tmp_path / f"{output}.jsonl", "--model", "m", *more)[0]
            == 0
        )
    one = (tmp_path / "one.jsonl").read_bytes()
    assert (tmp_path / "two.jsonl").read_bytes() == one
    runs = [tmp_path / "s0.jsonl", tmp_path / "s1.jsonl"]
    assert medcli(tmp_path, "merge", *runs, "--output", tmp_path / "merged.jsonl")[0] == 0
    assert (tmp_path / "merged.jsonl").read_bytes() == one


def test_one_answer_streams_with_its_values(tmp_path: Path) -> None:
    image = scan(tmp_path / "scan")
    with Server() as server:
        local = ["--backend", "openai", "--base-url", server.url, "--model", "m"]
        code, out, err = medcli(tmp_path, "ask", QUESTION, "--image", image, *local)
        assert (code, out) == (0, f"1 {QUESTION}\n")
        assert err.startswith("The model saw placeholders for DATE 1,")
        code, out, err = medcli(tmp_path, "ask", QUESTION, "--image", image, *local, "--json")
        record = json.loads(out)
        assert (record["text"], planted(record["prompt"] + err)) == (f"1 {QUESTION}", [])
        assert record["metadata"]["gate"]["choice"] == "on"
        assert [planted(one) for one in server.received] == [[]] * 4
        code, out, _ = medcli(tmp_path, "ask", QUESTION, *local, "--gate", "off", "--json")
        assert json.loads(out)["metadata"]["gate"] == {"choice": "off"}
        assert planted(server.received[-2])
        code, out, _ = medcli(tmp_path, "ask", QUESTION, *local, "--gate", "remote", "--json")
        assert json.loads(out)["metadata"]["gate"] == {"choice": "remote"}


def test_pictures_go_to_another_machine_only_where_something_says_that_they_may(tmp_path: Path) -> None:
    plain = picture(tmp_path / "a.png")
    shown = scan(tmp_path / "b", BurnedInAnnotation="YES")
    for image, more in ((plain, []), (shown, []), (shown, ["--gate-pixels", "accept"])):
        code, out, err = medcli(tmp_path, "ask", "What?", "--image", image, *REMOTE, *more)
        assert (code, out) == (6, "")
        assert "it is not sent" in err
    with Server() as server:
        local = ["--backend", "openai", "--base-url", server.url, "--model", "m"]
        assert medcli(tmp_path, "ask", "What?", "--image", plain, *local)[0] == 0
        code, _, err = medcli(tmp_path, "ask", "What?", "--image", plain, *local, "--gate-pixels", "refuse")
        assert (code, "it is not sent" in err) == (6, True)
    picture(tmp_path / "images" / "a.png")
    scan(tmp_path / "images" / "mr")
    rows = [{"question_id": 0, "image": "a.png", "text": "What?"}, {"question_id": 1, "text": "What?"}]
    jsonl(tmp_path / "questions.jsonl", rows)
    with Server() as server:
        options = [*file_options(tmp_path)[:-2], *local[:2], "--base-url", server.url, "--model", "m"]
        code, out, _ = medcli(tmp_path, *options, "--gate-pixels", "refuse", "--json")
        assert (code, json.loads(out)["kinds"]) == (6, {"gate-refused-pixels": 1})
    got = answers(tmp_path / "answers.jsonl")
    assert [(one["prompt"], bool(one["text"])) for one in got] == [("", False), ("What?", True)]


def test_a_detector_that_fails_keeps_everything_back(tmp_path: Path) -> None:
    jsonl(tmp_path / "questions.jsonl", [{"question_id": 0, "text": QUESTION}])
    (tmp_path / "images").mkdir()
    with Server(moods={"input is data": "500 always"}) as server:
        local = ["--backend", "openai", "--base-url", server.url, "--model", "m"]
        hosted = ["--detector", f"llm:{server.url}#m"]
        code, _, err = medcli(tmp_path, "ask", QUESTION, *local, *hosted)
        assert (code, "is not trusted" in err) == (2, True)
        assert server.received == []
        hosted += ["--trust-host", "127.0.0.1"]
        code, out, err = medcli(
            tmp_path, "ask", QUESTION, *local, *hosted
        )  # it answers with the question: a lie
        assert (code, out) == (6, "")
        assert err.startswith("Error: A detector failed")
        code, out, err = medcli(tmp_path, *file_options(tmp_path)[:-2], *local, *hosted, "--json")
        assert (code, json.loads(out)["kinds"]) == (6, {"gate-refused-detector": 1})
        assert len(server.bodies) == 2  # the detector's own
    assert planted(err + out + (tmp_path / "answers.jsonl").read_text()) == []


def test_a_vault_keeps_placeholders_from_one_question_to_the_next(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    vault = tmp_path / "private" / "vault"
    with Server() as server:
        local = ["--backend", "openai", "--base-url", server.url, "--model", "m", "--vault", vault]
        for text in ("How is Maria Lopez?", "And Peter Novak, and Maria Lopez?"):
            code, out, _ = medcli(tmp_path, "ask", text, *local)
            assert (code, out) == (0, f"0 {text}\n")
        assert server.order == ["How is [NAME_1]?", "And [NAME_2], and [NAME_1]?"]
        (vault.parent / "vault.key").write_bytes(bytes(32))
        code, _, err = medcli(tmp_path, "ask", "How?", *local)
        assert (code, "of another key" in err) == (4, True)
    for path in vault.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"Lopez" not in path.read_bytes()

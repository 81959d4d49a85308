"""``medcli ask`` and ``medcli merge`` through the command line, with a model of no weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from tests.ask.inputs import ROOT, answers, file_options, jsonl, logged, medcli, mixed, picture

KEYS = ["question_id", "prompt", "text", "answer_id", "model_id", "metadata"]


def test_one_answer_streams_to_stdout_and_nothing_else(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    code, out, err = medcli(tmp_path, "ask", "What?", "--image", image, "--model", "m")
    assert (code, len(out)) == (0, 13)
    assert err == "A fake answers.\n"
    assert medcli(tmp_path, "ask", "--image", image, "--model", "m", stdin="What?\n")[1] == out
    assert medcli(tmp_path, "ask", "-", "--image", image, "--model", "m", stdin=" What?")[1] == out
    code, document, _ = medcli(tmp_path, "ask", "What?", "--image", image, "--model", "m", "--json")
    record = json.loads(document)
    assert list(record) == KEYS
    assert (record["text"] + "\n", record["prompt"], record["model_id"]) == (out, "What?", "m")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["What?", "--image", "none.png"], 4, "The image is not there."),
        (["What?", "--image", "q.txt", "--json"], 4, "The image cannot be read: it is damaged, or no image."),
        (["What?", "--image", "ok.png", "--image", "q.txt"], 4, "Image 2 cannot be read"),
        (["What?", "--image", "ok.png", "--frame", "2"], 4, "The image has no such frame."),
        (["What?", "--model", "missing"], 3, "There is no such model."),
        ([], 2, "The question is empty."),
        (["What?", "--questions", "q.txt"], 2, "QUESTION does not go with --questions."),
        (["--questions", "q.txt"], 2, "--questions needs --output."),
        (["--questions", "none.txt", "--output", "a"], 4, "The file of questions is not there."),
        (["--questions", "empty.txt", "--output", "a"], 4, "The file of questions is empty."),
        (["--questions", "q.txt", "--output", "a"], 4, "can be asked: line 1 is not JSON."),
        (["--questions", "no.jsonl", "--output", "a"], 4, "can be asked: no-text in row 2."),
        (
            ["--questions", "ok.jsonl", "--images", "no", "--output", "a"],
            4,
            "The folder of images is not there.",
        ),
        (["--questions", "ok.jsonl", "--output", "a", "--model", "missing"], 3, "There is no such model."),
        (["--questions", "ok.jsonl", "--output", "q.txt"], 2, "--output is there already"),
        (["--questions", "ok.jsonl", "--output", "a", "--suffix", "x"], 2, "--suffix is OPEN=TEXT"),
        (["--questions", "ok.jsonl", "--output", "a", "--shard", "2/2"], 2, "a number from 0"),
        (["--questions", "ok.jsonl", "--output", "q.txt/a"], 3, "The run's folder cannot be written"),
        (["--questions", "ok.jsonl", "--output", "q.txt/a", "--state", "a"], 3, "--output cannot be written"),
        (["What?", "--backend", "openai"], 2, "--backend openai needs --base-url."),
    ],
)
def test_bad_input_is_told_with_its_code(tmp_path: Path, options: list[str], code: int, words: str) -> None:
    (tmp_path / "q.txt").write_text("no picture and no JSON")
    (tmp_path / "empty.txt").touch()
    jsonl(tmp_path / "ok.jsonl", [{"question_id": 1, "text": "a"}])
    jsonl(tmp_path / "no.jsonl", ["", {"question_id": 1}])
    picture(tmp_path / "ok.png")
    named = [str(tmp_path / one) if "." in one or one in ("a", "no") else one for one in options]
    told, out, err = medcli(tmp_path, "ask", *named)
    assert (told, out) == (code, "")
    assert words in err


def test_a_file_of_questions_in_every_shape(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "broken.png").write_text("no picture")
    rows = [
        {"question_id": 0, "image": "a.png", "text": "What?\n<image>", "answer_type": "CLOSED"},
        {"id": "vqa", "image": "a.png", "conversatons": [{"from": "human", "value": "<image>\nWhere?"}, {"from": "gpt", "value": 3}]},
        {"question_id": "own", "turns": [{"role": "user", "text": "A?"}, {"role": "assistant", "text": "B."}, {"role": "user", "text": "C?"}]},
        {"question_id": 3, "text": "Side?", "choices": ["left", "right"]},
        "{broken",
        {"question_id": 5, "image": "broken.png", "text": "What?"},
        {"question_id": 6, "image": "none.png", "text": "What?"},
        {"question_id": 7, "image": "../a.png", "text": "What?"},
        {"question_id": 0, "text": "Again?"},
        {"question_id": 8, "image": "a.png"},
        {"question_id": 9, "text": "think \ud800\u00e9"},
    ]  # fmt: skip
    jsonl(tmp_path / "questions.jsonl", rows)
    code, out, err = medcli(tmp_path, *file_options(tmp_path), "--suffix", "CLOSED=[yes, no]", "--json")
    got = answers(tmp_path / "answers.jsonl")
    assert [list(one) for one in got] == [KEYS] * len(rows)
    assert [one["question_id"] for one in got] == [0, "vqa", "own", 3, None, 5, 6, 7, 0, 8, 9]
    assert [one["metadata"].get("error") for one in got] == [
        *[None] * 4, "bad-json", "image-unreadable", "image-missing", "image-outside-folder", "doubled-id", "no-text", None,
    ]  # fmt: skip
    assert [bool(one["text"]) for one in got] == [one["metadata"].get("error") is None for one in got]
    assert [one["prompt"] for one in got[:4]] == [
        "What? [yes, no]", "Where?", "C?", "Side?\nA. left\nB. right\nAnswer with the letter of one option.",
    ]  # fmt: skip
    assert got[3]["metadata"]["choices"] == "letters"
    assert got[4]["metadata"] == {"error": "bad-json", "line": 5}
    assert got[-1]["metadata"]["reasoning"] == "hm"
    assert got[0]["metadata"] == {
        "finish_reason": "stop", "prompt_tokens": 3, "answer_tokens": 1, "first_token_margin": 0.12,
        "template": "simple", "dtype": "auto", "image_processor": "fake-processor",
        "gate": {"choice": "on", "pixels": {"unseen": 1}},
    }  # fmt: skip
    assert len({one["answer_id"] for one in got}) == len(rows)
    assert {one["model_id"] for one in got} == {"fake-7b"}
    report = json.loads(out)
    assert (code, report["done"], report["failed"], report["engine"]) == (5, 5, 6, "prefix")
    assert err.startswith(
        "Line 5 of the questions is not JSON.\nRow 10 of the questions cannot be asked: no-text.\n"
        "Rows whose id came before, so that they are not asked: 1.\n"
    )
    assert "Side" not in err


def test_one_worker_two_workers_and_shards_write_the_same_bytes(tmp_path: Path) -> None:
    mixed(tmp_path, 300)
    assert medcli(tmp_path, *file_options(tmp_path, "one.jsonl"))[0] == 0
    one = (tmp_path / "one.jsonl").read_bytes()
    assert [row["question_id"] for row in answers(tmp_path / "one.jsonl")] == list(range(300))
    assert medcli(tmp_path, *file_options(tmp_path, "two.jsonl"), "--workers", 2, FAKE_DELAY="0.003")[0] == 0
    assert (tmp_path / "two.jsonl").read_bytes() == one
    assert len(set(logged(tmp_path, "loads"))) == 3
    assert len(logged(tmp_path, "chosen")) == 2  # one a run, whatever the number of workers
    for i in range(3):
        assert medcli(tmp_path, *file_options(tmp_path, f"s{i}.jsonl"), "--shard", f"{i}/3")[0] == 0
    runs = [tmp_path / "s2.jsonl", tmp_path / "s0.jsonl.run", tmp_path / "s1.jsonl"]
    merged = tmp_path / "merged.jsonl"
    code, out, _ = medcli(tmp_path, "merge", *runs, "--output", merged, "--json")
    assert (code, json.loads(out)["done"]) == (0, 300)
    assert merged.read_bytes() == one
    parts = [answers(tmp_path / f"s{i}.jsonl") for i in range(3)]
    assert all(parts)
    assert sorted(row["question_id"] for part in parts for row in part) == list(range(300))


def test_merge_refuses_what_does_not_belong_together(tmp_path: Path) -> None:
    mixed(tmp_path, 300)
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    medcli(tmp_path, *file_options(tmp_path, "a.jsonl"), "--shard", "0/2")
    medcli(tmp_path, *file_options(tmp_path, "b.jsonl"), "--shard", "1/2", "--seed", 5)
    code, _, err = medcli(tmp_path, "merge", a, b, "--output", tmp_path / "m.jsonl")
    assert (code, "The runs differ in: seed." in err) == (2, True)
    code, _, err = medcli(tmp_path, "merge", a, "--output", tmp_path / "m.jsonl")
    assert (code, "missing: 1/2" in err) == (2, True)
    code, _, err = medcli(tmp_path, "merge", tmp_path, "--output", tmp_path / "m.jsonl")
    assert (code, "not there" in err) == (4, True)
    assert not (tmp_path / "m.jsonl").exists()


def test_another_setting_or_another_file_is_refused_and_restart_begins_anew(tmp_path: Path) -> None:
    path = mixed(tmp_path, 20)
    assert medcli(tmp_path, *file_options(tmp_path))[0] == 0
    code, _, err = medcli(tmp_path, *file_options(tmp_path), "--seed", 3)
    assert (code, "another setting of: seed" in err) == (2, True)
    path.write_text(path.read_text() + json.dumps({"question_id": "new", "text": "More?"}) + "\n")
    code, _, err = medcli(tmp_path, *file_options(tmp_path))
    assert (code, "another setting of: questions" in err) == (2, True)
    assert len(answers(tmp_path / "answers.jsonl")) == 20
    assert medcli(tmp_path, *file_options(tmp_path), "--restart")[0] == 0
    assert len(answers(tmp_path / "answers.jsonl")) == 21
    assert (tmp_path / "answers.jsonl.run" / "ledger-1.sqlite").exists()


def test_dry_run_limit_and_blind_asking(tmp_path: Path) -> None:
    mixed(tmp_path, 100)
    code, out, _ = medcli(tmp_path, *file_options(tmp_path), "--dry-run", "--json", "--limit", 50)
    assert (code, logged(tmp_path, "loads")) == (0, [])
    assert json.loads(out)["plan"] == {
        "rows": 50,
        "pictured": 40,
        "errors": 0,
        "doubled_ids": 0,
        "pictures": 12,
        "chunks": 2,
    }
    code, out, _ = medcli(tmp_path, "ask", "--questions", tmp_path / "questions.jsonl", "--dry-run")
    assert (code, "rows" in out, "template" in out) == (0, True, True)
    assert medcli(tmp_path, *file_options(tmp_path), "--no-image", "--limit", 7)[0] == 0
    got = answers(tmp_path / "answers.jsonl")
    assert len(got) == 7
    assert "image_processor" not in got[1]["metadata"]


def test_padding_draws_follow_the_file(tmp_path: Path) -> None:
    import random

    from medcli.ask.plan import Plan, unpack

    mixed(tmp_path, 40)
    assert medcli(tmp_path, *file_options(tmp_path), "--padding", "llava-med")[0] == 0
    dice = random.Random(0)
    with Plan(tmp_path / "answers.jsonl.run" / "plan" / "plan.sqlite") as plan:
        for place, _ in plan.places():
            asked = unpack(plan.row(place.seq).record)
            odd = bool(asked.images) and int(Path(asked.images[0]).stem) % 2
            assert list(asked.extras) == ([dice.randint(0, 1) if odd else 0] if asked.images else [])


def test_a_trouble_of_all_rows_stops_the_run_with_its_words(tmp_path: Path) -> None:
    jsonl(tmp_path / "questions.jsonl", [{"question_id": 1, "text": "no memory"}])
    (tmp_path / "images").mkdir()
    code, out, err = medcli(tmp_path, *file_options(tmp_path))
    assert (code, out) == (3, "")
    assert err == "Error: There is no memory even for one row.\nHint: Take a smaller model.\n"


def test_empty_answers_are_warned_of(tmp_path: Path) -> None:
    jsonl(tmp_path / "questions.jsonl", [{"question_id": i, "text": "say nothing"} for i in range(3)])
    (tmp_path / "images").mkdir()
    code, _, err = medcli(tmp_path, *file_options(tmp_path))
    assert code == 0
    assert "3 of 3 answers are empty: is 'simple' this model's template?" in err


def test_the_public_function_asks_too(tmp_path: Path) -> None:
    code = (
        "import sys, tests.ask.fake, medcli; from pathlib import Path;"
        "record = medcli.ask('What?', sys.argv[1], model='m'); print(record['model_id'], record['prompt']);"
        "import medcli.ask.plan as plan;"
        "result = medcli.ask(questions=sys.argv[2], output=sys.argv[3], model='m'); print(result.exit_code, plan.FILE)"
    )
    questions = jsonl(tmp_path / "q.jsonl", [{"question_id": 1, "text": "What?"}])
    arguments = [picture(tmp_path / "a.png"), questions, tmp_path / "answers.jsonl"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "m What?\n0 plan.sqlite\n"
    assert len(answers(tmp_path / "answers.jsonl")) == 1


def test_every_field_of_the_spec_is_an_option_and_every_option_a_field() -> None:
    from dataclasses import fields

    from medcli.ask.spec import AskSpec
    from medcli.commands.ask import ask
    from medcli.commands.merge import merge
    from medcli.jobs.joining import MergeSpec

    for command, spec in ((ask, AskSpec), (merge, MergeSpec)):
        names = {param.name for param in command.params} - {"as_json"}
        assert names == {one.name for one in fields(spec)}


def test_traces_are_written_for_each_question(tmp_path: Path) -> None:
    mixed(tmp_path, 5)
    assert medcli(tmp_path, *file_options(tmp_path), "--trace", tmp_path / "trace")[0] == 0
    assert sorted(path.name for path in (tmp_path / "trace").iterdir()) == [f"{i}.npz" for i in range(5)]

"""``medcli evaluate vqa``: joining, shapes of result files, figures, comparison, output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import medcli
from medcli.cli import main
from medcli.errors import UsageError
from tests.evaluate import files
from tests.evaluate.files import RAD, REPLIES, write_json, write_jsonl


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return write_json(tmp_path / "test.json", files.questions())


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "answers.jsonl", files.answers())


def figure(facts: dict[str, Any], column: str, part: str, model: int = 0, **group: str) -> dict[str, Any]:
    ((name, value),) = group.items() or {"all": ""}.items()
    found = [
        one
        for one in facts["models"][model]["figures"]
        if (one["column"], one["part"], one["group"], one["value"]) == (column, part, name, value)
    ]
    assert len(found) == 1
    return found[0]


def run(capsys: pytest.CaptureFixture[str], *arguments: str | os.PathLike[str]) -> tuple[int, Any, str]:
    code = main(["evaluate", *map(str, arguments), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else None, told.err


def test_figures_of_a_small_test_set(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, facts, _ = run(capsys, "vqa", given, "--questions", asked, "--output", tmp_path / "out")
    assert code == 0
    closed = figure(facts, "strict_closed", "closed")
    assert (closed["n"], closed["images"], closed["mean"]) == (3, 3, pytest.approx(2 / 3))
    assert figure(facts, "closed_hit_run_eval_batch", "closed")["mean"] == 1.0  # "no" in "nodule"
    assert figure(facts, "recall", "open")["mean"] == pytest.approx(2 / 3)
    assert figure(facts, "strict_hit", "all", modality="MRI")["n"] == 2
    low, high = closed["low"], closed["high"]
    assert 0 <= low < closed["mean"] < high <= 1
    assert facts == json.loads((tmp_path / "out" / "scores.json").read_text())
    items = [json.loads(line) for line in (tmp_path / "out" / "per_item.jsonl").read_text().splitlines()]
    assert [item["id"] for item in items] == list(range(len(RAD)))
    assert items[2].keys() >= {"gt_norm", "pred_norm", "f1", "precision", "recall", "exact", "bleu_3"}
    assert items[1]["closed_hit_run_eval"] == 1
    assert "bleu" not in items[1]


def test_published_figures_stand_beside_ours_with_what_makes_them_comparable(
    asked: Path, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, facts, _ = run(capsys, "vqa", given, "--questions", asked)
    rows = facts["published"]
    assert {row["benchmark"] for row in rows} == {"vqa-rad"}
    tuned = next(row for row in rows if row["published"] == 84.19)
    assert tuned["ours"] == 100.0
    assert "not comparable" in tuned["comparable"]
    zero = next(row for row in rows if row["published"] == 61.40)
    assert "not comparable" not in zero["comparable"]
    assert "options" in zero["comparable"]
    assert main(["evaluate", "vqa", str(given), "--questions", str(asked)]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("84.19", "recall", "95 % interval"))


def test_answers_are_joined_by_id_and_not_by_position(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turned = write_jsonl(tmp_path / "turned.jsonl", reversed(files.answers()))
    texts = write_jsonl(
        tmp_path / "texts.jsonl", [row | {"question_id": str(row["question_id"])} for row in files.answers()]
    )
    found = [
        run(capsys, "vqa", path, "--questions", asked)[1]["models"][0]["figures"] for path in (turned, texts)
    ]
    assert found[0] == found[1]
    assert next(one["mean"] for one in found[0] if one["column"] == "strict_hit") == pytest.approx(3 / 6)


def test_what_does_not_fit_is_listed_and_fails(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = files.answers()
    rows[4]["metadata"] = {"error": "image-missing"}
    odd = write_jsonl(
        tmp_path / "odd.jsonl", [*rows[1:], rows[2] | {"text": "coronal"}, rows[0] | {"question_id": 99}]
    )
    with odd.open("a") as stream:
        stream.write("{broken\n")
    assert main(["evaluate", "vqa", str(odd), "--questions", str(asked)]) == 4
    told = capsys.readouterr()
    assert told.out == ""
    for part in (
        "1 missing (0)",
        "1 doubled (2)",
        "1 unknown (99)",
        "1 without answer (4)",
        "1 unreadable row (8",
        "--partial",
    ):
        assert part in told.err
    code, facts, told_more = run(capsys, "vqa", odd, "--questions", asked, "--partial")
    assert code == 5
    assert facts["models"][0]["answers"] == 4
    assert facts["models"][0]["problems"]["missing"] == ["0"]
    assert "1 missing (0)" in told_more
    assert figure(facts, "strict_hit", "all")["n"] == 4


def test_files_that_have_nothing_in_common_are_refused_even_in_part(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = write_jsonl(tmp_path / "odd.jsonl", [{"question_id": "x", "text": "y"}])
    assert main(["evaluate", "vqa", str(odd), "--questions", str(asked), "--partial"]) == 4
    assert "right files" in capsys.readouterr().err


@pytest.mark.parametrize(
    "shape",
    [
        "lmms jsonl",
        "lmms logs",
        "vlmeval xlsx",
        "vlmeval inline",
        "vlmeval tsv",
        "vlmeval json",
        "vlmeval columns",
    ],
)
def test_result_files_of_other_programs_score_as_ours(
    shape: str, asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = files.vlmeval_rows()
    if shape == "lmms jsonl":
        path = write_jsonl(tmp_path / "20260101_samples_vqa_rad.jsonl", files.lmms_samples())
    elif shape == "lmms logs":
        path = tmp_path / "vqa_rad.json"
        path.write_text(json.dumps({"args": {}, "logs": files.lmms_samples()}, indent=2))
    elif shape == "vlmeval tsv":
        path = tmp_path / "m_VQARAD.tsv"
        lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif shape == "vlmeval json":
        path = write_json(tmp_path / "m_VQARAD.json", rows)
    elif shape == "vlmeval columns":
        path = write_json(
            tmp_path / "m_VQARAD.json",
            {name: {str(i): row[name] for i, row in enumerate(rows)} for name in rows[0]},
        )
    else:
        path = files.write_xlsx(tmp_path / "m_VQARAD.xlsx", rows, shared=shape == "vlmeval xlsx")
    own = run(capsys, "vqa", given, "--questions", asked)[1]
    joined = run(capsys, "vqa", path, "--questions", asked)[1]
    assert joined["models"][0]["figures"] == own["models"][0]["figures"]
    code, alone, _ = run(capsys, "vqa", path)
    assert code == 0
    hit = figure(alone, "strict_hit", "all")
    assert (hit["n"], hit["mean"]) == (6, figure(own, "strict_hit", "all")["mean"])
    assert figure(alone, "strict_hit", "all", question_type="PRES")["mean"] == 1.0


def test_a_reply_that_a_workbook_took_for_a_formula_is_a_reply(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"index": 0, "question": "How many?", "answer": "2", "category": "count", "prediction": "=2"}
    path = files.write_xlsx(tmp_path / "m.xlsx", [row])
    facts = run(capsys, "vqa", path, "--metrics", "strict", "--output", tmp_path / "out")[1]
    assert figure(facts, "strict_hit", "all")["mean"] == 1.0
    assert '"pred":"=2"' in (tmp_path / "out" / "per_item.jsonl").read_text()


def test_multiple_choice_stands_beside_guessing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"index": 7 + i, "question": "Which organ?", "A": "liver", "B": "spleen", "C": "heart", "D": "", "answer": "B",
         "category": "organ", "prediction": text}
        for i, text in enumerate(["B", "The spleen.", "A. liver", "A large spleen"])
    ]  # fmt: skip
    path = files.write_xlsx(tmp_path / "m_MMBench.xlsx", rows)
    facts = run(capsys, "vqa", path, "--metrics", "choice,strict")[1]
    assert figure(facts, "choice_hit", "choice")["mean"] == 0.75
    assert figure(facts, "choice_guess", "choice")["mean"] == pytest.approx(1 / 3)


def test_models_are_compared_pair_by_pair(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = write_jsonl(
        tmp_path / "better.jsonl", files.answers([*REPLIES[:2], "axial", "right lung", "heart", "No"])
    )
    code, facts, _ = run(capsys, "vqa", "--compare", given, better, "--questions", asked)
    assert code == 0
    (pair,) = facts["differences"]
    assert (pair["first"], pair["second"]) == ("answers", "better")
    hit = next(one for one in pair["figures"] if one["column"] == "strict_hit")
    assert (hit["test"], hit["only_first"], hit["only_second"], hit["p"]) == ("McNemar, exact", 0, 3, 0.25)
    assert hit["mean"] == pytest.approx(0.5)
    assert hit["low"] <= 0.5 <= hit["high"]
    f1 = next(one for one in pair["figures"] if one["column"] == "strict_f1")
    assert (f1["test"], f1["n"]) == ("paired permutation", 3)
    assert main(["evaluate", "vqa", str(given), str(better), "--questions", str(asked)]) == 2
    assert "--compare" in capsys.readouterr().err


def test_candidates_come_from_a_candidate_file_a_list_or_a_training_set(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [row[1] for row in RAD]
    for content in ({"0": answers}, answers, files.questions()):
        path = write_json(tmp_path / "train.json", content)
        facts = run(capsys, "vqa", given, "--questions", asked, "--candidates", path)[1]
        assert figure(facts, "open_candidate_hit", "open")["mean"] == pytest.approx(2 / 3)


def test_a_file_of_candidates_without_answers_is_called_that(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = write_json(tmp_path / "candidates.json", {"0": []})
    code, _, said = run(capsys, "vqa", given, "--questions", asked, "--candidates", empty)
    assert (code, "file of candidates" in said) == (4, True)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (("--report", "answers.jsonl"), "An input would be overwritten"),
        (("--report", "test.json"), "An input would be overwritten"),
        (("--output", "test.json"), "names a file, not a folder"),
        (("--report", "."), "names a folder, not a file"),
    ],
)
def test_no_input_is_overwritten_and_nothing_is_in_the_way(
    asked: Path, given: Path, wish: tuple[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = asked.read_bytes(), given.read_bytes()
    code, _, said = run(capsys, "vqa", given, "--questions", asked, wish[0], asked.parent / wish[1])
    assert (code, says in said) == (2, True)
    assert (asked.read_bytes(), given.read_bytes()) == before


def test_items_of_an_earlier_evaluation_are_not_overwritten_as_answers(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = given.rename(tmp_path / "per_item.jsonl")
    assert run(capsys, "vqa", items, "--questions", asked, "--output", tmp_path)[0] == 2


@pytest.mark.parametrize("number", [[1], 7.5, None, True, {"a": 1}, "007", "9" * 5000])
def test_an_id_that_is_none_is_a_row_of_its_own_and_no_crash(
    number: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write_json(
        tmp_path / "q.json", [{"id": one, "text": "Is it?", "answer": "yes"} for one in (1, 7)]
    )
    rows = [{"question_id": one, "text": "yes"} for one in (number, 7, "1")]
    given = write_jsonl(tmp_path / "a.jsonl", rows)
    assert run(capsys, "vqa", given, "--questions", asked, "--metrics", "strict")[0] == 4
    code, facts, _ = run(capsys, "vqa", given, "--questions", asked, "--metrics", "strict", "--partial")
    assert (code, facts["models"][0]["answers"]) == (5, 2)
    assert sum(map(len, facts["models"][0]["problems"].values())) == 1


def test_half_a_character_in_a_reply_is_written_as_it_came(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "yes \ud800"
    given = write_jsonl(tmp_path / "a.jsonl", files.answers([odd, *REPLIES[1:]]))
    wish = ["--questions", asked, "--output", tmp_path / "out", "--report", tmp_path / "r.html"]
    assert run(capsys, "vqa", given, *wish)[0] == 0
    first, *_ = (tmp_path / "out" / "per_item.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(first)["pred"] == odd


def test_an_output_that_cannot_be_written_is_named(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("--output", "--report"):
        code, _, said = run(capsys, "vqa", given, "--questions", asked, option, given / "below")
        assert (code, f"{option} cannot be written: " in said) == (3, True)


def test_questions_of_a_foreign_shape_are_told_by_their_reason(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = write_json(tmp_path / "odd.json", [{"id": 1, "question": "Is it?", "answer": "yes"}])
    code, _, said = run(capsys, "vqa", given, "--questions", odd)
    assert (code, "No row of the file of questions can be read: no-text." in said) == (4, True)


def test_synonyms_in_an_object_may_be_single_and_numbers(
    asked: Path, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = write_json(tmp_path / "synonyms.json", {"two": 2, "x-ray": "radiograph", "ct": ["cat scan"]})
    assert run(capsys, "vqa", given, "--questions", asked, "--synonyms", words)[0] == 0


def test_the_public_function_gives_the_same(
    asked: Path, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = medcli.evaluate(given, questions=asked, metrics=["strict"])
    assert result.facts == run(capsys, "vqa", given, "--questions", asked, "--metrics", "strict")[1]
    with pytest.raises(UsageError, match="colour"):
        medcli.evaluate(given, colour="red")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrics", "best"], "no set of metrics 'best'"),
        (["--metrics", "judge"], "--judge"),
        (["--compare"], "two files"),
        (["--metrics", "embedding"], "--embedding"),
    ],
)
def test_wishes_that_cannot_be_meant(
    arguments: list[str], said: str, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "vqa", str(given), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_answers_without_references_need_questions(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "vqa", str(given)]) == 4
    assert "--questions" in capsys.readouterr().err


def test_a_workbook_that_is_none_and_a_pickle_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("m.xlsx", "m.pkl"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 broken")
        assert main(["evaluate", "vqa", str(tmp_path / name)]) == 4
        assert capsys.readouterr().err.startswith("Error: ")


@pytest.mark.parametrize("name", ["vqa", "chat", "privacy"])
def test_help_pages_load_nothing_heavy(name: str) -> None:
    code = (
        "import sys; from medcli.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'transformers', 'aiohttp', 'numpy', 'PIL', 'pydicom', 'tqdm', 'yaml', 'asyncio'};"
        "print(*(heavy & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "evaluate", name, "--help"], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith(f"Usage: medcli evaluate {name}")
    assert told.stderr.strip() == ""


def test_the_settings_file_has_a_table_for_each_command_of_the_group(
    asked: Path,
    given: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "medcli.toml").write_text('[evaluate.vqa]\nresamples = 100\nmetrics = "strict"\n')
    monkeypatch.setenv("MEDCLI_EVALUATE_VQA_SEED", "3")
    facts = run(capsys, "vqa", given, "--questions", asked)[1]
    assert (facts["bootstrap"]["resamples"], facts["bootstrap"]["seed"], facts["metrics"]) == (
        100,
        3,
        ["strict"],
    )
    (tmp_path / "medcli.toml").write_text("[evaluate.vqa]\ncompare = true\n")
    assert main(["evaluate", "vqa", str(given)]) == 2
    assert "command line" in capsys.readouterr().err

"""``medcli evaluate privacy``, and the sets ``logic`` and ``embedding``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from medcli.cli import main
from medcli.logic import Slot, agree
from tests.evaluate import files
from tests.evaluate.files import REPLIES, write_json, write_jsonl


def run(capsys: pytest.CaptureFixture[str], *arguments: str | os.PathLike[str]) -> tuple[int, Any, str]:
    code = main(["evaluate", *map(str, arguments), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else None, told.err


def test_the_price_of_privacy_is_a_paired_difference_with_its_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write_json(tmp_path / "test.json", files.questions())
    raw = write_jsonl(
        tmp_path / "raw.jsonl", files.answers(["yes", "no", "axial", "right lung", "heart", "no"])
    )
    deid = write_jsonl(tmp_path / "deid.jsonl", files.answers(REPLIES))
    code, facts, _ = run(capsys, "privacy", raw, deid, "--questions", asked)
    assert code == 0
    price = next(one for one in facts["price"] if one["column"] == "strict_hit")
    assert (price["raw"], price["deid"], price["points"]) == (1.0, 0.5, pytest.approx(50))
    assert price["low"] <= 50 <= price["high"]
    assert (price["test"], price["p"], price["only_first"]) == ("McNemar, exact", 0.25, 3)
    assert main(["evaluate", "privacy", str(raw), str(deid), "--questions", str(asked)]) == 0
    assert "de-identified inputs cost +50.00 points" in capsys.readouterr().out


def test_no_difference_is_told_without_a_sign_and_one_picture_without_an_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write_json(tmp_path / "test.json", [one | {"image": "one.png"} for one in files.questions()])
    raw = write_jsonl(tmp_path / "raw.jsonl", files.answers())
    deid = write_jsonl(tmp_path / "deid.jsonl", files.answers())
    assert main(["evaluate", "privacy", str(raw), str(deid), "--questions", str(asked)]) == 0
    told = capsys.readouterr().out
    assert "cost 0.00 points, " in told
    assert "-0.00" not in told
    facts = run(capsys, "privacy", raw, deid, "--questions", asked)[1]
    assert {(one["images"], one["low"], one["high"]) for one in facts["models"][0]["figures"]} == {
        (1, None, None)
    }
    assert "-0.0" not in json.dumps(facts["price"])


def test_withheld_rows_are_listed_and_the_rest_is_compared_in_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write_json(tmp_path / "test.json", files.questions())
    raw = write_jsonl(tmp_path / "raw.jsonl", files.answers())
    rows = files.answers()
    rows[5] |= {"text": "", "metadata": {"error": "gate-refused-dicom"}}
    deid = write_jsonl(tmp_path / "deid.jsonl", rows)
    assert main(["evaluate", "privacy", str(raw), str(deid), "--questions", str(asked)]) == 4
    assert "1 without answer (5)" in capsys.readouterr().err
    code, facts, _ = run(capsys, "privacy", raw, deid, "--questions", asked, "--partial")
    assert code == 5
    assert {one["points"] for one in facts["price"]} == {0.0}
    assert next(one["n"] for one in facts["price"] if one["column"] == "strict_hit") == 5


SLOTS = {
    "slots": {
        "cellularity": {"increased": ["hypercellular"], "not increased": ["normocellular", "normal"]},
        "diagnosis": {
            "acute leukaemia": ["AML", "ALL"],
            "myeloma": ["plasma cell myeloma"],
            "none": ["normal marrow"],
        },
    },
    "diagnosis": "diagnosis",
}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_states_are_right_or_wrong_by_question_conversation_and_diagnosis(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / f"slots.{form}"
    if form == "yaml":
        yaml = pytest.importorskip("yaml")
        table.write_text(yaml.safe_dump(SLOTS))
    else:
        table.write_text(json.dumps(SLOTS))
    told = [
        ("case1", "cellularity", "It is increased.", "The marrow is hypercellular."),
        ("case1", "diagnosis", "AML", "This is an acute leukaemia."),
        ("case2", "cellularity", "not increased", "increased"),
        ("case2", "diagnosis", "myeloma", "plasma cell myeloma"),
        ("case3", "diagnosis", "something unheard of", "I cannot tell."),
    ]
    questions = [
        {"question_id": i, "text": "?" + slot, "answer": truth, "slot": slot, "conversation": case}
        for i, (case, slot, truth, _) in enumerate(told)
    ]
    asked = write_jsonl(tmp_path / "q.jsonl", questions)
    given = write_jsonl(tmp_path / "a.jsonl", files.answers(reply for *_, reply in told))
    facts = run(capsys, "vqa", given, "--questions", asked, "--metrics", "logic", "--logic", table)[1]
    found = {one["column"]: (one["mean"], one["n"]) for one in facts["models"][0]["figures"]}
    assert found["logic_hit"] == (pytest.approx(3 / 5), 5)
    assert found["logic_conversation"] == (pytest.approx(1 / 3), 3)
    assert found["logic_diagnosis"] == (pytest.approx(2 / 3), 3)


def test_a_slot_tells_one_state_or_none() -> None:
    slot = Slot("size", {"normal": ("not enlarged",), "enlarged": ("cardiomegaly", "big")})
    assert slot.parse("The heart is not enlarged.") == "normal"
    assert slot.parse("Cardiomegaly, clearly enlarged") == "enlarged"
    assert slot.parse("normal or enlarged") is None
    assert slot.parse("bigger") is None
    assert slot.parse("") is None
    assert agree("normal", "normal")
    assert not agree(None, None)


def test_texts_are_compared_by_any_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *["axial", "plane", "right", "lung", "the", "heart", "liver", ".", "no", "yes"],
    ]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "tiny")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "tiny")
    asked = write_json(tmp_path / "test.json", files.questions())
    given = write_jsonl(
        tmp_path / "a.jsonl", files.answers(["yes", "no", "axial", "the right lung", "", "no"])
    )
    code, facts, told = run(
        capsys, "vqa", given, "--questions", asked, "--metrics", "embedding", "--embedding", tmp_path / "tiny",
        "--output", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, told
    items = [json.loads(line) for line in (tmp_path / "out" / "per_item.jsonl").read_text().splitlines()]
    scores = [item.get("embedding_f1") for item in items]
    assert scores[2] == pytest.approx(1, abs=1e-5)
    assert 0 < scores[3] < 1
    assert scores[4] == 0
    assert scores[0] is None  # a closed answer
    found = {one["column"]: one["n"] for one in facts["models"][0]["figures"]}
    assert found["embedding_f1"] == 3

"""Conversations from labels and a tree: the same bytes for a seed, bad rows named by line, questions to ask."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from medcli.errors import InputError
from medcli.instruct.logic_source import REASONS, FailedRow, Split, questions, samples
from medcli.instruct.sample import Sample
from medcli.logic import EXAMPLES, Tree, example, read_tree
from medcli.records import question_of

COLUMNS = [
    "image",
    "case",
    "quality",
    "cellularity",
    "blasts_percent",
    "auer_rods",
    "dysplastic_percent",
    "plasma_cells_percent",
]
GOOD = [
    "a.png,A,good,high,62.5,1,,",
    "b.png,B,good,normal,2,,3,1.5",
    "c.png,C,0,,,,,",
    '"d,1.png",D,1,high,7 %,,12,2',
    "e/e.png,E,1,low,1,,0,0",
]


def table(path: Path, rows: list[str], header: str = ",".join(COLUMNS)) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tree() -> Tree:
    return read_tree(example("bone_marrow_smear"))


def made(tree: Tree, path: Path, **wishes: Any) -> list[Sample]:
    found = list(samples(tree, path, **wishes))
    assert all(isinstance(one, Sample) for one in found), found
    return [one for one in found if isinstance(one, Sample)]


def test_each_row_is_a_conversation_along_its_path(tree: Tree, tmp_path: Path) -> None:
    found = made(tree, table(tmp_path / "l.csv", GOOD))
    assert [one.sample_id for one in found] == ["A", "B", "C", "D", "E"]
    assert [one.image for one in found] == ["a.png", "b.png", "c.png", "d,1.png", "e/e.png"]
    assert [len(one.turns) for one in found] == [10, 12, 4, 12, 12]
    for one in found:
        assert one.domain == "histology"
        assert one.kind == "conversation"
        assert [role for role, _ in one.turns] == ["user", "assistant"] * (len(one.turns) // 2)
    conclusions = [tree.nodes["diagnosis"].slot.parse(one.turns[-1][1]) for one in found]
    assert conclusions == [
        "acute myeloid leukaemia",
        "normal marrow",
        "no statement possible",
        "myelodysplastic neoplasm with increased blasts",
        "hypoplastic marrow",
    ]
    assert tree.nodes["blasts"].slot.parse(found[0].turns[5][1]) == "acute leukaemia range"


def random_table(path: Path, name: str, count: int, *, shuffled: bool = False) -> Path:
    """Rows whose labels are drawn, valid ones and others."""
    drawn = random.Random(7)
    rows = []
    for number in range(count):
        head = f"p/{number:05}.png,case{number},{drawn.choice(['1', '1', '1', '0'])}"
        if name == "bone_marrow_smear":
            cells = [drawn.choice(["low", "normal", "high"]), f"{drawn.uniform(0, 100) * drawn.random():.1f}", drawn.choice("01"), f"{drawn.uniform(0, 30):.1f}", f"{drawn.uniform(0, 20):.1f}"]  # fmt: skip
        else:
            cells = [drawn.choice("0001"), f"{drawn.uniform(0.35, 0.7):.2f}", drawn.choice("01"), drawn.choice("01"), drawn.choice("012")]  # fmt: skip
        rows.append(",".join([head, *cells]))
    if shuffled:
        drawn.shuffle(rows)
    named = "image,study,quality,pneumothorax,cardiothoracic_ratio,oedema,consolidation,effusion"
    return table(path, rows, ",".join(COLUMNS) if name == "bone_marrow_smear" else named)


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_seed_gives_the_same_bytes_in_any_order_and_process(name: str, tmp_path: Path) -> None:
    tree, path = read_tree(example(name)), random_table(tmp_path / "l.csv", name, 200)
    script = (
        "import json, sys; from dataclasses import asdict; from pathlib import Path\n"
        "from medcli.instruct.logic_source import samples; from medcli.logic import example, read_tree\n"
        f"for one in samples(read_tree(example({name!r})), Path(sys.argv[1]), seed=5): print(json.dumps(asdict(one)))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script, path],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    here = [json.dumps(asdict(one)) for one in samples(tree, path, seed=5)]
    assert told[0] == told[1] == ("\n".join(here) + "\n").encode()
    mixed = random_table(tmp_path / "mixed.csv", name, 200, shuffled=True)
    others = [one for one in samples(tree, mixed, seed=5) if isinstance(one, Sample)]
    assert sorted(others, key=lambda one: one.sample_id) == sorted(
        (one for one in samples(tree, path, seed=5) if isinstance(one, Sample)), key=lambda one: one.sample_id
    )
    assert len(others) > 100
    assert [one for one in samples(tree, path, seed=6) if isinstance(one, Sample)] != others


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_answer_parses_back_and_train_and_test_share_no_wording(name: str, tmp_path: Path) -> None:
    tree, path = read_tree(example(name)), random_table(tmp_path / "l.csv", name, 300)
    worded: dict[Split, set[str]] = {"train": set(), "test": set()}
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        for record in questions(tree, path, split=split):
            if isinstance(record, FailedRow):
                assert record.reason == "no-valid-row"
                continue
            slot = tree.slot(record["slot"])
            assert slot is not None
            assert slot.parse(record["answer"]) in slot.states
            worded[split] |= {record["turns"][-1]["text"], record["answer"]}
    assert not worded["train"] & worded["test"]
    assert len(worded["train"]) > 100


BAD = [
    ("x.png,X,good,medium,2,,3,1", "unknown-label", "cellularity"),
    ("x.png,X,good,,2,,3,1", "no-label", "cellularity"),
    ("x.png,X,good,high,many,,3,1", "not-a-number", "blasts"),
    ("x.png,X,good,high,120,,3,1", "out-of-range", "blasts"),
    ("x.png,X,good,high,7,,12,30", "no-valid-row", ""),
    (",X,0,,,,,", "no-image", ""),
    ("/etc/x.png,X,0,,,,,", "bad-image", ""),
    ("../x.png,X,0,,,,,", "bad-image", ""),
    ("x.png,,0,,,,,", "no-key", ""),
    ("x.png,A,0,,,,,", "duplicate-key", ""),
    ("x.png,X,0", "wrong-columns", ""),
    ("x.png,X,0,,,,,,,", "wrong-columns", ""),
]


@pytest.mark.parametrize(("row", "reason", "slot"), BAD)
def test_bad_rows_are_named_by_line_and_the_others_are_made(
    tree: Tree, tmp_path: Path, row: str, reason: str, slot: str
) -> None:
    assert reason in REASONS
    rows = [GOOD[0], '"b\n.png",B,0,,,,,', "", row, GOOD[2]]  # a cell over two lines, and an empty line
    found = list(samples(tree, table(tmp_path / "l.csv", rows)))
    assert found[2] == FailedRow(6, reason, slot)
    assert [isinstance(one, Sample) for one in found] == [True, True, False, True]
    assert "x.png" not in repr(found[2])


def test_a_diagnosis_in_the_table_has_to_agree(tree: Tree, tmp_path: Path) -> None:
    rows = [f"{GOOD[0]},AML", f"{GOOD[1]},", "z.png,Z,0,,,,,,plasma cell neoplasm"]
    found = list(samples(tree, table(tmp_path / "l.csv", rows, ",".join([*COLUMNS, "diagnosis"]))))
    assert [isinstance(one, Sample) for one in found] == [True, True, False]
    assert found[2] == FailedRow(4, "diagnosis-differs", "diagnosis")


def test_a_column_of_splits_chooses_rows(tree: Tree, tmp_path: Path) -> None:
    rows = [f"{GOOD[0]},train", f"{GOOD[1]},Test", f"{GOOD[2]},validation"]
    path = table(tmp_path / "l.csv", rows, ",".join([*COLUMNS, "split"]))
    assert [one if isinstance(one, FailedRow) else one.sample_id for one in samples(tree, path)] == [
        "A",
        FailedRow(4, "unknown-split"),
    ]
    assert [one if isinstance(one, FailedRow) else one["conversation"] for one in questions(tree, path)] == [
        "B"
    ] * 6 + [FailedRow(4, "unknown-split")]


def test_rows_that_are_no_utf8_fail_alone(tree: Tree, tmp_path: Path) -> None:
    path = table(tmp_path / "l.csv", GOOD[:1])
    path.write_bytes(path.read_bytes() + b"\xe9.png,X,0,,,,,\n" + GOOD[2].encode() + b"\n")
    assert [one for one in samples(tree, path) if isinstance(one, FailedRow)] == [FailedRow(3, "not-utf-8")]


def test_tabs_and_a_byte_order_mark_are_read(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "l.tsv"
    path.write_text(
        "\ufeff" + "\n".join("\t".join(row) for row in (COLUMNS, ["a.png", "A", "0", *[""] * 5])) + "\n",
        encoding="utf-8",
    )
    assert [one.sample_id for one in made(tree, path)] == ["A"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("image,case\nx,y\n", "lacks the columns quality, cellularity"),
        (",".join([*COLUMNS, "image"]) + "\n", "names a column twice"),
        (",".join(COLUMNS) + '\nx.png,X,0,,,,,"\n', "from line 2 on"),
    ],
)
def test_tables_that_are_none(tree: Tree, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        list(samples(tree, path))
    with pytest.raises(InputError, match="cannot be read"):
        list(samples(tree, tmp_path / "none.csv"))


def test_questions_are_the_conversation_s_own_and_can_be_asked(tree: Tree, tmp_path: Path) -> None:
    path = table(tmp_path / "l.csv", GOOD[:1])
    sample = made(tree, path, split="test")[0]
    alone = list(questions(tree, path))
    after = list(questions(tree, path, history=True))
    assert len(alone) == len(after) == 5
    texts = [text for role, text in sample.turns if role == "user"]
    for place, (one, other) in enumerate(zip(alone, after, strict=True)):
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        question, told = question_of(one), question_of(other)
        assert question.text == told.text == texts[place]
        assert question.answer == told.answer == sample.turns[2 * place + 1][1]
        assert question.images == ("a.png",)
        assert told.turns == sample.turns[: 2 * place + 1]
        assert one["conversation"] == "A"
    assert [one["slot"] for one in alone if isinstance(one, dict)] == [
        "quality",
        "cellularity",
        "blasts",
        "auer_rods",
        "diagnosis",
    ]

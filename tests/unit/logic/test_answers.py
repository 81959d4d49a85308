"""The parser against a table of answers written by hand, and what holds for every text."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.logic import Slot, Tree, agree, example, read_tree

TABLE = Path(__file__).with_name("answers.tsv")
NAMES = {"smear": "bone_marrow_smear", "film": "chest_film"}


def rows() -> list[dict[str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def trees() -> dict[str, Tree]:
    return {short: read_tree(example(name)) for short, name in NAMES.items()}


def test_every_answer_of_the_table_maps_as_written(trees: dict[str, Tree]) -> None:
    told = rows()
    assert len(told) >= 80
    assert not [key for key, count in Counter((r["tree"], r["slot"], r["answer"]) for r in told).items() if count > 1]
    wrong = []
    for row in told:
        slot = trees[row["tree"]].nodes[row["slot"]].slot
        assert row["state"] == "-" or row["state"] in slot.states, row
        found = slot.parse(row["answer"].replace("\\n", "\n"))
        if found != (None if row["state"] == "-" else row["state"]):
            wrong.append((row["slot"], row["answer"], row["state"], found))
    assert wrong == []

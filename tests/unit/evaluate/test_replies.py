"""Strict and choice scores against a table of tricky replies, made by hand, each with its reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.evaluate.metrics import choice, strict

TABLE = Path(__file__).with_name("replies.tsv")


def cases() -> Iterator[Any]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for number, row in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)):
        row["reply"] = row["reply"].replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
        yield pytest.param(row, id=f"{number}: {row['reply'][:24]}")


def test_the_table_is_as_long_as_promised_and_justifies_each_case() -> None:
    rows = [case.values[0] for case in cases()]
    assert len(rows) >= 120
    assert all(row["why"] and row["right"] in "01" for row in rows)
    assert len({(row["question"], row["choices"], row["truth"], row["reply"]) for row in rows}) == len(rows)


@pytest.mark.parametrize("row", list(cases()))
def test_a_tricky_reply_counts_as_the_table_says(row: dict[str, str]) -> None:
    choices = tuple(filter(None, row["choices"].split("|")))
    assert strict.closed(row["truth"], row["reply"], choices, row["question"]) == int(row["right"]), row[
        "why"
    ]
    if choices:
        assert choice.score(row["truth"], row["reply"], choices) == (int(row["right"]), 1 / len(choices))

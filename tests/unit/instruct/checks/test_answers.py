"""Every answer of the table breaks just the rules that it says."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from medcli.instruct.checks import Settings, check, names
from medcli.instruct.sample import Sample
from medcli.records import Caption

PATH = Path(__file__).with_name("answers.tsv")


class Row(NamedTuple):
    rules: frozenset[str]
    caption: str
    question: str
    answer: str
    why: str


def rows() -> list[Row]:
    lines = [line for line in PATH.read_text().splitlines() if line and not line.startswith("#")][1:]
    made = []
    for line in lines:
        rules, caption, question, answer, why = line.replace("\\n", "\n").split("\t")
        asked = question or "What does the image show?"
        made.append(Row(frozenset(filter(None, rules.split(","))), caption, asked, answer, why))
    return made


ROWS = rows()


def test_the_table_is_large_and_gives_reasons() -> None:
    assert len(ROWS) >= 120
    assert all(row.why for row in ROWS)
    assert set().union(*(row.rules for row in ROWS)) <= set(names())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.answer[:40]}")
def test_an_answer_breaks_just_these_rules(row: Row) -> None:
    sample = Sample("a", "conversation", (("user", row.question), ("assistant", row.answer)))
    caption = Caption("a", row.caption) if row.caption else None
    assert {one.rule for one in check(sample, caption, Settings())} == row.rules

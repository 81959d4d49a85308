"""Scoring counts what it says it counts, and the oracle's sets stand where they should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medcli.errors import InputError
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.score import COLUMNS, Gold, category_of, read_gold, score
from medcli.privacy.text.span import Span

ORACLE = Path(__file__).parents[5] / "shared" / "oracle" / "text_phi"
oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason="the oracle's sets are not here")


class Fixed(Finder):
    """Finds what it was told to."""

    def __init__(self, answers: dict[str, list[Span]]) -> None:
        super().__init__()
        self.answers = answers

    def find(self, text: str, known: object = None):
        return self.answers[text]


def test_counts():
    gold = [
        Gold("John Smith 1234 T1", (Span(0, 10, "NAME"), Span(11, 15, "MRN")), ((16, 18),)),
        Gold("no one", (), ((0, 2),)),
        Gold("nothing"),
    ]
    finder = Fixed(
        {
            "John Smith 1234 T1": [Span(0, 4, "NAME"), Span(11, 18, "ID")],
            "no one": [Span(3, 6, "NAME")],
            "nothing": [],
        }
    )
    scores = score(gold, finder.find)
    assert scores.recall("NAME") == 0
    assert scores.recall("MRN") == 1
    assert scores.recall() == 0.5
    assert scores.partial == {"NAME": 1, "MRN": 1}
    assert scores.same.total() == 0
    assert scores.precision("NAME") == 0.5
    assert scores.over() == {"keep_hit": 0.5, "free_touched": 0.5, "characters_lost": 6 / (31 - 14)}
    assert [line[0] for line in scores.lines()] == ["NAME", "MRN", "ID", "all"]
    assert json.loads(json.dumps(scores.as_dict()))["texts"] == 3
    line = dict(zip(COLUMNS, scores.lines()[2], strict=True))
    assert (line["found"], line["wrong"], line["keep_hit"], line["lost"]) == (1, 0, 1, 3)


def test_gold_spans_are_fed_by_label_or_subtype(tmp_path: Path):
    spans = [
        {"start": 0, "end": 4, "label": "name", "subtype": "PTLAST"},
        {"start": 5, "end": 9, "label": "ID", "subtype": "MRN"},
        {"start": 10, "end": 14, "label": "Whatever"},
    ]
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps({"text": "Zwet 4711 Ogg.", "spans": spans}) + "\n", encoding="utf-8")
    (item,) = read_gold(path)
    assert list(item.facts(["ptlast"])) == [("NAME", "Zwet")]
    assert list(item.facts(["ID"])) == [("MRN", "4711")]
    assert list(item.facts(["all"])) == [("NAME", "Zwet"), ("MRN", "4711"), ("ID", "Ogg.")]
    assert list(item.facts([])) == []


def test_labels_of_other_sets():
    assert [category_of(label) for label in ("person", "Date-Time", "US_SSN", "MRN", "whatever")] == [
        "NAME", "DATE", "SSN", "MRN", "WHATEVER",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"spans": []}',
        '{"text": 1}',
        '{"text": "John", "spans": [{"start": 0, "end": 9, "label": "NAME"}]}',
    ],
)
def test_a_line_that_is_no_labelled_text_is_named_by_its_number(tmp_path: Path, line: str):
    path = tmp_path / "gold.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="Line 2") as wrong:
        list(read_gold(path))
    assert "John" not in str(wrong.value)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(InputError):
        list(read_gold(tmp_path / "none.jsonl"))


@oracle
def test_radiology_texts():
    scores = score(read_gold(ORACLE / "radiology_templated.jsonl"), Finder().find)
    for category in ("DATE", "ID", "SSN", "PHONE", "EMAIL", "URL", "IP", "AGE"):
        assert (scores.recall(category) or 0) >= 0.99, category
    over = scores.over()
    assert (over["keep_hit"] or 0) <= 0.01


@oracle
def test_general_sentences():
    scores = score(read_gold(ORACLE / "general_pii_sentences.jsonl"), Finder().find)
    least = {"CARD": 126, "IBAN": 21, "PHONE": 53, "EMAIL": 49, "IP": 14, "SSN": 16, "URL": 37}
    assert {
        category: scores.full[category] for category in least if scores.full[category] < least[category]
    } == {}
    assert (scores.over()["free_touched"] or 0) <= 0.03

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
    assert not [
        key for key, count in Counter((r["tree"], r["slot"], r["answer"]) for r in told).items() if count > 1
    ]
    wrong = []
    for row in told:
        slot = trees[row["tree"]].nodes[row["slot"]].slot
        assert row["state"] == "-" or row["state"] in slot.states, row
        found = slot.parse(row["answer"].replace("\\n", "\n"))
        if found != (None if row["state"] == "-" else row["state"]):
            wrong.append((row["slot"], row["answer"], row["state"], found))
    assert wrong == []


def test_two_unparsed_sides_are_no_match() -> None:
    slot = Slot("size", {"small": (), "large": ()})
    assert slot.parse("?") is None
    assert not agree(slot.parse("?"), slot.parse("?"))
    assert not agree(None, "small")
    assert agree(slot.parse("It is small."), slot.parse("Not large."))


PIECES = st.sampled_from(
    ["normal", "increased", "not", "no", "decreased", ",", ".", "and", "or", "30 %", "more than", "5", "%", "yes", "?",
     "blasts", "plasma cells", "to", "-", "whether", "but", "never seen", "without", "\n", "the", "is", "n't"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map(" ".join)))
def test_any_text_is_in_one_state_or_none_however_it_is_set(text: str) -> None:
    slot = Slot(
        "blasts", {"normal": ("decreased",), "increased": ()}, yes="increased", no="normal", about=("blasts",)
    )
    found = slot.parse(text)
    assert found is None or found in slot.states
    assert slot.parse(f"**{text}**") == found
    assert slot.parse(f"  {text}  ") == found


@given(
    st.decimals(0, 100, places=1),
    st.sampled_from(["{} %", "{}%", "Blasts: {} percent.", "About {} per cent", "{}"]),
)
def test_a_number_is_in_the_state_of_its_threshold(trees: dict[str, Tree], value: object, form: str) -> None:
    slot = trees["smear"].nodes["blasts"].slot
    number = float(str(value))
    wanted = (
        "not increased" if number < 5 else "moderately increased" if number < 20 else "acute leukaemia range"
    )
    assert slot.parse(form.format(value)) == wanted


@pytest.mark.parametrize("name", NAMES.values())
def test_states_tell_themselves_and_denied_states_are_never_told(name: str) -> None:
    for node in read_tree(example(name)).nodes.values():
        for state in node.slot.states:
            assert node.slot.parse(state) == state
            assert node.slot.parse(f"It is not the case that it is {state}.") != state

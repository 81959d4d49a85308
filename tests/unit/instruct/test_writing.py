"""Samples as files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.instruct import outcome, writing
from medcli.instruct.sample import Sample
from medcli.jobs import Row
from medcli.records import PICTURE, Conversation

ABOUT = {"model": "m", "prompt_tokens": 5, "completion_tokens": 2, "requests": 1, "cost": 0.25}


def choice(number: int, options: int = 4) -> Sample:
    options_ = tuple(f"option {place} of {number}" for place in range(options))
    return Sample(
        str(number),
        "vqa-choice",
        (("user", "Which?"), ("assistant", options_[0])),
        f"{number}.jpg",
        "mri",
        options_,
        0,
    )


def talk(number: int, image: bool = True) -> Sample:
    turns = (("user", "What?"), ("assistant", "A film."), ("user", "Where?"), ("assistant", "Here."))
    return Sample(str(number), "conversation", turns, f"{number}.jpg" if image else "", "mri")


def write(folder: Path, rows: list[Row], form: str = "llava", **more: Any) -> writing.Written:
    paths = [folder / name for name in ("a.json", "p.jsonl", "r.jsonl")]
    return writing.write(rows, *paths, form, 3, **more)


def test_the_picture_token_stands_once_in_the_first_turn(tmp_path: Path) -> None:
    write(tmp_path, [outcome.accepted("k", talk(number, number % 5 > 0), ABOUT) for number in range(200)])
    places = Counter()
    for row in json.loads((tmp_path / "a.json").read_text()):
        texts = [turn["value"] for turn in row["conversations"]]
        if not row["image"]:
            assert PICTURE not in "".join(texts)
            continue
        assert [text.count(PICTURE) for text in texts] == [1, 0, 0, 0]
        places[texts[0]] += 1
        assert Conversation.of(row).turns[0] == ("user", texts[0])
    assert set(places) == {"What?\n<image>", "<image>\nWhat?"}
    assert min(places.values()) > 50


@given(counts=st.lists(st.sampled_from([2, 3, 4, 5]), max_size=80), seed=st.integers(0, 5))
def test_right_options_stand_at_each_place_equally_often(counts: list[int], seed: int) -> None:
    places = writing.Places(seed)
    settled = [places.settle(choice(number, options)) for number, options in enumerate(counts)]
    for options in set(counts):
        keys = Counter(one.key for one in settled if len(one.choices) == options)
        assert max(keys.values()) - min(keys.get(place, 0) for place in range(options)) <= 1
    for number, one in enumerate(settled):
        assert one.choices[one.key] == f"option 0 of {number}"
        assert sorted(one.choices) == sorted(choice(number, counts[number]).choices)


def test_options_are_written_out_and_answered_by_letter(tmp_path: Path) -> None:
    write(tmp_path, [outcome.accepted("k", choice(number), ABOUT) for number in range(12)], "jsonl")
    letters = Counter()
    for line in (tmp_path / "a.json").read_text().splitlines():
        (asked, said) = (turn["value"] for turn in json.loads(line)["conversations"])
        assert f"{said}. option 0 of" in asked
        letters[said] += 1
    assert letters == Counter("AAABBBCCCDDD")


def test_chat_messages_have_typed_parts_and_the_picture_first(tmp_path: Path) -> None:
    write(tmp_path, [outcome.accepted("k", talk(1), ABOUT)], "messages")
    (row,) = map(json.loads, (tmp_path / "a.json").read_text().splitlines())
    assert row["images"] == ["1.jpg"]
    assert row["messages"][0] == {
        "role": "user",
        "content": [{"type": "image"}, {"type": "text", "text": "What?"}],
    }
    assert [one["role"] for one in row["messages"]] == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("form", list(writing.FORMS))
def test_rows_go_where_they_belong_and_are_counted(tmp_path: Path, form: str) -> None:
    rows = [
        outcome.accepted("a", talk(1), ABOUT | {"checks": {"mended": ["lead-in"]}}),
        outcome.rejected("b", talk(2), ["leak", "identity", "leak"], ABOUT),
        outcome.rejected("c", Sample("3", "description", ()), ["schema"], ABOUT, "half a re"),
        outcome.failed("d", talk(4), "endpoint-timeout", ABOUT | {"cost": None}),
        Row("e", "failed", "bug"),
        outcome.accepted("f", choice(5), ABOUT),
        outcome.accepted("g", talk(6), ABOUT),
    ]
    told = write(tmp_path, rows, form, most=2)
    assert (told.accepted, told.rejected, told.failed, told.spare) == (2, 2, 2, 1)
    assert told.rules == {"leak": 1, "identity": 1, "schema": 1}
    assert told.reasons == {"endpoint-timeout": 1, "bug": 1}
    assert told.mended == {"lead-in": 1}
    assert (told.cost, told.prompt_tokens) == (1.0, 25)
    first, second = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert (first["rule"], first["rules"], len(first["turns"])) == ("leak", ["leak", "identity"], 4)
    assert (second["id"], second["rule"], second["reply"]) == ("3", "schema", "half a re")
    origins = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert [one["id"] for one in origins] == ["1", "5"]
    assert [one.sample_id for one in writing.samples_of(rows, 3, 2)] == ["1", "5"]


def test_nothing_is_an_empty_array(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert json.loads((tmp_path / "a.json").read_text()) == []

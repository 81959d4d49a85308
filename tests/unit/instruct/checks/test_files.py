"""Files of instruction data: shapes, repair, and what is left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medcli.errors import InputError, UsageError
from medcli.instruct.checks import Settings
from medcli.instruct.checks.files import check_file, repair_file
from medcli.instruct.sample import Finding, Sample
from medcli.records import PICTURE, Caption

GOOD = "The left kidney is shown from behind."
TALK = "According to the caption, MRI shows the left kidney."


def llava(number: int, *turns: str, key: str = "conversations", image: str = "a.jpg") -> dict[str, Any]:
    names = ("human", "gpt")
    made = [{"from": names[at % 2], "value": text} for at, text in enumerate(turns)]
    return {"id": f"{number}", "image": image, "domain": {"mri": True}, key: made}


def messages(*turns: Any, **more: Any) -> dict[str, Any]:
    names = ("user", "assistant")
    return {"messages": [{"role": names[at % 2], "content": text} for at, text in enumerate(turns)], **more}


def write(path: Path, rows: list[Any], *, array: bool = True) -> Path:
    text = json.dumps(rows, indent=2) if array else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text)
    return path


def repaired(tmp_path: Path, row: dict[str, Any], **more: Any) -> tuple[Any, dict[str, int]]:
    path = write(tmp_path / "in.jsonl", [row], array=False)
    told = repair_file(path, tmp_path / "out.jsonl", **more)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    return (json.loads(lines[0]) if lines else None), told.rules


def test_counts_add_up_and_each_rule_counts_samples(tmp_path: Path) -> None:
    rows = [
        llava(1, f"Which organ?\n{PICTURE}", GOOD),
        llava(2, f"{PICTURE}\nWhich organ?", TALK, "And now?", "The caption says so."),
        llava(3, f"{PICTURE}\nWhich organ?", "I'm sorry, I cannot see it. I am sorry.", key="conversatons"),
        {"id": "4"},
        "no object",
    ]
    told = check_file(write(tmp_path / "a.json", rows))
    assert (told.samples, told.clean, told.mended, told.rejected) == (5, 1, 1, 3)
    assert told.rules == {"source-talk": 1, "refusal": 1}
    assert told.unreadable == {"bad-conversation": 1, "not-an-object": 1}
    assert (told.pairs, told.pairs_dropped) == (2, 1)
    assert told.to_json()["rules"] == told.rules


@pytest.mark.parametrize("array", [True, False])
@pytest.mark.parametrize("key", ["conversations", "conversatons"])
def test_a_repair_keeps_the_form_and_the_input(tmp_path: Path, array: bool, key: str) -> None:
    rows = [
        llava(1, f"Which organ?\n{PICTURE}", GOOD, key=key),
        llava(2, f"Which?\n{PICTURE}", TALK, key=key),
    ]
    path = write(tmp_path / "in", rows, array=array)
    before = path.read_bytes()
    told = repair_file(path, tmp_path / "out", rejected=tmp_path / "rejected")
    text = (tmp_path / "out").read_text()
    read = json.loads(text) if array else [json.loads(line) for line in text.splitlines()]
    assert read[0] == rows[0]
    assert read[1] == {
        **rows[1],
        key: [rows[1][key][0], {"from": "gpt", "value": "MRI shows the left kidney."}],
    }
    assert path.read_bytes() == before
    assert (tmp_path / "rejected").read_text() == ""
    assert (told.clean, told.mended) == (1, 1)
    assert check_file(tmp_path / "out").clean == 2


def test_what_cannot_be_kept_is_kept_apart_with_its_rules(tmp_path: Path) -> None:
    row = llava(7, f"{PICTURE}\nWhich organ?", "I'm sorry, I can't see it.")
    path = write(tmp_path / "in.json", [row, {"id": "8"}])
    repair_file(path, tmp_path / "out.json", rejected=tmp_path / "lost.jsonl")
    assert json.loads((tmp_path / "out.json").read_text()) == []
    lost = [json.loads(line) for line in (tmp_path / "lost.jsonl").read_text().splitlines()]
    assert lost == [
        {"row": 1, "id": "7", "rules": {"refusal": 1}, "value": row},
        {"row": 2, "id": "8", "rules": {"bad-conversation": 1}, "value": {"id": "8"}},
    ]


@pytest.mark.parametrize(
    ("first", "mended"),
    [
        ("Which organ?", f"{PICTURE}\nWhich organ?"),
        (f"{PICTURE}\n{PICTURE}\nWhich organ?", f"{PICTURE}\nWhich organ?"),
        (f"Which organ?\n{PICTURE}{PICTURE}", f"Which organ?\n{PICTURE}"),
        (f"Which {PICTURE} organ?", None),
    ],
)
def test_the_picture_token_stands_once_in_the_first_question(
    tmp_path: Path, first: str, mended: str | None
) -> None:
    row, rules = repaired(tmp_path, llava(1, first, GOOD))
    assert row["conversations"][0]["value"] == (mended or first)
    assert rules == ({"picture-token": 1} if mended else {})


def test_the_picture_token_outlives_its_pair(tmp_path: Path) -> None:
    row, rules = repaired(
        tmp_path,
        llava(1, f"Which organ?\n{PICTURE}", "The caption says so.", "Is it large?", "It is not large."),
    )
    values = [turn["value"] for turn in row["conversations"]]
    assert values == [f"Is it large?\n{PICTURE}", "It is not large."]
    assert rules == {"source-talk": 1}


def test_a_token_behind_the_first_question_goes_to_the_front(tmp_path: Path) -> None:
    row, rules = repaired(
        tmp_path, llava(1, "Which organ?", GOOD, f"Is it large?\n{PICTURE}", "It is not large.")
    )
    assert [turn["value"] for turn in row["conversations"]][::2] == [
        f"{PICTURE}\nWhich organ?",
        "Is it large?",
    ]
    assert rules == {"picture-token": 1}


def test_a_token_without_a_picture_goes(tmp_path: Path) -> None:
    row, rules = repaired(tmp_path, llava(1, f"{PICTURE}\nWhich organ?", GOOD, image=""))
    assert row["conversations"][0]["value"] == "Which organ?"
    assert rules == {"picture-token": 1}


def test_answers_may_be_numbers(tmp_path: Path) -> None:
    row = llava(1, f"{PICTURE}\nHow many?", "3")
    row["conversations"][1]["value"] = 3
    assert repaired(tmp_path, row) == (row, {})


@pytest.mark.parametrize(
    "picture",
    [
        {"type": "image"},
        {"type": "image_url", "image_url": {"url": "a.jpg"}},
        {"type": "image", "image": "a.jpg"},
    ],
)
def test_chat_messages_keep_their_parts(tmp_path: Path, picture: dict[str, Any]) -> None:
    def parts(text: str) -> list[dict[str, Any]]:
        return [{"type": "text", "text": text}]

    row = messages(
        [picture, *parts("Which organ?")],
        parts("The caption says so."),
        parts("Is it large?"),
        parts(TALK),
        images=["a.jpg"],
    )
    made, rules = repaired(tmp_path, row)
    kept = messages([picture, *parts("Is it large?")], parts("MRI shows the left kidney."), images=["a.jpg"])
    assert made == kept
    assert rules == {"source-talk": 1}


def test_chat_messages_of_plain_text_keep_the_system_turn(tmp_path: Path) -> None:
    row = messages(f"{PICTURE}Which organ?", TALK, images=["a.jpg"], id="x")
    row["messages"].insert(0, {"role": "system", "content": "Be brief."})
    made, _ = repaired(tmp_path, row)
    assert made["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"{PICTURE}\nWhich organ?"},
        {"role": "assistant", "content": "MRI shows the left kidney."},
    ]


def test_several_pictures_have_a_token_each(tmp_path: Path) -> None:
    row = messages(f"{PICTURE}{PICTURE}Which organ?", GOOD, images=["a.jpg", "b.jpg"])
    assert repaired(tmp_path, row) == (row, {})
    lone = messages(f"{PICTURE}Which organ?", GOOD, images=["a.jpg", "b.jpg"])
    made, rules = repaired(tmp_path, lone)
    assert made["messages"][0]["content"] == f"{PICTURE}\n{PICTURE}\nWhich organ?"
    assert rules == {"picture-token": 1}


def test_multiple_choice_is_known_by_its_lines(tmp_path: Path) -> None:
    question = f"{PICTURE}\nWhich organ?\nA. spleen\nB. liver\nAnswer with the letter of one option."
    assert repaired(tmp_path, llava(1, question, "B")) == (llava(1, question, "B"), {})
    twice = question.replace("liver", "Spleen")
    assert repaired(tmp_path, llava(1, twice, "B")) == (None, {"choices": 1})
    own = llava(1, question, "B") | {"choices": ["spleen", "liver"], "key": 0}
    assert repaired(tmp_path, own) == (None, {"choices": 1})


def test_captions_are_found_by_id_or_picture(tmp_path: Path) -> None:
    captions = {"1": Caption("1", "A mass of 3.5 cm."), "a": Caption("a", "A mass of 7 cm.")}
    rows = [
        llava(1, f"{PICTURE}\nHow large?", "It measures 35 mm."),
        llava(2, f"{PICTURE}\nHow large?", "It measures 70 mm.", image="folder/a.jpg"),
        llava(3, f"{PICTURE}\nHow large?", "It measures 70 mm.", image="b.jpg"),
    ]
    told = check_file(write(tmp_path / "a.json", rows), captions.get)
    assert told.rules == {"leak": 2}
    assert told.without_caption == 1


def test_what_else_is_found_rejects_the_sample(tmp_path: Path) -> None:
    def also(sample: Sample) -> list[Finding]:
        return [Finding("test-figure")] if sample.sample_id == "1" else []

    path = write(
        tmp_path / "a.json", [llava(1, f"{PICTURE}\nWhich?", GOOD), llava(2, f"{PICTURE}\nWhich?", GOOD)]
    )
    told = repair_file(path, tmp_path / "out.json", also=also)
    assert [row["id"] for row in json.loads((tmp_path / "out.json").read_text())] == ["2"]
    assert (told.rejected, told.rules) == (1, {"test-figure": 1})


def test_rules_that_are_off_say_nothing(tmp_path: Path) -> None:
    off = Settings(off=frozenset({"picture-token", "source-talk"}))
    path = write(tmp_path / "a.json", [llava(1, "Which organ?", TALK)])
    assert check_file(path, settings=off).clean == 1


@pytest.mark.parametrize("other", ["in.json", "lost.json"])
def test_no_file_is_written_over_another(tmp_path: Path, other: str) -> None:
    path = write(tmp_path / "in.json", [llava(1, f"{PICTURE}\nWhich?", GOOD)])
    before = path.read_bytes()
    with pytest.raises(UsageError, match="write over"):
        repair_file(path, tmp_path / other, rejected=tmp_path / "lost.json")
    (tmp_path / "link.json").hardlink_to(path)
    with pytest.raises(UsageError, match="write over"):
        repair_file(path, tmp_path / "link.json")
    assert path.read_bytes() == before


def test_a_broken_array_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps([llava(1, f"{PICTURE}\nWhich?", GOOD)])[:-1] + ", {")
    with pytest.raises(InputError):
        repair_file(path, tmp_path / "out.json", rejected=tmp_path / "lost.jsonl")
    assert {one.name for one in tmp_path.iterdir()} == {"in.json"}


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Four times the rows cost no more than 4 MB more."""
    code = (
        "import re, sys; from pathlib import Path; from medcli.instruct.checks.files import repair_file;"
        "told = repair_file(Path(sys.argv[1]), Path(sys.argv[2]));"
        "status = Path('/proc/self/status').read_text();"
        "print(told.samples, re.search(r'VmHWM:\\s+(\\d+)', status)[1])"
    )
    peaks = []
    for count in (1500, 6000):
        rows = [llava(at, f"{PICTURE}\nWhich organ?", GOOD) | {"note": "x" * 2000} for at in range(count)]
        path = write(tmp_path / f"{count}.json", rows)
        told = subprocess.run(
            [sys.executable, "-c", code, path, tmp_path / "out.json"],
            capture_output=True,
            text=True,
            check=True,
        )
        samples, peak = map(int, told.stdout.split())
        assert samples == count
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 4000

"""The door to a model: what goes out holds placeholders, and nothing is put back."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from medcli.instruct.door import Door, Refused
from medcli.records import Caption
from tests.ask.inputs import picture

LOCAL = ["http://127.0.0.1:8000/v1"]
NAMED = Caption("1", "A mass.", "lopez_maria_F1.jpg")


@pytest.fixture(scope="module")
def door() -> Door:
    made = Door.of("on", LOCAL)
    made.ready()
    return made


def test_one_person_has_one_placeholder_in_all_parts(door: Door) -> None:
    shown = door.admit(
        NAMED, "Fig. 1. Seen by Dr. Maria Lopez.", ["Dr. Maria Lopez saw it.", "On 12 March 2021."]
    )
    assert shown.caption == "Fig. 1. Seen by Dr. [NAME_1]."
    assert shown.mentions[0].startswith("Dr. [NAME_1]")
    assert "2021" not in shown.mentions[1]
    assert shown.found["NAME"] == 2
    assert shown.picture is None
    assert "Lopez" not in repr(shown)
    with pytest.raises(TypeError):
        pickle.dumps(shown)


def test_what_a_model_came_up_with_becomes_a_tag_and_placeholders_stay(door: Door) -> None:
    shown = door.admit(Caption("1", "x"), "Seen by Dr. Maria Lopez.", [])
    said = shown.without_identity("It is [NAME_1]'s, says Dr. John Whitfield.")
    assert "[NAME_1]" in said
    assert "Whitfield" not in said
    assert "Lopez" not in shown.again("Dr. Maria Lopez again.")
    assert "Lopez" not in door.cleaner()(["For Dr. Maria Lopez."])[0]


def test_names_of_files_are_known_of_the_patient(door: Door) -> None:
    assert (
        "Quaxly"
        not in door.admit(Caption("1", "x", "quaxly_1.jpg"), "the quaxly lesion of Quaxly", []).caption
    )


def test_the_choice_decides_who_sees_identity(tmp_path: Path) -> None:
    text = "Seen by Dr. Maria Lopez."
    assert Door.of("remote", LOCAL).admit(NAMED, text, []).caption == text
    assert Door.of("off", []).admit(NAMED, text, []).caption == text
    for urls in ([], ["https://api.example/v1"], [*LOCAL, "https://api.example/v1"]):
        assert "Lopez" not in Door.of("remote", urls).admit(NAMED, text, []).caption
    shown = picture(tmp_path / "a.png")
    assert Door.of("on", LOCAL).admit(NAMED, text, [], shown).picture == shown
    with pytest.raises(Refused):
        Door.of("on", []).admit(NAMED, text, [], shown)
    assert Door.of("on", [], "accept").admit(NAMED, text, [], shown).picture == shown

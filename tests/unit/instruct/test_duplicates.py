"""Near-duplicate captions: what counts, in one pass, the same every time."""

from __future__ import annotations

import random
import subprocess
import sys
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.instruct.duplicates import near_duplicates

LONG = (
    "Axial contrast-enhanced computed tomography of the upper abdomen in the portal venous phase, showing a well "
    "defined hypodense lesion in the tail of the pancreas with a thin enhancing wall and no communication with the duct"
)


def words(count: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghij", k=6)) for _ in range(count))


def test_the_same_but_for_case_marks_and_a_word_is_found() -> None:
    captions = [
        LONG,
        LONG.upper() + ".",
        LONG.replace("thin", "thick"),
        "Chest radiograph.",
        LONG + " (arrow)",
    ]
    assert list(near_duplicates(captions)) == [-1, 0, 0, -1, 0]


def test_another_caption_of_the_same_manner_is_none() -> None:
    other = (
        LONG.replace("pancreas", "spleen")
        .replace("portal venous", "arterial")
        .replace("well defined hypodense", "poorly seen bright")
    )
    assert list(near_duplicates([LONG, other])) == [-1, -1]


def test_short_captions_repeat_only_themselves() -> None:
    assert list(near_duplicates(["CT scan", "ct scan.", "CT", "", "MRI scan", ""])) == [-1, 0, -1, -1, -1, 3]


def test_a_chain_ends_at_the_first_of_a_kind() -> None:
    found = list(near_duplicates([LONG] * 1000))
    assert found == [-1] + [0] * 999


def test_the_estimate_is_near_the_similarity() -> None:
    """Pairs of 60 words that share a share of their runs: nearly all above 0.9 are found, nearly none below 0.65."""
    captions, kinds = [], []
    for seed in range(200):
        base = words(60, seed).split()
        changed = base[:]
        changed[5 if seed % 2 else slice(5, 50, 9)] = "other" if seed % 2 else ["other"] * 5
        captions += [" ".join(base), " ".join(changed)]
        kinds.append(seed % 2)
    found = list(near_duplicates(captions))[1::2]
    assert sum(place >= 0 for place, near in zip(found, kinds, strict=True) if near) >= 97  # Jaccard 0.90
    assert sum(place >= 0 for place, near in zip(found, kinds, strict=True) if not near) <= 3  # Jaccard 0.59


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=12))
def test_a_repetition_is_never_that_of_another_repetition(captions: list[str]) -> None:
    found = list(near_duplicates(captions))
    assert len(found) == len(captions)
    assert all(place < at and (place < 0 or found[place] < 0) for at, place in enumerate(found))
    assert list(near_duplicates(captions + captions))[len(captions) :] == [
        place if place >= 0 else at for at, place in enumerate(found)
    ]


def test_another_process_says_the_same() -> None:
    code = (
        "import sys; from medcli.instruct.duplicates import _Seen;"
        "sys.stdout.buffer.write(_Seen(0.8)._signed(['axial ct of the chest']).tobytes())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert len(told.pop()) == 256


def test_twenty_thousand_take_seconds() -> None:
    vocabulary = words(4000, 0).split()
    draw = random.Random(1)
    captions = [" ".join(draw.choices(vocabulary, k=40)) for _ in range(20_000)]
    begun = time.process_time()
    assert sum(place >= 0 for place in near_duplicates(captions)) == 0
    assert time.process_time() - begun < 5  # measured: 0.9

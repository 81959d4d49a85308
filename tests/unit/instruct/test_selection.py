"""Which captions are used, and in which order."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medcli.errors import InputError, UsageError
from medcli.instruct.kinds import Kinds, weights_of
from medcli.instruct.selection import Selection, Wishes, folded, select, unpack
from tests.instruct import inputs

CONVERSATION = Kinds({"conversation": 1.0}, 0)


EVERY = Wishes()


def chosen(folder: Path, wishes: Wishes = EVERY, kinds: Kinds = CONVERSATION) -> Selection:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    return select(folder / "captions.jsonl", state, wishes, kinds)


def ids(selection: Selection, stop: int | None = None) -> list[int]:
    return [int(unpack(one.record).caption_id.partition("_F")[2]) for one in selection.figures(stop)]


def test_the_order_goes_round_over_the_domains(tmp_path: Path) -> None:
    domains = ["mri", "mri", "mri", "gross", "mri", "ct_scan", "gross"]
    inputs.captions(tmp_path, 7, lambda number: {"domain": {domains[number]: True}})
    with chosen(tmp_path) as selection:
        assert ids(selection) == [0, 3, 5, 1, 6, 2, 4]
        assert ids(selection, 3) == [0, 3, 5]
        assert selection.domains() == {"mri": 4, "gross": 2, "ct_scan": 1}
        assert (len(selection), selection.read) == (7, 7)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    more: dict[int, dict[str, Any]] = {
        1: {"license": "CC BY-NC 4.0"},
        2: {"retracted": True},
        3: {"pair_id": "20000000_F0"},
        4: {"fig_caption": ""},
        6: {"domain": {"ultrasound": True}},
        7: {"fig_caption": inputs.caption(5)["fig_caption"]},
        10: {"license": "cc-by"},
    }
    inputs.captions(tmp_path, 12, lambda number: more.get(number, {}))
    wishes = Wishes(
        frozenset(["chestxray", "mri", "histology", "gross", "ctscan"]), frozenset([folded("CC BY")])
    )
    with chosen(tmp_path, wishes) as selection:
        assert sorted(ids(selection)) == [0, 5, 8, 9, 10, 11]
        assert selection.left_out == {
            "doubled-id": 1,
            "near-duplicate": 1,
            "no-caption": 1,
            "other-domain": 1,
            "other-license": 1,
            "retracted": 1,
        }
    with chosen(tmp_path, Wishes(drop_duplicates=False)) as selection:
        assert "near-duplicate" not in selection.left_out
    with pytest.raises(InputError, match="no caption"):
        chosen(tmp_path, Wishes(licenses=frozenset(["none"])))


def test_keys_and_kinds_are_the_caption_s_own(tmp_path: Path) -> None:
    kinds = Kinds(weights_of(["conversation=3,description=1", "vqa-open=4"]), 7)
    inputs.captions(tmp_path, 60)
    with chosen(tmp_path, kinds=kinds) as selection:
        before = {one.record: one for one in selection.figures()}
    inputs.captions(tmp_path, 90)
    with chosen(tmp_path, Wishes(shuffle=True, seed=1), kinds) as selection:
        after = {one.record: one for one in selection.figures()}
        order = ids(selection)
        assert ids(selection) == order
    assert all(after[record] == one for record, one in before.items())
    with chosen(tmp_path, Wishes(shuffle=True, seed=2), kinds) as selection:
        assert sorted(ids(selection)) == sorted(order)
        assert ids(selection) != order
    with chosen(tmp_path, kinds=Kinds({"description": 1.0}, 7)) as selection:
        others = {one.key for one in selection.figures() if before.get(one.record, one).kind != "description"}
        assert others.isdisjoint(one.key for one in before.values())


def test_kinds_follow_their_weights() -> None:
    kinds = Kinds(weights_of(["conversation=3,description"]), 0)
    counts = Counter(kinds.of(f"{number}_F1") for number in range(8000))
    assert 5800 < counts["conversation"] < 6200
    for wrong in (["poem"], ["conversation=0"], ["conversation=x"], ["conversation", "conversation"], [""]):
        with pytest.raises(UsageError):
            weights_of(wrong)


def test_a_selection_is_made_once_and_anew_for_another_file(tmp_path: Path) -> None:
    path = inputs.captions(tmp_path, 20)
    with chosen(tmp_path):
        pass
    made = (tmp_path / "state/selection.sqlite").stat()
    assert made.st_mode & 0o077 == 0
    with chosen(tmp_path):
        assert (tmp_path / "state/selection.sqlite").stat().st_mtime_ns == made.st_mtime_ns
    (tmp_path / "state/selection.sqlite").write_bytes(b"broken")
    with chosen(tmp_path) as selection:
        assert len(selection) == 20
    path.write_text(
        path.read_text() + json.dumps({"pair_id": "x\udc80", "fig_caption": "half \ud83d a pair"}) + "\n"
    )
    with chosen(tmp_path) as selection:
        assert len(selection) == 21


@pytest.mark.slow
def test_sixty_thousand_are_planned_in_ten_seconds_and_flat_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    peaks = []
    for count in (15_000, 60_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        inputs.captions(folder, count)
        began = time.process_time()
        with chosen(folder) as selection:
            assert sum(1 for _ in selection.figures()) == len(selection)
        spent = time.process_time() - began
        tracemalloc.start()
        with chosen(folder, Wishes(drop_duplicates=False)) as selection:
            assert sum(1 for _ in selection.figures()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    record_property("60,000 planned in CPU-seconds, peaks in bytes", (round(spent, 2), peaks))
    assert spent <= 10
    assert peaks[1] < 1.3 * peaks[0] + 4_000_000

"""What every plan is, whatever the file: each row once, groups whole, chunks within bounds, keys of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.ask import planning
from medcli.ask.plan import Plan, unpack
from medcli.ask.planning import CHUNK_ROWS, make
from medcli.ask.rendering import PICTURE_TOKENS, Rendering
from medcli.errors import InputError, SetupError
from tests.ask.inputs import ROOT, jsonl

rows = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from([None, "a", "b", "c", "d"]), st.booleans()),
    min_size=1,
    max_size=300,
)


def planned(questions: Path, rendering: Rendering) -> tuple[list[list[Any]], dict[str, int]]:
    """Return chunks of (seq, key, asked, error), and the counts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.sqlite"
        make(path, questions, rendering, {})
        with Plan(path) as plan:
            seqs = {place.key: place for place, _ in plan.places()}
            chunks = [
                [(seqs[row.key].seq, row.key, unpack(row.record), row.error) for row in members]
                for _, _, members in plan.chunks()
            ]
            assert len({key for _, key, _ in plan.chunks()}) == len(chunks)
            for number, chunk in enumerate(chunks):
                assert [(seqs[key].chunk, seqs[key].place) for _, key, _, _ in chunk] == [
                    (number, place) for place in range(len(chunk))
                ]
            shards = [[key for _, key, _ in plan.chunks((i, 3))] for i in range(3)]
            assert sorted(key for shard in shards for key in shard) == sorted(
                key for _, key, _ in plan.chunks()
            )
            return chunks, plan.count()


@settings(max_examples=60)
@given(rows, st.sampled_from([0, 3000, 20_000]))
def test_every_plan(tmp_path_factory: Any, content: list[tuple[int, str | None, bool]], budget: int) -> None:
    path = tmp_path_factory.mktemp("plan") / "q.jsonl"
    jsonl(
        path,
        (
            {"question_id": i, "text": "?"} | ({"image": f} if f else {}) if ok else "{"
            for i, f, ok in content
        ),
    )
    rendering = Rendering({}, max_new_tokens=1000, batch_tokens=budget)
    if not any(ok for _, _, ok in content):
        return
    chunks, counts = planned(path, rendering)
    flat = [row for chunk in chunks for row in chunk]
    assert sorted(seq for seq, *_ in flat) == list(range(len(content)))
    assert len({key for _, key, _, _ in flat}) == len(content)
    assert chunks[0][0][0] == 0
    where: dict[str, Counter[int]] = {}
    for number, chunk in enumerate(chunks):
        assert len({bool(asked.images) for _, _, asked, _ in chunk}) == 1
        assert len(chunk) <= CHUNK_ROWS
        if budget and len(chunk) > 1:
            groups = {tuple(asked.images) for _, _, asked, _ in chunk if asked.images}
            assert (
                sum(1000 for row in chunk if not row[3].startswith("bad")) + PICTURE_TOKENS * len(groups)
                <= budget
            )
        for _, _, asked, _ in chunk:
            if asked.images:
                where.setdefault(asked.images[0], Counter())[number] += 1
    for spread in where.values():  # a group is cut only where it is larger than a chunk may be
        assert len(spread) == 1 or sum(spread.values()) > (
            CHUNK_ROWS if not budget else (budget - 600) // 1010
        )
    seen: set[int] = set()
    for seq, _, _, error in sorted(flat):
        number, _, ok = content[seq]
        assert error == ("bad-json" if not ok else "doubled-id" if number in seen else "")
        seen |= {number} if ok else set()
    assert counts["errors"] == sum(bool(row[3]) for row in flat)


def test_ids_of_different_types_are_different(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "q.jsonl", [{"question_id": one, "text": "?"} for one in (1, "1", "a", "a")])
    chunks, _ = planned(path, Rendering({}))
    assert [row[3] for row in chunks[0]] == ["", "", "", "doubled-id"]


@pytest.mark.slow
def test_a_million_rows_are_planned_in_30_cpu_seconds_and_flat_memory(tmp_path: Path) -> None:
    code = (
        "import resource, sys, time; from pathlib import Path; from medcli.ask.planning import make;"
        "from medcli.ask.rendering import Rendering;"
        "make(Path(sys.argv[1] + '.sqlite'), Path(sys.argv[1]), Rendering({'CLOSED': '[yes, no]'}), {});"
        "print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    told = []
    for count in (250_000, 1_000_000):
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as stream:
            for i in range(count):
                row = {
                    "question_id": i,
                    "image": f"{i * 7919 % 90_000}.png",
                    "text": f"Is there an effusion, case {i}?",
                }
                stream.write(json.dumps(row) + "\n")
        run = subprocess.run(
            [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=True
        )
        told.append([float(one) for one in run.stdout.split()])
    assert told[1][0] <= 30
    assert told[1][1] <= told[0][1] + 30  # megabytes


def test_a_full_disk_and_a_damaged_plan_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text("".join(json.dumps({"question_id": i, "text": "What?"}) + "\n" for i in range(3000)))
    monkeypatch.setattr(planning, "SCHEMA", f"PRAGMA max_page_count = 20; {planning.SCHEMA}")
    with pytest.raises(SetupError, match="is full"):
        planning.make(tmp_path / "plan.sqlite", questions, Rendering({}), {})
    assert list(tmp_path.iterdir()) == [questions]
    (tmp_path / "plan.sqlite").write_bytes(b"no plan" * 1000)
    with pytest.raises(InputError, match="damaged"):
        Plan(tmp_path / "plan.sqlite")

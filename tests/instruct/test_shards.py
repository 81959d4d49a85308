"""``medcli generate-instruct --shard`` and ``medcli merge``: the conversations of an undivided run, and no request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from tests.instruct.inputs import captions, medcli, worded
from tests.instruct.server import Server

COUNT = 3
NAMES = (".json", ".provenance.jsonl", ".rejected.jsonl")


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what the server's counter and the clock say."""
    kept = {name: value for name, value in row.items() if name not in ("seconds", "request_id")}
    return kept | ({"about": plain(kept["about"])} if "about" in kept else {})


def told(folder: Path, stem: str) -> list[Any]:
    """The three files."""
    lines = [(folder / f"{stem}{ending}").read_text().splitlines() for ending in NAMES[1:]]
    return [
        (folder / f"{stem}.json").read_bytes(),
        *([plain(json.loads(row)) for row in one] for one in lines),
    ]


def make(folder: Path, url: str, stem: str, *more: str) -> tuple[int, str, str]:
    path, output = folder / "captions.jsonl", folder / f"{stem}.json"
    return medcli(
        folder, "generate-instruct", path, "--model", "m", "--base-url", url, "--output", output, *more
    )


def test_shards_merge_to_the_file_of_an_undivided_run(tmp_path: Path) -> None:
    captions(tmp_path, 60, lambda number: worded(number, "m-refusing" if number % 10 == 1 else ""))
    with Server(moods={"m-refusing": "refusal"}) as server:
        code, _, err = make(tmp_path, server.url, "whole")
        assert code == 0, err
        once = sum(server.asked.values())
    with Server(moods={"m-refusing": "refusal"}) as server:  # which refuses once
        for number in range(COUNT):
            code, _, err = make(tmp_path, server.url, f"p{number}", "--shard", f"{number}/{COUNT}")
            assert code == 0, err
        assert sum(server.asked.values()) == once  # no caption is asked by two
        runs = [tmp_path / f"p{number}.json" for number in (1, 2, 0)]
        for _ in range(2):
            code, _, err = medcli(tmp_path, "merge", *runs, "--output", tmp_path / "merged.json")
            assert code == 0, err
            assert told(tmp_path, "merged") == told(tmp_path, "whole")
        assert sum(server.asked.values()) == once
        code, _, err = medcli(tmp_path, "merge", *runs[:2], "--output", tmp_path / "less.json")
        assert (code, "missing: 0/3" in err) == (2, True), err
        make(tmp_path, server.url, "q0", "--shard", "0/3", "--temperature", "0.1")
        other = [tmp_path / "q0.json", *runs[:2]]
        code, _, err = medcli(tmp_path, "merge", *other, "--output", tmp_path / "less.json")
        assert (code, "differ in: temperature" in err) == (2, True), err
        captions(tmp_path, 61)
        code, _, err = medcli(tmp_path, "merge", *runs, "--output", tmp_path / "less.json")
        assert (code, "no outcome of" in err) == (4, True), err
    code, _, err = make(tmp_path, "http://127.0.0.1:9/v1", "x", "--shard", "0/2", "--max-samples", "5")
    assert (code, "count over the whole" in err) == (2, True), err

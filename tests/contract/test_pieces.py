"""A payload of several rows that kills its worker is done in pieces; only the rows that kill are lost."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from medcli.errors import ItemFailed, SetupError
from medcli.jobs import Outcome, ProcessRunner, Row, SerialRunner


@dataclass(frozen=True)
class Load:
    """Numbers to do; a number from 100 on kills, 50 fails, 60 stops the run."""

    numbers: tuple[int, ...]

    def halves(self) -> list[Load]:
        middle = len(self.numbers) // 2
        return [Load(self.numbers[:middle]), Load(self.numbers[middle:])] if middle else []

    def lost(self, kind: str) -> list[Row]:
        return [Row(str(number), "failed", kind) for number in self.numbers]


@dataclass
class Worker:
    folder: Path

    def __enter__(self) -> Worker:
        with (self.folder / "starts").open("a") as stream:
            stream.write("x")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, payload: Load) -> list[Row]:
        for number in payload.numbers:
            if number >= 100:
                os.kill(os.getpid(), signal.SIGKILL)
            if number in (50, 60) and len(payload.numbers) < 4:
                raise ItemFailed("spoilt", stops=number == 60)
        return [Row(str(number), "done") for number in payload.numbers]


def do(folder: Path, workers: int, *loads: Load) -> dict[int, Outcome]:
    batches = ProcessRunner(workers, chunk=1).map(Worker(folder), iter(enumerate(loads)))
    outcomes = [outcome for batch in batches for outcome in batch]
    assert len({one.ticket for one in outcomes}) == len(outcomes)
    return {one.ticket: one for one in outcomes}


@pytest.mark.parametrize("workers", [1, 2])
def test_only_what_kills_is_lost_and_rows_keep_their_order(tmp_path: Path, workers: int) -> None:
    loads = [Load(tuple(range(8))), Load((*range(5), 100, 6, 7, 101)), Load((9,)), Load((102,))]
    found = do(tmp_path, workers, *loads)
    for ticket, load in enumerate(loads):
        assert [(row.key, row.state) for row in found[ticket].rows] == [
            (str(number), "failed" if number >= 100 else "done") for number in load.numbers
        ]
    assert {row.kind for one in found.values() for row in one.rows if row.state == "failed"} == {
        "worker-died"
    }


def test_a_piece_that_fails_fails_alone_and_one_that_stops_stops(tmp_path: Path) -> None:
    found = do(tmp_path, 1, Load((1, 2, 3, 4, 5, 50, 6, 100)))
    assert [row.kind for row in found[0].rows] == [*[""] * 4, *["spoilt"] * 2, "", "worker-died"]
    found = do(tmp_path, 1, Load((1, 2, 3, 4, 5, 60, 6, 100)))
    assert found[0].stops


def test_workers_that_die_and_die_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="32 times in a row"):
        do(tmp_path, 1, Load(tuple(range(100, 164))))


def test_serial_keeps_apart_what_has_killed(tmp_path: Path) -> None:
    runner = SerialRunner(apart=lambda load: 100 in load.numbers)
    batches = runner.map(Worker(tmp_path), iter([(0, Load((1, 100, 2))), (1, Load((3,)))]))
    found = [outcome for batch in batches for outcome in batch]
    assert [one.ticket for one in found] == [1, 0]
    assert [row.state for row in found[1].rows] == ["done", "failed", "done"]

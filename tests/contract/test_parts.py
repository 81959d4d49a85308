"""Items that give very many rows: they travel and are written in parts, and count when all are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medcli import jobs
from medcli.jobs import Row
from tests.contract.test_interruption import finish, start, wait_for
from tests.contract.test_runners import do, every_runner, process_runners, product, rows
from tests.contract.toy import AsyncToy, Toy, ToyJob, ToySpec, expected, runner


def drops(found: list[Row], item: int) -> list[str]:
    return [row.key for row in found if row.key.startswith(f"{item}/")]


WHOLE = [f"1/{part}" for part in range(1, 2201)]


@every_runner
@pytest.mark.parametrize("mood", ["flood", "flood-transient"])
def test_all_rows_arrive_once_in_their_order(tmp_path: Path, where: str, mood: str) -> None:
    spec = ToySpec(items=5, mood=(f"1={mood}",))
    report, job = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec)
    assert (report.items, report.done, report.skipped, report.failed) == (5, 5, 1100, 1100)
    found = rows(tmp_path, where, spec)
    assert drops(found, 1) == WHOLE
    assert {row.key for row in found} <= {row.key for row in job.flushed}
    report, _ = do(tmp_path, where, spec, retry_failed=True)
    assert (report.resumed, report.failed) == (4, 1100)
    assert drops(rows(tmp_path, where, spec), 1) == WHOLE


@pytest.mark.parametrize("where", ["serial", "process-3"])
def test_nobody_holds_more_than_a_part(tmp_path: Path, where: str) -> None:
    tasks = iter([(7, (1, "flood"))])
    outcomes = [one for batch in runner(where).map(Toy(str(tmp_path), "s", 0.0), tasks) for one in batch]
    assert [one.part for one in outcomes] == list(range(len(outcomes)))
    assert [one.more for one in outcomes] == [True] * (len(outcomes) - 1) + [False]
    assert max(len(one.rows) for one in outcomes) <= 500


@every_runner
def test_an_item_that_fails_late_leaves_no_row(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=5, mood=("1=flood-raise",))
    report, _ = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec, but=(1,))
    assert (report.kinds, report.failed, report.skipped) == ({"made": 4, "bug": 1}, 1, 0)
    assert drops(rows(tmp_path, where, spec), 1) == []


@process_runners
def test_an_item_that_kills_its_worker_late(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=5, mood=("1=flood-kill-once", "2=flood-kill"))
    report, _ = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec, but=(2,))
    assert report.kinds == {"made": 4, "drop": 2200, "worker-died": 1}
    found = rows(tmp_path, where, spec)
    assert (drops(found, 1), drops(found, 2)) == (WHOLE, [])


@pytest.mark.parametrize("where", ["serial", "process-3"])
def test_a_driver_that_is_killed_between_parts_invents_nothing(tmp_path: Path, where: str) -> None:
    driver = "flood-kill-once" if where == "serial" else "flood"
    options = ["--items", "30", "--delay", "0.02", "--mood", f"1={driver}", "--mood", "29=flood"]
    with start(tmp_path, where, *options) as process:
        wait_for(tmp_path, 2)
        if where != "serial":
            process.kill()
    assert not (tmp_path / "product.txt").exists()
    finish(tmp_path, where, *options)
    spec = ToySpec(items=30, mood=(f"1={driver}", "29=flood"), delay=0.02)
    assert product(tmp_path) == expected(spec)
    found = rows(tmp_path, where, spec)
    assert drops(found, 1) == WHOLE
    assert len(found) == 30 + 4400
    assert not os.path.exists(tmp_path / "state" / "ledger-1.sqlite")


def test_an_event_loops_outcomes_are_whole(tmp_path: Path) -> None:
    tasks = iter([(7, (1, "flood"))])
    made: jobs.Runner = runner("async")
    outcomes = [one for batch in made.map(AsyncToy(str(tmp_path), "s", 0.0), tasks) for one in batch]
    assert [(len(one.rows), one.more) for one in outcomes] == [(2201, False)]


def test_what_could_end_the_process_is_done_apart(tmp_path: Path) -> None:
    """Serial, but for the items that kill; more of them than are held at a time."""
    spec = ToySpec(items=1100, mood=(*tuple(f"{i}=odd" for i in range(5, 1090)), "3=kill", "1095=kill-once"))
    job = ToyJob(spec, tmp_path)
    report = jobs.run(
        job, state=tmp_path / "state", runner=jobs.SerialRunner(apart=lambda payload: payload[1] != "")
    )
    assert product(tmp_path) == expected(spec, but=(3,))
    assert report.kinds == {"made": 1099, "worker-died": 1}
    assert str(os.getpid()) in (tmp_path / "pids").read_text().split()

"""What every runner must do. A new one joins by its name in RUNNERS and in ``toy.runner``."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from medcli import jobs
from medcli.errors import MedcliError, SetupError, UsageError
from medcli.jobs import Row, lock
from tests.contract.toy import SECRET, AsyncToy, Toy, ToyJob, ToySpec, expected, runner

# Those of Ray are slow: each test starts processes that load it. Some of the same stands, unmarked, in test_ray.py.
ON_RAY = pytest.param("ray-2", marks=pytest.mark.slow)
RUNNERS = [
    "serial",
    "process-1",
    "process-3",
    "async",
    "async-process-2",
    ON_RAY,
    pytest.param("ray-async-2", marks=pytest.mark.slow),
]

every_runner = pytest.mark.parametrize("where", RUNNERS)
process_runners = pytest.mark.parametrize("where", ["process-1", "process-3", ON_RAY])


def do(folder: Path, where: str, spec: ToySpec, **options: bool) -> tuple[jobs.Report, ToyJob]:
    job = ToyJob(spec, folder, asynchronous="async" in where)
    return jobs.run(job, state=folder / "state", runner=runner(where), **options), job


def product(folder: Path) -> bytes:
    return (folder / "product.txt").read_bytes()


def ran(folder: Path) -> Counter[int]:
    path = folder / "ran"
    return Counter(int(line) for line in path.read_text().split()) if path.exists() else Counter()


def rows(folder: Path, where: str, spec: ToySpec) -> list[Row]:
    """Read the ledger back as a job's finish would."""
    seen: list[Row] = []

    class Reader(ToyJob):
        def finish(self, run: jobs.Run) -> None:
            seen.extend(row for _, row in run.rows())

    jobs.run(
        Reader(spec, folder, asynchronous="async" in where), state=folder / "state", runner=runner(where)
    )
    return seen


@every_runner
def test_the_product_is_the_same_bytes_in_input_order(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=300)
    report, job = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec)
    assert (report.done, report.skipped, report.failed, report.items, report.bytes) == (300, 0, 0, 300, 300)
    assert report.kinds == {"made": 300}
    assert report.exit_code == 0
    assert set(ran(tmp_path).values()) == {1}
    assert sorted(row.key for row in job.flushed) == sorted(item.key for item in job.items())
    assert (tmp_path / "left").read_text() == (tmp_path / "pids").read_text() or where in (
        "process-3",
        "ray-2",
        "ray-async-2",
        "async-process-2",
    )


@every_runner
def test_an_item_that_raises_fails_alone_and_its_words_are_not_kept(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=40, mood=("7=raise", "9=exit", "11=fail", "13=nonsense"))
    report, _ = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec, but=(7, 9, 11, 13))
    assert report.kinds == {"made": 36, "bug": 3, "spoilt": 1}
    assert report.exit_code == 5
    failed = [row for row in rows(tmp_path, where, spec) if row.state == "failed"]
    names = [json.loads(row.value).get("error") for row in failed if row.value]
    assert names == ["KeyError", "SystemExit", "TypeError"]
    for path in (tmp_path / "state").iterdir():
        assert SECRET.encode() not in path.read_bytes()


@every_runner
def test_an_item_gives_many_rows_or_none(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=3, mood=("1=many",))
    report, _ = do(tmp_path, where, spec)
    assert (report.done, report.skipped, report.failed, report.bytes) == (3, 1, 1, 15)
    keys = [row.key for row in rows(tmp_path, where, spec)]
    assert keys[1:3] == ["a1", "b1"]
    assert len(keys[3]) == 64  # an empty key is the item's


@every_runner
def test_no_item_no_worker(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=0, seed="broken")
    report, _ = do(tmp_path, where, spec)
    assert report.to_json() | {"seconds": 0} == jobs.Report().to_json() | {"seconds": 0}
    assert product(tmp_path) == b""


@every_runner
def test_transient_errors_are_tried_again_after_the_time_asked_for(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=5, mood=("2=transient", "3=away"))
    started = time.monotonic()
    report, _ = do(tmp_path, where, spec)
    assert time.monotonic() - started >= 0.1
    assert product(tmp_path) == expected(spec, but=(3,))
    assert report.kinds == {"made": 4, "away": 1}
    assert ran(tmp_path) == {0: 1, 1: 1, 2: 3, 3: 3, 4: 1}


@every_runner
@pytest.mark.parametrize(("mood", "kind"), [("stop", "wrong-key"), ("full", "disk-full")])
def test_a_failure_that_repeats_stops_the_run_and_is_not_written_down(
    tmp_path: Path, where: str, mood: str, kind: str
) -> None:
    spec = ToySpec(items=5000, mood=tuple(f"{i}={mood}" for i in range(60, 5000)))
    with pytest.raises(SetupError, match=f"10 items in a row failed with '{kind}'"):
        do(tmp_path, where, spec)
    assert len(ran(tmp_path)) < 2000
    (tmp_path / "mended").touch()
    spec = ToySpec(items=5000)
    # Failures that came between successes of other workers are written down.
    report, _ = do(tmp_path, where, spec, retry_failed=True)
    assert product(tmp_path) == expected(spec)
    assert report.resumed >= 1  # what other workers held when the run was stopped is done again
    assert report.exit_code == 0


@every_runner
def test_few_failures_of_that_sort_are_ordinary(tmp_path: Path, where: str) -> None:
    report, _ = do(tmp_path, where, ToySpec(items=30, mood=("3=stop", "4=stop", "9=stop", "29=stop")))
    assert report.kinds == {"made": 26, "wrong-key": 4}


@every_runner
def test_failed_items_run_again_only_when_asked(tmp_path: Path, where: str) -> None:
    broken, sound = ToySpec(items=20, mood=("4=fail", "5=many")), ToySpec(items=20)
    do(tmp_path, where, broken)
    report, _ = do(tmp_path, where, sound)
    assert (report.failed, report.resumed, report.exit_code) == (2, 20, 5)
    report, _ = do(tmp_path, where, sound, retry_failed=True)
    assert (report.done, report.failed, report.skipped, report.resumed) == (20, 0, 0, 18)
    assert product(tmp_path) == expected(sound)
    assert ran(tmp_path) == {i: 2 if i in (4, 5) else 1 for i in range(20)}


@every_runner
def test_a_grown_input_runs_what_is_new_and_takes_its_order(tmp_path: Path, where: str) -> None:
    do(tmp_path, where, ToySpec(items=9, places=(5, 6, 7, 8)))
    grown = ToySpec(items=9, places=(9, 8, 1, 6, 7))
    report, _ = do(tmp_path, where, grown)
    assert product(tmp_path) == expected(grown)
    assert (report.items, report.done, report.resumed) == (5, 5, 3)
    assert set(ran(tmp_path).values()) == {1}
    report, _ = do(tmp_path, where, ToySpec(items=9, places=(5, 9)))
    assert report.resumed == 2


@every_runner
def test_another_spec_is_refused_by_name_until_restart(tmp_path: Path, where: str) -> None:
    do(tmp_path, where, ToySpec(items=5))
    with pytest.raises(UsageError, match=r"another setting of: items, seed\."):
        do(tmp_path, where, ToySpec(items=6, seed="t"))
    spec = ToySpec(items=6, seed="t")
    do(tmp_path, where, spec, restart=True)
    do(tmp_path, where, spec, restart=True)
    assert product(tmp_path) == expected(spec)
    kept = sorted(path.name for path in (tmp_path / "state").iterdir())
    assert kept == ["ledger-1.sqlite", "ledger-2.sqlite", "ledger.sqlite", "lock"]


@every_runner
def test_two_runs_on_one_state_are_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "state").mkdir()
    with lock.hold(tmp_path / "state"), pytest.raises(SetupError, match="Another run"):
        do(tmp_path, where, ToySpec())
    do(tmp_path, where, ToySpec())


@every_runner
def test_two_items_with_one_key_are_a_mistake_of_the_job(tmp_path: Path, where: str) -> None:
    with pytest.raises(ValueError, match="same key"):
        do(tmp_path, where, ToySpec(places=(1, 2, 1)))
    with pytest.raises(ValueError, match="same key"):
        do(tmp_path, where, ToySpec(places=(1, 2, 1)))


@every_runner
def test_a_worker_that_cannot_start_ends_the_run(tmp_path: Path, where: str) -> None:
    with pytest.raises(SetupError, match="no model") as told:
        do(tmp_path, where, ToySpec(seed="no-model"))
    assert told.value.hint == "Get one."
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises((MedcliError, ZeroDivisionError)) as bug:
        do(other, where, ToySpec(seed="broken"))
    assert isinstance(bug.value, ZeroDivisionError) or SECRET not in str(bug.value)


@every_runner
def test_tasks_are_drawn_lazily_and_closing_stops_the_work(tmp_path: Path, where: str) -> None:
    drawn = 0

    def tasks() -> object:
        nonlocal drawn
        for drawn in range(1, 100_001):
            yield drawn, (drawn, "")

    factory = (AsyncToy if "async" in where else Toy)(str(tmp_path), "s", 0.0)
    seen = 0
    outcomes = runner(where).map(factory, tasks())
    for batch in outcomes:
        seen += len(batch)
        assert drawn - seen <= 64 * 3
        if seen > 2000:
            break
    outcomes.close()
    done = len(ran(tmp_path))
    time.sleep(0.2)
    assert len(ran(tmp_path)) == done < 3000


@every_runner
def test_large_payloads_and_rows_stop_nothing(tmp_path: Path, where: str) -> None:
    large = "echo" + "x" * 400_000  # more than a pipe holds, both ways at once
    factory = (AsyncToy if "async" in where else Toy)(str(tmp_path), "s", 0.0)
    tasks = iter([(i, (i, large)) for i in range(120)])
    outcomes = [outcome for batch in runner(where).map(factory, tasks) for outcome in batch]
    assert sorted(outcome.ticket for outcome in outcomes) == list(range(120))
    assert {len(outcome.rows[0].value) for outcome in outcomes} == {400_004}


@process_runners
@pytest.mark.parametrize("mood", ["kill", "leave"])
def test_an_item_that_kills_its_worker_fails_alone(tmp_path: Path, where: str, mood: str) -> None:
    spec = ToySpec(items=300, mood=(f"5={mood}", f"150={mood}", f"151={mood}", f"299={mood}"))
    report, _ = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec, but=(5, 150, 151, 299))
    assert report.kinds == {"made": 296, "worker-died": 4}
    assert report.exit_code == 5


@process_runners
def test_a_worker_that_is_killed_from_outside_costs_no_item(tmp_path: Path, where: str) -> None:
    spec = ToySpec(items=200, mood=("20=kill-once", "120=kill-once"))
    report, _ = do(tmp_path, where, spec)
    assert product(tmp_path) == expected(spec)
    assert report.exit_code == 0


@process_runners
def test_costly_items_are_spread_evenly(tmp_path: Path, where: str) -> None:
    do(tmp_path, where, ToySpec(items=12, delay=0.05))
    workers = {int(pid) for pid in (tmp_path / "pids").read_text().split()}
    assert len(workers) == int(where.split("-")[1])
    assert os.getpid() not in workers

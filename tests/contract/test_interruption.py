"""Killed, interrupted, refused: the same command then ends with the same product. Real processes, real signals."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contract.test_runners import RUNNERS, every_runner, process_runners, product, ran
from tests.contract.toy import SECRET, ToySpec, expected

ROOT = Path(__file__).parents[2]


def start(folder: Path, where: str, *options: str) -> subprocess.Popen[str]:
    """Start the toy command in a process group of its own, as a terminal would."""
    command = [sys.executable, "-m", "tests.contract.toy", "toy", str(folder), "--runner", where, *options]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(folder: Path, where: str, *options: str) -> tuple[int, str, str]:
    with start(folder, where, *options) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for(folder: Path, items: int) -> None:
    deadline = time.monotonic() + 30
    while sum(ran(folder).values()) < items:
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("where", RUNNERS)
def test_kill_9_at_any_moment_then_the_same_command(tmp_path: Path, where: str) -> None:
    dice = random.Random(f"kill {where}")
    spec = ToySpec(items=400, mood=("7=fail", "200=many"))
    delay = {"process-3": "0.006", "async": "0.016", "async-process-2": "0.03"}.get(
        where, "0.002"
    )  # so that commits come in between
    options = ("--items", "400", "--mood", "7=fail", "--mood", "200=many", "--delay", delay)
    for least in (1, 150, 1, 1):  # so that one kill comes after the first commit
        with start(tmp_path, where, *options) as process:
            wait_for(tmp_path, sum(ran(tmp_path).values()) + least + dice.randrange(80))
            time.sleep(dice.random() * 0.05)
            process.kill()
    code, out, _ = finish(tmp_path, where, *options, "--json")
    assert product(tmp_path) == expected(spec, but=(7,))
    report = json.loads(out)
    assert (code, report["done"], report["items"]) == (5, 399, 400)
    assert report["resumed"] > 0
    assert max(ran(tmp_path).values()) <= 5


@process_runners
def test_no_worker_outlives_a_killed_driver(tmp_path: Path, where: str) -> None:
    with start(tmp_path, where, "--items", "100000", "--delay", "0.2") as process:
        wait_for(tmp_path, 3)
        process.kill()
    workers = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "an orphan works on"
        time.sleep(0.01)


@pytest.mark.parametrize("delay", ["0.001", "0.5"])
@every_runner
def test_ctrl_c_gives_130_and_the_same_command_goes_on(tmp_path: Path, where: str, delay: str) -> None:
    with start(tmp_path, where, "--items", "4000", "--delay", delay) as process:
        wait_for(tmp_path, 20 if delay == "0.001" else 1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.strip() == "Error: Interrupted.\nHint: The same command goes on from here."
    assert out == ""
    assert not any(is_alive(int(pid)) for pid in (tmp_path / "pids").read_text().split())
    code, _, err = finish(tmp_path, where, "--items", "4000")
    assert (code, err) == (0, "")
    assert product(tmp_path) == expected(ToySpec(items=4000))
    if delay == "0.001":
        assert sum(ran(tmp_path).values()) < 4100


def test_ctrl_c_while_workers_start_is_as_quiet(tmp_path: Path) -> None:
    for pause in (0.1, 0.2, 0.3, 0.4):
        with start(tmp_path, "process-3", "--items", "4000", "--delay", "0.1") as process:
            time.sleep(pause)
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=10)
        # Before Python has come as far as our boundary, a Ctrl-C is Python's own.
        assert process.returncode in (130, -signal.SIGINT)
        assert "tests/contract/toy.py" not in err or process.returncode < 0


@every_runner
def test_a_bug_is_told_without_its_words(tmp_path: Path, where: str) -> None:
    code, out, err = finish(tmp_path, where, "--seed", "broken")
    assert (code, out) == (1, "")
    assert "ZeroDivisionError" in err
    assert SECRET not in err


def test_exit_codes_of_the_whole_command(tmp_path: Path) -> None:
    assert finish(tmp_path, "serial", "--items", "3")[0] == 0
    code, _, err = finish(tmp_path, "serial", "--items", "4")
    assert code == 2
    assert err.startswith("Error: This run was begun with another setting of: items.\nHint: ")
    assert finish(tmp_path, "serial", "--items", "4", "--mood", "1=raise", "--restart")[0] == 5
    assert finish(tmp_path, "serial", "--seed", "no-model", "--restart")[0] == 3
    assert finish(tmp_path, "serial", "--items", "-1")[0] == 2
    assert finish(tmp_path, "serial", "--item", "1")[0] == 2

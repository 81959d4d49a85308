"""Killed at any moment, the same command ends with the same bytes; while it runs, the finished prefix grows."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from tests.ask.inputs import answers, file_options, logged, medcli, mixed, start


def wait_for(folder: Path, asked: int) -> None:
    deadline = time.monotonic() + 60
    while len(logged(folder, "asked")) < asked:
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("reference")
    mixed(folder, 600)
    assert medcli(folder, *file_options(folder, "reference.jsonl"))[0] == 0
    return folder, (folder / "reference.jsonl").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_at_any_moment_then_the_same_command(
    tmp_path: Path, reference: tuple[Path, bytes], workers: int
) -> None:
    folder, expected = reference
    dice = random.Random(workers)
    options = [*file_options(folder)[:-4], "--output", tmp_path / "a.jsonl", "--model", "some/fake-7b"]
    options += ["--workers", workers]
    for _ in range(4):
        with start(tmp_path, *options, FAKE_DELAY="0.002") as process:
            wait_for(tmp_path, len(logged(tmp_path, "asked")) + dice.randrange(10, 150))
            time.sleep(dice.random() * 0.1)
            process.kill()
        part = tmp_path / "a.jsonl.part"
        if part.exists():
            written = part.read_bytes()
            assert expected.startswith(written[: written.rfind(b"\n") + 1])
            damaged = [written + b'{"half', written[:-7], written[:200] + b"\0" * 300, b"other\n", written]
            part.write_bytes(dice.choice(damaged))
    code, _, _ = medcli(tmp_path, *options)
    assert code == 0
    assert (tmp_path / "a.jsonl").read_bytes() == expected
    assert not (tmp_path / "a.jsonl.part").exists()
    assert len(logged(tmp_path, "asked")) <= 600 + 4 * (workers + 1) * 64
    assert medcli(tmp_path, *options)[0] == 0  # once more changes nothing and asks nothing
    assert (tmp_path / "a.jsonl").read_bytes() == expected


def test_ctrl_c_gives_130_and_the_same_command_goes_on(tmp_path: Path, reference: tuple[Path, bytes]) -> None:
    folder, expected = reference
    options = [*file_options(folder)[:-4], "--output", tmp_path / "a.jsonl", "--model", "some/fake-7b"]
    with start(tmp_path, *options, FAKE_DELAY="0.002") as process:
        wait_for(tmp_path, 200)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("Hint: The same command goes on from here.\n")
    assert medcli(tmp_path, *options)[0] == 0
    assert (tmp_path / "a.jsonl").read_bytes() == expected


def test_the_finished_prefix_grows_in_input_order(tmp_path: Path, reference: tuple[Path, bytes]) -> None:
    folder, expected = reference
    options = [*file_options(folder)[:-4], "--output", tmp_path / "a.jsonl", "--model", "some/fake-7b"]
    sizes = set()
    with start(tmp_path, *options, FAKE_DELAY="0.003") as process:
        while process.poll() is None:
            part = tmp_path / "a.jsonl.part"
            if part.exists():
                written = part.read_bytes()
                assert expected.startswith(written)
                sizes.add(len(written))
            time.sleep(0.02)
        process.communicate()
    assert len(sizes) > 4
    assert len(answers(tmp_path / "a.jsonl")) == 600

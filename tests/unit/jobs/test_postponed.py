"""An item that has to wait for all others is handed out once more, to the job's last worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pytest

from medcli.errors import Postponed
from medcli.jobs import Item, ProcessRunner, Row, Run, Runner, SerialRunner, run


@dataclass
class Waiting:
    """Postpones every third item, long ones after they gave many rows, until it is the last worker."""

    last: bool

    def __enter__(self) -> Waiting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to close."""

    def __call__(self, payload: int) -> Iterator[Row]:
        if payload % 3 == 0 and not self.last:
            yield from (Row(f"{payload} void {number}", "failed", "void") for number in range(payload * 300))
            raise Postponed
        yield Row("", "done", "last" if self.last else "first", str(payload).encode())


class Job:
    name = "waiting"

    def __init__(self) -> None:
        self.asked = 0
        self.kinds: list[tuple[int, str, str]] = []

    def fingerprint(self) -> Mapping[str, object]:
        return {}

    def items(self) -> Iterator[Item]:
        return (Item(f"key {number}", number) for number in range(7))

    def worker(self) -> Waiting:
        return Waiting(last=False)

    def last_worker(self) -> Waiting:
        self.asked += 1
        return Waiting(last=True)

    def flush(self, rows: Sequence[Row]) -> None:
        """Nothing to make durable."""

    def finish(self, run: Run) -> None:
        self.kinds = [(seq, row.kind, row.value.decode()) for seq, row in run.rows()]


@pytest.mark.parametrize("runner", [SerialRunner(), ProcessRunner(2)], ids=["serial", "processes"])
def test_postponed_items_come_last_and_stand_in_their_place(tmp_path: Path, runner: Runner) -> None:
    job = Job()
    report = run(job, state=tmp_path, runner=runner)
    assert (report.done, report.failed, job.asked) == (7, 0, 1)
    assert job.kinds == [(n, "last" if n % 3 == 0 else "first", str(n)) for n in range(7)]
    again = Job()
    assert run(again, state=tmp_path, runner=runner).resumed == 7
    assert (again.asked, again.kinds) == (0, job.kinds)


def test_a_run_that_ends_before_the_last_worker_leaves_postponed_items_to_the_next(tmp_path: Path) -> None:
    class Broken(Job):
        def last_worker(self) -> Waiting:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Broken(), state=tmp_path, runner=SerialRunner())
    job = Job()
    report = run(job, state=tmp_path, runner=SerialRunner())
    assert (report.done, report.failed, report.resumed) == (7, 0, 4)
    assert job.kinds == [(n, "last" if n % 3 == 0 else "first", str(n)) for n in range(7)]

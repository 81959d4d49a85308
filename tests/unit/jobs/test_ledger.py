"""The ledger against a model, and its troubles told as sentences."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli import jobs
from medcli.errors import InputError, ItemFailed, SetupError, UsageError
from medcli.jobs import Item, Row, ledger


class Interruption(BaseException):
    """Stands for whatever stops a driver."""


class Listed:
    """A job over a list of (key, whether it fails), whose driver stops when item ``stop`` is asked for."""

    name = "listed"

    def __init__(self, inputs: list[tuple[str, bool]], stop: int | None = None) -> None:
        self.inputs, self.stop, self.ran = inputs, stop, []
        self.product: list[tuple[int, str, str]] = []

    def fingerprint(self) -> dict[str, object]:
        return {}

    def items(self) -> Iterator[Item]:
        for place, (key, fails) in enumerate(self.inputs):
            if place == self.stop:
                raise Interruption
            yield Item(key, (key, fails))

    def worker(self) -> Listed:
        return self

    def __enter__(self) -> Listed:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, payload: tuple[str, bool]) -> list[Row]:
        key, fails = payload
        self.ran.append(key)
        if fails:
            raise ItemFailed("bad")
        return [Row("", "done", value=key.encode()), Row(f"{key}/2", "skipped", "twin")]

    def flush(self, rows: object) -> None:
        pass

    def finish(self, run: jobs.Run) -> None:
        self.product = [(seq, row.key, row.state) for seq, row in run.rows()]


def go(state: Path, job: Listed, **options: bool) -> jobs.Report:
    return jobs.run(job, state=state, runner=jobs.SerialRunner(), **options)


keys = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)
runs = st.lists(
    st.tuples(keys, st.frozensets(st.sampled_from("abcdefgh")), st.none() | st.integers(0, 8), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(runs)
def test_any_history_of_runs_gives_what_a_dictionary_gives(history: list[tuple]) -> None:
    model: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        for inputs, failing, stop, retry in history:
            job = Listed([(key, key in failing) for key in inputs], stop)
            wanted = [key for key in inputs if key not in model or (model[key] and retry)]
            try:
                report = go(Path(folder) / "state", job, retry_failed=retry)
            except Interruption:
                # What was done is kept, so the model keeps it too.
                assert job.ran == wanted[: len(job.ran)]
                model |= {key: key in failing for key in job.ran}
                continue
            assert job.ran == wanted
            model |= {key: key in failing for key in job.ran}
            lines = []
            for seq, key in enumerate(inputs):
                lines += (
                    [(seq, key, "failed")]
                    if model[key]
                    else [(seq, key, "done"), (seq, f"{key}/2", "skipped")]
                )
            assert job.product == lines
            assert report.items == len(inputs)
            assert report.resumed == len(inputs) - len(wanted)
            assert report.done + report.skipped + report.failed == len(lines)


def test_rows_that_could_not_be_flushed_are_not_written_down(tmp_path: Path) -> None:
    class Full(Listed):
        def flush(self, rows: object) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        go(tmp_path, Full([("a", False)]))
    job = Listed([("a", False)])
    go(tmp_path, job)
    assert job.ran == ["a"]


def test_an_interrupt_in_the_driver_keeps_what_is_done(tmp_path: Path) -> None:
    class Stopped(Listed):
        def __call__(self, payload: tuple[str, bool]) -> list[Row]:
            if payload[0] == "c70" and len(self.ran) == 70:
                raise KeyboardInterrupt
            return super().__call__(payload)

    inputs = [(f"c{i}", False) for i in range(100)]
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, Stopped(inputs))
    job = Listed(inputs)
    report = go(tmp_path, job)
    assert report.resumed == 70
    assert len(job.ran) == 30


def test_a_damaged_ledger_is_refused_and_restart_sets_it_aside(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_bytes(b"not a database at all " * 100)
    with pytest.raises(InputError, match="damaged"):
        go(tmp_path, Listed([]))
    go(tmp_path, Listed([]), restart=True)
    assert (tmp_path / "ledger-1.sqlite").read_bytes().startswith(b"not a database")


def test_another_command_or_version_is_refused(tmp_path: Path) -> None:
    go(tmp_path, Listed([]))
    other = Listed([])
    other.name = "other"
    with pytest.raises(UsageError, match="another command"):
        go(tmp_path, other)
    with sqlite3.connect(tmp_path / ledger.FILE) as connection:
        connection.execute("UPDATE facts SET value = '0' WHERE name = 'format'")
    connection.close()
    with pytest.raises(UsageError, match="another version"):
        go(tmp_path, Listed([]))


def test_a_refused_resume_does_not_say_the_values(tmp_path: Path) -> None:
    class Named(Listed):
        spec: dict[str, object] = {}

        def fingerprint(self) -> dict[str, object]:
            return self.spec

    job = Named([])
    job.spec = {"rules": "/home/mueller/rules.tsv", "profile": "basic"}
    go(tmp_path, job)
    job.spec = {"rules": "/home/meier/rules.tsv", "profile": "basic", "retain": ["uids"]}
    with pytest.raises(UsageError) as refused:
        go(tmp_path, job)
    assert refused.value.message == "This run was begun with another setting of: retain, rules."


def test_the_ledger_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        go(tmp_path / "deep" / "state", Listed([("a", False)]))
    finally:
        os.umask(before)
    state = tmp_path / "deep" / "state"
    assert state.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in state.iterdir()} == {0o600}


def test_no_write_ahead_log_on_a_network_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for network, mode in ((True, "delete"), (False, "wal")):
        monkeypatch.setattr(ledger, "is_network", lambda _, answer=network: answer)
        path = tmp_path / f"{mode}.sqlite"
        with ledger.Ledger(path), sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
        connection.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_folder_without_rights_is_a_sentence(tmp_path: Path) -> None:
    go(tmp_path, Listed([]))
    (tmp_path / ledger.FILE).chmod(0o400)
    with pytest.raises((SetupError, PermissionError)):
        go(tmp_path, Listed([("a", False)]))


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    def small(path: Path, **options: object) -> sqlite3.Connection:
        connection = real(path, **options)
        connection.execute("PRAGMA max_page_count = 16")
        return connection

    monkeypatch.setattr(ledger.sqlite3, "connect", small)
    with pytest.raises(SetupError, match="full"):
        go(tmp_path, Listed([(f"{i:0100}", False) for i in range(2000)]))
    monkeypatch.undo()
    job = Listed([(f"{i:0100}", False) for i in range(2000)])
    assert go(tmp_path, job).done == 2000

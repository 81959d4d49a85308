"""Waiting, and what is written of an error."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import Transient
from medcli.jobs import Retry, Row
from medcli.jobs.retry import attempts


@given(st.integers(1, 12), st.none() | st.floats(0, 1000))
def test_waits_are_bounded_and_honour_the_time_asked_for(tried: int, after: float | None) -> None:
    retry = Retry(attempts=8, base=0.5, cap=10.0, patience=60.0)
    wait = retry.wait(tried, Transient("busy", retry_after=after))
    if tried >= 8 or (after is not None and after > 60.0):
        assert wait is None
    else:
        assert wait is not None
        assert (after or 0.0) <= wait <= (after or 0.0) + min(10.0, 0.5 * 2**tried)


def test_a_bug_in_medcli_is_written_down_with_its_place_and_without_its_words() -> None:
    from medcli.files import safe_relative

    def worker(payload: object) -> list[Row]:
        safe_relative(None)  # type: ignore[arg-type]
        return []

    (outcome,) = attempts(worker, 7, None, Retry())
    (row,) = outcome.rows
    facts = json.loads(row.value)
    assert (outcome.ticket, row.state, row.kind) == (7, "failed", "bug")
    assert facts["error"] == "AttributeError"
    assert facts["at"].startswith("medcli/files.py:")


def test_out_of_memory_is_a_kind_of_its_own() -> None:
    def worker(payload: object) -> list[Row]:
        raise MemoryError

    assert next(attempts(worker, 1, None, Retry())).rows[0].kind == "out-of-memory"

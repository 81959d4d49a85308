"""``--rpm`` and ``--tpm`` hold over rounds and runs: what was sent a moment ago counts still."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from medcli.instruct.connecting import SENT, connect
from medcli.instruct.spec import InstructSpec


def left_after(folder: Path, requests: int, spec: InstructSpec) -> float:
    """Seconds that a request has to wait for the window, once so many were sent."""

    async def work() -> float:
        clients = connect(spec, folder, lambda: 0)
        pace = clients.samples.pace  # type: ignore[attr-defined]
        for _ in range(requests):
            pace.window.enter(10, pace.clock())
        wait = pace.window.wait(10, pace.clock() + 2.0)
        await clients.close()
        return float(wait)

    return asyncio.run(work())


def test_the_next_round_counts_what_the_last_one_sent(tmp_path: Path) -> None:
    spec = InstructSpec(
        tmp_path, output=tmp_path / "o.json", model="m", base_url=("http://127.0.0.1:9/v1",), rpm=60
    )
    assert left_after(tmp_path, 59, spec) < 59
    assert left_after(tmp_path, 1, spec) > 50  # the sixtieth
    told = (tmp_path / SENT).read_text()
    assert (tmp_path / SENT).stat().st_mode & 0o777 == 0o600
    (tmp_path / SENT).write_text(told.replace('"time": ', '"time": -'))
    assert left_after(tmp_path, 0, spec) == 0  # long ago
    (tmp_path / SENT).write_text(told[:-5])
    assert left_after(tmp_path, 0, spec) == 0
    (tmp_path / SENT).write_text(
        f'{{"time": {time.time()}, "sent": [[30, 5, -3], [1e9, 5, 60], [-1, 5, 60]]}}'
    )
    assert left_after(tmp_path, 0, spec) == 0

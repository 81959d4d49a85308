"""The server's log is the witness: no limit is exceeded in any period, and the limit is used."""

from __future__ import annotations

import asyncio
import time

import pytest

pytest.importorskip("aiohttp")

from benchmarks.client_server import log_of, running
from medcli.models.endpoint.chat import ChatClient
from medcli.pacing import Pace
from tests.unit.pacing.windows import most_within, shares


async def asks(url: str, pace: Pace, seconds: float, text: str, *, tasks: int = 64, room: int = 200) -> None:
    """Ask as fast as the pace lets, for so many seconds."""
    end = time.monotonic() + seconds
    async with ChatClient([url], "", "m") as chat:
        chat.pace = pace

        async def one() -> None:
            while time.monotonic() < end:
                await chat.complete([{"role": "user", "content": text}], max_tokens=room)

        many = [asyncio.ensure_future(one()) for _ in range(tasks)]
        await asyncio.wait(many, timeout=seconds + 5)
        for task in many:
            task.cancel()
        done = await asyncio.gather(*many, return_exceptions=True)
    assert not [one for one in done if isinstance(one, Exception)]


def test_no_period_has_more_than_the_limit_and_the_limit_is_used() -> None:
    with running(latency=0.01) as url:
        asyncio.run(asks(url, Pace(40, period=1.2, blur=0.3), 3.0, "short", tasks=16))
        log = log_of(url)
    assert most_within(log, 1.2)[0] <= 40
    assert len(log) >= 0.6 * 40 * 3.0 / 1.2


@pytest.mark.slow
@pytest.mark.parametrize("size", [3500, 150])
def test_five_minutes_at_600_requests_and_90000_tokens_a_minute(size: int) -> None:
    """Texts of 3.5 kB exhaust the tokens, short ones the requests."""
    with running(latency=1.0, written=200 if size > 1000 else 80) as url:
        asyncio.run(asks(url, Pace(600, 90_000), 302, "x" * size, room=200 if size > 1000 else 80))
        log = log_of(url)
    most, used = most_within(log, 60.0), shares(log, 300, 600, 90_000)
    print(f"{size}: most in a minute {most}, shares {used}")  # noqa: T201 - the figures, for `-s`
    assert most[0] <= 600
    assert most[1] <= 90_000
    assert max(used) >= 0.95

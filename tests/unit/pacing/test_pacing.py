"""Any minute of the server's clock holds at most what is allowed, whatever the way there and back is like."""

from __future__ import annotations

import asyncio
import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.pacing import Pace, Window, allowance, retry_after
from medcli.pacing.window import BLUR
from tests.unit.pacing.windows import most_within, shares

REQUESTS = st.lists(
    st.tuples(
        st.integers(1, 4000),  # most tokens
        st.floats(0, 1),  # of them taken
        st.floats(0, BLUR),  # seconds to the server
        st.one_of(st.floats(0, 0.5), st.floats(0, 90)),  # and until the answer
    ),
    min_size=1,
    max_size=120,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def simulated(window: Window, requests: list[tuple[int, float, float, float]]) -> list[tuple[float, int]]:
    """Send each request as soon as the window lets it; what the server sees."""
    log: list[tuple[float, int]] = []
    coming: list[tuple[float, int, object, int]] = []
    now, numbers = 0.0, itertools.count()
    for most, share, way, latency in requests:
        while True:
            wait = window.wait(most, now)
            if coming and coming[0][0] <= now + wait:
                now, _, entry, took = heapq.heappop(coming)
                window.answered(entry, now)  # type: ignore[arg-type]
                window.settle(entry, took)  # type: ignore[arg-type]
            elif wait > 0:
                now += wait
            else:
                break
        took = int(most * share)
        log.append((now + way, took))
        heapq.heappush(coming, (now + way + latency, next(numbers), window.enter(most, now), took))
    return log


@settings(max_examples=150)
@given(REQUESTS, st.integers(1, 40), st.integers(4000, 20_000))
def test_no_minute_has_more_than_its_limits(
    requests: list[tuple[int, float, float, float]], rpm: int, tpm: int
) -> None:
    log = simulated(Window(rpm, tpm), requests)
    most = most_within(log, 60.0)
    assert most[0] <= rpm
    assert most[1] <= tpm


@pytest.mark.parametrize(("most", "share", "latency"), [(1300, 0.8, 0.5), (400, 0.9, 4.0), (150, 0.9, 1.0)])
def test_one_of_the_limits_is_used(most: int, share: float, latency: float) -> None:
    log = simulated(Window(600, 90_000), [(most, share, 0.01, latency)] * 4000)
    assert max(shares(log, 300, 600, 90_000)) >= 0.95


def test_a_minutes_grant_is_not_spent_at_once() -> None:
    log = simulated(Window(600, None), [(1, 1.0, 0.0, 0.0)] * 300)
    assert most_within(log, 1.0)[0] <= 21
    assert simulated(Window(3, None), [(1, 1.0, 0.0, 0.0)] * 3)[2][0] == 40.0


def test_a_request_beyond_the_limit_goes_alone() -> None:
    log = simulated(Window(None, 100), [(500, 1.0, 0.0, 0.0)] * 3)
    assert [when for when, _ in log] == pytest.approx([0.0, 60.0, 120.0], abs=0.1)


def test_what_others_sent_counts() -> None:
    window = Window(10, None)
    window.used(10, 0, 5.0)
    assert window.wait(1, 5.0) == 60.0
    assert window.wait(1, 65.0) == 0.0


def test_tasks_go_in_the_order_in_which_they_came() -> None:
    clock, order = Clock(), []
    pace = Pace(60, clock=clock, sleep=clock.sleep)

    async def one(number: int) -> None:
        turn = await pace.turn(7)
        order.append((number, clock.now))
        turn.answered(3)

    async def all_() -> None:
        await asyncio.gather(*(one(i) for i in range(120)))

    asyncio.run(all_())
    assert [number for number, _ in order] == list(range(120))
    assert most_within([(when, 1) for _, when in order], 60.0)[0] <= 60
    assert order[-1][1] <= 125


def test_a_task_that_gives_up_lets_the_others_go() -> None:
    clock = Clock()
    pace = Pace(1, clock=clock, sleep=clock.sleep)

    async def main() -> None:
        await pace.turn()
        waiting = [asyncio.ensure_future(pace.turn()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[1].cancel()
        await waiting[2]

    asyncio.run(main())
    assert 60 <= clock.now < 63


def test_without_limits_nobody_waits_and_nothing_is_kept() -> None:
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)

    async def main() -> None:
        for _ in range(1000):
            (await pace.turn(10**6)).answered(10**6)

    asyncio.run(main())
    assert clock.now == 0
    assert not pace.busy(10**9)


def test_limits_are_learned_and_the_smaller_one_holds() -> None:
    clock = Clock()
    pace = Pace(None, 50_000, clock=clock, sleep=clock.sleep)
    headers = {"x-ratelimit-limit-requests": "120", "x-ratelimit-limit-tokens": "90000"}
    pace.learn(headers)
    assert pace.limits == (120, 50_000)
    pace.learn({**headers, "x-ratelimit-limit-tokens": "40000"})
    assert pace.limits == (120, 40_000)
    pace.learn({})
    assert pace.limits == (120, 40_000)
    day = {"x-ratelimit-limit-requests": "200", "x-ratelimit-remaining-requests": "198"}
    pace.learn({**day, "x-ratelimit-reset-requests": "14m24s"})  # 200 a day: two come back in 864 seconds
    assert pace.limits == (None, 50_000)


def test_what_a_server_says_was_used_counts_from_then_on() -> None:
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    pace.learn({"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "4"})

    async def main() -> list[float]:
        times = []
        for _ in range(5):
            await pace.turn()
            times.append(clock.now)
        return times

    times = asyncio.run(main())
    assert times[3] < 60 <= times[4]


def test_where_nothing_remains_everybody_rests() -> None:
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    headers = {"x-ratelimit-limit-tokens": "60000", "x-ratelimit-remaining-tokens": "0"}
    pace.learn({**headers, "x-ratelimit-reset-tokens": "1m0s"})
    assert pace.busy(1)
    pace.rest(2.0)
    asyncio.run(_turn(pace))
    assert clock.now >= 2.0


async def _turn(pace: Pace) -> None:
    await pace.turn()


DURATIONS = [
    ("1s", 1.0), ("6m0s", 360.0), ("17ms", 0.017), ("1h2m3.5s", 3723.5), ("2.5", 2.5),
    ("", None), ("soon", None), ("1x", None), ("-3", 0.0), ("s", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_resets_are_durations(text: str, seconds: float | None) -> None:
    told = allowance({"x-ratelimit-limit-tokens": "5", "x-ratelimit-reset-tokens": text}, "tokens")
    assert told is not None
    assert told.reset == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("limit", ["0", "-1", "many", "", "1e9", "9" * 30])
def test_a_limit_that_is_none_is_none(limit: str) -> None:
    assert allowance({"x-ratelimit-limit-requests": limit}, "requests") is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_headers_never_fail(one: str, other: str) -> None:
    retry_after({"Retry-After": one, "retry-after-ms": other})
    names = ("limit", "remaining", "reset")
    allowance(
        {f"x-ratelimit-{name}-requests": text for name, text in zip(names, (one, other, one), strict=True)},
        "requests",
    )

"""One pace that many requests of an event loop share: they go first come, first served, when the window lets them.

A limit can be given, and learned from what a server's headers say; the smaller of both holds. Knows clocks; refuses to
know HTTP beyond the names of those headers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from medcli.pacing.headers import Allowance, allowance
from medcli.pacing.window import BLUR, PERIOD, Entry, Window

_LOOK = 0.05  # seconds between looks: an answer can make room before the clock does
_UNEXPLAINED = (
    1.5  # times: a reset later than what is missing explains speaks of a day's grant, not a minute's
)


@dataclass(slots=True, eq=False)
class Turn:
    """One request's place in a pace; see :class:`medcli.pacing.window.Window` for what its moments mean."""

    _pace: Pace
    _entry: Entry

    def sent(self) -> None:
        """Say that the request is only now on its way."""
        self._pace.window.sent(self._entry, self._pace.clock())

    def answered(self, tokens: int | None = None) -> None:
        """Say that the server has seen the request; and what it counted, where that is known."""
        self._pace.window.answered(self._entry, self._pace.clock())
        if tokens is not None:
            self._pace.window.settle(self._entry, tokens)


class Pace:
    """Lets requests go so that no limit is exceeded in any minute.

    Parameters
    ----------
    rpm, tpm : int or None
        Requests and tokens a minute; None for no limit.
    period, blur : float
        Seconds; see :class:`medcli.pacing.window.Window`.
    clock, sleep : callable
        Time in seconds, and how to wait for it.
    """

    def __init__(
        self,
        rpm: int | None = None,
        tpm: int | None = None,
        *,
        period: float = PERIOD,
        blur: float = BLUR,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.window = Window(rpm, tpm, period=period, blur=blur)
        self.clock, self._sleep = clock, sleep
        self._given = (rpm, tpm)
        self._rests_until = float("-inf")
        self._queue: asyncio.Lock | None = None

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """Requests and tokens a minute that hold now."""
        return self.window.requests, self.window.tokens

    def busy(self, tokens: int) -> bool:
        """Whether a request of so many tokens would have to wait."""
        return self._wait(tokens) > 0 or bool(self._queue and self._queue.locked())

    async def turn(self, tokens: int = 0) -> Turn:
        """Wait until a request of at most so many tokens may be sent, and count it as sent now."""
        if self._queue is None:
            if not self.window.limited and self.clock() >= self._rests_until:
                return Turn(self, self.window.enter(tokens, self.clock()))
            self._queue = asyncio.Lock()
        async with self._queue:
            while (wait := self._wait(tokens)) > 0:
                await self._sleep(min(wait, _LOOK))
            return Turn(self, self.window.enter(tokens, self.clock()))

    def rest(self, seconds: float) -> None:
        """Let nobody go for so many seconds."""
        self._rests_until = max(self._rests_until, self.clock() + seconds)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take what a server's headers say of its limits (``x-ratelimit-*``)."""
        requests, tokens = allowance(headers, "requests"), allowance(headers, "tokens")
        if requests is None and tokens is None:
            return
        rpm, tpm = self._given
        first = not self.window.limited
        self.window.requests, self.window.tokens = _smaller(rpm, requests), _smaller(tpm, tokens)
        if first and self.window.limited:  # what was sent until now was not kept: the server knows it
            self.window.used(_used(requests), _used(tokens), self.clock())
        for one in (requests, tokens):
            if one is not None and one.remaining == 0 and one.reset:
                self.rest(min(one.reset, PERIOD / one.limit if _by_the_minute(one) else PERIOD))

    def _wait(self, tokens: int) -> float:
        now = self.clock()
        return max(self._rests_until - now, self.window.wait(tokens, now))


def _smaller(given: int | None, granted: Allowance | None) -> int | None:
    learned = granted.limit if granted is not None and _by_the_minute(granted) else None
    known = [one for one in (given, learned) if one is not None]
    return min(known, default=None)


def _used(one: Allowance | None) -> int:
    return (
        one.limit - one.remaining
        if one is not None and one.remaining is not None and _by_the_minute(one)
        else 0
    )


def _by_the_minute(one: Allowance) -> bool:
    """Whether a grant is one of a minute; some servers send a day's (OpenAI for free accounts, Groq)."""
    if one.reset is None or one.remaining is None:
        return True
    missing = (one.limit - one.remaining) / one.limit
    return one.reset <= max(1.0, PERIOD * missing * _UNEXPLAINED) or one.reset <= PERIOD

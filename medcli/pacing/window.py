"""Requests and tokens in any sixty seconds, as the server sees them. Plain arithmetic on a clock that is handed in.

What is sent at one moment reaches the server later, by a time that only the server knows: not before it was sent, and
not after its answer came. So an entry counts from when it was sent until sixty seconds after its answer, or after
:data:`BLUR` seconds, whichever comes first: two requests of which the second is sent when the first no longer counts are
at least sixty seconds apart on the server's clock, however long the way was. Beside that, entries are spread: a bucket
that holds a second's worth keeps a minute's grant from being spent in its first instant, which servers that count by the
second refuse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

PERIOD = 60.0
BLUR = (
    1.0  # seconds: the longest way to a server that is reckoned with; sixty-one for sixty is a loss of 1.6 %
)
_DRIFT = 1.0005  # NTP may let a clock run by 500 millionths wrong while it corrects it
_NOTHING = 1e-9  # seconds that are none, but for rounding
_BURST = 1.0  # seconds' worth that may go at once


@dataclass(slots=True, eq=False)
class Entry:
    """One request in the window.

    Attributes
    ----------
    tokens : int
        What it counts as, at first for all that it may need.
    leaves : float
        When it ceases to count.
    requests : int
        How many it stands for.
    inside : bool
        Whether it counts still.
    """

    tokens: int
    leaves: float
    requests: int = 1
    inside: bool = True


class Window:
    """What may be sent, and when.

    Parameters
    ----------
    requests, tokens : int or None
        At most so many in any ``period``; None for any number.
    period, blur : float
        Seconds; see above.
    """

    def __init__(
        self, requests: int | None, tokens: int | None, *, period: float = PERIOD, blur: float = BLUR
    ) -> None:
        self.requests, self.tokens, self._period = requests, tokens, period
        self._counts = period * _DRIFT
        self._at_most = blur + self._counts
        self._entries: deque[Entry] = deque()
        self._count = self._held = 0
        self._level = [_BURST, _BURST]  # seconds' worth of requests and of tokens
        self._refilled = float("-inf")

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.requests is not None or self.tokens is not None

    def wait(self, tokens: int, now: float) -> float:
        """Return the seconds until a request of so many tokens may be sent, at least 0; earlier ones may leave sooner."""
        self._advance(now)
        return max(self._until_room(tokens, now), self._until_spread())

    def enter(self, tokens: int, now: float) -> Entry:
        """Count a request that is sent now."""
        if not self.limited:
            return Entry(tokens, now, inside=False)
        self._advance(now)
        entry = self._append(Entry(self._most(tokens), now + self._at_most))
        if self.requests is not None:
            self._level[0] -= self._period / self.requests
        if self.tokens is not None:
            self._level[1] -= self._period * entry.tokens / self.tokens
        return entry

    def used(self, requests: int, tokens: int, now: float) -> None:
        """Count what a server says was sent before, by whomever."""
        if requests > 0 or tokens > 0:
            self._append(Entry(max(0, tokens), now + self._period, max(0, requests)))

    def kept(self, now: float) -> list[tuple[float, int, int]]:
        """What still counts: seconds that it will, tokens and requests of each entry, for whoever goes on from here."""
        self._advance(now)
        return [(entry.leaves - now, entry.tokens, entry.requests) for entry in self._entries]

    def resume(self, kept: Iterable[tuple[float, int, int]], now: float) -> None:
        """Count what was sent before this window began, as :meth:`kept` gave it."""
        for seconds, tokens, requests in kept:
            if 0 < seconds <= self._at_most and tokens >= 0 and requests >= 0:
                self._append(Entry(tokens, now + seconds, requests))

    def sent(self, entry: Entry, now: float) -> None:
        """Correct when a request was sent, if it had to wait after it had entered."""
        if entry.inside:
            entry.leaves = now + self._at_most

    def answered(self, entry: Entry, now: float) -> None:
        """Note that the server must have seen a request by now."""
        entry.leaves = min(entry.leaves, now + self._counts)

    def settle(self, entry: Entry, tokens: int) -> None:
        """Replace what a request was counted as by what it came to."""
        tokens = self._most(tokens)
        if entry.inside:
            self._held += tokens - entry.tokens
            if self.tokens is not None:
                self._level[1] += self._period * (entry.tokens - tokens) / self.tokens
            entry.tokens = tokens

    def _append(self, entry: Entry) -> Entry:
        self._entries.append(entry)
        self._count += entry.requests
        self._held += entry.tokens
        return entry

    def _most(self, tokens: int) -> int:
        """A request that is larger than the limit goes alone."""
        return tokens if self.tokens is None else min(tokens, self.tokens)

    def _advance(self, now: float) -> None:
        while self._entries and self._entries[0].leaves <= now:
            left = self._entries.popleft()
            left.inside = False
            self._count -= left.requests
            self._held -= left.tokens
        passed, self._refilled = now - self._refilled, max(now, self._refilled)
        for kind in (0, 1):
            if passed > 0:
                self._level[kind] = max(self._level[kind], min(_BURST, self._level[kind] + passed))

    def _until_room(self, tokens: int, now: float) -> float:
        requests = 0 if self.requests is None else self._count + 1 - self.requests
        over = 0 if self.tokens is None else self._held + self._most(tokens) - self.tokens
        wait = 0.0
        for entry in self._entries:
            if requests <= 0 and over <= 0:
                break
            requests, over = requests - entry.requests, over - entry.tokens
            wait = max(wait, entry.leaves - now)
        return wait

    def _until_spread(self) -> float:
        """Seconds until a second's worth is no longer overdrawn."""
        wait = 0.0
        if self.requests is not None:
            wait = max(wait, min(_BURST, self._period / self.requests) - self._level[0])
        if self.tokens is not None:
            wait = max(wait, -self._level[1])
        return wait if wait > _NOTHING else 0.0

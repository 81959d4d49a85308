"""How much one host bears: requests at a time, and rests that it asks for.

The limit grows by one with each success until the first trouble, then by one a round trip of all; a trouble halves it,
once for what was on its way together (additive increase, multiplicative decrease: Chiu and Jain, Computer Networks
and ISDN Systems 17, 1989). A host that says Retry-After rests as a whole: nobody else knocks meanwhile. Knows numbers
and clocks; refuses to know HTTP.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque

from medcli.data.transfer.board import Board

_BEGIN = 8.0
_FIRST, _LONGEST = 0.25, 20.0
_BREATH = 0.05  # seconds; between two busy answers that are one trouble
_FAST = 0.5  # seconds; troubles closer than this are one


class Impatient(Exception):
    """The host rests longer than anybody waits."""


class Host:
    """One host's pace.

    Parameters
    ----------
    most : int
        Requests at a time, at most.
    beside : int
        Processes that send to it, this one among them.
    patience : float
        Seconds: a longer rest is not waited for.
    board : Board, optional
        Where those processes read of rests.
    name : str
        The host's name there.
    """

    def __init__(
        self,
        most: int,
        *,
        beside: int = 1,
        patience: float = 900.0,
        board: Board | None = None,
        name: str = "",
    ) -> None:
        self._most = float(most)
        self._patience = patience
        self._board = board
        self._place = board.place(name) if board is not None else 0
        self.limit = max(1.0, min(_BEGIN / beside, self._most))
        self.flying = 0
        self._slow = False
        self._rests_until = 0.0
        self._cut = 0.0
        self._streak = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a turn, which is one request; :meth:`leave` ends it.

        Raises
        ------
        Impatient
            If the host rests longer than is waited for.
        """
        while self.flying >= int(self.limit) or self._rest() > 0:
            if (rest := self._rest()) > 0:
                if rest > self._patience:
                    raise Impatient
                await asyncio.sleep(rest)
                continue
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():
                    self._wake()  # the turn that was meant for us goes on to the next
                raise
        self.flying += 1
        if self._waiting and self.flying < int(self.limit):
            self._wake()

    def leave(self) -> None:
        """End a turn."""
        self.flying -= 1
        if self._waiting:
            self._wake()

    def good(self) -> None:
        """Count a success."""
        self._streak = 0
        self.limit = min(self._most, self.limit + (1.0 / self.limit if self._slow else 1.0))

    def bad(self, rest: float = 0.0, *, busy: bool = False) -> None:
        """Count a trouble; nobody has a turn for the next ``rest`` seconds.

        A host that is busy and says no time rests too, longer each time until it answers.
        """
        now = time.monotonic()
        if now - self._cut > _FAST:
            self._slow, self._cut = True, now
            self.limit = max(1.0, self.limit / 2)
            self._streak += busy
            if busy and not rest:
                rest = min(_LONGEST, _FIRST * 2**self._streak) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
        elif busy and not rest:
            rest = _BREATH
        self._rests_until = max(self._rests_until, now + rest)
        if self._board is not None and rest:
            self._board.write(self._place, self._rests_until)

    def _rest(self) -> float:
        if self._board is not None:
            self._rests_until = max(self._rests_until, self._board.read(self._place))
        return self._rests_until - time.monotonic() if self._rests_until else 0.0

    def _wake(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return

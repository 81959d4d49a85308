"""A limit of bytes a second over all connections."""

from __future__ import annotations

import asyncio
import time


class Bandwidth:
    """Gives bytes out evenly: whoever took some waits until they are paid for.

    Parameters
    ----------
    rate : float
        Bytes a second; 0 for no limit.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._paid_until = 0.0

    async def take(self, count: int) -> None:
        """Wait until ``count`` bytes that have come are within the limit."""
        if not self._rate:
            return
        now = time.monotonic()
        self._paid_until = max(self._paid_until, now) + count / self._rate
        if self._paid_until - now > 0.001:
            await asyncio.sleep(self._paid_until - now)

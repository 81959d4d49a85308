"""What a worker process runs whose worker does many items at once: one event loop, fed by the driver's leases.

Everything happens in the loop's thread, so that no item waits for another thread's turn; outcomes are sent together.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from medcli.jobs.model import AsyncWorker, AsyncWorkerFactory, Outcome, Task
from medcli.jobs.retry import Retry, attempt_async

_BATCH_SECONDS = 0.05

Lease = list[Task] | None


class Many:
    """Serves one driver from an event loop.

    Parameters
    ----------
    pipe : Connection
        Outcomes go there, as from :mod:`medcli.jobs.runners.child`; the seconds are 0, for items overlap.
    retry : Retry
        For transient errors.
    """

    def __init__(self, pipe: Connection[Any, Any], retry: Retry) -> None:
        self._pipe = pipe
        self._retry = retry
        self._outcomes: list[Outcome] = []
        self._open = 0
        self._due: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def serve(self, factory: AsyncWorkerFactory, listen: Callable[[Callable[[Lease], None]], None]) -> None:
        """Enter the factory, do the tasks that come, until None comes.

        Parameters
        ----------
        factory : AsyncWorkerFactory
            Of the worker.
        listen : callable
            Begins to hand leases to the function that it is given, from a thread of its own.
        """
        asyncio.run(self._serve(factory, listen))

    async def _serve(
        self, factory: AsyncWorkerFactory, listen: Callable[[Callable[[Lease], None]], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Lease] = asyncio.Queue()

        def put(lease: Lease) -> None:
            loop.call_soon_threadsafe(inbox.put_nowait, lease)

        async with factory as worker:
            gc.freeze()  # what is loaded stays; there is no use in looking through it again and again
            listen(put)
            self._pipe.send_bytes(b"")
            while (lease := await inbox.get()) is not None:
                self._open += len(lease)
                for ticket, payload in lease:
                    task = loop.create_task(self._do(worker, ticket, payload))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _do(self, worker: AsyncWorker, ticket: int, payload: object) -> None:
        outcome = await attempt_async(worker, ticket, payload, self._retry)
        self._outcomes.append(outcome)
        self._open -= 1
        if not self._open:  # there is nothing to wait for
            self._send()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._send)

    def _send(self) -> None:
        """Tell the driver what has come; if it has gone, the thread that listens ends this process."""
        if self._due is not None:
            self._due.cancel()
        outcomes, self._outcomes, self._due = self._outcomes, [], None
        try:
            self._pipe.send_bytes(pickle.dumps((0.0, outcomes), pickle.HIGHEST_PROTOCOL))
        except ConnectionError:
            return

"""What a worker process runs: enter the factory, do the tasks that come, send outcomes, end with the driver.

The process takes no Ctrl-C of its own; its driver decides. It never outlives the driver: a thread that reads the pipe
sees it close, and on Linux the kernel kills the process at once, so that no orphan writes beside the next run. The
same thread keeps the pipe drained, so that driver and worker can never wait for each other to read.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from medcli import console
from medcli.errors import MedcliError
from medcli.jobs.model import Outcome, Task, Worker
from medcli.jobs.retry import Retry, attempts, describe

_BATCH_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Lease = list[Task]


def main(pipe: Connection[Any, Any], parent: int, retry: Retry) -> None:
    """Serve one driver.

    Parameters
    ----------
    pipe : Connection
        First comes the pickled factory; then leases, each a pickled list of tasks; then None. Back go ``b""`` when the
        worker is ready, then ``pickle((seconds, outcomes))``; or ``pickle(error)`` instead, once, at the end.
    parent : int
        The driver's process.
    retry : Retry
        For transient errors.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _die_with(parent)
    console.silence()
    try:
        factory = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own parent
        if hasattr(factory, "__aenter__"):
            from medcli.jobs.runners.many import Many

            Many(pipe, retry).serve(factory, lambda put: _begin(_listen, pipe, put))
            return
        with factory as worker:
            leases: queue.SimpleQueue[Lease | None] = queue.SimpleQueue()
            _begin(_listen, pipe, leases.put)
            pipe.send_bytes(b"")
            _serve(pipe, worker, leases, retry)
    except (EOFError, ConnectionError):
        return
    except BaseException as error:  # noqa: BLE001 - goes to the driver, which raises
        with contextlib.suppress(ConnectionError):
            pipe.send_bytes(pickle.dumps(tellable(error)))


def _serve(
    pipe: Connection[Any, Any], worker: Worker, leases: queue.SimpleQueue[Lease | None], retry: Retry
) -> None:
    for lease in iter(leases.get, None):
        outcomes: list[Outcome] = []
        since = time.monotonic()
        for left, (ticket, payload) in zip(range(len(lease) - 1, -1, -1), lease, strict=True):
            for outcome in attempts(worker, ticket, payload, retry):
                outcomes.append(outcome)
                now = time.monotonic()
                if outcome.more or left == 0 or now - since >= _BATCH_SECONDS:
                    pipe.send_bytes(pickle.dumps((now - since, outcomes), pickle.HIGHEST_PROTOCOL))
                    outcomes, since = [], now


def _begin(target: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def _listen(pipe: Connection[Any, Any], put: Callable[[Lease | None], object]) -> None:
    """Pass leases on until None; end the process if the driver has gone."""
    try:
        while True:
            lease = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own parent
            put(lease)
            if lease is None:
                return
    except (EOFError, OSError):
        os._exit(1)


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when the driver dies, and die if it has."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def tellable(error: BaseException) -> MedcliError:
    """Return what can be shown of an error that ended the worker: our own as it is, of others class and place."""
    if isinstance(error, MedcliError):
        return error
    facts = describe(error)
    return MedcliError(
        f"A worker process could not work: {facts['error']} at {facts.get('at', 'an unknown place')}."
    )

"""The only file that knows Ray: a process that puts workers on a cluster and carries sealed messages to and from them.

It runs beside the driver (:mod:`medcli.jobs.runners.bridge`) and not in it, for three reasons. Ray writes the command
line and the folder of the process that connects to it into its tables, and both can name a patient; this process's say
nothing. Ray ends the process that loses its cluster; the driver's ledger must not end with it. And what Ray prints has
no way to the user's terminal from here.

Ray does nothing twice here: no actor is restarted and no call is tried again by it. What died is told, and the driver
decides. Knows actors and nodes; refuses to know what the messages say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from medcli import console

_CONNECT_SECONDS = 60.0
_KNOCK_SECONDS = 5.0
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_LOOK_SECONDS = 2.0
_HALT_SECONDS = 2.0
_LAST_SECONDS = 5.0
_LOST = ("node has died", "node was terminated", "node died")
_MEMORY = "running low on memory"  # that a process can end by OOM stands in all of Ray's sentences


@dataclass(frozen=True, slots=True)
class Needs:
    """What a worker takes of its node."""

    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """What there is."""

    nodes: int
    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Attributes
    ----------
    reason : str
        In our words.
    lost : bool
        Whether its node or the way to it was lost, which is nothing that an item did.
    """

    reason: str
    lost: bool


def main(handle: int) -> None:
    """Serve the driver at the other end of a socket.

    Parameters
    ----------
    handle : int
        The socket. First comes the cluster's address; then pairs of a worker's number and what is for it: ``Needs`` to
        begin it, bytes to say to it, None to end it; at the number None all workers are ended. Back go pairs of a
        number and ``(node, Hello)``, bytes or ``Death``; at the number None ``Cluster``, or in words what went wrong;
        and None when all are ended.
    """
    os.chdir("/")
    sys.argv = ["medcli"]
    if not console.debugging():
        _be_quiet()
    pipe: Connection[Any, Any] = Connection(handle)
    address = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our driver
    trouble = _connect(address)
    if trouble:
        pipe.send_bytes(pickle.dumps((None, trouble)))
        os._exit(1)
    asyncio.run(_Bridge(pipe, local=address == "local").serve())
    _end(local=address == "local")


def _be_quiet() -> None:
    """Send whatever this process prints to nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(nowhere, number)


def _connect(address: str) -> str:
    """Connect to the cluster; return what went wrong in a word, or nothing."""
    if not _answers(address):
        return "unreachable"
    import ray

    local: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    # Whoever dies of not getting through says nothing; so this process does.
    watch = threading.Timer(_CONNECT_SECONDS, os._exit, (3,))
    watch.daemon = True
    watch.start()
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            **(local if address == "local" else {}),
        )
    except ray.exceptions.AuthenticationError:
        return "token"
    except (ConnectionError, RuntimeError, ValueError, OSError, AssertionError) as error:
        return "version" if "mismatch" in str(error).lower() else "unreachable"
    finally:
        watch.cancel()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return ""


def _answers(address: str) -> bool:
    """Whether somebody listens at an address, as far as it is one: Ray would knock for a minute.

    Ray takes this machine's own name for its address on the network, where a cluster that keeps to the loopback
    interface does not listen; it is told so by the variable that says the same of systems where no other is allowed.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        if address == "local":
            os.environ[_LOOPBACK] = "0"
        return True
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS),
    ):
        if host in ("127.0.0.1", "localhost", "[::1]") and not _listens_outside(int(port)):
            os.environ[_LOOPBACK] = "0"
        return True
    return False


def _listens_outside(port: int) -> bool:
    """Whether this machine's own port can be reached by its address on the network, too."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("8.8.8.8", 53))  # as Ray finds it; nothing is sent
        with socket.create_connection((probe.getsockname()[0], port), _KNOCK_SECONDS):
            return True
    return False


def _end(*, local: bool) -> None:
    """End this process; a cluster of its own ends with it."""
    if local:
        import ray

        threading.Timer(_LAST_SECONDS, os._exit, (0,)).start()
        with contextlib.suppress(Exception):
            ray.shutdown()
    os._exit(0)


class _Bridge:
    """The workers, and both ends' messages."""

    def __init__(self, pipe: Connection[Any, Any], *, local: bool) -> None:
        self._pipe, self._local = pipe, local
        self._inboxes: dict[int, asyncio.Queue[bytes | None]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._over = asyncio.Event()
        self._seen: Cluster | None = None

    async def serve(self) -> None:
        """Carry messages until the driver goes."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), daemon=True).start()
        looking = loop.create_task(self._look())
        await self._over.wait()
        looking.cancel()
        await self._stop()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pass on what the driver says; it keeps the socket drained, so that nobody waits for each other."""
        try:
            while True:
                number, content = pickle.loads(self._pipe.recv_bytes())  # noqa: S301 - from our driver
                loop.call_soon_threadsafe(self._hear, number, content)
        except (EOFError, OSError):
            if not self._local:  # Ray ends the workers of a driver that has gone
                os._exit(0)
            loop.call_soon_threadsafe(self._over.set)

    def _hear(self, number: int | None, content: Needs | bytes | None) -> None:
        if number is None:
            self._running[-1] = asyncio.get_running_loop().create_task(self._stopped())
        elif isinstance(content, Needs):
            self._inboxes[number] = asyncio.Queue()
            self._running[number] = asyncio.get_running_loop().create_task(self._run(number, content))
        elif number in self._inboxes:
            self._inboxes[number].put_nowait(content)

    def _tell(self, number: int | None, content: Any) -> None:
        try:
            self._pipe.send_bytes(pickle.dumps((number, content), pickle.HIGHEST_PROTOCOL))
        except OSError:
            self._over.set()

    async def _look(self) -> None:
        """Tell what the cluster has whenever that changes."""
        while True:
            seen = await asyncio.to_thread(_cluster)
            if seen is not None and seen != self._seen:
                self._seen = seen
                self._tell(None, seen)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _run(self, number: int, needs: Needs) -> None:
        """One worker's life: it is made, and answers what it is asked until it is to end or dies."""
        from ray.exceptions import RayError

        actor, node, call = _made(needs), "", None
        try:
            call = actor.hello.remote()
            node, hello = await call
            self._tell(number, (node, hello))
            while (message := await self._inboxes[number].get()) is not None:
                call = actor.say.remote(message)
                reply = await call
                del message
                self._tell(number, reply)
        except RayError as error:
            self._tell(number, await asyncio.to_thread(_death, error, node))
        finally:
            self._inboxes.pop(number, None)
            await _ended(actor, call)
            self._running.pop(number, None)

    async def _stop(self) -> None:
        """End all workers, whatever they are doing, and see that they have ended."""
        running = [task for number, task in self._running.items() if number >= 0]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _stopped(self) -> None:
        await self._stop()
        self._tell(None, None)


def _made(needs: Needs) -> Any:
    """Begin a worker."""
    import ray

    made: Any = ray.remote(Host)
    return made.options(
        num_cpus=needs.cpus,
        num_gpus=needs.gpus,
        max_concurrency=2,  # so that it can be ended while it works
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
    ).remote()


async def _ended(actor: Any, call: Any) -> None:
    """End a worker's process, and wait until it is known to have ended: nothing is written behind our back."""
    import ray
    from ray.exceptions import RayError

    with contextlib.suppress(RayError, asyncio.TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(actor.halt.remote()), _HALT_SECONDS)
    with contextlib.suppress(Exception):
        ray.kill(actor, no_restart=True)
    if call is not None:
        with contextlib.suppress(RayError, asyncio.TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(call), _HALT_SECONDS)


def _cluster() -> Cluster | None:
    """What nodes there are; None where nobody says."""
    import ray

    try:
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    except Exception:  # noqa: BLE001 - it will be known soon enough
        return None
    return Cluster(
        sum(1 for one in alive if one.get("CPU")),
        sum(one.get("CPU", 0.0) for one in alive),
        sum(one.get("GPU", 0.0) for one in alive),
    )


def _death(error: Exception, node: str) -> Death:
    """Say why a worker ended; Ray's own words hold addresses and can hold more."""
    import ray
    from ray import exceptions

    words = str(error)
    if isinstance(error, exceptions.RayTaskError) or getattr(error, "actor_init_failed", False):
        cause = getattr(error, "cause", None)
        return Death(f"it failed at once ({type(cause or error).__name__})", lost=False)
    if isinstance(error, exceptions.ActorUnavailableError | exceptions.ObjectLostError):
        return Death("its node could not be reached", lost=True)
    alive = {one["NodeID"]: one["Alive"] for one in ray.nodes()}
    if any(word in words for word in _LOST) or not alive.get(node, True):
        return Death("its node was lost", lost=True)
    if _MEMORY in words:
        return Death("its node ran out of memory", lost=False)
    return Death("its process ended", lost=False)


class Host:
    """What Ray keeps on a node."""

    def __init__(self) -> None:
        if not console.debugging():
            _be_quiet()
        from medcli.jobs.runners.actor import Actor

        self._actor = Actor()

    def hello(self) -> tuple[str, Any]:
        """Introduce itself, and name its node."""
        import ray

        return ray.get_runtime_context().get_node_id(), self._actor.hello()

    def say(self, message: bytes) -> bytes:
        """Pass a message on."""
        return self._actor.say(message)

    def halt(self) -> None:
        """End this process at once."""
        os.kill(os.getpid(), signal.SIGKILL)

"""The driver's hold of the process that talks to Ray (:mod:`medcli.jobs.runners.on_ray`).

One for an address, kept for the next ``map`` of this process: connecting takes seconds. It is told no secret: its
environment has none, and all that it carries is sealed.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import pickle
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from medcli import console, settings
from medcli.errors import MissingExtra, SetupError

_GRACE_SECONDS = 10.0
_CODE = "import sys; from medcli.jobs.runners.on_ray import main; main(int(sys.argv[1]))"
_PLAIN = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PYTHONWARNINGS": "ignore",
}
_TROUBLES = {
    "unreachable": (
        "No Ray cluster could be reached at {address}.",
        "Is it up (ray status), this machine a node of it, --ray-address right? If it wants a token, set RAY_AUTH_TOKEN.",
    ),
    "token": (
        "The Ray cluster wants a token.",
        "Set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to the file that holds it.",
    ),
    "version": (
        "The Ray cluster runs another version of Ray or Python than this machine.",
        "Install the same ones on every node.",
    ),
}
_GONE = (
    "The connection to the Ray cluster ended.",
    "Is its head still up (ray status)? The same command goes on from here.",
)


def require() -> None:
    """Refuse to go on without Ray.

    Raises
    ------
    MissingExtra
        If a part of the extra is not installed.
    """
    for name in ("ray", "cryptography"):
        if importlib.util.find_spec(name) is None:
            raise MissingExtra("ray", "the Ray runner")


class Bridge:
    """The process, and what is said to it and by it.

    Parameters
    ----------
    address : str
        Of the cluster.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", _CODE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=None if console.debugging() else subprocess.DEVNULL,
                stderr=None if console.debugging() else subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is the driver's to answer
            )
            self._pipe: Connection[Any, Any] = Connection(ours.detach())
        self.connected = False
        self.cluster: Any = None
        self.send(address)

    @property
    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def send(self, content: Any) -> None:
        """Say something."""
        with contextlib.suppress(OSError):  # that it has gone is found out when it is listened to
            self._pipe.send_bytes(pickle.dumps(content, pickle.HIGHEST_PROTOCOL))

    def receive(self, seconds: float) -> list[tuple[int | None, Any]]:
        """Wait for messages and return those that have come, which can be none.

        Raises
        ------
        SetupError
            If there is no way to the cluster.
        """
        messages: list[tuple[int | None, Any]] = []
        try:
            while self._pipe.poll(0.0 if messages else seconds):
                number, content = pickle.loads(self._pipe.recv_bytes())  # noqa: S301 - from our own child
                if isinstance(content, str):
                    message, hint = _TROUBLES[content]
                    raise SetupError(message.format(address=self._address), hint=hint)
                self.connected = True
                messages.append((number, content))
        except (EOFError, OSError):
            message, hint = _GONE if self.connected else _TROUBLES["unreachable"]
            raise SetupError(message.format(address=self._address), hint=hint) from None
        return messages

    def stop_workers(self) -> None:
        """End all workers and wait until they have ended; if that is not to be had, end the process instead."""
        self.send((None, None))
        deadline = time.monotonic() + _GRACE_SECONDS
        try:
            while (left := deadline - time.monotonic()) > 0:
                if (None, None) in self.receive(left):
                    return
        except SetupError:
            pass
        self.close()

    def close(self) -> None:
        """End the process, and its workers with it."""
        self._pipe.close()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_KEPT: dict[str, Bridge] = {}


def bridge_to(address: str) -> Bridge:
    """Return the bridge to a cluster; a new one where there is none that works."""
    if not _KEPT:
        atexit.register(close_all)
    kept = _KEPT.get(address)
    if kept is None or not kept.is_alive:
        if kept is not None:
            kept.close()
        kept = _KEPT[address] = Bridge(address)
    return kept


def close_all() -> None:
    """End all bridges."""
    while _KEPT:
        _KEPT.popitem()[1].close()


def _environment() -> dict[str, str]:
    """The variables of this process without the secrets, and where medcli is found."""
    secret = settings.travelling().keys()
    kept = {name: value for name, value in os.environ.items() if name not in secret}
    home = str(Path(__file__).parents[3])
    paths = [home, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | _PLAIN | {"PYTHONPATH": os.pathsep.join(paths)}

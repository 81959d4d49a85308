"""Ray's own programs on the loopback interface: nodes that tests start, and kill."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")
_PLAIN = {"RAY_USAGE_STATS_ENABLED": "0"}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # a head at 127.0.0.1 stays there; others are let in


class Node:
    """A node: what `ray start` starts, in a session of its own.

    Parameters
    ----------
    cpus
        How many it says it has.
    head
        The cluster's head; itself if none.
    ip
        An address of the loopback interface.
    """

    def __init__(
        self, cpus: int, head: Node | None = None, ip: str = "127.0.0.1", **environment: str
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # Ray's sockets need a short path
        self.address = head.address if head else f"{ip}:{free_port(ip)}"
        place = (
            ["--head", f"--port={self.address.rpartition(':')[2]}"]
            if head is None
            else [f"--address={self.address}"]
        )
        command = [
            str(RAY), "start", *place, f"--node-ip-address={ip}", f"--num-cpus={cpus}", "--block",
            "--disable-usage-stats", f"--object-store-memory={100 << 20}",
            *([] if head else [f"--temp-dir={self.folder}", "--include-dashboard=false"]),
        ]  # fmt: skip
        self._log = (self.folder / "started").open("w+b")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDCLI_")}
        self._process = subprocess.Popen(
            command,
            cwd="/",
            env=kept | _PLAIN | ({} if head else _LOOPBACK) | environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + 120
        while b"Ray runtime started" not in (said := (self.folder / "started").read_bytes()):
            assert self._process.poll() is None, said.decode()
            assert time.monotonic() < deadline, said.decode()
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Of the process that all others descend from."""
        return self._process.pid

    @property
    def logs(self) -> Path:
        """Where a head and its cluster's nodes keep what they write."""
        return self.folder

    def kill(self) -> None:
        """Kill all its processes at once, as a power cut does."""
        for pid in below(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            pids = below(self._process.pid)
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def below(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(
                int(stat.parent.name)
            )
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def free_port(ip: str) -> int:
    with socket.create_server((ip, 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def cluster(cpus: int, ip: str = "127.0.0.1") -> Iterator[Node]:
    """A head that wants a token, which this process and its children have meanwhile."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    before = {name: os.environ.get(name) for name in (*token, "TOY_CLUSTER")}
    os.environ.update(token)
    node = Node(cpus, ip=ip)
    os.environ["TOY_CLUSTER"] = node.address
    try:
        yield node
    finally:
        from medcli.jobs.runners.bridge import close_all

        close_all()
        node.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def two_nodes(first: int, second: int) -> Iterator[tuple[Node, Node]]:
    """A head and another node with so many CPUs. Nodes that are to find each other listen everywhere, by token."""
    with cluster(first, "127.0.0.2") as head:
        other = Node(second, head, "127.0.0.3")
        try:
            yield head, other
        finally:
            other.stop()

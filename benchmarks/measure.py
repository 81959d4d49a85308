"""Runs a program and tells what it and all its processes cost: CPU-seconds, wall seconds, peak memory.

Knows Linux and POSIX accounting. Refuses to know what is run.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")

#: Programs run here, so that `-m medcli` is this checkout's.
ROOT = Path(__file__).resolve().parents[1]
_CACHE = tempfile.TemporaryDirectory(prefix="medcli-bench-bytecode-")

#: Compiled modules are kept, as in any installation, but not in the checkout. A first run fills the cache.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": _CACHE.name,
}


@dataclass(slots=True)
class Cost:
    """What one run cost.

    Attributes
    ----------
    status
        Exit status.
    cpu, wall
        Seconds; `cpu` is user and system time of the program and of every process it began.
    driver, workers
        Peak resident memory in bytes of the program, and of the largest process below it (0: none seen).
        Only where `watch` was asked for.
    output
        The last of what it wrote.
    """

    status: int
    cpu: float
    wall: float
    driver: int = 0
    workers: int = 0
    output: str = ""


@dataclass(slots=True)
class _Watch:
    """Reads the peak memory of a process and of all below it until it ends."""

    pid: int
    peaks: dict[int, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.over.wait(0.02):
            for pid in [self.pid, *_below(self.pid)]:
                peak = _peak(pid)
                if peak:
                    self.peaks[pid] = max(peak, self.peaks.get(pid, 0))


def _below(pid: int) -> list[int]:
    """The process ids of all descendants."""
    found = []
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_below(int(child))]
    except OSError:
        return found
    return found


def _peak(pid: int) -> int:
    """Peak resident memory of a process in bytes (VmHWM); 0 where it has ended."""
    try:
        text = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def adopt() -> None:
    """Have processes that outlive their parent become children of this one, so that their time is counted too."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command: Sequence[str], *, watch: bool = False) -> Cost:
    """Run a program to its end, and to the end of every process it began.

    Parameters
    ----------
    command
        Program and arguments.
    watch
        Whether peak memory is read every 20 ms; this costs the machine a little time, so not where speed is measured.
    """
    adopt()
    start = time.perf_counter()
    child = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=ENVIRONMENT,
    )
    sight = _Watch(child.pid)
    if watch:
        threading.Thread(target=sight.look, daemon=True).start()
    assert child.stdout is not None
    output = child.stdout.read().decode("utf-8", "replace")
    child.stdout.close()
    status, cpu, wall = 0, 0.0, 0.0
    while True:
        try:
            pid, ended, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += usage.ru_utime + usage.ru_stime
        if pid == child.pid:
            status, wall = os.waitstatus_to_exitcode(ended), time.perf_counter() - start
    child.returncode = status
    sight.over.set()
    driver = sight.peaks.pop(child.pid, 0)
    return Cost(status, cpu, wall, driver, max(sight.peaks.values(), default=0), output[-2000:])

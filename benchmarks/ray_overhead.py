"""What it costs to hand out an item that does nothing: on a Ray cluster beside Ray's own calls, and to processes.

One cluster of one node on the loopback interface; rounds of Ray's own calls and of ours take turns. A call of Ray's is
one method of an actor that does nothing, all calls handed over at once and their results awaited together, which is
the fastest that Ray does them. Ours are 20,000 items with one row each, sealed on the way, in chunks of 32. The start
of cluster, connection and workers is left out on both sides: the clock begins with the first result.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from benchmarks.machine import machine, sentence
from benchmarks.measure import ENVIRONMENT
from benchmarks.table import keep, table, verdict
from medcli.jobs import ProcessRunner, Row, Runner

RAY_SHARE, PROCESS_BAR = 0.6, 20_000.0
_CALLS = """
import sys, time, ray
ray.init(address=sys.argv[1], log_to_driver=False)
class Nothing:
    def do(self): pass
actors = [ray.remote(Nothing).options(num_cpus=0.5).remote() for _ in range(2)]
ray.get([actor.do.remote() for actor in actors])
began = time.perf_counter()
ray.get([actors[number % 2].do.remote() for number in range(int(sys.argv[2]))])
print(int(sys.argv[2]) / (time.perf_counter() - began))
"""


class Nothing:
    """Factory and worker: a row, and nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, _: Any) -> tuple[Row]:
        return (_ROW,)


_ROW = Row("", "done")


def rate(runner: Runner, count: int) -> float:
    """Items a second from the first outcome to the last."""
    from benchmarks.ray_overhead import Nothing  # by its module's name: workers find no other

    tasks: Iterator[tuple[int, None]] = ((number, None) for number in range(count))
    times = [(time.perf_counter(), len(batch)) for batch in runner.map(Nothing(), tasks) if batch]
    return sum(size for _, size in times[1:]) / (times[-1][0] - times[0][0])


def calls(address: str, count: int) -> float:
    """Ray's own calls a second."""
    told = subprocess.run(
        [sys.executable, "-c", _CALLS, address, str(count)],
        cwd="/",
        env=ENVIRONMENT | dict(os.environ) | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return float(told.stdout.split()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ray_overhead", description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    facts = machine()
    processes = [rate(ProcessRunner(2), 5 * arguments.items) for _ in range(arguments.rounds)]
    theirs, ours = _on_ray(arguments.items, arguments.rounds)
    print(f"Overhead of the runners. {sentence(facts)}; median of {arguments.rounds} rounds\n")
    alone = statistics.median(processes)
    rows = [
        ["processes, 2 workers", "items", f"{alone:,.0f}", f"{PROCESS_BAR:,.0f}", verdict(alone, PROCESS_BAR)]
    ]
    if ours:
        share = statistics.median(mine / its for mine, its in zip(ours, theirs, strict=True))
        own, mine = statistics.median(theirs), statistics.median(ours)
        rows += [
            ["Ray itself, 2 actors", "calls", f"{own:,.0f}", "", ""],
            [
                "medcli on Ray, 2 workers",
                "items",
                f"{mine:,.0f}",
                f"{RAY_SHARE:.0%} of Ray's",
                verdict(share, RAY_SHARE),
            ],
        ]
    else:
        rows.append(["medcli on Ray", "items", "absent: Ray is not installed", "", ""])
    print(table(["runner", "unit", "a second", "bar", "met"], rows))
    keep(
        arguments.json, "ray_overhead", facts | {"processes": processes, "ray": theirs, "medcli_on_ray": ours}
    )
    return 0


def _on_ray(items: int, rounds: int) -> tuple[list[float], list[float]]:
    """Rates of Ray's calls and of our items, in turn; none where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        return [], []
    from medcli.jobs import RayRunner
    from medcli.jobs.runners.cluster import Needs
    from tests.ray_nodes import cluster

    theirs, ours = [], []
    with cluster(3) as node:
        for _ in range(rounds):
            theirs.append(calls(node.address, items))
            ours.append(rate(RayRunner(node.address, Needs(2, 0.5)), items))
    return theirs, ours


if __name__ == "__main__":
    sys.exit(main())

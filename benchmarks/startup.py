"""CPU-seconds of `medcli --help` and `medcli scrub --help`, beside Python that does nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from benchmarks.machine import machine, sentence
from benchmarks.measure import run
from benchmarks.table import keep, table, verdict

BAR = 0.3
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "medcli --help": [sys.executable, "-m", "medcli", "--help"],
    "medcli scrub --help": [sys.executable, "-m", "medcli", "scrub", "--help"],
    "medcli --version": [sys.executable, "-m", "medcli", "--version"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="runs of each command (9)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts = machine()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.rounds + 1):
        for name, command in COMMANDS.items():
            cost = run(command)
            if cost.status:
                sys.exit(f"{name}: exit {cost.status}\n{cost.output}")
            times[name].append(cost.cpu)
    found = {name: round(median(seen[1:]), 3) for name, seen in times.items()}  # the first compiles
    print(f"Start-up. {sentence(facts)}; median of {arguments.rounds} interleaved rounds\n")
    lines = [
        (name, f"{cpu:.3f}", *((BAR, verdict(cpu, BAR, at_most=True)) if "medcli" in name else ("", "")))
        for name, cpu in found.items()
    ]
    print(table(("command", "CPU-seconds", "bar", "met"), lines))
    keep(arguments.json, "startup", {"machine": facts, "cpu_seconds": found})


if __name__ == "__main__":
    main()

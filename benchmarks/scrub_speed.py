"""Files per CPU-second: a copy, pydicom alone, medcli's core, the whole command, and peers, interleaved in one run.

A figure is the median over the rounds of files / (user + system time of the program and all its processes), starts
and imports included. CPU-seconds are compared because wall time says as much about the neighbours as about a tool;
wall time is shown for one worker against two only.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import sets
from benchmarks.contenders import Contender, baseline, medcli, peers
from benchmarks.machine import machine, sentence
from benchmarks.measure import Cost, run
from benchmarks.table import keep, table, verdict

BARS = {"small": 500, "512x512": 250}
CPU_BAR, WALL_BAR = 1.1, 1.6

#: Files from which on a set is judged: with fewer, starts and imports are most of what is measured.
FULL = {"small": 2000, "512x512": 1000}
HEAD = (
    "set",
    "program",
    "files",
    "files per CPU-second",
    "of the copy",
    "of pydicom",
    "released",
    "bar",
    "met",
)
PAIR = ("set", "CPU-seconds a file, 2 : 1 workers", "bar", "met", "wall seconds, 1 : 2 workers", "bar", "met")
ONE, TWO = medcli(1).name, medcli(2).name
Results = dict[str, list[tuple[Cost, int]]]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="files of the small set (2,000)")
    parser.add_argument("--large-files", type=int, default=1000, help="files of the 512x512 set (1,000)")
    parser.add_argument("--peer-files", type=int, default=400, help="of them, how many the peers get (400)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program (5)")
    parser.add_argument("--only", default="", help="only programs whose name holds this")
    parser.add_argument("--peers", type=Path, help="virtual environment that holds the peers")
    parser.add_argument("--scratch", type=Path, help="folder for the sets; on a local disk")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    return parser


@contextmanager
def scratch(parent: Path | None) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="medcli-bench-", dir=parent) as folder:
        yield Path(folder)


def part_of(folder: Path, count: int) -> Path:
    """The first files of a set, linked into a folder of their own; whole where it is no larger."""
    files = sorted(folder.iterdir())
    if len(files) <= count:
        return folder
    part = folder.with_name(f"{folder.name}-{count}")
    part.mkdir(exist_ok=True)
    for path in files[:count]:
        target = part / path.name
        if not target.exists():
            target.hardlink_to(path)
    return part


def once(contender: Contender, source: Path, place: Path) -> tuple[Cost, int]:
    """Run a program over a set; give its cost and how many files it wrote."""
    output = place / "out"
    if contender.peer:
        output.mkdir(parents=True)
    cost = run(contender.command(source, output))
    written = sum(1 for path in output.rglob("*") if path.is_file()) if output.exists() else 0
    for left in place.glob("out*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return cost, written


def measure(all_: list[Contender], source: Path, arguments: argparse.Namespace, place: Path) -> Results:
    """All programs in turn, round after round, each round beginning with another one."""
    results: Results = {each.name: [] for each in all_}
    for each in all_:
        once(each, part_of(source, 4), place)  # compiles its modules
    for number in range(arguments.rounds):
        for each in all_[number % len(all_) :] + all_[: number % len(all_)]:
            part = part_of(source, arguments.peer_files) if each.peer else source
            results[each.name].append(once(each, part, place))
    return results


def speed(runs: list[tuple[Cost, int]], files: int) -> float:
    return median(files / cost.cpu for cost, _ in runs)


def rows(
    name: str, all_: list[Contender], results: Results, sizes: dict[str, int]
) -> list[dict[str, object]]:
    """One fact sheet a program."""
    speeds = {each.name: speed(results[each.name], sizes[each.name]) for each in all_}
    copy, plain = speeds.get("file copy", 0.0), speeds.get("pydicom read and write", 0.0)
    return [
        {
            "set": name,
            "program": each.name,
            "files": sizes[each.name],
            "files_per_cpu_second": round(speeds[each.name], 1),
            "of_copy": round(speeds[each.name] / copy, 3) if copy else None,
            "of_pydicom": round(speeds[each.name] / plain, 2) if plain else None,
            "released": min(written for _, written in results[each.name]),
            "wall_seconds": round(median(cost.wall for cost, _ in results[each.name]), 2),
            "cpu_seconds": [round(cost.cpu, 3) for cost, _ in results[each.name]],
            "status": max(cost.status for cost, _ in results[each.name]),
            "bar": BARS[name] if each.name == ONE and sizes[each.name] >= FULL[name] else None,
        }
        for each in all_
    ]


def shown(row: dict[str, object]) -> list[object]:
    value, bar = float(str(row["files_per_cpu_second"])), row["bar"]
    return [
        row["set"],
        row["program"],
        row["files"],
        f"{value:,.0f}",
        "" if row["of_copy"] is None else f"{row['of_copy']:.2f}",
        "" if row["of_pydicom"] is None else f"{row['of_pydicom']:.2f}",
        row["released"],
        bar or "",
        verdict(value, float(str(bar))) if bar else "",
    ]


def pair(name: str, results: Results) -> dict[str, object] | None:
    """What a second worker costs and gains."""
    one, two = results.get(ONE), results.get(TWO)
    if not one or not two:
        return None
    return {
        "set": name,
        "cpu_ratio": round(median(b.cpu / a.cpu for (a, _), (b, _) in zip(one, two, strict=True)), 3),
        "wall_ratio": round(median(a.wall / b.wall for (a, _), (b, _) in zip(one, two, strict=True)), 3),
    }


def main() -> None:
    arguments = options().parse_args()
    facts = machine()
    with scratch(arguments.scratch) as place:
        others, missing = peers(arguments.peers, place)
        all_ = [
            baseline("copy", "file copy"),
            baseline("pydicom", "pydicom read and write"),
            baseline("core", "medcli, core alone"),
            medcli(1),
            medcli(2),
            *others,
        ]
        all_ = [each for each in all_ if arguments.only in each.name]
        found, pairs = [], []
        for name, source in (
            ("small", sets.small(place / "small", arguments.files)),
            ("512x512", sets.large(place / "large", arguments.large_files)),
        ):
            count = sum(1 for _ in source.iterdir())
            sizes = {each.name: min(count, arguments.peer_files) if each.peer else count for each in all_}
            results = measure(all_, source, arguments, place)
            found += rows(name, all_, results, sizes)
            pairs += [each for each in (pair(name, results),) if each]
    report(facts, arguments, found, pairs, missing)


def report(
    facts: dict[str, object],
    arguments: argparse.Namespace,
    found: list[dict[str, object]],
    pairs: list[dict[str, object]],
    missing: list[str],
) -> None:
    print(f"Speed of scrub. {sentence(facts)}; median of {arguments.rounds} interleaved rounds\n")
    print(table(HEAD, [shown(row) for row in found]), "\n")
    lines = [
        (
            each["set"],
            each["cpu_ratio"],
            CPU_BAR,
            verdict(float(str(each["cpu_ratio"])), CPU_BAR, at_most=True),
            each["wall_ratio"],
            WALL_BAR,
            verdict(float(str(each["wall_ratio"])), WALL_BAR),
        )
        for each in pairs
    ]
    print(table(PAIR, lines))
    for line in missing:
        print(line)
    keep(
        arguments.json, "scrub_speed", {"machine": facts, "rows": found, "workers": pairs, "missing": missing}
    )


if __name__ == "__main__":
    main()

"""Peak resident memory of driver and workers: 2 GiB of native frames, 1 GiB of fragments, 200,000 small files.

Each process is watched by itself (VmHWM of /proc), so that the sum of several does not hide one and one does not hide
behind another. Mapped pages of a file count as memory here, though the kernel may take them back.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import sets
from benchmarks.contenders import medcli
from benchmarks.machine import machine, sentence
from benchmarks.measure import run
from benchmarks.table import keep, table, verdict

BAR = 200
GIB = 1 << 30
HEAD = ("set", "files", "GiB", "driver MiB", "largest worker MiB", "bar", "met", "CPU-seconds", "exit")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--native", type=float, default=2.0, help="GiB of the native object (2)")
    parser.add_argument("--encapsulated", type=float, default=1.0, help="GiB of the encapsulated object (1)")
    parser.add_argument("--files", type=int, default=200_000, help="small files (200,000); 0: none")
    parser.add_argument("--workers", type=int, default=2, help="workers (2)")
    parser.add_argument("--scratch", type=Path, help="folder for the sets: 4 GiB free on a local disk")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    return parser


def measured(name: str, source: Path, workers: int) -> dict[str, object]:
    """Scrub a set and watch."""
    files = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
    output = source.parent / "out"
    cost = run(medcli(workers, "--pixels", "off").command(source, output), watch=True)
    written = sum(1 for path in output.rglob("*.dcm"))
    for left in source.parent.glob("out*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    if cost.status or written != len(files):
        print(
            f"{name}: exit {cost.status}, {written} of {len(files)} released\n{cost.output}", file=sys.stderr
        )
    return {
        "set": name,
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "driver_mib": round(cost.driver / 2**20, 1),
        "worker_mib": round(cost.workers / 2**20, 1),
        "cpu_seconds": round(cost.cpu, 1),
        "released": written,
        "status": cost.status,
    }


def shown(row: dict[str, object]) -> list[object]:
    peak = max(float(str(row["driver_mib"])), float(str(row["worker_mib"])))
    size = f"{int(str(row['bytes'])) / GIB:.2f}"
    met = verdict(peak, BAR, at_most=True)
    return [
        row["set"],
        row["files"],
        size,
        row["driver_mib"],
        row["worker_mib"],
        BAR,
        met,
        row["cpu_seconds"],
        row["status"],
    ]


def main() -> None:
    arguments = options().parse_args()
    facts, found = machine(), []
    makers = {
        "native frames": lambda at: sets.native(at / "native.dcm", int(arguments.native * GIB)),
        "fragments": lambda at: sets.encapsulated(at / "fragments.dcm", int(arguments.encapsulated * GIB)),
        "small files": lambda at: sets.tiny(at / "tiny", arguments.files),
    }
    for name, make in makers.items():
        if name == "small files" and not arguments.files:
            continue
        with tempfile.TemporaryDirectory(prefix="medcli-bench-", dir=arguments.scratch) as place:
            found.append(measured(name, make(Path(place)), arguments.workers))
    print(f"Memory of scrub, {arguments.workers} workers. {sentence(facts)}\n")
    print(table(HEAD, [shown(row) for row in found]))
    keep(arguments.json, "scrub_memory", {"machine": facts, "rows": found})


if __name__ == "__main__":
    main()

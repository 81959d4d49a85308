"""The engine's driver alone: very many items, done by a thousand simulated workers that only sleep.

Each simulated worker takes a chunk of items, sleeps, and hands back an outcome for each, as pickled bytes, which the
driver has to unpack as it has to with processes and clusters. So what is measured is the part of a run of which there
is one however many machines there are: dealing out, keeping the books in SQLite, building the product from them. Three
runs follow each other: the first does every item, the second finds every one in its ledger (resuming a run that is all
but done), and a third is begun on a ledger that was cut off in the middle and does the other half.

Each run is a process of its own, so that memory is its own.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from benchmarks.machine import machine, sentence
from benchmarks.measure import ROOT
from benchmarks.table import keep, table, verdict
from medcli import jobs
from medcli.jobs import Item, Outcome, Row

BAR = 5_000  # items a second
MEMORY_BAR = 200  # MiB
WORKERS, CHUNK = 1_000, 32
VALUE = b'{"item":"0123456789abcdef0123456789abcdef","sha256":"' + b"f" * 64 + b'","size":524288}'
HEAD = (
    "run", "items", "wall s", "items/s", "bar", "met", "driver CPU s", "items a CPU s", "driver MiB", "ledger MiB",
    "product s",
)  # fmt: skip


class Sleeping(jobs.Runner):
    """A thousand workers, of which each sleeps over its chunk; in simulated places, in real time.

    Parameters
    ----------
    seconds
        What a chunk takes.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def map(self, factory: object, tasks: Iterator[jobs.Task]) -> Generator[Sequence[Outcome], None, None]:  # noqa: ARG002
        asleep: list[tuple[float, int, bytes]] = []
        for number in itertools.count():
            while len(asleep) < WORKERS and (chunk := list(itertools.islice(tasks, CHUNK))):
                # What a driver sends, and what comes back: both are packed, and the answer is unpacked here.
                pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)
                told = [Outcome(ticket, (Row("", "done", "done", VALUE, 524_288),)) for ticket, _ in chunk]
                due = time.monotonic() + self._seconds
                heapq.heappush(asleep, (due, number, pickle.dumps(told, pickle.HIGHEST_PROTOCOL)))
                if time.monotonic() >= asleep[0][0]:
                    break
            if not asleep:
                return
            time.sleep(max(0.0, asleep[0][0] - time.monotonic()))
            yield pickle.loads(heapq.heappop(asleep)[2])


class Simulated:
    """Items with keys as scrub makes them: hashes, so that neighbours lie far apart in every index."""

    name = "simulated"

    def __init__(self, count: int, stop: int) -> None:
        self.count, self.stop = count, stop
        self.finishing = 0.0

    def fingerprint(self) -> Mapping[str, object]:
        return {}

    def items(self) -> Iterator[Item]:
        for number in range(self.count):
            if number == self.stop:
                raise KeyboardInterrupt
            key = blake2b(b"%d" % number, digest_size=16).hexdigest()
            yield Item(key, (key, (0, f"folder-{number // 1000:06}/IM{number:08}", 524_288, number)))

    def worker(self) -> object:
        return None

    def flush(self, rows: Sequence[Row]) -> None:
        pass

    def finish(self, run: jobs.Run) -> None:
        started = time.monotonic()
        seen = sum(1 for _ in run.rows())
        assert seen == self.count, f"{seen} rows of {self.count} items"
        self.finishing = time.monotonic() - started


def one(folder: Path, count: int, seconds: float, stop: int) -> dict[str, float]:
    """One run in this process."""
    job = Simulated(count, stop)
    started = time.monotonic()
    try:
        jobs.run(job, state=folder, runner=Sleeping(seconds))
    except KeyboardInterrupt:
        print("cut off", file=sys.stderr)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": time.monotonic() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
        "finishing": job.finishing,
        "ledger": sum(path.stat().st_size for path in folder.glob("ledger.sqlite*")),
    }


def apart(*arguments: object) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_scale", "--one", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=500_000, help="items (500,000)")
    parser.add_argument("--seconds", type=float, default=0.5, help="what a chunk takes a worker (0.5)")
    parser.add_argument("--scratch", type=Path, help="folder for the ledger: 5 GiB free on a local disk")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    parser.add_argument(
        "--short", action="store_true", help="only the first run and one that finds all known"
    )
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    return parser


def main() -> None:
    arguments = options().parse_args()
    if arguments.one:
        folder, count, seconds, stop = arguments.one
        print(json.dumps(one(Path(folder), int(count), float(seconds), int(stop))))
        return
    count = arguments.items
    root = Path(tempfile.mkdtemp(dir=arguments.scratch))
    try:
        rows = []
        runs = [
            ("first", "a", count, -1),
            ("all known", "a", count, -1),
            ("cut off in the middle", "b", count // 2, count // 2),
            ("resumed", "b", count, -1),
        ]
        for name, folder, items, stop in runs[: 2 if arguments.short else 4]:
            if name == "cut off in the middle":
                shutil.rmtree(root / "a")
            found = apart(root / folder, count, arguments.seconds, stop)
            rows.append({"run": name, "items": items} | found)
    finally:
        shutil.rmtree(root)
    print(f"The engine. {sentence(machine())}")
    print(f"{WORKERS:,} simulated workers, chunks of {CHUNK} items, {arguments.seconds} s a chunk.\n")
    print(table(HEAD, [_line(row) for row in rows]))
    keep(arguments.json, "engine_scale", {"workers": WORKERS, "chunk": CHUNK, "runs": rows})


def _line(row: Mapping[str, float]) -> tuple[object, ...]:
    rate = row["items"] / row["wall"]
    return (
        row["run"],
        f"{row['items']:,}",
        f"{row['wall']:.1f}",
        f"{rate:,.0f}",
        f"{BAR:,}",
        verdict(rate, BAR),
        f"{row['cpu']:.1f}",
        f"{row['items'] / row['cpu']:,.0f}",
        f"{row['peak'] / 2**20:.0f}",
        f"{row['ledger'] / 2**20:,.0f}",
        f"{row['finishing']:.1f}",
    )


if __name__ == "__main__":
    main()

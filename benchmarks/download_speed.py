"""Figures a second of `medcli download images`, beside curl, a loop that only decodes, and img2dataset.

One server (nginx) on loopback, with all bytes in memory; what is fetched goes to the same memory-backed folder. Medians of
interleaved rounds. medcli also asks for each article's versions and metadata; curl and img2dataset are handed addresses.

    python -m benchmarks.download_speed [--files 20000] [--rounds 3] [--peers VENV] [--scratch /dev/shm]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.download_server import make, nginx, slow_line
from benchmarks.machine import machine, sentence
from benchmarks.measure import Cost, run
from benchmarks.table import keep, table, verdict

PER_ARTICLE = 4
_DECODE = (
    "import sys, pathlib\n"
    "from PIL import Image\n"
    "for path in sorted(pathlib.Path(sys.argv[1]).iterdir())[:int(sys.argv[2])]:\n"
    "    with Image.open(path) as picture: picture.load()\n"
)


class Ground:
    """Where it happens: a folder with the bucket, an address, and how many files count."""

    def __init__(self, folder: Path, url: str, files: int) -> None:
        self.folder, self.url, self.files = folder, url, files

    def rows(self) -> Path:
        path = self.folder / f"list-{self.files}.jsonl"
        lines = (self.folder / "list.jsonl").read_text().splitlines()[: self.files]
        path.write_text("\n".join(lines) + "\n")
        return path

    def urls(self) -> list[tuple[str, str]]:
        lines = (self.folder / "urls.txt").read_text().splitlines()[: self.files]
        return [(self.url + line.split("\t")[0], line.split("\t")[1]) for line in lines]

    def out(self) -> Path:
        path = self.folder / "out"
        shutil.rmtree(path, ignore_errors=True)
        return path


def medcli(ground: Ground, *options: str) -> Cost:
    out = ground.out()
    command = [sys.executable, "-m", "medcli", "download", "images", str(ground.rows()), "--output", str(out)]
    cost = run([*command, "--base-url", f"bucket={ground.url}", "--json", *options])
    _expect(cost, len(list((out / "images").glob("*.jpg"))), ground.files)
    return cost


def curl(ground: Ground) -> Cost:
    out = ground.out()
    out.mkdir()
    config = ground.folder / "curl.txt"
    config.write_text(
        "".join(f'url = "{url}"\noutput = "{out}/{at}.jpg"\n' for at, (url, _) in enumerate(ground.urls()))
    )
    cost = run(["curl", "--silent", "--parallel", "--parallel-max", "32", "--config", str(config)])
    _expect(cost, len(list(out.glob("*.jpg"))), ground.files)
    return cost


def pillow(ground: Ground) -> Cost:
    """Decode what the last program left."""
    folder = next(path for path in (ground.folder / "out" / "images", ground.folder / "out") if path.is_dir())
    return run([sys.executable, "-c", _DECODE, str(folder), str(ground.files)])


def img2dataset(ground: Ground, peers: Path) -> Cost:
    out = ground.out()
    rows = ground.folder / "urls.jsonl"
    rows.write_text("".join(json.dumps({"url": url, "md5": md5}) + "\n" for url, md5 in ground.urls()))
    script = ground.folder / "fetch.py"
    script.write_text(
        "from img2dataset import download\n"
        "if __name__ == '__main__':\n"
        f"    download(url_list={str(rows)!r}, output_folder={str(out)!r}, input_format='jsonl', url_col='url',\n"
        "        processes_count=2, thread_count=32, resize_mode='no', verify_hash=['md5', 'md5'],\n"
        "        compute_hash='md5', output_format='files', disable_all_reencoding=True, number_sample_per_shard=1000)\n"
    )
    cost = run([str(peers / "bin" / "python"), str(script)])
    _expect(cost, len(list(out.glob("*/*.jpg"))), ground.files)
    return cost


def _expect(cost: Cost, come: int, wanted: int) -> None:
    if come != wanted:
        raise SystemExit(f"{come} of {wanted} files came:\n{cost.output}")


def rounds(count: int, programs: dict[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for _ in range(count):
        for name, program in programs.items():
            costs[name].append(program())
            print(f"  {name}: {costs[name][-1].wall:.1f} s, {costs[name][-1].cpu:.1f} CPU-s", file=sys.stderr)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--slow-files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="virtual environment that holds img2dataset")
    parser.add_argument("--scratch", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--part", choices=("both", "fast", "slow"), default="both")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    where = machine()
    with tempfile.TemporaryDirectory(dir=arguments.scratch, prefix="medcli-bench-") as scratch:
        folder = Path(scratch)
        size = make(folder, arguments.files, PER_ARTICLE)
        with nginx(folder) as url, slow_line(url) as slow:
            fast, line = Ground(folder, url, arguments.files), Ground(folder, slow, arguments.slow_files)
            programs: dict[str, Callable[[], Cost]] = {
                "curl --parallel": lambda: curl(fast),
                "medcli, --no-decode": lambda: medcli(fast, "--no-decode"),
                "medcli": lambda: medcli(fast),
                "Pillow, decoding only": lambda: pillow(fast),
            }
            if arguments.peers and list(arguments.peers.glob("lib/python*/site-packages/img2dataset")):
                peers = arguments.peers.absolute()
                programs["img2dataset"] = lambda: img2dataset(fast, peers)
            costs = rounds(arguments.rounds if arguments.part != "slow" else 0, programs)
            slowly = {
                "curl --parallel": lambda: curl(line),
                "medcli, --no-decode": lambda: medcli(line, "--no-decode"),
            }
            slow_costs = rounds(arguments.rounds if arguments.part != "fast" else 0, slowly)
    print(f"Speed of download. {sentence(where)}; median of {arguments.rounds} interleaved rounds\n")
    print(_shown(arguments, costs, slow_costs, size))
    kept = {
        "wall": medians(costs, "wall"),
        "cpu": medians(costs, "cpu"),
        "slow_wall": medians(slow_costs, "wall"),
    }
    keep(arguments.json, "download_speed", {"machine": where, **kept})


def medians(many: dict[str, list[Cost]], what: str) -> dict[str, float]:
    """The median of each program's runs."""
    return {
        name: statistics.median(getattr(one, what) for one in all_) for name, all_ in many.items() if all_
    }


def _shown(
    arguments: argparse.Namespace, costs: dict[str, list[Cost]], slow: dict[str, list[Cost]], size: int
) -> str:
    wall, cpu, line = medians(costs, "wall"), medians(costs, "cpu"), medians(slow, "wall")
    rows = [
        (
            name,
            f"{arguments.files / wall[name]:,.0f}",
            f"{arguments.files / cpu[name]:,.0f}",
            f"{size / wall[name] / 1e6:,.0f}",
        )
        for name in wall
    ]
    rows += [
        (
            f"{name}; 50 MB/s, 40 ms",
            f"{arguments.slow_files / line[name]:,.0f}",
            "",
            f"{size / arguments.files * arguments.slow_files / line[name] / 1e6:,.0f}",
        )
        for name in line
    ]
    bars = []
    if wall:
        bars.append(("--no-decode, of curl", wall["curl --parallel"] / wall["medcli, --no-decode"], 0.5))
        bars.append(("with decoding, of Pillow alone", wall["Pillow, decoding only"] / wall["medcli"], 0.8))
    if line:
        bars.append(
            ("50 MB/s and 40 ms, of curl", line["curl --parallel"] / line["medcli, --no-decode"], 0.9)
        )
    if "img2dataset" in cpu:
        bars.append(("per CPU-second, of img2dataset", cpu["img2dataset"] / cpu["medcli, --no-decode"], 1.0))
    judged = [(name, f"{value:.2f}", f"{bar}", verdict(value, bar)) for name, value, bar in bars]
    first = table(("program", "files a second", "files per CPU-second", "MB/s"), rows)
    return f"{first}\n\n{table(('medcli', 'ratio', 'bar', 'met'), judged)}"


if __name__ == "__main__":
    main()

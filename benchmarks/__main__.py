"""All benchmarks in turn: `python -m benchmarks`, which is `make bench`. Each also runs by itself."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import ROOT

ALL = (
    "startup",
    "scrub_speed",
    "scrub_residue",
    "scrub_memory",
    "ask_speed",
    "text_speed",
    "text_quality",
    "gate_speed",
    "instruct_speed",
    "client_speed",
    "download_speed",
    "evaluate_speed",
    "evaluate_report",
    "engine_scale",
    "pixels_recall",
    "pixels_cost",
    "pixels_readback",
    "pixels_mixed",
    "instruct_checks",
)
PEERS = ("scrub_speed", "scrub_residue", "text_speed", "download_speed")
PLACES = ("scrub_speed", "scrub_memory", "download_speed", "engine_scale")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ALL)} (all)")
    parser.add_argument(
        "--quick", action="store_true", help="small sets and one round: whether it runs, not how fast"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        help="virtual environment that holds dicom-anonymizer, dicognito, presidio-analyzer and img2dataset",
    )
    parser.add_argument("--scratch", type=Path, help="folder for the sets: 4 GiB free on a local disk")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    parser.add_argument(
        "--page", type=Path, help="page whose measured parts are written anew: docs/benchmarks.md"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    status = 0
    for name in arguments.names or ALL:
        command = [sys.executable, "-m", f"benchmarks.{name}", *_options(name, arguments)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
            output = _shown(running)
        status |= running.returncode
        if arguments.page and not running.returncode:
            page = arguments.page.read_text(encoding="utf-8")
            arguments.page.write_text(weave(page, name, output), encoding="utf-8")
    sys.exit(status)


def _shown(running: subprocess.Popen[str]) -> str:
    """Print what a benchmark prints, and give it."""
    lines = []
    for line in running.stdout or ():
        print(line, end="", flush=True)
        lines.append(line)
    print(flush=True)
    return "".join(lines)


def weave(page: str, name: str, output: str) -> str:
    """The page with what a benchmark printed between its marks."""
    marks = re.compile(f"(<!-- measured: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}\n{output.strip()}\n{found[2]}", page)


def _options(name: str, arguments: argparse.Namespace) -> list[str]:
    options = ["--json", str(arguments.json.resolve())] if arguments.json else []
    if arguments.peers and name in PEERS:
        options += ["--peers", str(arguments.peers.resolve())]
    if arguments.scratch and name in PLACES:
        options += ["--scratch", str(arguments.scratch.resolve())]
    return options + (QUICK.get(name, []) if arguments.quick else [])


QUICK = {
    "startup": ["--rounds", "1"],
    "pixels_recall": ["--pictures", "12"],
    "pixels_cost": ["--sides", "512"],
    "pixels_readback": ["--pictures", "1"],
    "pixels_mixed": ["--files", "20"],
    "scrub_speed": ["--files", "100", "--large-files", "20", "--peer-files", "20", "--rounds", "1"],
    "ask_speed": ["--rounds", "1", "--pictures", "1", "--singles", "2"],
    "evaluate_speed": ["--rows", "20000"],
    "evaluate_report": ["--rows", "2000", "--rounds", "1"],
    "instruct_checks": ["--samples", "200", "--rounds", "1"],
    "text_speed": ["--texts", "200", "--rounds", "1"],
    "gate_speed": ["--questions", "100", "--rounds", "1"],
    "instruct_speed": ["--captions", "2000", "--figures", "50", "--rounds", "1"],
    "client_speed": ["--requests", "1000", "--sdk-requests", "200", "--rounds", "1"],
    "download_speed": ["--files", "500", "--slow-files", "200", "--rounds", "1"],
    "engine_scale": ["--items", "20000"],
    "scrub_memory": ["--native", "0.1", "--encapsulated", "0.1", "--files", "1000"],
}

if __name__ == "__main__":
    main()

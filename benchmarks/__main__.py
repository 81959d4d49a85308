"""All benchmarks in turn: `python -m benchmarks`, which is `make bench`. Each also runs by itself."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import summary
from benchmarks.machine import machine, sentence
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
    "ray_overhead",
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
    parser.add_argument(
        "--small", action="store_true", help="sets that show what a full run would: ten minutes on two cores"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the sets: 4 GiB free on a local disk")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    parser.add_argument(
        "--page", type=Path, help="page whose measured parts are written anew: docs/benchmarks.md"
    )
    parser.add_argument("--summary", type=Path, help="page that takes one table of all, from --json")
    parser.add_argument("--keep", type=Path, help="file that takes the lines of that table")
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
    if arguments.summary and arguments.json:
        summed_up(arguments)
    sys.exit(status)


def summed_up(arguments: argparse.Namespace) -> None:
    """Write the one table into its page, and print it."""
    measured = summary.read(arguments.json)
    lines = summary.figures(measured)
    missing = [name for name in summary.READERS if name not in measured]
    text = f"Summary. {sentence(machine())}\n\n{summary.shown(lines, missing)}"
    print(text)
    page = arguments.summary.read_text(encoding="utf-8")
    arguments.summary.write_text(weave(page, "summary", text), encoding="utf-8")
    if arguments.keep:
        arguments.keep.write_text(summary.kept(lines), encoding="utf-8")


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
    sizes = QUICK if arguments.quick else SMALL if arguments.small else {}
    return options + sizes.get(name, [])


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
    "ray_overhead": ["--items", "2000", "--rounds", "1"],
    "engine_scale": ["--items", "20000"],
    "scrub_memory": ["--native", "0.1", "--encapsulated", "0.1", "--files", "1000"],
}

#: Ten minutes in all on two cores that have nothing else to do; ratios are those of full runs, within a tenth or two.
SMALL = {
    "startup": ["--rounds", "5"],
    "scrub_speed": ["--files", "500", "--large-files", "200", "--peer-files", "60", "--rounds", "3"],
    "scrub_memory": ["--native", "0.5", "--encapsulated", "0.25", "--files", "5000"],
    "ask_speed": ["--rounds", "1", "--pictures", "3", "--singles", "6"],
    "text_speed": ["--texts", "1000", "--rounds", "3"],
    "gate_speed": ["--questions", "500", "--rounds", "3"],
    "download_speed": ["--files", "1500", "--slow-files", "600", "--rounds", "2"],
    "client_speed": ["--requests", "3000", "--sdk-requests", "300", "--rounds", "3"],
    "instruct_speed": ["--captions", "20000", "--figures", "200", "--rounds", "2"],
    "evaluate_speed": ["--rows", "60000"],
    "evaluate_report": ["--rows", "5000", "--rounds", "2"],
    "engine_scale": ["--items", "100000"],
    "ray_overhead": ["--items", "5000", "--rounds", "2"],
    "pixels_recall": ["--pictures", "20"],
    "pixels_cost": ["--sides", "512"],
    "pixels_readback": ["--pictures", "1"],
    "pixels_mixed": ["--files", "30"],
}

if __name__ == "__main__":
    main()

"""All benchmarks in turn: `python -m benchmarks`, which is `make bench`. Each also runs by itself."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import ROOT

ALL = ("startup", "scrub_speed", "scrub_residue", "scrub_memory")
PEERS = ("scrub_speed", "scrub_residue")
PLACES = ("scrub_speed", "scrub_memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ALL)} (all)")
    parser.add_argument(
        "--quick", action="store_true", help="small sets and one round: whether it runs, not how fast"
    )
    parser.add_argument(
        "--peers", type=Path, help="virtual environment that holds dicom-anonymizer and dicognito"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the sets: 4 GiB free on a local disk")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    status = 0
    for name in arguments.names or ALL:
        command = [sys.executable, "-m", f"benchmarks.{name}", *_options(name, arguments)]
        status |= subprocess.run(command, cwd=ROOT, check=False).returncode
        print(flush=True)
    sys.exit(status)


def _options(name: str, arguments: argparse.Namespace) -> list[str]:
    options = ["--json", str(arguments.json.resolve())] if arguments.json else []
    if arguments.peers and name in PEERS:
        options += ["--peers", str(arguments.peers.resolve())]
    if arguments.scratch and name in PLACES:
        options += ["--scratch", str(arguments.scratch.resolve())]
    return options + (QUICK.get(name, []) if arguments.quick else [])


QUICK = {
    "startup": ["--rounds", "1"],
    "scrub_speed": ["--files", "100", "--large-files", "20", "--peer-files", "20", "--rounds", "1"],
    "scrub_memory": ["--native", "0.1", "--encapsulated", "0.1", "--files", "1000"],
}

if __name__ == "__main__":
    main()

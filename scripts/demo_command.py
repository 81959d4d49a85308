"""How the demo runs `medcli`, and how it shows what it runs: as one would type it in the checkout."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEDCLI = ".venv/bin/medcli"  # as `make` leaves it


def run(arguments: Sequence[object]) -> int:
    """Show a command and run it; what it says is seen."""
    print(f"$ {written(arguments)}\n", flush=True)
    return subprocess.run(
        [sys.executable, "-m", "medcli", *map(str, arguments)], check=False, cwd=ROOT
    ).returncode


def written(arguments: Sequence[object]) -> str:
    """A command line, an option a line where it is long."""
    words = [shlex.quote(shown(one) if isinstance(one, Path) else str(one)) for one in arguments]
    line = " ".join([MEDCLI, *words])
    if len(line) <= 100:
        return line
    return " ".join([MEDCLI, *(f"\\\n    {word}" if word.startswith("--") else word for word in words)])


def shown(path: Path) -> str:
    """A path as seen from the checkout."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

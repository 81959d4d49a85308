"""What the figures are held against, each over a folder in a process of its own: copy, pydicom, core."""

from __future__ import annotations

import sys
from pathlib import Path


def copy(source: Path, output: Path) -> None:
    """Copy the bytes of each file."""
    for path in source.iterdir():
        (output / path.name).write_bytes(path.read_bytes())


def pydicom(source: Path, output: Path) -> None:
    """Read and write each file with pydicom, nothing changed."""
    from pydicom import dcmread

    for path in source.iterdir():
        dcmread(path).save_as(output / path.name)


def core(source: Path, output: Path) -> None:
    """De-identify each file with medcli's core alone: no ledger, no report, no release tree."""
    from medcli.privacy.dicom import Scrubber
    from medcli.privacy.policy import Policy

    scrubber = Scrubber(Policy(), bytes(32))
    for path in source.iterdir():
        scrubber.scrub(path, output / path.name)


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    {"copy": copy, "pydicom": pydicom, "core": core}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))

"""The programs that are measured side by side, each as a command over one folder.

Knows how to call each and how to get those that are missing. Refuses to install anything. Each is called as its own
documentation says, in a process of its own, so that all pay for their start alike.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that takes a folder of files to another folder.

    Attributes
    ----------
    name
        As the tables show it.
    command
        (source folder, output folder) to program and arguments.
    peer
        Whether it is somebody else's tool.
    """

    name: str
    command: Callable[[Path, Path], list[str]]
    peer: bool = False


def medcli(workers: int, *options: str, name: str = "") -> Contender:
    """The command, the whole job: ledger, reports, publishing."""

    def command(source: Path, output: Path) -> list[str]:
        base = [sys.executable, "-m", "medcli", "scrub", str(source), "--output", str(output)]
        return [*base, "--workers", str(workers), *options]

    words = f"medcli scrub, {workers} worker{'s' if workers > 1 else ''}"
    return Contender(name or words, command)


def baseline(kind: str, name: str) -> Contender:
    """One of `baselines.py`: copy, pydicom or core."""
    start = [sys.executable, "-m", "benchmarks.baselines", kind]
    return Contender(name, lambda source, output: [*start, str(source), str(output)])


def peers(venv: Path | None, scratch: Path) -> tuple[list[Contender], list[str]]:
    """The tools of others that are here, and a line on each that is not."""
    found, missing = [], []
    python = str(venv / "bin" / "python") if venv else sys.executable
    for module, name, command in (
        ("dicomanonymizer", "dicom-anonymizer", _dicom_anonymizer),
        ("dicognito", "dicognito", _dicognito),
        ("deid", "deid", _deid),
    ):
        if _has(python, module):
            found.append(Contender(name, _bound(command, python), peer=True))
        else:
            missing.append(
                f"{name} is not here; get it by: python -m venv peers && peers/bin/pip install {name},"
                " then give --peers peers"
            )
    certificate = _certificate(scratch) if shutil.which("gdcmanon") else None
    if certificate:
        found.append(Contender("gdcmanon", _bound(_gdcmanon, str(certificate)), peer=True))
    else:
        missing.append(
            "gdcmanon is not here; Debian has it in libgdcm-tools (it needs openssl for a certificate)"
        )
    return found, missing


def _bound(command: Callable[[str, Path, Path], list[str]], first: str) -> Callable[[Path, Path], list[str]]:
    return lambda source, output: command(first, source, output)


def _has(python: str, module: str) -> bool:
    if python == sys.executable:
        return find_spec(module) is not None
    return (
        subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    )


def _dicom_anonymizer(python: str, source: Path, output: Path) -> list[str]:
    start = "import sys; from dicomanonymizer.anonymizer import main; sys.exit(main())"
    return [python, "-c", start, str(source), str(output)]


def _dicognito(python: str, source: Path, output: Path) -> list[str]:
    return [python, "-m", "dicognito", str(source), "--output-directory", str(output), "--quiet"]


#: As its documentation has it: identifiers are looked up, then replaced by its own recipe.
_DEID = """
import sys
from pathlib import Path
from deid.dicom import get_identifiers, replace_identifiers
files = [str(path) for path in Path(sys.argv[1]).iterdir()]
replace_identifiers(dicom_files=files, ids=get_identifiers(files), output_folder=sys.argv[2], overwrite=True, save=True)
"""


def _deid(python: str, source: Path, output: Path) -> list[str]:
    return [python, "-c", _DEID, str(source), str(output)]


def _gdcmanon(certificate: str, source: Path, output: Path) -> list[str]:
    return ["gdcmanon", "-c", certificate, "--continue", "-r", "-i", str(source), "-o", str(output)]


def _certificate(scratch: Path) -> Path | None:
    """A throw-away certificate: gdcmanon keeps what it removes, encrypted for its owner."""
    if shutil.which("openssl") is None:
        return None
    key, certificate = scratch / "key.pem", scratch / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=benchmark"]
    done = subprocess.run(
        ["openssl", *words, "-keyout", str(key), "-out", str(certificate)], capture_output=True, check=False
    )
    return certificate if done.returncode == 0 else None

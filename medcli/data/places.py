"""Whose output folder it is: each command writes its own manifest, so one folder belongs to one of them."""

from __future__ import annotations

from pathlib import Path

from medcli.errors import UsageError

KEPT = ".medcli"


def state_of(output: Path, command: str) -> Path:
    """Where plan and ledger of a command lie unless ``--state`` says otherwise."""
    return output / KEPT / command


def claim(output: Path, command: str) -> None:
    """Refuse a folder that another command fills.

    Raises
    ------
    UsageError
        If it is another's.
    """
    kept = output / KEPT
    others = [path.name for path in kept.iterdir() if path.name != command] if kept.is_dir() else []
    if others:
        raise UsageError(
            f"--output belongs to medcli download {others[0]}, whose manifest would be lost.",
            hint="Choose another.",
        )

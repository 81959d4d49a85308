"""Checks over instruction data that exists: LLaVA-Med's files and our own three formats, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from medcli.instruct.checks.settings import Settings
from medcli.records import Caption

Lookup = Callable[[str], Caption | None]
"""The caption that a sample of this id was made from, or None."""


@dataclass(slots=True)
class Checked:
    """What became of a file: samples by outcome, and by rule how many samples break it."""

    samples: int = 0
    clean: int = 0
    mended: int = 0
    rejected: int = 0
    pairs: int = 0
    pairs_dropped: int = 0
    rules: dict[str, int] = field(default_factory=dict)


def check_file(path: Path, captions: Lookup | None = None, settings: Settings | None = None) -> Checked:
    """Check every sample of a file and write nothing."""
    raise NotImplementedError


def repair_file(
    path: Path,
    output: Path,
    captions: Lookup | None = None,
    settings: Settings | None = None,
    *,
    rejected: Path | None = None,
) -> Checked:
    """Write what can be kept, in the input's own form, and what cannot with its rules to ``rejected``."""
    raise NotImplementedError

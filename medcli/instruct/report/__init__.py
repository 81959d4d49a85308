"""One self-contained page to look at: what a set of instruction data holds.

Knows samples, rows of provenance and rows of rejection, and the page's limits. Refuses to compute checks or prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from medcli.instruct.sample import Sample


def write_report(
    path: Path,
    samples: Iterable[Sample],
    *,
    provenance: Iterable[Mapping[str, Any]] = (),
    rejected: Iterable[Mapping[str, Any]] = (),
    images: Path | None = None,
    facts: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> None:
    """Write the page; each iterable is gone through once, in flat memory.

    Parameters
    ----------
    path : Path
        The file.
    samples : iterable of Sample
        What was accepted.
    provenance : iterable of mapping
        Rows with ``prompt_tokens``, ``completion_tokens``, ``cost``, ``seconds``, ``model`` where known.
    rejected : iterable of mapping
        Rows with ``rule`` (or ``rules``, a list), and ``kind`` and ``domain`` where known.
    images : Path, optional
        Folder of the samples' pictures; only those shown are opened.
    facts : mapping, optional
        Name to text or number: shown at the head of the page as they are.
    seed : int
        Of the twenty samples that are shown.
    """
    raise NotImplementedError

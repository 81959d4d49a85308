"""One self-contained page to look at: what a set of instruction data holds.

Knows samples, rows of provenance and rows of rejection, and the page's limits: 5 MB, twenty samples with their pictures.
Nothing is fetched from anywhere when the page is opened. Refuses to compute checks or prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from medcli import files, pages
from medcli.errors import InputError
from medcli.files import safe_relative
from medcli.instruct.report.gathering import Samples, rejections, spending, told
from medcli.instruct.sample import Sample

LARGEST = 5_000_000
_THUMBNAILS = 2_000_000
_FACTS = 40

__all__ = ["LARGEST", "write_report"]


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
        What was accepted. Twenty of them are shown, with their texts and pictures.
    provenance : iterable of mapping
        Rows with ``model``, ``prompt_tokens``, ``completion_tokens``, ``cost`` (in US dollars) and ``seconds``, where known.
    rejected : iterable of mapping
        Rows with ``rules`` (a list), ``rule`` or ``reason``, and ``kind`` where known.
    images : Path, optional
        Folder of the samples' pictures; only those shown are opened. One that leads out of it is left out.
    facts : mapping, optional
        Name to text or number: shown at the head of the page as they are.
    seed : int
        Of the samples that are shown; their order in ``samples`` doesn't matter.
    """
    counted = Samples(seed)
    for sample in samples:
        counted.add(sample)
    content = counted.facts() | {
        "facts": [[str(name)[:80], str(value)[:300]] for name, value in list((facts or {}).items())[:_FACTS]],
        "rejected": rejections(rejected),
        "spent": spending(provenance),
        "samples": _shown(counted.shown, images),
    }
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    files.write(path, pages.page(__package__, content))


def _shown(samples: Iterable[Sample], images: Path | None) -> list[dict[str, Any]]:
    """The samples that are shown, with thumbnails as long as there is room."""
    room, shown = _THUMBNAILS, []
    for sample in samples:
        picture = _picture(sample.image, images)
        if len(picture) > room:
            picture = ""
        room -= len(picture)
        shown.append(told(sample, picture))
    return shown


def _picture(name: str, images: Path | None) -> str:
    if images is None or not name:
        return ""
    try:
        return pages.thumbnail(images / safe_relative(name))
    except InputError:
        return ""

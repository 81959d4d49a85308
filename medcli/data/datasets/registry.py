"""The registry of datasets as the program reads it; the tables are ``registry.toml`` and ``pins.tsv``."""

from __future__ import annotations

import csv
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known of one dataset.

    Attributes
    ----------
    name, title, home, license, cite : str
        As the table has them.
    gate : str
        ``none``, ``agreement`` or ``credentialed``; what is behind a gate is never fetched around it.
    hub, revision : str
        Its id on the Hub, empty where it is not there, and the commit that is fetched; empty for the newest.
    code : str
        How its licence counts for ``--license``; ``each`` where it stands with each row, empty for "other".
    layout : str
        The module of :mod:`medcli.data.datasets.layouts` that reads its files; empty where none can.
    parts, shared : mapping and tuple
        Patterns of the files of each split, and of those that every split needs.
    language : str
        The one that ``splits`` counts, where there are several.
    osf : str
        Its project on the Open Science Framework, where the original has more than the Hub's copy.
    sign : str
        What has to be signed; empty without a gate.
    how : str
        Which command comes next, where this one does not fetch all; empty for none.
    bytes : int
        What is fetched; 0 where unknown.
    splits : mapping
        Rows of each split at the revision.
    """

    name: str
    title: str
    home: str
    license: str
    cite: str
    gate: str
    hub: str = ""
    revision: str = ""
    code: str = ""
    layout: str = ""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    language: str = ""
    osf: str = ""
    sign: str = ""
    how: str = ""
    bytes: int = 0
    splits: Mapping[str, int] = field(default_factory=dict)

    def wants(self, path: str, splits: tuple[str, ...]) -> bool:
        """Whether a file belongs to one of the splits."""
        patterns = [*self.shared, *(one for split in splits for one in self.parts[split])]
        return any(fnmatchcase(path, pattern) for pattern in patterns)


class Pin(NamedTuple):
    """A file that is known before anybody is asked; ``hash`` as in ``pins.tsv``."""

    path: str
    size: int
    hash: str


@functools.cache
def datasets() -> Mapping[str, Dataset]:
    """Every dataset by its name, in the table's order."""
    text = resources.files("medcli.data.datasets").joinpath("registry.toml").read_text(encoding="utf-8")
    return {name: Dataset(name, **facts) for name, facts in tomllib.loads(text).items()}


@functools.cache
def pins(name: str) -> tuple[Pin, ...]:
    """The files of a dataset that are pinned by hash; none where the Hub is asked."""
    text = resources.files("medcli.data.datasets").joinpath("pins.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Pin(row["path"], int(row["size"]), row["hash"])
        for row in csv.DictReader(lines, delimiter="\t")
        if row["name"] == name
    )

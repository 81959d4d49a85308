"""The registry of datasets as the program reads it; the table is ``registry.toml``."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known of one dataset.

    Attributes
    ----------
    name, title, home, license, cite : str
        As the table has them.
    gate : str
        ``none``, ``agreement`` or ``credentialed``; what is behind a gate is never fetched around it.
    hub : str
        Its id on the Hub; empty where it is not there.
    sign : str
        What has to be signed; empty without a gate.
    how : str
        Another command that fetches it; empty for none.
    bytes : int
        What is fetched; 0 where unknown.
    splits : mapping
        Questions or figures of each split, as published.
    """

    name: str
    title: str
    home: str
    license: str
    cite: str
    gate: str
    hub: str = ""
    sign: str = ""
    how: str = ""
    bytes: int = 0
    splits: Mapping[str, int] = field(default_factory=dict)


@functools.cache
def datasets() -> Mapping[str, Dataset]:
    """Every dataset by its name, in the table's order."""
    text = resources.files("medcli.data.datasets").joinpath("registry.toml").read_text(encoding="utf-8")
    return {name: Dataset(name, **facts) for name, facts in tomllib.loads(text).items()}

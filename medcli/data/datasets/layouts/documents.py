"""JSON documents of datasets: one array, or an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medcli import files
from medcli.errors import InputError


def array(source: Path | bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of an array.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        values = json.loads(source if isinstance(source, bytes) else source.read_bytes())
    except ValueError:
        values = None
    if not isinstance(values, list):
        raise InputError("A file of the dataset is no JSON array.", hint="Say --restart to fetch it again.")
    yield from (value for value in values if isinstance(value, dict))


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file."""
    yield from (value for value in files.read_jsonl(path) if isinstance(value, dict))

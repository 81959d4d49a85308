"""Parquet files, row by row, flat in memory; a column of pictures holds ``{bytes, path}``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medcli.errors import InputError, MissingExtra

_BATCH = 64


def rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield the rows of several files as one table.

    Raises
    ------
    InputError
        If one is no Parquet.
    MissingExtra
        Without pyarrow.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("download", "reading Parquet") from None
    for path in paths:
        try:
            with parquet.ParquetFile(path) as table:
                for batch in table.iter_batches(_BATCH):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError):
            raise InputError(
                "A Parquet file of the dataset cannot be read.", hint="Say --restart to fetch it again."
            ) from None


def picture_of(row: dict[str, Any]) -> bytes:
    """The bytes of a row's picture; none if it has none."""
    image = row.get("image")
    content = image.get("bytes") if isinstance(image, dict) else image
    return content if isinstance(content, bytes) else b""

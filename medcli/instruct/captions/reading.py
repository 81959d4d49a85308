"""A file of captions, record by record, however long it is.

Knows which form a file has by its beginning and its name. A record that is no caption is one record's trouble, with
its reason; a file that breaks off is the file's. Refuses to choose among captions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from medcli import reading
from medcli.errors import InputError, ItemFailed
from medcli.instruct.captions import rows, tables
from medcli.records import Caption

WHAT = "file of captions"


class Read(NamedTuple):
    """One record: its number in the file from 1, the caption, or why there is none."""

    number: int
    caption: Caption | None
    reason: str = ""


def read(path: Path) -> Iterator[Read]:
    """Yield the captions of a file, or of the file of captions in a folder.

    Parameters
    ----------
    path : Path
        JSON lines or an array of records, LLaVA-Med's object of domains, ROCO's ``captions.txt``, or a table with
        columns ``ID`` and ``Caption`` as ROCOv2 has it.

    Raises
    ------
    InputError
        If it cannot be read, or is none of these.
    """
    path = _file(path)
    if path.suffix.lower() == ".txt":
        yield from _tried(tables.roco(path))
    elif path.suffix.lower() in (".csv", ".tsv"):
        yield from _tried(tables.table(path))
    elif reading.holds_members(path):
        yield from _tried(
            (value.number, rows.told(record=value.value, domain=name))
            for name, value in reading.members(path, WHAT)
        )
    else:
        for value in reading.values(path, WHAT):
            if value.error:
                yield Read(value.number, None, value.error)
            else:
                yield from _tried([(value.number, value.value)])


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in ("captions.jsonl", "captions.txt"):
        if (path / name).is_file():
            return path / name
    raise InputError(
        "The folder of captions holds neither captions.jsonl nor captions.txt.", hint="Name the file itself."
    )


def _tried(records: Iterator[tuple[int, object]] | list[tuple[int, object]]) -> Iterator[Read]:
    for number, record in records:
        try:
            yield Read(number, rows.caption_of(record))
        except ItemFailed as error:
            yield Read(number, None, error.kind)

"""Files of requests for the Batch API, made one after the other within its limits.

Knows lines and bytes; refuses to know where they go.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

from medcli import files

CHAT = "/v1/chat/completions"
Row = tuple[str, Mapping[str, Any]]


@dataclass(slots=True)
class Draft:
    """A file of requests.

    Attributes
    ----------
    path : Path
        Readable by its owner alone.
    size, worst : int
        Bytes; most that it can cost in 10⁻¹² USD.
    ids : dict of str to None
        Of its rows, in their order.
    digest
        Of its content.
    """

    path: Path
    stream: IO[bytes]
    size: int = 0
    worst: int = 0
    ids: dict[str, None] = field(default_factory=dict)
    digest: Any = field(default_factory=lambda: blake2b(digest_size=16))

    @classmethod
    def begun(cls, folder: Path) -> Draft:
        """Make an empty one."""
        handle, name = tempfile.mkstemp(suffix=".jsonl", prefix="batch-", dir=folder)
        os.close(handle)
        return cls(Path(name), files.open_private(Path(name)))

    def closed(self) -> Draft:
        """Return it, whole on disk."""
        self.stream.close()
        return self

    def remove(self) -> None:
        """Delete the file."""
        self.stream.close()
        self.path.unlink(missing_ok=True)

    def add(self, custom_id: str, line: bytes, worst: int) -> None:
        """Add a request; ValueError for one that is there."""
        if custom_id in self.ids:
            raise ValueError("two rows of a batch have one custom_id")
        self.ids[custom_id] = None
        self.digest.update(line)
        self.stream.write(line)
        self.size += len(line)
        self.worst += worst


def drafts(
    rows: Iterable[Row],
    folder: Path,
    *,
    most: int,
    size: int,
    worst: Callable[[Mapping[str, Any]], int],
    affords: Callable[[int], bool],
) -> Generator[Draft, None, None]:
    """Make files, each handed out before the next is begun and deleted after that.

    Parameters
    ----------
    rows : iterable of (str, mapping)
        ``custom_id`` and body.
    folder : Path
        Where files are made.
    most, size : int
        Rows and bytes of one file.
    worst : callable
        Most that a body can cost.
    affords : callable
        Whether so much can be spent; where another row cannot, the file without it is the last one.
    """
    draft: Draft | None = None
    try:
        for custom_id, body in rows:
            line = (
                json.dumps({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}).encode()
                + b"\n"
            )
            cost = worst(body)
            if draft is not None and (len(draft.ids) >= most or draft.size + len(line) > size):
                yield draft.closed()
                draft.remove()
                draft = None
            if draft is not None and not affords(draft.worst + cost):
                break
            draft = draft or Draft.begun(folder)
            draft.add(custom_id, line, cost)
        if draft is not None:
            yield draft.closed()
    finally:
        if draft is not None:
            draft.remove()


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of replies; what is none is passed over."""
    with path.open("rb") as stream:
        for line in stream:
            try:
                content = json.loads(line, strict=False)
            except (ValueError, RecursionError):
                continue  # its row is missing then, and handed in again
            if isinstance(content, dict):
                yield content

"""The answers file while it grows: the finished part in the questions' order, in ``NAME.part``.

The ledger is the truth. After a crash the part may hold more than the ledger, or less, or be damaged: it is compared
with the ledger from the beginning, cut at the first difference, and goes on from there. When every row has its
outcome it takes the answers file's name. Knows plan and ledger; refuses to know models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from medcli import files
from medcli.ask.lines import Trouble, failure_of, line_of
from medcli.ask.plan import Place, Plan, unpack
from medcli.jobs import Row
from medcli.jobs.reading import Reader

_LINE = b'{"question_id": '
_WHOLE = 1 << 20


class Growing:
    """An answers file that grows with its run.

    Parameters
    ----------
    output : Path
        The finished file.
    plan : Plan
        What belongs into it.
    state : Path
        Folder of the run's ledger, which is there when :meth:`resume` is called.
    shard : (int, int)
        Whose rows.
    by_row : bool
        Whether the ledger's items are rows rather than chunks.
    model_id : callable
        Names the model for rows whose worker could not.
    retry_failed : bool
        Whether items that failed before are done again: failures are then written at the end.
    """

    def __init__(
        self,
        output: Path,
        plan: Plan,
        state: Path,
        shard: tuple[int, int],
        *,
        by_row: bool,
        model_id: Callable[[], str],
        retry_failed: bool = False,
    ) -> None:
        self._output = output
        self._part = output.with_name(f"{output.name}.part")
        self._plan, self._state, self._shard, self._by_row = plan, state, shard, by_row
        self._model_id, self._failed = model_id, not retry_failed
        self._reader: Reader | None = None
        self._lines: Iterator[bytes | None] = iter(())
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644)
        self._stream = os.fdopen(descriptor, "r+b", buffering=_WHOLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if self._reader is not None:
            self._reader.__exit__()

    def resume(self) -> int:
        """Cut what is there where it and the ledger part, and write what is missing.

        Returns
        -------
        int
            Rows that have their outcome from earlier runs, in the part or not yet.
        """
        self._reader = Reader(self._state)
        self._lines = self._finished(self._shard)
        for line in self._lines:
            if line is None:
                break
            start = self._stream.tell()
            if self._stream.readline(len(line) + 1) != line + b"\n":
                self._stream.seek(start)
                self._stream.truncate()
                self._stream.write(line + b"\n")
                break
        self._stream.truncate()
        self.grow()
        return self._reader.count(failed=self._failed)

    def grow(self) -> None:
        """Write the lines that have been finished since."""
        for line in self._lines:
            if line is None:
                break
            self._stream.write(line + b"\n")
        self._stream.flush()

    def finish(self) -> None:
        """Give the whole file its name.

        Raises
        ------
        RuntimeError
            If a row has no outcome.
        """
        self._failed = True
        self.grow()
        if next(self._lines, b"") is None:
            raise RuntimeError("a row has no outcome")
        os.fsync(self._stream.fileno())
        self._stream.close()
        os.replace(self._part, self._output)
        files.sync_folder(self._output.parent)

    def _finished(self, shard: tuple[int, int]) -> Iterator[bytes | None]:
        """Yield the lines in order, and None as often as the next one has no outcome yet."""
        for place, chunk_key in self._plan.places(shard):
            while (line := self.line(place, chunk_key)) is None:
                yield None
            yield line

    def answered(self, chunk_key: str) -> dict[str, Row]:
        """Return, by their keys, the rows of a chunk that have an answer while others of it failed."""
        assert self._reader is not None
        return {row.key: row for row in self._reader.answered(chunk_key)}

    def line(self, place: Place, chunk_key: str) -> bytes | None:
        """Return a row's line, or None while it has no outcome."""
        assert self._reader is not None
        key, number = (place.key, 0) if self._by_row else (chunk_key, place.place)
        found = self._reader.row(key, number, failed=self._failed)
        if found is None:
            return None
        return line_from(self._plan, place, found, self._model_id())


def line_from(opened: Plan, place: Place, found: Row, model_id: str) -> bytes:
    """Return the line that a row of the ledger holds.

    Where a whole chunk failed, or the worker could not say anything, it is made here.
    """
    if found.value.startswith(_LINE):
        return found.value
    row = opened.row(place.seq)
    return line_of(failure_of(unpack(row.record), row.key, Trouble(row.error or found.kind), model_id))

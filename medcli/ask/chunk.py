"""What a worker is handed: the rows of one chunk, and which of them have their answer already.

Knows how a chunk is divided where it kills its worker; refuses to know models and workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from medcli import jobs
from medcli.ask.plan import Row, unpack


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are asked together.

    Attributes
    ----------
    key : str
        The chunk's.
    rows : sequence of Row
        In the plan's order.
    following : sequence of Row
        Of the chunk that this worker is likely to do next: its pictures can be opened meanwhile.
    kept : mapping
        By the row's key, lines of rows that an earlier run answered, when others of the chunk are asked again. They
        are handed back as they are.
    """

    key: str
    rows: Sequence[Row]
    following: Sequence[Row] = ()
    kept: Mapping[str, jobs.Row] = field(default_factory=dict)

    def halves(self) -> list[Chunk]:
        """Divide between two pictures, as near to the middle as can be; the rows of one picture in their middle."""
        if len(self.rows) < 2:
            return []
        middle = len(self.rows) // 2
        borders, at = [], 0
        for _, group in groupby(self.rows, _pictures):
            borders.append(at)
            at += len(list(group))
        cut = min(borders[1:], key=lambda border: abs(border - middle), default=middle)
        return [replace(self, rows=rows, following=()) for rows in (self.rows[:cut], self.rows[cut:])]

    def lost(self, kind: str) -> list[jobs.Row]:
        """Rows without an answer; their lines are made when they are written."""
        return [self.kept.get(row.key) or jobs.Row(row.key, "failed", row.error or kind) for row in self.rows]


def _pictures(row: Row) -> list[str]:
    return unpack(row.record).images

"""A payload of several rows that killed its worker: done in pieces, so that only the culprits fail.

Knows which piece stands for which task, and puts their rows together in order; refuses to know processes. What is cut
where follows from the payload and from what died, never from the number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from medcli.errors import SetupError
from medcli.jobs.model import Divisible, Outcome, Row, Task
from medcli.jobs.retry import died

_DEATHS = 32
Path = tuple[int, ...]


@dataclass(slots=True)
class _Whole:
    """A task in pieces: what is still out, and the rows found so far by their place in the order."""

    out: set[int] = field(default_factory=set)
    rows: dict[Path, Sequence[Row]] = field(default_factory=dict)


class Pieces:
    """The tasks of one ``map`` that are done in pieces, which have tickets below 0."""

    def __init__(self) -> None:
        self._wholes: dict[int, _Whole] = {}
        self._pieces: dict[int, tuple[int, Path, Divisible]] = {}
        self._deaths = 0
        self._next = 0

    def bury(self, ticket: int, payload: object) -> tuple[list[Outcome], list[Task]]:
        """Take a task or a piece that died alone; return outcomes that are settled by it, and the pieces to do.

        Raises
        ------
        SetupError
            If workers die and die, and nothing is done in between.
        """
        if not isinstance(payload, Divisible):
            return [died(ticket)], []
        self._deaths += 1
        if self._deaths >= _DEATHS:
            raise SetupError(
                f"Worker processes died {self._deaths} times in a row.",
                hint="Is there enough memory? The same command goes on from here.",
            )
        number, path, _ = self._pieces.pop(ticket, (ticket, (), payload))
        if not path:
            self._wholes[number] = _Whole()
        if number not in self._wholes:
            return [], []  # another piece has stopped the run
        whole = self._wholes[number]
        whole.out.discard(ticket)
        pieces = payload.halves()
        if len(pieces) < 2:
            whole.rows[path] = payload.lost("worker-died")
            return self._settled(number), []
        tasks = [(self._cut(number, (*path, at), piece), piece) for at, piece in enumerate(pieces)]
        return [], tasks

    def pass_on(self, outcome: Outcome) -> list[Outcome]:
        """Return what an outcome settles: itself, or, of a piece, its task once it is the last."""
        self._deaths = 0
        ticket = outcome.ticket
        if ticket >= 0:
            return [outcome]
        number, path, piece = self._pieces[ticket]
        if number not in self._wholes:
            return []
        whole = self._wholes[number]
        if outcome.stops:
            del self._wholes[number]
            return [Outcome(number, outcome.rows, stops=True)]
        failed = len(outcome.rows) == 1 and outcome.rows[0].key == ""
        rows = piece.lost(outcome.rows[0].kind) if failed else outcome.rows
        whole.rows[path] = [*(whole.rows.get(path, ()) if outcome.part else ()), *rows]
        if not outcome.more:
            whole.out.discard(ticket)
            del self._pieces[ticket]
        return self._settled(number)

    def _cut(self, number: int, path: Path, piece: Divisible) -> int:
        self._next -= 1
        self._pieces[self._next] = (number, path, piece)
        self._wholes[number].out.add(self._next)
        return self._next

    def _settled(self, number: int) -> list[Outcome]:
        if self._wholes[number].out:
            return []
        rows = self._wholes.pop(number).rows
        return [Outcome(number, [row for path in sorted(rows) for row in rows[path]])]

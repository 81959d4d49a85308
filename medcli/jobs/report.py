"""What a run came to: counts, and the exit code they mean.

The Report counts rows of the present input, those of earlier runs on the same state included, so that the same
command says the same thing however often it was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from medcli.errors import ItemsFailed, SafetyRefused


@dataclass(slots=True)
class Report:
    """Counts of a run.

    Attributes
    ----------
    done, skipped, failed : int
        Rows by state.
    items : int
        Items in the present input.
    resumed : int
        Items that had their outcome from an earlier run.
    waiting : int
        Items that were left to the merge of a plan's parts.
    seconds : float
        Wall-clock time of this run.
    bytes : int
        Sum over rows.
    kinds : dict of str to int
        Rows by reason code, most frequent first.
    refused : bool
        A safety gate refused; set by the job.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    items: int = 0
    resumed: int = 0
    waiting: int = 0
    seconds: float = 0.0
    bytes: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    refused: bool = False

    def count(self, state: str, kind: str, rows: int, size: int) -> None:
        """Add rows of one state and kind."""
        setattr(self, state, getattr(self, state) + rows)
        self.bytes += size
        if kind:
            self.kinds[kind] = self.kinds.get(kind, 0) + rows

    def refuse(self) -> None:
        """Say that a safety gate refused: the exit code becomes 6 whatever else happened."""
        self.refused = True

    @property
    def exit_code(self) -> int:
        """0 all done, 5 some failed, 6 a safety gate refused."""
        if self.refused:
            return SafetyRefused.exit_code
        return ItemsFailed.exit_code if self.failed else 0

    def to_json(self) -> dict[str, object]:
        """As a JSON document's content."""
        return {
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "items": self.items,
            "resumed": self.resumed,
            **({"waiting": self.waiting} if self.waiting else {}),
            "seconds": round(self.seconds, 3),
            "bytes": self.bytes,
            "kinds": self._kinds(),
            "exit_code": self.exit_code,
        }

    def table(self) -> list[tuple[str, str]]:
        """Rows of a short table for people, to be shown by ``console.table``."""
        rows = [(name, f"{getattr(self, name):,}") for name in ("done", "skipped", "failed")]
        rows += [(f"  {kind}", f"{count:,}") for kind, count in self._kinds().items()]
        if self.resumed:
            rows.append(("from earlier runs", f"{self.resumed:,}"))
        if self.waiting:
            rows.append(("left to the merge", f"{self.waiting:,}"))
        rows.append(("seconds", f"{self.seconds:.1f}"))
        return rows

    def _kinds(self) -> dict[str, int]:
        return dict(sorted(self.kinds.items(), key=lambda pair: (-pair[1], pair[0])))

"""Progress of a download on a terminal: files, bytes, rate, time left, failures by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from medcli import console, jobs

_SHOWN = 3


class Meter(console.Bar):
    """A bar that is also told of the rows.

    Parameters
    ----------
    what : str
        What is going on: "Fetching".
    total : int or None
        Files in all, if that is known.
    watch : callable, optional
        Gives the bytes that have come; for few and large files.
    """

    def __init__(
        self, what: str, *, total: int | None = None, watch: Callable[[], int] | None = None
    ) -> None:
        super().__init__(what, unit="file", total=total)
        self._bytes = 0
        self._watch = watch
        self._kinds: Counter[str] = Counter()

    def update(self, items: int) -> None:
        """Count items; where bytes are watched, show them also while no item ends."""
        super().update(items)
        if self._watch is not None:
            self._show(self._watch())

    def told(self, rows: Sequence[jobs.Row]) -> None:
        """Count bytes and causes."""
        self._bytes += sum(row.bytes for row in rows)
        self._kinds.update(row.kind for row in rows if row.state != "done")
        self._show(self._bytes)

    def _show(self, count: int) -> None:
        causes = " ".join(f"{kind}:{count:,}" for kind, count in self._kinds.most_common(_SHOWN))
        self.say(f"{count / 1e6:,.0f} MB {causes}".strip())

"""Looking into a ledger, while its run goes on or afterwards: an outcome by its item's key.

For products that grow with the run, and for joining the runs of several machines. Knows the ledger's tables; refuses
to write.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, cast

from medcli.errors import InputError
from medcli.jobs.ledger import FILE
from medcli.jobs.model import Row, State


class Reader:
    """An open ledger that is not written to.

    Parameters
    ----------
    state : Path
        The state folder.

    Raises
    ------
    InputError
        If there is no ledger in it.
    """

    def __init__(self, state: Path) -> None:
        if not (state / FILE).is_file():
            raise InputError("There is no ledger in the state folder.", hint="Is it the folder of a run?")
        self._connection = sqlite3.connect(state / FILE, isolation_level=None)
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("PRAGMA cache_size = -4000")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def row(self, key: str, place: int = 0, *, failed: bool = True) -> Row | None:
        """Return one row of an item that has its outcome, or None.

        An item that failed as a whole has one row, which is returned for every place.

        Parameters
        ----------
        key : str
            The item's.
        place : int
            Of the row in the item.
        failed : bool
            Whether a failed item's rows count as an outcome; False while such items are tried again.
        """
        found = self._connection.execute(
            "SELECT rows.key, state, kind, value, bytes FROM items JOIN rows USING (item)"
            " WHERE items.key = ? AND (place = ? OR place = 0 AND rows.key = items.key)"
            " AND (? OR NOT failed) ORDER BY place DESC LIMIT 1",
            (key, place, failed),
        ).fetchone()
        if found is None:
            return None
        own, state, kind, value, size = found
        return Row(own, cast("State", state), kind, value, size)

    def state(self, key: str) -> State | None:
        """The state of an item's first row, or None while it has no outcome."""
        found = self._connection.execute(
            "SELECT state FROM items JOIN rows USING (item) WHERE items.key = ? AND place = 0", (key,)
        ).fetchone()
        return cast("State", found[0]) if found else None

    def count(self, *, failed: bool = True) -> int:
        """How many rows have their outcome; the parameter as in :meth:`row`."""
        query = "SELECT count(*) FROM items JOIN rows USING (item) WHERE ? OR NOT failed"
        return cast("int", self._connection.execute(query, (failed,)).fetchone()[0])

    def failed_whole(self) -> Iterator[tuple[str, str]]:
        """Yield key and reason of items whose only row is a failure of the whole item."""
        yield from self._connection.execute(
            "SELECT items.key, kind FROM items JOIN rows USING (item)"
            " WHERE failed AND place = 0 AND rows.key = items.key ORDER BY item"
        )

    def answered(self, key: str) -> list[Row]:
        """Return the rows of an item that did not fail, where others of it did; none of an item that is whole."""
        found = self._connection.execute(
            "SELECT rows.key, state, kind, value, bytes FROM items JOIN rows USING (item)"
            " WHERE items.key = ? AND failed AND state != 'failed' ORDER BY place",
            (key,),
        )
        return [Row(own, cast("State", state), kind, value, size) for own, state, kind, value, size in found]

    def sorted_keys(self) -> Iterator[str]:
        """Yield the keys of items that have their outcome."""
        for (key,) in self._connection.execute("SELECT key FROM items ORDER BY key"):
            yield key

    def failures(self) -> set[str]:
        """The reasons that rows failed for."""
        return {
            kind
            for (kind,) in self._connection.execute("SELECT DISTINCT kind FROM rows WHERE state = 'failed'")
        }

    def fingerprint(self) -> dict[str, Any]:
        """The fingerprint that the run was begun with."""
        found = self._connection.execute("SELECT name, value FROM facts WHERE name LIKE 'spec %'")
        return {name.removeprefix("spec "): json.loads(value) for name, value in found}

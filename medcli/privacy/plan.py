"""``--dry-run``: everything a run would do, into nothing.

The same workers read and de-identify the same files, the same catalogue decides, in memory. No key, folder or ledger
is made; what an earlier run released is not looked at. Refuses to write, but for members of archives that are too
large to be held: they pass through a private temporary folder.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from tempfile import TemporaryDirectory

from medcli.jobs import Progress, Report, Row, Runner, Task
from medcli.privacy import describe, keys, outcome
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.outcome import Result
from medcli.privacy.sources import Sources, item_key
from medcli.privacy.spec import ScrubSpec
from medcli.privacy.worker import ScrubWorkers

__all__ = ["plan"]


def plan(spec: ScrubSpec, runner: Runner, progress: Progress | None) -> Result:
    """Say what a run would do.

    Raises
    ------
    InputError
        Where there is nothing to read.
    """
    started, policy, found = time.monotonic(), spec.policy(), Sources(spec.sources)
    found.check_any()
    path = spec.places().key
    key = keys.read(path) if keys.is_there(path) else secrets.token_bytes(keys.SIZE)
    counted = Report()
    with ExitStack() as stack:
        catalogue = stack.enter_context(Catalogue(None))
        spool = stack.enter_context(TemporaryDirectory(prefix="medcli-"))
        workers = ScrubWorkers(policy, key, found.roots, found.labels, spool, None, None, crosswalk=False)
        if progress is not None:
            stack.enter_context(progress)
        tasks = _tasks(found, key, counted)
        for batch in stack.enter_context(closing(runner.map(workers, tasks))):
            for ticket, rows, *_ in batch:
                numbered = ((ticket, row if row.key else _named(ticket, row)) for row in rows)
                catalogue.record(outcome.lines(numbered, 1))
            if progress is not None:
                progress.update(sum(not one.more for one in batch))
        catalogue.decide(1)
        catalogue.place((key, key) for key, *_ in catalogue.undecided(1))
        outcome.recount(counted, catalogue, 1)
        facts = outcome.summarise(counted, catalogue, 1, policy)
    facts["seconds"] = round(time.monotonic() - started, 3)
    facts["dry_run"] = True
    facts["profile_in_words"] = described = describe.words(policy)
    text = "\n".join([*described, "", outcome.table(facts), "", "Nothing was written."])
    return Result(counted.exit_code, facts, text, tuple(outcome.warnings(policy)))


def _tasks(found: Sources, key: bytes, counted: Report) -> Iterator[Task]:
    hashing = hmac.digest(key, b"item", "sha256")
    for number, one in enumerate(found):
        counted.items += 1
        yield number, (item_key(hashing, found.roots[one.root], one), tuple(one))


def _named(ticket: int, row: Row) -> Row:
    """A row of the engine's own has no key: it is the item's, which a plan does not keep."""
    return Row(f"item {ticket}", row.state, row.kind, row.value, row.bytes)

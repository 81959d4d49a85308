"""One machine's part of a download: what it notes of itself, and what a merge of parts may not leave open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medcli.errors import InputError
from medcli.jobs import shards


@contextmanager
def noting(spec: Any, folder: Path, job: str, plan: str) -> Iterator[None]:
    """Note of a part that it is begun, and at the block's end that it is finished; of a whole download nothing."""
    if spec.shard is None:
        (folder / shards.FILE).unlink(missing_ok=True)
        yield
        return
    shards.note(folder, job, spec.shard, spec, plan, finished=False)
    yield
    shards.note(folder, job, spec.shard, spec, plan, finished=True)


def check_whole(bring: object, missing: int) -> None:
    """Refuse to fetch for a merge what no part has.

    Raises
    ------
    InputError
        If something is missing.
    """
    if bring is not None and missing:
        raise InputError(
            f"The shards have no outcome of {missing:,} items.",
            hint="Did the list change since? Run each shard again, and merge then.",
        )

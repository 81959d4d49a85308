"""Parts of a download become one: their files and outcomes, then the ordinary run, which has nothing left to ask.

Parts are read and never changed; files get a second name where the disk allows it, and are copied else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from medcli import files, jobs
from medcli.data.articles.job import download_articles
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from medcli.errors import InputError, SetupError, UsageError
from medcli.files import safe_relative
from medcli.jobs import Row, joining, shards
from medcli.jobs.joining import BELOW, Joined, MergeSpec, Part
from medcli.storage import Url

__all__ = ["join"]


def join(spec: MergeSpec, progress: jobs.Progress | None = None) -> Joined:
    """What ``medcli merge`` does with runs of download images and download articles.

    Raises
    ------
    UsageError
        If the runs are not all the parts of one download.
    InputError
        If one is not finished, or has lost a file.
    """
    spec.only("state")
    parts = joining.check([part for run in spec.runs if (part := joining.find(run, BELOW)) is not None])
    kind: Any = ImagesSpec if parts[0].job == "download images" else ArticlesSpec
    fetch: Any = download_images if kind is ImagesSpec else download_articles
    own = shards.spec_of(kind, parts[0].spec, output=spec.output, state=spec.state, shard=None)
    stores = {part.spec["output"] for part in parts if isinstance(part.spec["output"], str)} | (
        {spec.output} if isinstance(spec.output, Url) else set()
    )
    if stores and stores != {part.spec["output"] for part in parts} | {spec.output}:
        raise UsageError(
            "Shards that fetched into a store are merged there, and those that did not elsewhere.",
            hint="Say the shards' --output.",
        )
    bar = None if progress is None else (lambda _: progress)
    result = fetch(own, bar, partial(_bring, parts, own.output))
    return Joined(result.exit_code, result.facts, result.text)


def _bring(parts: Sequence[Part], output: Path | Url, state: Path) -> None:
    joining.bring(state, parts, partial(_take, output))


def _take(output: Path | Url, part: Part, rows: Iterator[Row]) -> None:
    """Put the files of a part into the one folder; in a store they are there."""
    if isinstance(output, Url):
        return
    root = _root(part)
    for row in rows:
        if row.state != "done":
            continue
        told = json.loads(row.value)
        name = told.get("told", told).get("file")
        if not name:
            continue  # a caption whose figure was not wanted
        try:
            files.share(root / safe_relative(name), output / safe_relative(name))
        except FileNotFoundError:
            raise InputError(
                f"{part.name} has lost a file that it fetched.", hint="Begin that shard anew with --restart."
            ) from None
        except OSError as error:
            raise SetupError(
                f"The files of {part.name.lower()} can't be taken over: {os.strerror(error.errno or 0)}.",
                hint="Make room; the same command goes on from here.",
            ) from None
    files.sync_filesystem(output)


def _root(part: Part) -> Path:
    """Where a part's files lie: where it was named, for it may have been moved since; else where it was begun."""
    here = part.folder if any((part.folder / one / shards.FILE).is_file() for one in BELOW) else None
    return here or Path(part.spec["output"])

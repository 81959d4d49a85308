"""One wanted figure: found, judged, fetched or taken over, verified, put in its place. One row comes of it.

Knows the order of these steps; refuses to know how bytes travel and what the ledger does with a row.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from medcli.data import licenses
from medcli.data.images import picture
from medcli.data.places import put_away
from medcli.data.pmc.article import Article, Media
from medcli.data.pmc.bucket import Bucket
from medcli.data.pmc.links import Link
from medcli.data.transfer import Transfer
from medcli.data.transfer.body import Body
from medcli.data.transfer.fetch import GONE, MISMATCH, Fetched, Fetcher, Wanted
from medcli.errors import ItemFailed
from medcli.files import content_md5
from medcli.jobs import Row

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

BLOCKED = "license-blocked"
RETRACTED = "retracted"
DONE = "done"
_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_FINAL = frozenset({GONE, MISMATCH, picture.NOT_A_PICTURE, picture.DAMAGED})


@dataclass(frozen=True, slots=True)
class Setting:
    """What a worker must know; picklable."""

    images: Path
    bucket: str
    license: str
    allow: tuple[str, ...]
    decode: bool
    transfer: Transfer
    store: str = ""


class Figures:
    """The factory and the worker in one: fetches figures from the bucket.

    Parameters
    ----------
    setting : Setting
        What is wanted, and where it goes.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._stem = f"{setting.images}{os.sep}"

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        setting = self._setting
        if setting.store:  # only what is on its way lies there: on a cluster, on each node
            setting.images.mkdir(parents=True, exist_ok=True)
        self._fetcher = await self._stack.enter_async_context(Fetcher(setting.transfer))
        with os.scandir(setting.images) as entries:  # a first run need not look for each file
            self._fresh = next(entries, None) is None
        self._bucket = Bucket(self._fetcher, setting.bucket)
        self._threads = self._stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._stack.aclose()

    async def __call__(self, link: Link) -> tuple[Row]:
        """Do one figure."""
        if link.trouble:
            raise ItemFailed(link.trouble)
        try:
            article, media, how = await self._bucket.find(link.pmcid, link.file)
        except ItemFailed as failed:
            if failed.kind == GONE:
                return (left_out(GONE),)
            raise
        barred = self._bars(article)
        if barred:
            return (left_out(barred, license=article.license, version=article.version),)
        facts: dict[str, Any] = {"key": media.key, "match": how, "license": article.license}
        facts |= {"version": version_of(media.key) or article.version, "pmid": article.pmid}
        known = None if self._fresh else await self._taken_over(link, media)
        if known is not None:
            row = known_row(known, media.md5, facts)
            await self._in_thread(put_away, self._setting.store, known)
            return (row,)
        return (await self._fetched(link, media, facts),)

    def _bars(self, article: Article) -> str:
        """Why an article is not wanted, or the empty string."""
        setting = self._setting
        if article.retracted and "retracted" not in setting.allow:
            return RETRACTED
        if not article.open_access and "non-open" not in setting.allow:
            return BLOCKED
        return "" if licenses.passes(article.license, setting.license) else BLOCKED

    async def _taken_over(self, link: Link, media: Media) -> Path | None:
        """The file that is there already, if it is the right one."""
        there = map(self._exists, (f"{link.id}.{ending}" for ending in picture.ENDINGS))
        if not media.md5 or not any(there):
            return None
        return await self._in_thread(adopt, self._setting.images, link.id, media.md5)

    def _exists(self, name: str) -> bool:
        """Whether there is such a file; asked in the event loop, for it costs less than a thread's turn."""
        return os.path.exists(self._stem + name)

    async def _fetched(self, link: Link, media: Media, facts: dict[str, Any]) -> Row:
        setting = self._setting

        def placed(got: Fetched) -> Row:
            name = place(body, self._stem, link.id, setting.decode)
            if setting.store:
                put_away(setting.store, setting.images / name)
            return row_of(name, got.size, got.md5, facts | {"from": "bucket"})

        with Body(f"{self._stem}{link.id}.part") as body:
            if not self._fresh:
                body.recall()
            try:
                return await self._fetcher.save(
                    self._bucket.url(media.key),
                    body,
                    Wanted(media.md5),
                    placed,
                    self._threads,
                    quick=not (setting.decode or setting.store),
                )
            except ItemFailed as failed:
                if failed.kind in _FINAL:
                    body.discard()
                if failed.kind == GONE:
                    return left_out(GONE, key=media.key)
                raise

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def adopt(images: Path, name: str, md5: str) -> Path | None:
    """Return the file of this name that has this MD5, or None."""
    for ending in picture.ENDINGS:
        path = images / f"{name}.{ending}"
        try:
            if content_md5(path) == md5:
                return path
        except OSError:
            continue
    return None


def place(body: Body, folder: str, name: str, decode: bool) -> str:
    """Look at a complete ``.part`` file and give it its name, with its true ending, which is returned.

    Parameters
    ----------
    body : Body
        Complete.
    folder : str
        Where it goes, ending in a separator.
    name : str
        Without ending.
    decode : bool
        Whether it must decode.

    Raises
    ------
    ItemFailed
        ``not-a-picture`` or ``does-not-decode``.
    """
    ending = picture.ending_of(body.head)
    if decode:
        body.flush()
        picture.check(body.path)
    body.settle(f"{folder}{name}.{ending}")
    return f"{name}.{ending}"


def version_of(key: str) -> int:
    """The version in a key's folder, or 0."""
    number = key.partition("/")[0].rpartition(".")[2]
    return int(number) if number.isdecimal() else 0


def known_row(path: Path, md5: str, facts: dict[str, Any]) -> Row:
    """The row of a file that was there already."""
    return row_of(path.name, path.stat().st_size, md5, facts | {"from": "disk"})


def row_of(name: str, size: int, md5: str, facts: dict[str, Any]) -> Row:
    """The row of a file that is in its place under this name."""
    value = (
        {"file": f"images/{name}", "bytes": size, "md5": md5} | facts | {"time": _moment(int(time.time()))}
    )
    return Row("", "done", DONE, _ENCODED(value).encode(), size)


@functools.lru_cache(maxsize=2)
def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def left_out(kind: str, **facts: Any) -> Row:
    """The row of a figure that is not wanted, or no longer there."""
    return Row("", "skipped", kind, _ENCODED(facts).encode() if facts else b"")

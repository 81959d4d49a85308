"""Figures out of old packages: a folder of them, or a mirror that still serves them.

Each package is streamed once for all its wanted figures, in windows of a megabyte, and reading stops with the last of
them. Knows where packages lie; refuses to know licences, which a package does not tell in front.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from medcli.data.images import picture
from medcli.data.images.plan import Plan
from medcli.data.images.worker import Setting, left_out, place, row_of
from medcli.data.places import put_away
from medcli.data.pmc import package
from medcli.data.pmc.links import Link
from medcli.data.transfer.body import Body
from medcli.data.transfer.fetch import GONE, Fetcher
from medcli.data.transfer.trouble import TOO_LARGE
from medcli.errors import ItemFailed
from medcli.files import content_md5
from medcli.jobs import Row

if TYPE_CHECKING:
    from types import TracebackType

_WINDOW = 1 << 20
_BLOCK = 1 << 18
_KEPT = 200
_LARGEST = 256 << 20  # bytes; a figure that says it is larger is no figure
_NAME = re.compile(r"PMC(\d+)\.tar\.gz", re.IGNORECASE)


class PackagedFigures:
    """The factory and the worker in one: takes figures out of packages.

    Parameters
    ----------
    setting : Setting
        Where the figures go.
    plan : Plan
        Tells which figures of an article are wanted.
    archives : Path or None
        Folder of packages.
    mirror : str
        Address of packages, ending in a slash; used without a folder.
    """

    def __init__(self, setting: Setting, plan: Plan, archives: Path | None, mirror: str) -> None:
        self._setting = setting
        self._plan = plan
        self._archives = archives
        self._mirror = mirror
        self._index: dict[int, Path] | None = None
        self._packages: OrderedDict[int, asyncio.Task[Mapping[str, Row | str]]] = OrderedDict()

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._fetcher = await self._stack.enter_async_context(Fetcher(self._setting.transfer))
        threads = self._setting.transfer.concurrency if self._archives is None else os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(threads)
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        for task in self._packages.values():
            task.cancel()
        await self._stack.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, link: Link) -> tuple[Row]:
        """Do one figure; the first of an article does them all."""
        if link.trouble:
            raise ItemFailed(link.trouble)
        if link.pmcid not in self._packages:
            self._packages[link.pmcid] = asyncio.ensure_future(self._open(link))
            if len(self._packages) > _KEPT:
                self._packages.popitem(last=False)
        come = (await asyncio.shield(self._packages[link.pmcid])).get(link.id, GONE)
        if isinstance(come, Row):
            return (come,)
        if come == GONE:
            return (left_out(GONE),)
        raise ItemFailed(come)

    async def _open(self, link: Link) -> Mapping[str, Row | str]:
        """Take an article's wanted figures out of its package: a row or a reason for each."""
        links = self._plan.of_article(link.pmcid)
        rows: dict[str, Row | str] = {}
        for one in links:
            path = _there(self._setting.images, one.id)
            if path is not None:
                facts = {"from": "disk", "license": "", "key": link.package}
                rows[one.id] = row_of(path.name, path.stat().st_size, content_md5(path), facts)
                await self._loop.run_in_executor(self._threads, put_away, self._setting.store, path)
        left = [one for one in links if one.id not in rows]
        if left:
            try:
                key, stream = await self._stream(link)
            except ItemFailed as failed:
                if failed.kind != GONE:
                    raise
                return rows
            taking = _Taking(self._setting, left, key, rows)
            await self._loop.run_in_executor(self._threads, taking.read, stream)
        return rows

    async def _stream(self, link: Link) -> tuple[str, IO[bytes]]:
        """A package's key and bytes.

        Raises
        ------
        ItemFailed
            ``gone``.
        """
        if self._archives is not None:
            path = self._local(link.pmcid)
            try:
                return path.name, path.open("rb")
            except OSError:
                raise ItemFailed(package.BAD_ARCHIVE) from None
        key = link.package or f"PMC{link.pmcid}.tar.gz"
        windows = _Windows(self._fetcher, self._mirror + key, self._loop)
        await windows.begin()
        return key, io.BufferedReader(windows, _BLOCK)

    def _local(self, pmcid: int) -> Path:
        if self._index is None:
            assert self._archives is not None
            self._index = {
                int(found[1]): Path(folder, name)
                for folder, _, names in os.walk(self._archives)
                for name in names
                if (found := _NAME.fullmatch(name))
            }
        if pmcid not in self._index:
            raise ItemFailed(GONE)
        return self._index[pmcid]


class _Taking:
    """What a thread does with one package."""

    def __init__(self, setting: Setting, links: list[Link], key: str, rows: dict[str, Row | str]) -> None:
        self._setting = setting
        self._key = key
        self._rows = rows
        self._links: dict[str, list[Link]] = {}
        for link in links:
            self._links.setdefault(link.file, []).append(link)

    def read(self, stream: IO[bytes]) -> None:
        """Read as far as needed; what is missing behind damage is told of as damaged."""
        with stream:
            try:
                package.read(stream, self._links, self._take)
            except ItemFailed as failed:
                for links in self._links.values():
                    for link in links:
                        self._rows.setdefault(link.id, failed.kind)

    def _take(self, names: Sequence[str], content: IO[bytes]) -> None:
        block = content.read(_LARGEST + 1)
        for link in (link for name in names for link in self._links[name]):
            try:
                if len(block) > _LARGEST:
                    raise ItemFailed(TOO_LARGE)  # noqa: TRY301 - one reason among those below
                self._rows[link.id] = self._placed(link, block)
            except ItemFailed as failed:
                self._rows[link.id] = failed.kind

    def _placed(self, link: Link, content: bytes) -> Row:
        images = self._setting.images
        with Body(images / f"{link.id}.part") as body:
            body.clear()
            body.write(content)
            try:
                md5, _ = body.digests()
                name = place(body, f"{images}{os.sep}", link.id, self._setting.decode)
            except ItemFailed:
                body.discard()
                raise
            for other in picture.ENDINGS:  # a thumbnail that came before
                if (old := f"{link.id}.{other}") != name:
                    (images / old).unlink(missing_ok=True)
            put_away(self._setting.store, images / name)
            facts = {"key": f"{self._key}/{link.file}", "license": "", "from": "package"}
            return row_of(name, body.size, md5, facts)


class _Windows(io.RawIOBase):
    """A file on a server as a thread reads it: the next window is asked for when this one is used up."""

    def __init__(self, fetcher: Fetcher, url: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._fetcher = fetcher
        self._url = url
        self._loop = loop
        self._held = memoryview(b"")
        self._next = 0
        self._total = -1
        self._tag = ""

    async def begin(self) -> None:
        """Get the first window, in the event loop: a package that is not there is found out here."""
        content, self._total, self._tag = await self._fetcher.window(
            self._url, self._next, _WINDOW, self._tag
        )
        self._next += len(content)
        self._held = memoryview(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._held:
            if self._next == self._total:
                return 0
            asyncio.run_coroutine_threadsafe(self.begin(), self._loop).result()
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count


def _there(images: Path, name: str) -> Path | None:
    """The file of this name; it has a name only since it was complete."""
    return next((path for one in picture.ENDINGS if (path := images / f"{name}.{one}").is_file()), None)

"""One file of a dataset: taken over, fetched or copied, verified, put in its place. One row comes of it.

Knows the order of these steps, Git's way to name content, and the answers of Git LFS and the Open Science Framework;
refuses to know what is in a file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from medcli import files
from medcli.data.datasets.sources import Source
from medcli.data.transfer import Transfer
from medcli.data.transfer.body import Body
from medcli.data.transfer.fetch import MISMATCH, Fetched, Fetcher, Wanted
from medcli.errors import ItemFailed
from medcli.jobs import Row

if TYPE_CHECKING:
    from types import TracebackType

NO_ORIGINAL = "no-original"
NO_ADDRESS = "no-address"
_LFS = "application/vnd.git-lfs+json"
_BLOCK = 1 << 20


class Files:
    """The factory and the worker in one.

    Parameters
    ----------
    folder : Path
        Where the files go, under their paths.
    transfer : Transfer
        Limits of the network's use.
    """

    def __init__(self, folder: Path, transfer: Transfer) -> None:
        self._folder = folder
        self._transfer = transfer
        self._fetcher: Fetcher | None = None

    @property
    def bytes(self) -> int:
        """What has come so far."""
        return self._fetcher.bytes if self._fetcher else 0

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._fetcher = await self._stack.enter_async_context(Fetcher(self._transfer))
        self._threads = self._stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._stack.aclose()

    async def __call__(self, source: Source) -> tuple[Row]:
        """Do one file."""
        target = self._folder / files.safe_relative(source.path)
        loop = asyncio.get_running_loop()
        there = await loop.run_in_executor(self._threads, standing, target, source)
        if there is not None:
            return (_row(source, there, "disk"),)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.kind == "local":
            got = await loop.run_in_executor(self._threads, copied, target, source)
            return (_row(source, got, "local"),)
        try:
            return (await self._fetched(source, target),)
        except ItemFailed as failed:
            if source.kind == "osf":  # what it would add can be derived
                return (Row("", "skipped", NO_ORIGINAL, json.dumps({"because": failed.kind}).encode()),)
            raise

    async def _fetched(self, source: Source, target: Path) -> Row:
        assert self._fetcher is not None
        url, headers, source = await self._address(source)

        def placed(got: Fetched) -> Row:
            body.flush()
            if source.git and git_id(Path(body.path)) != source.git:
                raise ItemFailed(MISMATCH)
            body.settle(target)
            return _row(source, (got.size, got.sha256), source.kind)

        with Body(target.with_name(f"{target.name}.part"), sha256=True) as body:
            body.recall()
            wanted = Wanted(sha256=source.sha256, size=source.size or None)
            try:
                return await self._fetcher.save(url, body, wanted, placed, self._threads, headers=headers)
            except ItemFailed as failed:
                if failed.kind == MISMATCH:
                    body.discard()
                raise

    async def _address(self, source: Source) -> tuple[str, Mapping[str, str], Source]:
        """Where the bytes are: what Git LFS and the Open Science Framework have to be asked for."""
        assert self._fetcher is not None
        if source.kind == "lfs":
            return *_lfs_answer(
                await self._fetcher.read(
                    source.url, send=_lfs_question(source), headers={"Accept": _LFS, "Content-Type": _LFS}
                )
            ), source
        if source.kind == "osf":
            url, size, sha256 = _original(await self._fetcher.read(source.url))
            return url, {}, source._replace(size=size, sha256=sha256)
        return source.url, {}, source


def standing(target: Path, source: Source) -> tuple[int, str] | None:
    """Size and SHA-256 of a file that is there and is what it has to be, or None."""
    if not target.is_file() or not (source.sha256 or source.git):
        return None
    try:
        return verified(target, source)
    except ItemFailed:
        return None


def copied(target: Path, source: Source) -> tuple[int, str]:
    """Take a file over from a local copy; linked where the disk allows it.

    Raises
    ------
    ItemFailed
        ``mismatch`` if it is not what it has to be; ``gone`` if it is not there.
    """
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        try:
            os.link(os.path.realpath(source.url), part)
        except OSError:
            shutil.copyfile(source.url, part)
    except FileNotFoundError:
        raise ItemFailed("gone") from None
    try:
        told = verified(part, source)
    except ItemFailed:
        part.unlink()
        raise
    part.replace(target)
    return told


def verified(path: Path, source: Source) -> tuple[int, str]:
    """Size and SHA-256 of a file.

    Raises
    ------
    ItemFailed
        ``mismatch`` if they, or Git's id, are others than they have to be.
    """
    size, sha256 = path.stat().st_size, files.content_hash(path)
    wrong = (source.size and size != source.size) or (source.sha256 and sha256 != source.sha256)
    if wrong or (source.git and git_id(path) != source.git):
        raise ItemFailed(MISMATCH)
    return size, sha256


def git_id(path: Path) -> str:
    """Git's object id of a file's content: SHA-1 over a header and the bytes (git hash-object)."""
    hashed = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()


def _lfs_question(source: Source) -> bytes:
    """Ask for one object (Git LFS, Batch API)."""
    wanted = {"oid": source.sha256, "size": source.size}
    question = {"operation": "download", "transfers": ["basic"], "hash_algo": "sha256", "objects": [wanted]}
    return json.dumps(question).encode()


def _lfs_answer(content: bytes) -> tuple[str, Mapping[str, str]]:
    """Address and headers of the one object that was asked for.

    Raises
    ------
    ItemFailed
        ``gone`` if the server has none; ``no-address`` if it is not understood.
    """
    try:
        (told,) = json.loads(content)["objects"]
        if told.get("error", {}).get("code") in (404, 410):
            raise ItemFailed("gone")
        action = told["actions"]["download"]
        return str(action["href"]), {str(k): str(v) for k, v in (action.get("header") or {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ItemFailed(NO_ADDRESS) from None


def _original(content: bytes) -> tuple[str, int, str]:
    """Address, size and SHA-256 of the one JSON file of a project (OSF API, version 2).

    Raises
    ------
    ItemFailed
        ``no-address`` if there is none.
    """
    try:
        for one in json.loads(content)["data"]:
            facts: dict[str, Any] = one["attributes"]
            if str(facts["name"]).lower().endswith(".json"):
                hashes = (facts.get("extra") or {}).get("hashes") or {}
                return (
                    str(one["links"]["download"]),
                    int(facts.get("size") or 0),
                    str(hashes.get("sha256") or ""),
                )
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ItemFailed(NO_ADDRESS)


def _row(source: Source, told: tuple[int, str], origin: str) -> Row:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    value = {"path": source.path, "bytes": told[0], "sha256": told[1], "from": origin, "time": now}
    return Row("", "done", "done", json.dumps(value, ensure_ascii=False).encode(), told[0])

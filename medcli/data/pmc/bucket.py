"""The public bucket ``pmc-oa-opendata``: which versions of an article there are, and what their metadata say.

Layout of 2026: ``PMC<id>.<version>/`` with the article's files, ``metadata/PMC<id>.<version>.json``; listed with S3's
``ListObjectsV2``, unsigned. An article's versions and metadata are asked for once, however many figures are wanted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from urllib.parse import quote
from xml.etree import ElementTree as ET

from medcli.data.pmc.article import Article, Media, match
from medcli.data.transfer.fetch import FAILING, GONE, Fetcher
from medcli.errors import ItemFailed

_KEPT = 1000
_MOST_PAGES = 20


class Bucket:
    """Asks the bucket.

    Parameters
    ----------
    fetcher : Fetcher
        Entered.
    base : str
        The prefix before a key, ending in a slash.
    """

    def __init__(self, fetcher: Fetcher, base: str) -> None:
        self._fetcher = fetcher
        self._base = base
        self._newest: OrderedDict[int, asyncio.Task[tuple[Article, tuple[int, ...]]]] = OrderedDict()
        self._versions: OrderedDict[int, asyncio.Task[tuple[int, ...]]] = OrderedDict()
        self._articles: OrderedDict[tuple[int, int], asyncio.Task[Article]] = OrderedDict()

    def url(self, key: str) -> str:
        """The address of a key."""
        return self._base + quote(key, safe="/~-._!$'()*,;:@")

    async def versions(self, pmcid: int) -> tuple[int, ...]:
        """Versions of an article, the newest first; none if it is not there."""
        if pmcid not in self._versions:
            self._versions[pmcid] = asyncio.ensure_future(self._list_versions(pmcid))
            if len(self._versions) > _KEPT:
                self._versions.popitem(last=False)
        task = self._versions[pmcid]
        return task.result() if task.done() else await asyncio.shield(task)

    async def article(self, pmcid: int, version: int) -> Article:
        """One version's metadata.

        Raises
        ------
        ItemFailed
            ``gone``, ``bad-metadata``, or as the transfer fails.
        """
        place = (pmcid, version)
        if place not in self._articles:
            self._articles[place] = asyncio.ensure_future(self._read_article(pmcid, version))
            if len(self._articles) > _KEPT:
                self._articles.popitem(last=False)
        task = self._articles[place]
        return task.result() if task.done() else await asyncio.shield(task)

    async def find(self, pmcid: int, file: str) -> tuple[Article, Media, str]:
        """Find a row's file: the newest article, the file, and how it was found.

        In the newest version first, then in older ones. Where no metadata name it, the key is guessed: ``guessed``,
        and nothing is known of its MD5.

        Raises
        ------
        ItemFailed
            ``gone`` if there is no such article.
        """
        task = self._newest.get(pmcid)
        if task is None:
            task = self._newest[pmcid] = asyncio.ensure_future(self._find_newest(pmcid))
            if len(self._newest) > _KEPT:
                self._newest.popitem(last=False)
        newest, older = task.result() if task.done() else await asyncio.shield(task)
        found = match(file, newest.media)
        if found is not None:
            return newest, newest.media[found[0]], found[1]
        for version in older:
            try:
                article = await self.article(pmcid, version)
            except ItemFailed as failed:
                if failed.kind != GONE:
                    raise
                continue
            found = match(file, article.media)
            if found is not None:
                return newest, article.media[found[0]], "older"
        return newest, Media(f"PMC{pmcid}.{newest.version}/{file}", ""), "guessed"

    async def _find_newest(self, pmcid: int) -> tuple[Article, tuple[int, ...]]:
        """The newest version that has metadata, and the versions before it."""
        versions = await self._list_versions(pmcid)
        for place, version in enumerate(versions):
            try:
                return await self._read_article(pmcid, version), versions[place + 1 :]
            except ItemFailed as failed:
                if failed.kind != GONE:
                    raise
                # listed, but on its way out, or not yet wholly there
        raise ItemFailed(GONE)

    async def _list_versions(self, pmcid: int) -> tuple[int, ...]:
        prefix, versions, token = f"PMC{pmcid}.", set(), ""
        for _ in range(_MOST_PAGES):
            query = f"?list-type=2&prefix={prefix}&delimiter=/"
            query += f"&continuation-token={quote(token, safe='')}" if token else ""
            prefixes, token = _listing(await self._fetcher.read(self._base + query))
            for one in prefixes:
                number = one.removeprefix(prefix).rstrip("/")
                if one.startswith(prefix) and number.isdecimal():
                    versions.add(int(number))
            if not token:
                break
        return tuple(sorted(versions, reverse=True))

    async def _read_article(self, pmcid: int, version: int) -> Article:
        name = f"PMC{pmcid}.{version}"
        try:
            content = await self._fetcher.read(self.url(f"metadata/{name}.json"))
        except ItemFailed as failed:
            if failed.kind != GONE:
                raise
            content = await self._fetcher.read(self.url(f"{name}/{name}.json"))
        return Article.of(pmcid, version, content)


def _listing(content: bytes) -> tuple[list[str], str]:
    """Common prefixes of a listing, and the token of its next page.

    Raises
    ------
    ItemFailed
        If it is no listing.
    """
    if b"<!DOCTYPE" in content[:1000] or b"<!ENTITY" in content[:1000]:
        raise ItemFailed(FAILING, stops=True)
    try:
        root = ET.fromstring(content)  # noqa: S314 - no document type, so no entities
    except ET.ParseError:
        raise ItemFailed(FAILING, stops=True) from None
    if not root.tag.endswith("ListBucketResult"):
        raise ItemFailed(FAILING, stops=True)
    found = [node.text or "" for node in root.iterfind("{*}CommonPrefixes/{*}Prefix")]
    truncated = (root.findtext("{*}IsTruncated") or "").strip() == "true"
    return found, (root.findtext("{*}NextContinuationToken") or "") if truncated else ""

"""One article: judged, its JATS file and figures fetched, a caption record made of each figure.

Several rows come of it: one for the article, one for each picture. Knows the order of these steps.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from medcli.data.articles.jats import Figure, figures
from medcli.data.images.worker import DONE, Figures, Setting, left_out
from medcli.data.places import put_away
from medcli.data.pmc.article import Article, Media, match
from medcli.data.pmc.links import Link
from medcli.data.transfer.body import Body
from medcli.data.transfer.fetch import GONE, Fetched, Wanted
from medcli.errors import ItemFailed
from medcli.jobs import Row
from medcli.jobs.model import State
from medcli.records import Caption

NO_HREF = "no-href"
_DONE: tuple[State, str] = ("done", DONE)


class Articles(Figures):
    """The factory and the worker in one.

    Parameters
    ----------
    setting : Setting
        Where the pictures go.
    articles : Path
        Where the JATS files go.
    images : bool
        Whether pictures are wanted.
    """

    def __init__(self, setting: Setting, articles: Path, images: bool) -> None:
        super().__init__(setting)
        self._folder = articles
        self._wants_images = images

    async def __aenter__(self) -> Self:
        if self._setting.store:
            self._folder.mkdir(parents=True, exist_ok=True)
        return await super().__aenter__()

    async def __call__(self, pmcid: Any) -> tuple[Row, ...]:  # type: ignore[override]
        """Do one article."""
        versions = await self._bucket.versions(pmcid)
        if not versions:
            return (left_out(GONE),)
        article = await self._bucket.article(pmcid, versions[0])
        facts = {"version": article.version, "license": article.license, "retracted": article.retracted}
        if barred := self._bars(article):
            return (left_out(barred, **facts),)
        if article.xml is None or not article.xml.key:
            return (left_out(GONE, **facts),)
        path, md5 = await self._jats(article.xml)
        found = await self._in_thread(lambda: figures(path.read_bytes()))
        value = facts | {"file": f"articles/{path.name}", "md5": md5, "key": article.xml.key}
        rows = [Row("", "done", DONE, json.dumps(value).encode(), path.stat().st_size)]
        await self._in_thread(put_away, self._setting.store, path)
        wanted = [one for figure in found for one in _named(article, figure)]
        rows += await asyncio.gather(*(self._figure(article, *one) for one in wanted))
        return tuple(rows)

    async def _jats(self, xml: Media) -> tuple[Path, str]:
        """Fetch the JATS file, unless it is there."""
        path = self._folder / Path(xml.key).name
        with Body(path.with_name(f"{path.name}.part")) as body:

            def settle(got: Fetched) -> tuple[Path, str]:
                body.settle(path)
                return path, got.md5

            return await self._fetcher.save(
                self._bucket.url(xml.key), body, Wanted(xml.md5), settle, self._threads
            )

    async def _figure(self, article: Article, name: str, files: tuple[str, ...], figure: Figure) -> Row:
        """One picture's row; its value is the record."""
        caption = Caption(
            name, figure.caption, "", figure.label, figure.mentions, "",
            article.pmid, f"PMC{article.pmcid}", figure.id, article.license, article.version, article.retracted,
        )  # fmt: skip
        key = f"{article.pmcid}/{name}"
        if not self._wants_images:
            return _row(key, _DONE, caption, {})
        media = _media(article, files)
        if media is None:
            return _row(key, ("skipped", GONE if files else NO_HREF), caption, {})
        facts: dict[str, Any] = {"key": media.key, "license": article.license, "version": article.version}
        link = Link(name, article.pmcid, Path(media.key).name)
        try:
            known = await self._taken_over(link, media)
            if known is not None:
                await self._in_thread(put_away, self._setting.store, known)
                return _row(key, _DONE, caption, {"file": f"images/{known.name}", "md5": media.md5} | facts)
            row = await self._fetched(link, media, facts)
        except ItemFailed as failed:
            if failed.stops:
                raise
            return _row(key, ("failed", failed.kind), caption, {})
        if row.state != "done":
            return _row(key, (row.state, row.kind), caption, {})
        return _row(key, _DONE, caption, json.loads(row.value), row.bytes)


def _named(article: Article, figure: Figure) -> Iterable[tuple[str, tuple[str, ...], Figure]]:
    """A name for each of a figure's pictures; a figure without one has one name too."""
    base = f"{article.pmid or f'PMC{article.pmcid}'}_{figure.id}"
    for number, files in enumerate(figure.pictures or ((),), 1):
        yield base if number == 1 else f"{base}-{number}", files, figure


def _media(article: Article, files: tuple[str, ...]) -> Media | None:
    """The first of a picture's alternatives that the article has."""
    for file in files:
        if found := match(file, article.media):
            return article.media[found[0]]
    return None


def _row(key: str, end: tuple[State, str], caption: Caption, told: dict[str, Any], size: int = 0) -> Row:
    record = caption.to_json() | {"image": Path(told.get("file", "")).name}
    value = {"record": record, "told": told}
    return Row(key, *end, json.dumps(value, ensure_ascii=False).encode(), size)

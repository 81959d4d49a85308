"""Articles by number and by query: figures of every make, captions, mentions, and E-utilities by their rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from medcli.data.articles import search
from medcli.data.articles.jats import figures
from medcli.data.articles.job import download_articles
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.result import Result
from medcli.errors import InputError, ItemFailed, UsageError
from medcli.records import Caption
from tests.data.bucket import Asked, Bucket, jpeg, png, serving

JATS = """<?xml version="1.0"?>
<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving DTD v1.2//EN" "JATS-archivearticle1.dtd">
<article xmlns:xlink="http://www.w3.org/1999/xlink"><body>
<sec><title>Results</title>
<p>The films were read twice. A mass is seen (<xref ref-type="fig" rid="F1">Fig. 1</xref>). It grew,
as <xref ref-type="fig" rid="F1 F2">Figs. 1 and 2</xref> show&nbsp;well. Nothing else.</p>
<fig id="F1"><label>Figure 1</label><caption><title>Chest film.</title><p>A <italic>mass</italic> in the left lobe.</p></caption>
<graphic xlink:href="a-g001"/></fig>
<fig id="F2"><label>Figure 2</label><caption><p>CT.</p></caption>
<alternatives><graphic xlink:href="a-g002.tif"/><graphic xlink:href="a-g002.jpg"/></alternatives></fig>
<fig-group id="G"><label>Figure 3</label><caption><p>Of a group.</p></caption>
<fig id="F3a"><graphic xlink:href="g3a.jpg"/></fig><fig id="F3b"><caption><p>Own.</p></caption><graphic xlink:href="g3b.jpg"/></fig>
</fig-group>
<fig id="F4"><label>Figure 4</label><graphic xlink:href="nocaption.jpg"/></fig>
<fig id="F5"><label>Figure 5</label><caption><p>No address.</p></caption><graphic/></fig>
<fig id="F6"><label>Figure 6</label><caption><p>Two parts.</p></caption><graphic xlink:href="p1.jpg"/><graphic xlink:href="p2.jpg"/></fig>
<fig id="F7"><caption><p>Not in the bucket.</p></caption><graphic xlink:href="missing.jpg"/></fig>
<p>See <xref ref-type="supplementary-material" rid="S1">the supplement</xref>.</p>
<supplementary-material id="S1" xlink:href="supp.png"><label>Figure S1</label><caption><p>Supplementary film.</p></caption></supplementary-material>
<supplementary-material id="S2"><media xlink:href="data.xlsx"/></supplementary-material>
</sec></body></article>"""

FILES = {
    "a-g001.jpg": jpeg(1), "a-g002.jpg": jpeg(2), "g3a.jpg": jpeg(3), "g3b.jpg": jpeg(4), "nocaption.jpg": jpeg(5),
    "p1.jpg": jpeg(6), "p2.jpg": jpeg(7), "supp.png": png(8),
}  # fmt: skip


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        yield found


def put(bucket: Bucket, pmcid: int, text: str = JATS, **facts: Any) -> None:
    bucket.article(pmcid, {1: FILES}, **facts)
    bucket.objects[f"PMC{pmcid}.1/PMC{pmcid}.1.xml"] = text.encode()


def fetch(folder: Path, bucket: Bucket, numbers: str = "", **options: Any) -> Result:
    options = {"timeout": 5.0, "base_url": (f"bucket={bucket.url}",)} | options
    if numbers:
        (folder / "numbers.txt").write_text(numbers)
        options["pmcids"] = folder / "numbers.txt"
    return download_articles(ArticlesSpec(output=folder / "out", **options))


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / name).read_text().splitlines()]


def test_figures_of_every_make() -> None:
    found = {figure.id: figure for figure in figures(JATS.encode())}
    assert list(found) == ["F1", "F2", "F3a", "F3b", "F4", "F5", "F6", "F7", "S1"]
    assert found["F1"].caption == "Chest film. A mass in the left lobe."
    assert found["F1"].mentions == ("A mass is seen (Fig. 1).", "It grew, as Figs. 1 and 2 show well.")
    assert found["F2"].mentions == found["F1"].mentions[1:]
    assert found["F2"].pictures == (("a-g002.tif", "a-g002.jpg"),)
    assert (found["F3a"].caption, found["F3a"].label) == ("Of a group.", "Figure 3")
    assert (found["F3b"].caption, found["F4"].caption, found["F5"].pictures) == ("Own.", "", ())
    assert found["F6"].pictures == (("p1.jpg",), ("p2.jpg",))
    assert found["S1"].supplementary
    assert found["S1"].mentions == ("See the supplement.",)


@pytest.mark.parametrize("text", ["<article><fig>", "no xml", ""])
def test_what_is_no_xml_is_told_of(text: str) -> None:
    with pytest.raises(ItemFailed, match="bad-xml"):
        figures(text.encode())


def test_an_article_becomes_caption_records_and_pictures(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, 1, license="CC BY-NC")
    put(bucket, 2, retracted=True)
    put(bucket, 3, "<broken")
    result = fetch(tmp_path, bucket, "PMC1\n2\n# a remark\n\npmc3\nPMC9.2\nPMC1\n")
    assert result.exit_code == 5
    assert result.facts["kinds"] == {"done": 9, "gone": 2, "no-href": 1, "retracted": 1, "bad-xml": 1}
    assert (result.facts["captions"], result.facts["without_caption"]) == (7, 1)
    captions = {row["pair_id"]: row for row in rows(tmp_path, "captions.jsonl")}
    assert list(captions) == [f"10001_{one}" for one in ("F1", "F2", "F3a", "F3b", "F6", "F6-2", "S1")]
    first = Caption.of(captions["10001_F1"])
    assert (first.pmid, first.pmcid, first.figure_id) == ("10001", "PMC1", "F1")
    assert (first.license, first.version, first.retracted) == ("CC BY-NC", 1, False)
    assert (first.label, len(first.mentions)) == ("Figure 1", 2)
    assert Caption.of(first.to_json()) == first
    images = tmp_path / "out" / "images"
    assert (images / first.image).read_bytes() == FILES["a-g001.jpg"]
    assert (images / "10001_S1.png").read_bytes() == FILES["supp.png"]
    assert (tmp_path / "out" / "articles" / "PMC1.1.xml").read_text() == JATS
    assert {row["cause"] for row in rows(tmp_path, "missing.jsonl")} == {
        "gone",
        "no-href",
        "retracted",
        "bad-xml",
    }
    asked = len(bucket.log)
    again = fetch(tmp_path, bucket, "PMC1\n2\n3\nPMC9.2\n")
    assert len(bucket.log) == asked
    assert again.facts["kinds"] == result.facts["kinds"]
    put(bucket, 3)
    assert fetch(tmp_path, bucket, "PMC1\n2\n3\n", retry_failed=True).facts["captions"] == 14
    facts = fetch(tmp_path, bucket, "PMC1\n2\n3\n4\n", dry_run=True).facts
    assert facts == {"articles": 4, "missing_articles": 1}


def test_captions_without_pictures_and_licences(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, 1)
    put(bucket, 2, license="CC BY-NC")
    result = fetch(tmp_path, bucket, "1\n2\n", images=False, license="commercial")
    assert result.facts["kinds"] == {"done": 11, "license-blocked": 1}
    assert not bucket.asked(".jpg")
    assert {row["pmcid"] for row in rows(tmp_path, "captions.jsonl")} == {"PMC1"}


def test_numbers_that_are_none_are_told_of(tmp_path: Path, bucket: Bucket) -> None:
    with pytest.raises(InputError, match="Line 2"):
        fetch(tmp_path, bucket, "PMC1\nPubMed 5\n")
    with pytest.raises(UsageError):
        ArticlesSpec(output=tmp_path, query="x")
    with pytest.raises(UsageError):
        ArticlesSpec(output=tmp_path)


def test_a_folder_belongs_to_one_command(tmp_path: Path, bucket: Bucket) -> None:
    from medcli.data.images.job import download_images
    from medcli.data.images.spec import ImagesSpec

    put(bucket, 1)
    fetch(tmp_path, bucket, "1\n")
    (tmp_path / "list.jsonl").write_text('{"pmcid": 1, "file": "p1.jpg", "id": "a"}\n')
    with pytest.raises(UsageError, match="articles"):
        download_images(ImagesSpec(tmp_path / "list.jsonl", tmp_path / "out"))


class Entrez(Bucket):
    """E-utilities with numbers of articles by their day."""

    def __init__(self, days: dict[str, list[int]]) -> None:
        super().__init__()
        self.days = days

    async def answer(self, request: web.Request) -> web.StreamResponse:
        import re
        import time

        self.log.append(Asked(request.raw_path, "", "", time.monotonic(), request.host))
        mood = self._mood("esearch")
        if mood:
            return await self._trouble(request, mood) or web.json_response(
                {"error": "API rate limit exceeded"}
            )
        assert (request.query["tool"], request.query["email"]) == ("medcli", "me@example.org")
        term = request.query["term"]
        span = re.search(r"AND (\S+):(\S+)\[pmcrdat\]", term)
        found = [
            number
            for day, numbers in self.days.items()
            if span is None or span[1] <= day <= span[2]
            for number in numbers
        ]
        answer = {
            "count": str(len(found)),
            "idlist": [str(one) for one in found[: int(request.query["retmax"])]],
        }
        return web.json_response({"esearchresult": answer})


def test_a_query_larger_than_an_answer_is_cut_by_date(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST", 3)
    days = {"2009/03/01": [1, 2, 3], "2015/06/07": [4, 5], "2021/01/01": [6]}
    with serving(Entrez(days)) as entrez:
        entrez.moods["esearch"] = ["status:429,1", "error-body"]
        bases = (f"bucket={bucket.url}", f"eutils={entrez.url}")
        options = {"query": "chest", "email": "me@example.org", "base_url": bases}
        result = fetch(tmp_path, bucket, **options)
        assert result.facts["kinds"] == {"gone": 6}
        asked = [one.at for one in entrez.log]
        assert all(later - first >= 0.99 for first, later in zip(asked, asked[3:], strict=False))
        count = len(asked)
        fetch(tmp_path, bucket, **options)
        assert len(entrez.log) == count
        with pytest.raises(UsageError, match="query"):
            fetch(tmp_path, bucket, **(options | {"query": "other"}))

"""The page of a set of instruction data: what stands in it, its limits, and clicking through it in a headless Chromium."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from medcli.instruct.report import LARGEST, write_report
from medcli.instruct.sample import KINDS, Sample
from tests.evaluate import browser

NEEDS_CHROMIUM = pytest.mark.skipif(not browser.AVAILABLE, reason="needs chromium and chromedriver")
NASTY = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
ASKED = [
    "What does the image show?",
    "Is there a pleural effusion?",
    "Describe the findings in the left lung.",
    "What abnormality is seen in the right upper lobe?",
    "Which imaging modality was used?",
    "Is the heart enlarged?",
    "Where is the lesion located?",
    "What type of stain was used?",
]
DOMAINS = ["chest_xray", "mri", "histology", "gross", "ct_scan", ""]


def some(count: int) -> list[Sample]:
    drawn = random.Random(4)
    found = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        turns: list[tuple[str, str]] = []
        for _ in range(drawn.randint(1, 5) if kind == "conversation" else 1):
            turns += [
                ("user", drawn.choice(ASKED)),
                ("assistant", "It shows a finding. " * drawn.randint(1, 30)),
            ]
        choices = ("left", "right", "both") if kind == "vqa-choice" else ()
        found.append(
            Sample(
                f"s{number}",
                kind,
                tuple(turns),
                f"p{number % 9}.png",
                drawn.choice(DOMAINS),
                choices,
                1 if choices else -1,
            )
        )
    return found


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for number in range(9):
        image = Image.new("L", (900, 700), 20 + 10 * number)
        ImageDraw.Draw(image).ellipse((120 + 20 * number, 90, 520, 400), fill=150)
        image.save(folder / f"p{number}.png")
    return folder


SPENT = [
    {"model": "small", "prompt_tokens": 1200, "completion_tokens": 300, "cost": 0.0012, "seconds": 2.5},
    {"model": "small", "prompt_tokens": 1000, "completion_tokens": 200, "cost": 0.0010, "seconds": 1.5},
    {"model": "large", "prompt_tokens": 500},
]
REJECTED = [
    {"rules": ["leak", "length"], "kind": "conversation"},
    {"rules": ["leak"], "kind": "description"},
    {"rule": "refusal", "kind": "conversation"},
]


def data_of(path: Path) -> Any:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def test_what_is_counted(tmp_path: Path) -> None:
    samples = some(200)
    write_report(
        tmp_path / "out" / "r.html",
        iter(samples),
        provenance=iter(SPENT),
        rejected=iter(REJECTED),
        facts={"file": "x"},
    )
    data = data_of(tmp_path / "out" / "r.html")
    assert data["total"] == 200
    assert sum(count for *_, count in data["counts"]) == 200
    assert {kind for kind, *_ in data["counts"]} == set(KINDS)
    turns = sum(len(sample.turns) for sample in samples)
    for name in ("question", "answer"):
        assert sum(count for *_, count in data["lengths"][name]) == turns / 2
    assert sum(count for *_, count in data["asked"]) == turns / 2
    assert ["conversation", "be", "effusion"] in [row[:3] for row in data["asked"]]
    assert data["rejected"]["total"] == 3
    assert data["rejected"]["rules"] == [
        ["leak", "conversation", 1], ["leak", "description", 1], ["length", "conversation", 1], ["refusal", "conversation", 1],
    ]  # fmt: skip
    assert data["spent"] == [
        {"model": "large", "samples": 1, "prompt_tokens": 500},
        {
            "model": "small",
            "samples": 2,
            "prompt_tokens": 2200,
            "completion_tokens": 500,
            "cost": 0.0022,
            "seconds": 4.0,
        },
    ]
    assert data["facts"] == [["file", "x"]]


def test_twenty_samples_are_drawn_by_the_seed_whatever_their_order(tmp_path: Path) -> None:
    samples = some(500)
    drawn = []
    for name, given, seed in (("a", samples, 0), ("b", samples[::-1], 0), ("c", samples, 1)):
        write_report(tmp_path / name, given, seed=seed)
        drawn.append([one["id"] for one in data_of(tmp_path / name)["samples"]])
    assert len(set(drawn[0])) == 20
    assert drawn[0] == drawn[1] != drawn[2]
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_no_text_is_markup_and_nothing_is_fetched(tmp_path: Path) -> None:
    sample = Sample(NASTY, "conversation", (("user", NASTY), ("assistant", NASTY)), NASTY, NASTY)
    write_report(
        tmp_path / "r.html",
        [sample],
        provenance=[{"model": NASTY}],
        rejected=[{"rule": NASTY}],
        facts={NASTY: NASTY},
        images=tmp_path,
    )
    page = (tmp_path / "r.html").read_text("utf-8")
    assert NASTY not in page
    assert page.count("<script") == 2
    assert not re.findall(r"(?:src|href)=\"(?!#)", page.split('id="data"')[0])
    assert "connect-src" not in page
    assert "default-src 'none'" in page
    assert data_of(tmp_path / "r.html")["samples"][0]["turns"][0][1] == NASTY


def test_pictures_are_embedded_and_none_from_outside_the_folder(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images")
    Image.new("L", (8, 8)).save(tmp_path / "secret.png")
    (folder / "broken.png").write_bytes(b"no picture")
    turns = (("user", "What is it?"), ("assistant", "A film."))
    names = ["p1.png", "../secret.png", str(tmp_path / "secret.png"), "none.png", "broken.png", ""]
    write_report(
        tmp_path / "r.html",
        [Sample(name or "-", "conversation", turns, name) for name in names],
        images=folder,
    )
    shown = {one["id"]: one["picture"] for one in data_of(tmp_path / "r.html")["samples"]}
    assert shown.pop("p1.png").startswith("data:image/jpeg;base64,")
    assert set(shown.values()) == {""}


def test_the_page_is_bounded(tmp_path: Path) -> None:
    drawn = random.Random(2)
    word = lambda: "".join(drawn.choice("abcdefghij") for _ in range(9))  # noqa: E731
    folder = tmp_path / "images"
    folder.mkdir()
    Image.frombytes("RGB", (500, 500), drawn.randbytes(750_000)).save(folder / "noise.png")
    samples = (
        Sample(
            word(),
            "conversation",
            tuple((role, f"{word()} " * 700) for _ in range(40) for role in ("user", "assistant")),
            "noise.png",
            word(),
        )
        for _ in range(40)
    )
    write_report(
        tmp_path / "r.html",
        samples,
        rejected=({"rule": word()} for _ in range(3000)),
        provenance=({"model": word()} for _ in range(3000)),
        facts={word(): word() * 100 for _ in range(300)},
        images=folder,
    )
    assert (tmp_path / "r.html").stat().st_size < LARGEST
    data = data_of(tmp_path / "r.html")
    assert sum(one["samples"] for one in data["spent"]) == 3000
    assert sum(count for *_, count in data["counts"]) == 40


def test_an_empty_set_has_a_page(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", [])
    assert data_of(tmp_path / "r.html")["total"] == 0


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    folder = tmp_path_factory.mktemp("page")
    nasty = Sample("nasty", "description", (("user", NASTY), ("assistant", NASTY)), "p1.png", NASTY)
    write_report(
        folder / "r.html",
        [*some(400), *([nasty] * 30)],
        provenance=SPENT,
        rejected=[*REJECTED, {"rule": NASTY}],
        images=pictures(folder / "images"),
        facts={"captions": "captions.jsonl", "seed": 0},
    )
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as opened:
        opened.open((folder / "r.html").as_uri())
        yield opened


@NEEDS_CHROMIUM
def test_clicking_through(page: browser.Browser) -> None:
    assert page.run("return document.documentElement.dataset.ready") == "yes"
    assert "430 samples accepted, 4 rejected" in page.text("#summary")
    count = lambda selector: page.run(f"return document.querySelectorAll('{selector}').length")  # noqa: E731
    assert count(".card") == 20
    assert page.run("return document.querySelector('.card img').naturalWidth") == 320
    assert count(".histogram") == 3
    everything = count("#sunburst path")
    assert everything > 12
    page.click('#sunburst path[aria-label^="show:"]')
    assert 2 <= count("#sunburst path") < everything
    assert page.text("#which") == 'Nouns with "show"'
    assert "show" in page.text("#crumbs")
    assert "image" in page.text("#pairs")
    page.click("#middle")
    assert count("#sunburst path") == everything
    assert "leak" in page.text("#rules")
    page.choose("#kind", "vqa-choice")
    assert 0 < count(".card") < 20
    assert count(".card li.right") == count(".card")
    assert "None." in page.text("#rules")
    assert "alignment" not in page.text("#table")
    page.choose("#kind", "description")
    assert "leak" in page.text("#rules")
    assert "length" not in page.text("#rules")
    page.choose("#kind", "")
    assert count(".card") == 20
    assert "2,700" in page.text("#spent")
    assert page.run("return document.title") == "medcli generate-instruct"
    assert NASTY in page.run("return document.getElementById('table').textContent")
    assert page.problems() == []


@NEEDS_CHROMIUM
def test_light_and_dark(page: browser.Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    color = "return document.querySelector('#sunburst path').getAttribute('fill')"
    light, first = page.run(ground), page.run(color)
    page.click("#theme")
    assert page.run(ground) != light
    assert page.run(color) != first
    page.click("#theme")
    assert page.run(ground) == light
    assert page.problems() == []

"""The page of an evaluation: what stands in it, its limits, and clicking through it in a headless Chromium."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import medcli
from medcli.evaluate import report
from tests.evaluate import browser, files

NEEDS_CHROMIUM = pytest.mark.skipif(not browser.AVAILABLE, reason="needs chromium and chromedriver")
ITEMS = 3000
NASTY = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def write_set(folder: Path, count: int, *, pictures: int = 12) -> tuple[Path, Path, Path]:
    """Questions about a few pictures, and answers of two models, the second one better."""
    draw = random.Random(3)
    for number in range(pictures):
        image = Image.new("L", (640, 480), 20 + 10 * (number % 20))
        ImageDraw.Draw(image).ellipse((120 + number, 90, 520, 400), fill=150)
        (folder / "images").mkdir(exist_ok=True)
        image.save(folder / "images" / f"ct_{number:04}.png")
    rows, one, two = [], [], []
    for number in range(count):
        text, truth, kind, group, _, modality = files.RAD[number % len(files.RAD)]
        rows.append((f"{text} ({number})", truth, kind, group, f"ct_{number % pictures:04}.png", modality))
        wrong = draw.choice(
            ["No.", "Yes, there is.", "left hemithorax", "It shows the liver and both kidneys.", ""]
        )
        long = f"The answer is {truth}, as the image shows in its centre."
        one.append(truth if draw.random() < 0.5 else wrong)
        two.append(draw.choice([truth, long]) if draw.random() < 0.7 else wrong)
    rows[0] = (NASTY, NASTY, "OPEN", "NASTY", rows[0][4], "CT")
    one[0] = NASTY
    questions = files.write_json(folder / "test.json", files.questions(rows))
    first = files.write_jsonl(folder / "base.jsonl", files.answers(one))
    return questions, first, files.write_jsonl(folder / "tuned.jsonl", files.answers(two))


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_is_one_file_with_pictures_and_no_text_of_it_is_markup(tmp_path: Path) -> None:
    questions, first, second = write_set(tmp_path, 60)
    path = tmp_path / "out" / "report.html"
    medcli.evaluate(first, second, questions=questions, images=tmp_path / "images", report=path)
    page = path.read_text(encoding="utf-8")
    assert NASTY not in page
    assert page.count("<script") == 2
    assert not re.findall(r"(?:src|href)=\"(?!#)", page.split('id="data"')[0])  # nothing is fetched
    data = data_of(page)
    assert data["items"]["truth"][0] == NASTY
    assert data["items"]["reply0"][0] == NASTY
    assert len(data["pictures"]["embedded"]) == 12
    assert data["pictures"]["links"]["ct_0003.png"] == "../images/ct_0003.png"
    assert data["confusion"][0]["rows"] == ["yes", "no"]
    assert sum(map(sum, data["confusion"][0]["counts"])) == sum(
        kind == "CLOSED" for kind in data["items"]["kind"]
    )
    assert sum(one["n"] for one in data["lengths"][1]) == 60
    assert data["left_out"] == 0


def test_the_page_embeds_at_most_200_pictures_and_links_the_others(tmp_path: Path) -> None:
    questions, first, _ = write_set(tmp_path, 230, pictures=230)
    medcli.evaluate(
        first, questions=questions, images=tmp_path / "images", report=tmp_path / "r.html", resamples=0
    )
    pictures = data_of((tmp_path / "r.html").read_text())["pictures"]
    assert (len(pictures["embedded"]), len(pictures["links"])) == (200, 230)


def test_a_page_too_large_leaves_right_answers_out_first_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions, first, _ = write_set(tmp_path, 600, pictures=1)
    monkeypatch.setattr(report, "LARGEST", 520_000)
    medcli.evaluate(first, questions=questions, report=tmp_path / "r.html", resamples=0)
    assert (tmp_path / "r.html").stat().st_size <= 520_000
    data = data_of((tmp_path / "r.html").read_text())
    assert data["left_out"] == 600 - len(data["items"]["id"]) > 0
    assert set(data["items"]["strict0"]) == {0} or data["items"]["strict0"].count(0) >= 200


def test_pictures_outside_the_folder_are_neither_shown_nor_linked(tmp_path: Path) -> None:
    rows = [(*row[:4], "../secret.png", row[5]) for row in files.RAD]
    Image.new("L", (8, 8)).save(tmp_path / "secret.png")
    (tmp_path / "in").mkdir()
    questions = files.write_json(tmp_path / "in" / "test.json", files.questions(rows))
    given = files.write_jsonl(tmp_path / "a.jsonl", files.answers())
    medcli.evaluate(given, questions=questions, report=tmp_path / "r.html")
    assert data_of((tmp_path / "r.html").read_text())["pictures"] == {"embedded": {}, "links": {}}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    questions, first, second = write_set(folder, ITEMS)
    path = folder / "report.html"
    medcli.evaluate(first, second, questions=questions, images=folder / "images", report=path, resamples=200)
    return path


@pytest.fixture(scope="module")
def page(large: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as opened:
        opened.open(large.as_uri())
        yield opened


@NEEDS_CHROMIUM
def test_only_what_is_in_sight_is_drawn(page: browser.Browser, large: Path) -> None:
    assert large.stat().st_size <= 20_000_000
    assert page.run("return document.documentElement.dataset.ready") == "yes"
    assert page.text("#count") == "3,000 of 3,000 answers"
    assert 10 < page.run("return document.querySelectorAll('.row').length") < 60


@NEEDS_CHROMIUM
def test_clicking_through(page: browser.Browser) -> None:
    shown = lambda: int(page.text("#count").split(" of ")[0].replace(",", ""))  # noqa: E731
    page.click("#reset")
    assert shown() == ITEMS
    page.choose("#show", "wrong 0")
    wrong = shown()
    assert 0 < wrong < ITEMS
    page.choose("#kind", "CLOSED")
    assert 0 < shown() < wrong
    page.choose("#by-modality", "MRI")
    page.choose("#show", "only 1 0")
    only = shown()
    assert only > 0
    first = page.text("#detail")
    assert "base" in first
    assert "tuned" in first
    page.click("#row-2")
    assert page.text("#detail") != first
    assert page.run("return document.querySelector('#detail img').naturalWidth") == 320
    page.run("document.getElementById('list').scrollTop = 52 * 1000")
    page.type("#search", "infarcted")
    assert 0 < shown() <= only
    assert page.run("return document.querySelectorAll('#detail mark').length") >= 1
    page.choose("#group", "modality")
    assert "MRI" in page.text("#bars")
    page.choose("#set", "strict")
    assert "accuracy" in page.text("#bars")
    page.click("#reset")
    page.type("#search", "</script>")
    assert shown() == 1
    assert page.run("return document.title") == "medcli evaluate"
    page.click("#reset")
    page.type("#search", "no such words")
    assert shown() == 0
    assert "No answer fits" in page.text("#detail")
    page.click("#reset")
    assert page.problems() == []


@NEEDS_CHROMIUM
def test_light_and_dark(page: browser.Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.click("#theme")
    assert page.run(ground) != light
    page.click("#theme")
    assert page.run(ground) == light

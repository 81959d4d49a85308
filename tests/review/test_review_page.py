"""The review page in a real browser: what a person sees, presses and exports."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("PIL.Image")
pytest.importorskip("aiohttp")

from medcli.errors import InputError  # noqa: E402
from medcli.privacy.decisions import Decision, read_decisions  # noqa: E402
from medcli.privacy.review import Review, prepare  # noqa: E402
from medcli.privacy.review_page import write_page  # noqa: E402
from tests.review.browser import CHROMIUM, Browser  # noqa: E402

KINDS = ("US", "OT", "PNG")


def noted(folder: Path, count: int, known: dict[str, str] | None = None) -> Path:
    """A page of `count` images, every third one withheld."""
    review = prepare(folder)
    outcomes = []
    for number in range(count):
        before = np.full((120, 160), 40 + number % 100, np.uint8)
        before[10:30, 20:80] = 255
        after = before.copy()
        after[10:30, 20:80] = 0
        key = f"{number:032x}"
        boxes = ((20, 10, 80, 30),)
        review.note(
            key, f"image-{number}", (before, after, boxes), kind="picture", modality=KINDS[number % 3]
        )
        held = number % 3 == 0
        outcomes.append(
            (
                key,
                "withheld" if held else "released",
                "text-left-in-pixels" if held else "",
                f"p/{number}.png",
            )
        )
    assert write_page(review, outcomes, known or {}) == count
    return folder / "review.html"


def test_what_is_noted_is_its_owners_alone(tmp_path: Path):
    page = noted(tmp_path / "review", 3)
    for path in (page, *(tmp_path / "review" / "images").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (tmp_path / "review", tmp_path / "review" / "images"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_text_ends_a_block_of_data(tmp_path: Path):
    known = {"image-0": json.dumps(["mask", [[1, 2, 3, 4]], "</script><b>"])}
    text = noted(tmp_path / "review", 2, known).read_text()
    assert "</script><b>" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "other", "decisions": []}',
        '{"format": "medcli decisions 1"}',
        '{"format": "medcli decisions 1", "decisions": [{"image": "a", "verdict": "free"}]}',
        '{"format": "medcli decisions 1", "decisions": [{"image": "a", "verdict": "mask"}]}',
        '{"format": "medcli decisions 1", "decisions": [{"image": "a", "verdict": "mask", "rectangles": [[5, 5, 1, 9]]}]}',
        '{"format": "medcli decisions 1", "decisions": [{"image": "", "verdict": "approve"}]}',
    ],
)
def test_what_no_page_exports_is_refused(text: str, tmp_path: Path):
    path = tmp_path / "decisions.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_decisions(path)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium")
    with Browser(tmp_path / "profile") as one:
        yield one


def exported(browser: Browser, tmp_path: Path) -> Any:
    """What the button writes, read as the next run reads it."""
    browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "down"))
    browser.click("#export")
    path = tmp_path / "down" / "decisions.json"
    for _ in range(200):
        if path.exists() and path.stat().st_size:
            break
        browser.run("new Promise(done => setTimeout(done, 50))")
    return read_decisions(path)


@pytest.mark.slow
def test_a_person_looks_decides_and_exports(browser: Browser, tmp_path: Path):
    page = noted(tmp_path / "review", 30, {"image-4": json.dumps(["withhold", [], "seen before"])})
    browser.open(page)
    browser.wait("document.querySelectorAll('.card').length > 3")
    assert browser.run("document.querySelector('#told').innerText") == "30 of 30 shown, 1 decided"
    # Those that were withheld come first.
    assert browser.run("[...Array(10).keys()].every(n => images[n].status === 'withheld')")
    browser.press("a")
    assert browser.run("at") == 1
    browser.press("m")
    x, y, wide, high = browser.run(
        "(() => {const r = document.querySelector('#before').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]})()"
    )
    browser.mouse((x + wide * 0.5, y + high * 0.5), (x + wide * 0.75, y + high * 0.6))
    drawn = browser.run("decisionOf(images[1]).rectangles[0]")
    assert abs(drawn[0] - 80) <= 1
    assert abs(drawn[2] - 120) <= 1
    browser.click("#note")
    for letter in "ring?":
        browser.press(letter)
    browser.press("Escape")
    browser.press("j")
    browser.click("[data-verdict=withhold]")
    browser.run("document.querySelector('#by-status').value = 'released'; filter()")
    assert browser.run("document.querySelector('#told').innerText").startswith("20 of 30 shown")
    browser.run("document.querySelector('#by-modality').value = 'PNG'; filter()")
    assert browser.run("shown.every(number => images[number].modality === 'PNG')")
    first, second, third = (browser.run(f"images[{number}].id") for number in range(3))
    found = exported(browser, tmp_path)
    assert found[first] == Decision("approve")
    assert found[second].verdict == "mask"
    assert found[second].note == "ring?"
    assert found[second].rectangles == (tuple(drawn),)
    assert found[third] == Decision("withhold")
    assert found["image-4"] == Decision("withhold", (), "seen before")
    browser.picture(tmp_path / "light.png")
    browser.picture(tmp_path / "dark.png", dark=True)
    assert browser.errors == []
    asked = {url.split(":")[0] for url in browser.requests}
    assert asked <= {"file", "data", "blob"}


@pytest.mark.slow
def test_thousands_of_images_stay_a_short_list_of_nodes(browser: Browser, tmp_path: Path):
    browser.open(noted(tmp_path / "review", 5000))
    browser.wait("document.querySelectorAll('.card').length > 3")
    assert browser.run("document.querySelectorAll('.card').length") < 60
    browser.press("End")
    browser.wait("document.querySelector('#facts').innerText.includes('5000 / 5000')")
    assert browser.run("document.querySelectorAll('.card').length") < 60
    assert browser.run("chunks.size") <= 12


def test_the_piece_of_a_row_comes_back(tmp_path: Path):
    review = prepare(tmp_path / "review")
    review.note("a" * 32, "one", (np.zeros((900, 700), np.uint8), None, ()), kind="picture", modality="PNG")
    piece = review.piece("a" * 32)
    assert piece is not None
    assert (piece["size"], piece["large"][1]) == ([700, 900], "")
    assert review.piece("b" * 32) is None
    assert isinstance(review, Review)

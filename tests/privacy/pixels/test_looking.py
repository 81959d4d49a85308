"""The real detector on small pictures: text is found, read, destroyed; without a detector nothing passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medcli.privacy.pixels.cleaner import PixelCleaner
from medcli.privacy.pixels.detector import DetectorFailed, Quad, Reading, usual
from medcli.privacy.pixels.looking import Looker, mask_of, tiles
from medcli.privacy.pixels.policy import PixelPolicy
from tests.privacy.pixels import burned
from tests.privacy.pixels.burned import JLS, MONO8, Form
from tests.privacy.pixels.test_matrix import scrubber

TEXT = "QUISTGAARD OTTOLINE"


@pytest.fixture(scope="module")
def looker() -> Looker:
    return Looker(usual())


def written(
    value: int = 255, background: int = 40, turn: int = 0, shape: tuple[int, int] = (240, 320)
) -> np.ndarray:
    import cv2

    grain = np.random.default_rng(1).normal(0, 3, shape)
    picture = np.clip(background + grain, 0, 255).astype(np.uint8)
    picture = cv2.putText(
        np.rot90(picture, turn).copy(), TEXT, (12, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.6, value, 1, cv2.LINE_AA
    )
    return np.rot90(picture, -turn).copy()


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_text_is_found_and_read_in_every_direction(looker: Looker, turn: int) -> None:
    picture = written(turn=turn)
    quads = looker.look([picture])
    texts = "".join(reading.text for reading in looker.read(picture, quads)).replace(" ", "")
    assert texts == TEXT.replace(" ", "")
    assert mask_of(quads, *picture.shape)[picture > 200].mean() > 0.98


def test_grey_on_grey_is_found(looker: Looker) -> None:
    picture = written(value=70)
    quads = looker.look([picture])
    assert mask_of(quads, *picture.shape)[picture > 60].mean() > 0.9


@pytest.mark.parametrize("value", [0, 40, 128])
def test_a_picture_without_text_has_no_boxes(looker: Looker, value: int) -> None:
    picture = np.clip(value + np.random.default_rng(2).normal(0, 6, (256, 256)), 0, 255).astype(np.uint8)
    assert looker.look([picture]) == []


def test_tiles_cover_a_picture_and_share_their_borders() -> None:
    picture = np.zeros((2048, 700), np.uint8)
    covered = np.zeros_like(picture)
    for top, left, part in tiles(picture, 768):
        assert max(part.shape) <= 768
        covered[top : top + part.shape[0], left : left + part.shape[1]] += 1
    assert covered.min() == 1
    assert (covered[:, 350] > 1).sum() >= 2 * 64


def test_a_detector_that_fails_withholds(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        def find(self, picture: Any, *, sensitive: bool = False) -> list[Quad]:
            raise RuntimeError("QUISTGAARD")

        def read(self, picture: Any, quads: Any) -> list[Reading]:
            raise RuntimeError

    made = scrubber(Broken())
    result = made.scrub(burned.file_of(burned.dataset(MONO8, burned.LE)), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "detector-failed")
    assert list(tmp_path.iterdir()) == []


def test_a_detector_that_sees_nothing_at_all_withholds(tmp_path: Path) -> None:
    class Blind:
        name = "blind"

        def find(self, picture: Any, *, sensitive: bool = False) -> list[Quad]:
            return []

        def read(self, picture: Any, quads: Any) -> list[Reading]:
            return []

    with pytest.raises(DetectorFailed):
        Looker(Blind()).look([written()])
    result = scrubber(Blind()).scrub(burned.file_of(burned.dataset(MONO8, burned.LE)), tmp_path / "out")
    assert result.reason == "detector-failed"


def test_text_that_stays_readable_withholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medcli.privacy.pixels import finding

    monkeypatch.setattr(finding.Finder, "left", lambda self, pictures: [Quad((1, 1, 9, 1, 9, 9, 1, 9))])
    result = scrubber().scrub(burned.file_of(burned.dataset(MONO8, burned.LE)), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "text-left-in-pixels")
    assert list(tmp_path.iterdir()) == []


def test_pixels_that_change_outside_the_boxes_withhold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medcli.privacy.pixels.image import Image

    pack = Image.pack
    monkeypatch.setattr(
        Image,
        "pack",
        lambda self, words: pack(
            self, np.where(np.arange(words.shape[1]) == 3, 9, words).astype(words.dtype)
        ),
    )
    result = scrubber().scrub(burned.file_of(burned.dataset(MONO8, burned.LE)), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "pixels-changed")


def test_what_is_found_in_one_frame_is_filled_in_all(tmp_path: Path, looker: Looker) -> None:
    import pydicom

    ds = burned.dataset(Form("cine", 8, 8), JLS, frames=12)
    from pydicom.encaps import encapsulate

    frames = [
        np.random.default_rng(n).integers(20, 60, (burned.ROWS, burned.COLUMNS)).astype(np.uint8)
        for n in range(12)
    ]
    import cv2

    cv2.putText(frames[4], TEXT, (40, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA)
    import imagecodecs

    ds.PixelData = encapsulate([bytes(imagecodecs.jpegls_encode(frame)) for frame in frames])
    made = scrubber()
    made._pixels = PixelCleaner(PixelPolicy(fill="noise"), b"k" * 32)
    made._pixels._looker = looker
    assert made.scrub(burned.file_of(ds), tmp_path / "out").status == "released"
    after = pydicom.dcmread(tmp_path / "out").pixel_array
    ink = frames[4] > 200
    assert after[4][ink].max() < 200
    changed = [(after[n] != frames[n]) for n in range(12)]
    assert all((one == changed[0])[ink].mean() > 0.9 for one in changed)

"""What is put in place of text tells nothing of it: not in one frame, not in sixteen, not in sixteen runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.pixels.fill import Fill
from medcli.privacy.pixels.image import Image

SIDE = 40
KINDS = [
    Image(SIDE, SIDE, 1, 1, 8, 8, 7, signed=False, photometric="MONOCHROME2"),
    Image(SIDE, SIDE, 1, 1, 8, 8, 7, signed=False, photometric="MONOCHROME1"),
    Image(SIDE, SIDE, 1, 1, 16, 12, 11, signed=True, photometric="MONOCHROME2"),
    Image(SIDE, SIDE, 1, 3, 8, 8, 7, signed=False, photometric="RGB"),
    Image(SIDE, SIDE, 1, 3, 8, 8, 7, signed=False, photometric="YBR_FULL"),
]


def box() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:20, 5:35] = True
    return mask


def words(image: Image, seed: int) -> np.ndarray:
    shape = (SIDE, SIDE) + ((3,) if image.samples == 3 else ())
    return np.random.default_rng(seed).integers(0, 1 << image.stored, shape).astype(image.kind)


@pytest.mark.parametrize("noise", [None, b"k" * 32], ids=["solid", "noise"])
@pytest.mark.parametrize("image", KINDS, ids=lambda image: f"{image.photometric}-{image.stored}")
@given(first=st.integers(0, 2**31), second=st.integers(0, 2**31))
def test_the_fill_does_not_depend_on_what_it_covers(
    image: Image, noise: bytes | None, first: int, second: int
) -> None:
    mask, one, other = box(), words(image, first), words(image, first)
    other[mask] = words(image, second)[mask]
    filled = [Fill(image, frame, mask, noise=noise).put(frame, mask) for frame in (one, other)]
    np.testing.assert_array_equal(*filled)
    np.testing.assert_array_equal(filled[0][~mask], one[~mask])


def test_noise_is_one_draw_a_series_and_another_in_the_next() -> None:
    image, mask = KINDS[0], box()
    frames = [words(image, 5) for _ in range(16)]
    drawn = [Fill(image, frame, mask, noise=b"series one").put(frame, mask)[mask] for frame in frames]
    assert all((one == drawn[0]).all() for one in drawn)
    other = Fill(image, frames[0], mask, noise=b"series two").put(frames[0], mask)[mask]
    assert (other != drawn[0]).mean() > 0.8
    assert len(np.unique(drawn[0])) > 50


def test_a_frame_that_is_text_all_over_is_filled_too() -> None:
    image, mask = KINDS[2], np.ones((SIDE, SIDE), bool)
    filled = Fill(image, words(image, 1), mask).put(words(image, 1), mask)
    assert len(np.unique(filled)) == 1

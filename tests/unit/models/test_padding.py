"""Pictures become squares and normalised arrays as the authors' and CLIP's programs make them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from medcli.models import templates
from medcli.models.padding import CLIP_MEAN, Clip, Draws, pad_to_square


def test_draws_are_the_originals_for_pictures_that_are_not_square() -> None:
    sizes = [(50, 40), (40, 40), (30, 61), (33, 30), (7, 7), (512, 100)] * 20
    draws, reference = Draws(), random.Random(0)
    for width, height in sizes:
        drawn = draws.next(width, height)
        if width == height:
            assert drawn == 0
        else:
            d = abs(width - height) // 2
            assert d + drawn == reference.randint(d, d + 1)


@pytest.mark.parametrize(("mode", "colour"), [("L", 114), ("RGB", (122, 116, 104))])
@pytest.mark.parametrize("extra", [0, 1])
def test_padding(mode: str, colour: object, extra: int) -> None:
    for size in ((9, 4), (4, 9)):
        padded = pad_to_square(Image.new(mode, size), CLIP_MEAN, extra)
        assert padded.size == (9, 9)
        values = np.asarray(padded.convert("L") if mode == "RGB" else padded)
        line = values[:, 0] if size[0] > size[1] else values[0]
        assert [n for n in range(9) if line[n] == 0] == list(range(2 + extra, 6 + extra))
        assert padded.getpixel((0, 0)) == colour


def test_a_square_picture_is_left_alone() -> None:
    image = Image.new("L", (5, 5))
    assert pad_to_square(image, CLIP_MEAN) is image


@pytest.mark.parametrize("size", [(64, 64), (100, 37), (37, 100), (20, 28)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_are_those_of_transformers_processor(size: tuple[int, int], mode: str) -> None:
    pytest.importorskip("transformers")
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8))
    theirs = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    expected = theirs(image.convert("RGB"), return_tensors="np")["pixel_values"][0]
    assert np.abs(Clip(28, 28).pixels(image) - expected).max() <= 1e-6


def test_processor_configs_old_and_new() -> None:
    old = Clip.of(
        {"size": 336, "crop_size": 336, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    )
    new = Clip.of({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}})
    assert (old.size, old.crop, old.mean) == (336, 336, (0.5, 0.5, 0.5))
    assert (new.size, new.crop, new.mean) == (224, 224, CLIP_MEAN)


def test_vicuna_is_laid_out() -> None:
    laid = templates.named("v1").render([("user", "A?"), ("assistant", "b"), ("user", "C?")])
    assert laid.endswith("questions. USER: A? ASSISTANT: b</s>USER: C? ASSISTANT:")

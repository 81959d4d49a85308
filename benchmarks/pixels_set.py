"""Pictures with text of known place: fonts, sizes, colours and backgrounds as screens and films have them.

Knows Pillow, numpy and whatever fonts the machine has (DejaVu, Liberation, Pillow's own, OpenCV's strokes). Refuses to
know a detector. The same seed gives the same pictures on the same fonts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

BACKGROUNDS = ("black", "bright", "ultrasound", "ct", "xray", "real")
KINDS = ("standard", "rotated", "upside-down", "stacked", "low-contrast", "edge")
SIZES = (9, 10, 12, 14, 16, 20, 28, 40)
_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/truetype/liberation")
_FACES = (
    "DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Bold", "DejaVuSansCondensed", "LiberationSans-Regular",
    "LiberationMono-Regular", "LiberationSerif-Regular", "LiberationSansNarrow-Regular",
)  # fmt: skip
_FAMILY = (
    "QUISTGAARD",
    "Vexelbaum",
    "HARTIGAN",
    "Mullenhoff",
    "BROWN",
    "Nguyen",
    "KOWALCZYK",
    "Young",
    "BARNSBY",
    "Okafor",
)
_GIVEN = ("OTTOLINE", "Jorg", "MARIA", "Wilhelmina", "ANNE", "Bo", "XIADANI", "Soren", "NGOZI", "Zoe")
_PLACES = ("St. Brunnhild Hospital", "VEXCOMBE REGIONAL", "Praxis Hollerbusch", "MERCY WEST CLINIC")


@dataclass(frozen=True)
class Item:
    """One string in a picture: its box is left, top, right, bottom of the ink, in pixels."""

    text: str
    kind: str
    background: str
    size: int
    colour: str
    box: tuple[int, int, int, int]


@dataclass
class Picture:
    """Stored values (uint8, uint16 or RGB), a window for deep ones, and what is written in it."""

    pixels: Any
    background: str
    window: tuple[float, float] | None = None
    items: list[Item] = field(default_factory=list)


def pictures(count: int, *, seed: int = 20261121, side: int = 512) -> Iterator[Picture]:
    """`count` pictures with four to seven strings each; every third is 16 bit."""
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        yield picture(rng, BACKGROUNDS[number % len(BACKGROUNDS)], side, deep=number % 3 == 2)


def clean(count: int, *, seed: int = 7, side: int = 512) -> Iterator[Picture]:
    """`count` pictures without text."""
    for number in range(count):
        rng = random.Random(f"clean {seed}/{number}")
        name = BACKGROUNDS[number % len(BACKGROUNDS)]
        yield Picture(ground(rng, name, side), name)


def picture(rng: random.Random, background: str, side: int, *, deep: bool) -> Picture:
    """One picture; deep ones are stored as 12 bits in 16, text at the top of the range."""
    grey = ground(rng, background, side)
    colour = not deep and rng.random() < 0.5
    canvas = np.repeat(grey[..., None], 3, axis=2)
    result = Picture(canvas, background)
    taken: list[tuple[int, int, int, int]] = []
    for _ in range(rng.randint(4, 7)):
        result.items += _write(rng, canvas, result, taken, colour=colour)
    result.pixels = canvas if colour else canvas[..., 0].copy()
    if deep:
        result.pixels = result.pixels.astype(np.uint16) * 16 + 7
        result.window = (2048.0, 4096.0)
    return result


def words(rng: random.Random) -> str:
    """A string as headers are burned in: name, identifier, date, place, age, accession."""
    family, given = rng.choice(_FAMILY), rng.choice(_GIVEN)
    day = f"{rng.randint(1, 28):02d}/{rng.randint(1, 12):02d}/{rng.randint(1925, 2019)}"
    return rng.choice(
        (
            f"{family}, {given}",
            f"{family}^{given}",
            f"ID: {rng.randint(10**6, 10**8)}",
            f"DOB {day}",
            f"{day} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}",
            rng.choice(_PLACES),
            f"MRN {rng.randint(10**5, 10**7)}",
            f"{given} {family}",
            f"ACC A{rng.randint(10**6, 10**7)}",
            f"Dr. {family}",
        )
    )


def ground(rng: random.Random, name: str, side: int) -> Any:
    """A background of grey values, uint8 (side, side)."""
    noise = np.random.default_rng(rng.randrange(2**32))
    rows, columns = np.mgrid[0:side, 0:side] / side
    if name == "black":
        return noise.normal(4, 2, (side, side)).clip(0, 12).astype(np.uint8)
    if name == "bright":
        return (205 + 30 * rows + noise.normal(0, 3, (side, side))).clip(0, 255).astype(np.uint8)
    if name == "ultrasound":
        return _ultrasound(noise, rows, columns, side)
    if name == "ct":
        return _slice(noise, rows, columns, side)
    if name == "xray":
        return _film(noise, rows, columns, side)
    return _real(rng, side)


def _smooth(noise: np.random.Generator, side: int, radius: float) -> Any:
    field = Image.fromarray(noise.normal(128, 60, (side, side)).clip(0, 255).astype(np.uint8))
    values = np.asarray(field.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float64)
    return (values - values.mean()) / (values.std() + 1e-9)


def _ultrasound(noise: np.random.Generator, rows: Any, columns: Any, side: int) -> Any:
    angle, depth = np.arctan2(columns - 0.5, rows + 0.02), np.hypot(columns - 0.5, rows)
    fan = (abs(angle) < 0.65) & (depth > 0.15) & (depth < 0.92)
    speckle = noise.rayleigh(34, (side, side)) * (1 + 0.35 * _smooth(noise, side, 9))
    return np.where(fan, speckle, 3).clip(0, 255).astype(np.uint8)


def _slice(noise: np.random.Generator, rows: Any, columns: Any, side: int) -> Any:
    body = ((columns - 0.5) / 0.46) ** 2 + ((rows - 0.5) / 0.4) ** 2 < 1
    tissue = (
        125 + 14 * _smooth(noise, side, 12) + 9 * _smooth(noise, side, 3) + noise.normal(0, 7, (side, side))
    )
    spine = ((columns - 0.5) / 0.06) ** 2 + ((rows - 0.72) / 0.08) ** 2 < 1
    return np.where(spine, 235, np.where(body, tissue, 6)).clip(0, 255).astype(np.uint8)


def _film(noise: np.random.Generator, rows: Any, columns: Any, side: int) -> Any:
    lungs = np.exp(-(((abs(columns - 0.5) - 0.2) / 0.12) ** 2) - ((rows - 0.45) / 0.3) ** 2)
    ribs = 14 * np.sin(rows * 55 + 6 * abs(columns - 0.5))
    return (
        (165 - 95 * lungs + ribs + 12 * _smooth(noise, side, 10) + noise.normal(0, 5, (side, side)))
        .clip(0, 255)
        .astype(np.uint8)
    )


@lru_cache(maxsize=1)
def _sources() -> list[Any]:
    """Real slices without text: the head CTs of the deid-data wheel, a CT and an MR of pydicom's."""
    import deid_data
    from pydicom import dcmread, examples

    from medcli.windowing import to_bytes

    humans = Path(deid_data.__file__).parent / "data" / "humans"
    found = [dcmread(path) for path in sorted(humans.glob("*.dcm"))] + [examples.ct, examples.mr]
    found = [dataset for dataset in found if dataset.get("SamplesPerPixel", 1) == 1]
    return [
        to_bytes(dataset.pixel_array.astype(np.float64), _window(dataset.pixel_array)) for dataset in found
    ]


def _window(values: Any) -> tuple[float, float]:
    low, high = np.percentile(values, (1, 99))
    return float(low + high) / 2, float(max(high - low, 2))


def _real(rng: random.Random, side: int) -> Any:
    image = Image.fromarray(rng.choice(_sources())).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image
    ).copy()


@lru_cache(maxsize=256)
def _font(name: str, size: int) -> Any:
    for folder in _FOLDERS:
        if (path := Path(folder) / f"{name}.ttf").is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def _ink(rng: random.Random, text: str, size: int) -> Any:
    """The string as a mask 0..255, cut to its ink; sizes are heights of the font in pixels."""
    if rng.random() < 0.12:
        import cv2

        scale = size / 30
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        mask = np.zeros((height + below + 4, width + 8), np.uint8)
        cv2.putText(mask, text, (2, height + 2), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    else:
        font = _font(rng.choice((*_FACES, "default")), size)
        left, top, right, bottom = font.getbbox(text)
        image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
        mask = np.asarray(image)
        if rng.random() < 0.3:
            mask = np.where(mask > 110, 255, 0).astype(np.uint8)  # drawn without smoothing
    seen = np.argwhere(mask > 60)
    (low, left), (high, right) = seen.min(0), seen.max(0)
    return mask[low : high + 1, left : right + 1]


def _write(
    rng: random.Random, canvas: Any, to: Picture, taken: list[tuple[int, int, int, int]], *, colour: bool
) -> list[Item]:
    kind = rng.choices(KINDS, (46, 14, 5, 10, 15, 10))[0]
    size = rng.choice(SIZES)
    lines = [words(rng) for _ in range(3 if kind == "stacked" else 1)]
    masks = [_ink(rng, line, size) for line in lines]
    gap = max(2, size // 4)
    mask = np.zeros((sum(m.shape[0] + gap for m in masks) - gap, max(m.shape[1] for m in masks)), np.uint8)
    at = 0
    for one in masks:
        mask[at : at + one.shape[0], : one.shape[1]] = one
        at += one.shape[0] + gap
    if kind in ("rotated", "upside-down"):
        mask = np.rot90(mask, 2 if kind == "upside-down" else rng.choice((1, 3)))
    high, wide = mask.shape
    side_y, side_x = canvas.shape[:2]
    if high + 8 > side_y or wide + 8 > side_x:
        return []
    for _ in range(40):
        top, left = rng.randint(4, side_y - high - 4), rng.randint(4, side_x - wide - 4)
        if kind == "edge":
            top = rng.choice((0, 1, side_y - high))
        box = (left, top, left + wide, top + high)
        if all(
            box[2] + 10 < o[0] or o[2] + 10 < box[0] or box[3] + 8 < o[1] or o[3] + 8 < box[1] for o in taken
        ):
            break
    else:
        return []
    taken.append(box)
    under = canvas[top : top + high, left : left + wide].astype(np.float64)
    mean = under.mean()
    name, ink = _colour(rng, kind, mean, colour=colour)
    alpha = mask[..., None] / 255.0
    if kind == "low-contrast":
        ink = _beside(canvas, box) + ink
    canvas[top : top + high, left : left + wide] = (under * (1 - alpha) + np.asarray(ink) * alpha).clip(
        0, 255
    )
    if kind != "stacked":
        return [Item(lines[0], kind, to.background, size, name, box)]
    ends = np.cumsum([one.shape[0] + gap for one in masks]) - gap + top
    return [
        Item(
            line,
            kind,
            to.background,
            size,
            name,
            (left, int(end) - one.shape[0], left + one.shape[1], int(end)),
        )
        for line, one, end in zip(lines, masks, ends, strict=True)
    ]


def _beside(canvas: Any, box: tuple[int, int, int, int]) -> Any:
    """The local mean of the background under a box: what the eye takes for its level, without the noise."""
    import cv2

    left, top, right, bottom = box
    smooth = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), 6)
    return smooth[top:bottom, left:right].astype(np.float64)


def _colour(
    rng: random.Random, kind: str, mean: float, *, colour: bool
) -> tuple[str, tuple[float, float, float]]:
    """A colour that a person can read there; for low contrast its difference from the local mean, 22 to 35 levels."""
    if kind == "low-contrast":
        step = rng.uniform(22, 35) * (1 if mean < 200 else -1)
        return "low", (step, step, step)
    if mean > 175:
        return "black", (8, 8, 8)
    if colour and rng.random() < 0.35:
        return "yellow", (255, 235, 20)
    if mean < 60 and rng.random() < 0.25:
        return "grey", (150, 150, 150)
    return "white", (255, 255, 255)

"""Whether covered text can be brought back: ``python -m benchmarks.pixels_readback``.

A name and a number stand in each picture at a known place, and an attacker who knows that place reads there, after
deconvolution (Wiener; Richardson, J. Opt. Soc. Am. 62, 1972, and Lucy, Astron. J. 79, 1974) for several widths and
strengths, and after averaging 16 frames of a file and 16 runs over it under one key and under sixteen. Beside the two
fills stand blur and added noise, which are not offered, to show that the attacks work.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, sentence
from benchmarks.pixels_cost import dicom
from benchmarks.pixels_set import _font, ground
from benchmarks.table import keep, table

PICTURES, FRAMES, SIDE, SIZE = 8, 16, 320, 22
NAMES = ("QUISTGAARD", "HARTIGAN", "MULLENHOFF", "KOWALCZYK", "BARNSBY", "VEXELBAUM", "OKAFOR", "HOLLERBUSCH")
SIGMAS, STRENGTHS, ITERATIONS = (2.0, 3.0, 4.0, 5.0), (1e-4, 1e-3, 1e-2), (30, 100)
Box = tuple[int, int, int, int]


def written(number: int) -> tuple[list[Any], list[tuple[str, Box]]]:
    """16 frames that differ in grain, uint8, and the two strings in all of them with their boxes."""
    import random

    from PIL import Image, ImageDraw

    background = ("black", "ct", "xray", "real")[number % 4]
    still = ground(random.Random(f"readback {number}"), background, SIDE)
    noise = np.random.default_rng(number)
    strings = (NAMES[number], str(1_000_000 + noise.integers(9_000_000)))
    frames, items = [], []
    for frame in range(FRAMES):
        grain = np.clip(still + noise.normal(0, 4, still.shape), 0, 255).astype(np.uint8)
        image = Image.fromarray(grain)
        for line, text in enumerate(strings):
            at, font = (24, 40 + 60 * line), _font("DejaVuSans", SIZE)
            ImageDraw.Draw(image).text(at, text, fill=255, font=font)
            if not frame:
                left, top, right, bottom = font.getbbox(text)
                items.append(
                    (
                        text,
                        (
                            int(at[0] + left) - 3,
                            int(at[1] + top) - 3,
                            int(at[0] + right) + 3,
                            int(at[1] + bottom) + 3,
                        ),
                    )
                )
        frames.append(np.asarray(image))
    return frames, items


def response(shape: tuple[int, int], sigma: float) -> Any:
    """What a Gaussian blur does to each frequency."""
    rows, columns = (np.fft.fftfreq(side)[:, None] for side in shape)
    return np.exp(-2 * (np.pi * sigma) ** 2 * (rows**2 + columns.T**2))


def blurred(picture: Any, sigma: float) -> Any:
    """A Gaussian blur, rounded as a picture is."""
    found = np.fft.ifft2(np.fft.fft2(picture.astype(float)) * response(picture.shape, sigma)).real
    return np.clip(np.rint(found), 0, 255)


def deconvolved(picture: Any) -> Iterator[Any]:
    """Guesses at what was there before it was blurred."""
    values = picture.astype(float)
    for sigma in SIGMAS:
        known = response(values.shape, sigma)
        for strength in STRENGTHS:
            yield np.fft.ifft2(np.fft.fft2(values) * known / (known**2 + strength)).real
        guess = np.maximum(values, 1)
        for step in range(1, max(ITERATIONS) + 1):
            seen = np.maximum(np.fft.ifft2(np.fft.fft2(guess) * known).real, 1e-3)
            guess = guess * np.fft.ifft2(np.fft.fft2(np.maximum(values, 1) / seen) * known).real
            guess = np.clip(guess, 1e-3, 1e4)
            if step in ITERATIONS:
                yield guess


def shown(values: Any, box: Box) -> Any:
    """Values as a picture, stretched to what lies in the box."""
    inner = values[box[1] : box[3], box[0] : box[2]]
    low, high = float(inner.min()), float(inner.max())
    return np.clip((values - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)


class Reader:
    """Reads at known places."""

    def __init__(self) -> None:
        from medcli.privacy.pixels.detector import usual

        self._detector = usual()

    def reads(self, pictures: Iterator[Any], text: str, box: Box) -> bool:
        """Whether the text, with a quarter of its letters wrong at most, is read in any of the pictures."""
        from medcli.privacy.pixels.detector import quad_of
        from medcli.privacy.pixels.hunt import _distance_within

        for values in pictures:
            picture = shown(values, box)
            for one in (picture, 255 - picture):
                reading = self._detector.read(one, [quad_of(box)])[0].text.upper().replace(" ", "")
                if _distance_within(text, reading) <= len(text) // 4:
                    return True
        return False


class Scrubbed:
    """Scrubs frames by one fill under a key."""

    def __init__(self) -> None:
        from medcli.privacy.pixels.detector import usual
        from medcli.privacy.pixels.looking import Looker

        self._looker = Looker(usual())

    def frames(self, frames: list[Any], fill: str, key: int) -> list[Any]:
        """The released frames."""
        from pydicom import dcmread

        from medcli.privacy.dicom.scrubber import Scrubber
        from medcli.privacy.pixels.cleaner import PixelCleaner
        from medcli.privacy.pixels.policy import PixelPolicy
        from medcli.privacy.policy import Policy

        secret, policy = bytes([key]) * 32, PixelPolicy(fill=fill)
        made = Scrubber(Policy(pixels="all", look=policy), secret)
        made._pixels = PixelCleaner(policy, secret)  # noqa: SLF001 - so that pictures seen before cost nothing
        made._pixels._looker = self._looker  # noqa: SLF001
        with tempfile.TemporaryDirectory() as folder:
            result = made.scrub(dicom(np.stack(frames)), Path(folder) / "out")
            if result.status != "released":
                raise SystemExit(f"withheld: {result.reason}")
            released = dcmread(io.BytesIO((Path(folder) / "out").read_bytes())).pixel_array
        return list(released.reshape(-1, SIDE, SIDE))


def attacks(scrubbed: Scrubbed, fill: str) -> dict[str, Callable[[list[Any]], Iterator[Any]]]:
    """What is tried on one fill, by its name."""

    def runs(frames: list[Any], keys: list[int]) -> Iterator[Any]:
        one = frames[:1]
        yield np.mean([scrubbed.frames(one, fill, key)[0].astype(float) for key in keys], axis=0)

    return {
        "as it is": lambda frames: iter([scrubbed.frames(frames[:1], fill, 1)[0].astype(float)]),
        "deconvolution": lambda frames: deconvolved(scrubbed.frames(frames[:1], fill, 1)[0]),
        "average of 16 frames": lambda frames: iter(
            [np.mean(np.stack(scrubbed.frames(frames, fill, 1)).astype(float), axis=0)]
        ),
        "average of 16 runs, one key": lambda frames: runs(frames, [1] * 16),
        "average of 16 runs, 16 keys": lambda frames: runs(frames, list(range(1, 17))),
    }


def controls() -> dict[tuple[str, str], Callable[[list[Any]], Iterator[Any]]]:
    """What is not offered, and what undoes it."""

    def noisy(frames: list[Any], sigma: float, count: int) -> Iterator[Any]:
        drawn = np.random.default_rng(1).normal(0, sigma, (count, SIDE, SIDE))
        yield np.mean(np.clip(frames[0] + drawn, 0, 255), axis=0)

    found: dict[tuple[str, str], Callable[[list[Any]], Iterator[Any]]] = {}
    for sigma in (3, 5):
        found[f"blur, sigma {sigma}", "as it is"] = lambda frames, sigma=sigma: iter(
            [blurred(frames[0], sigma)]
        )
        found[f"blur, sigma {sigma}", "deconvolution"] = lambda frames, sigma=sigma: deconvolved(
            blurred(frames[0], sigma)
        )
    for sigma in (100, 200):
        found[f"added noise, sigma {sigma}", "as it is"] = lambda frames, sigma=sigma: noisy(frames, sigma, 1)
        found[f"added noise, sigma {sigma}", "average of 16 draws"] = lambda frames, sigma=sigma: noisy(
            frames, sigma, 16
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of two strings each (8)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts = machine()
    reader, scrubbed = Reader(), Scrubbed()
    tried = controls() | {
        (f"--fill {fill}", name): attack
        for fill in ("solid", "noise")
        for name, attack in attacks(scrubbed, fill).items()
    }
    found = dict.fromkeys(tried, 0)
    sets = [written(number) for number in range(arguments.pictures)]
    for (cover, name), attack in tried.items():
        for frames, items in sets:
            pictures = list(attack(frames))
            found[cover, name] += sum(reader.reads(iter(pictures), text, box) for text, box in items)
    total = 2 * len(sets)
    print(f"Covered text, read back. {sentence(facts)}; {total} strings of {SIZE} px\n")
    rows = [
        (cover, name, f"{count} of {total}", "0" if cover.startswith("--") else "")
        for (cover, name), count in found.items()
    ]
    print(table(("covered by", "attack", "read", "bar"), rows))
    keep(
        arguments.json, "pixels_readback", facts | {"read": {" / ".join(key): n for key, n in found.items()}}
    )
    if any(count for (cover, _), count in found.items() if cover.startswith("--")):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""How much of burned-in text is found, how much else is covered, and what it costs: ``python -m benchmarks.pixels_recall``.

Over the pictures of :mod:`benchmarks.pixels_set`: a string counts as found if at least 90 % of its box is covered.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, sentence
from benchmarks.pixels_set import BACKGROUNDS, Item, Picture, clean, pictures
from benchmarks.table import keep

PICTURES, CLEAN, SEED = 210, 60, 20261121


def shown(picture: Picture) -> list[Any]:
    """As the scrubber shows it."""
    from medcli.privacy.pixels.image import Image
    from medcli.privacy.pixels.showing import Shown

    pixels = picture.pixels
    deep = pixels.dtype == np.uint16
    image = Image(
        rows=pixels.shape[0], columns=pixels.shape[1], frames=1, samples=3 if pixels.ndim == 3 else 1,
        allocated=16 if deep else 8, stored=12 if deep else 8, high=11 if deep else 7, signed=False,
        photometric="RGB" if pixels.ndim == 3 else "MONOCHROME2",
    )  # fmt: skip
    return Shown(image, picture.window).pictures(pixels)


def groups(item: Item) -> list[str]:
    """The rows of the table that a string counts for."""
    if item.kind == "low-contrast":
        return ["low contrast", f"low contrast, {item.background}"]
    if item.kind in ("rotated", "upside-down"):
        return ["rotated"]
    if item.size < 12:
        return ["below 12 px"]
    if item.colour in ("white", "yellow"):
        return ["white and yellow, 12 px and more", f"white and yellow, {item.background}"]
    return [f"{item.colour}, 12 px and more"]


def measure(count: int, empty: int, seed: int) -> dict[str, Any]:
    """Run it."""
    from medcli.privacy.pixels.detector import DetectorFailed, usual
    from medcli.privacy.pixels.finding import Finder
    from medcli.privacy.pixels.hunt import Hunt
    from medcli.privacy.pixels.looking import Looker, mask_of

    finder = Finder(Looker(usual()), Hunt(None))
    found, total, failed = Counter[str](), Counter[str](), 0
    seconds = []
    for picture in pictures(count, seed=seed):
        started = time.process_time()
        try:
            mask = mask_of(finder.find(shown(picture)), *picture.pixels.shape[:2])
        except DetectorFailed:
            failed += 1
            continue
        seconds.append(time.process_time() - started)
        for item in picture.items:
            left, top, right, bottom = item.box
            hit = mask[top:bottom, left:right].mean() >= 0.9
            for group in ("all", *groups(item)):
                total[group] += 1
                found[group] += bool(hit)
    covered: dict[str, list[float]] = {name: [] for name in BACKGROUNDS}
    for picture in clean(empty, seed=seed):
        try:
            covered[picture.background].append(
                float(mask_of(finder.find(shown(picture)), *picture.pixels.shape[:2]).mean())
            )
        except DetectorFailed:
            failed += 1
    return {"found": found, "total": total, "failed": failed, "covered": covered, "seconds": seconds}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="pictures with text (210)")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed draws other pictures")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    count, facts = arguments.pictures, machine()
    result = measure(count, max(6, count * CLEAN // PICTURES), arguments.seed)
    print(f"Text in pixels. {sentence(facts)}; seed {arguments.seed}\n")
    print("| Strings | Found | Of | Share |\n| --- | --- | --- | --- |")
    for group in sorted(result["total"]):
        found, total = result["found"][group], result["total"][group]
        print(f"| {group} | {found} | {total} | {found / total:.3f} |")
    print("\n| Clean pictures | Falsely covered |\n| --- | --- |")
    for name, shares in result["covered"].items():
        print(f"| {name} | {100 * float(np.mean(shares)):.2f} % |")
    print(f"\nPictures on which the detector failed: {result['failed']}.")
    print(f"CPU-seconds a 512-px picture, all looks: median {np.median(result['seconds']):.2f}.")
    shares = {name: result["found"][name] / total for name, total in result["total"].items()}
    keep(arguments.json, "pixels_recall", facts | {"found": shares})


if __name__ == "__main__":
    main()

"""What checks of instruction data cost a sample, and domains, near-duplicates and pictures of captions beside them.

Conversations of three questions and about 900 characters are put together here from sentences, a third of them with
something that a rule finds; captions of about 300 characters with numbers in them likewise. CPU-milliseconds each, the
median over the rounds; the first round, which reads tables and compiles expressions, is left out.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from benchmarks.machine import machine, sentence
from benchmarks.measure import ENVIRONMENT, ROOT
from benchmarks.table import keep, table, verdict

HEAD = ("what", "CPU-milliseconds each", "for 60,000: CPU-seconds", "bar", "met")
ORGANS = ["kidney", "liver", "spleen", "lung", "heart", "brain", "femur", "bladder", "pancreas", "thyroid"]
FINDINGS = (
    "a round lesion with smooth margins and a thin wall",
    "diffuse thickening of the wall without any fluid around it",
    "a cluster of enlarged nuclei with prominent nucleoli",
    "an area of low signal that does not enhance after contrast",
    "several small calcifications along the outer contour",
)
WAYS = (
    "The image shows {finding} in the {organ}, which stands out against the surrounding tissue.",
    "In the {organ} there is {finding}; the rest of the organ appears regular in size and shape.",
    "On this CT, {finding} can be seen near the upper pole of the {organ}, while the vessels are not displaced.",
)
ASKED = (
    "What is seen in the {organ}?",
    "Where does {finding} lie?",
    "How would you describe the {organ} here?",
)
BAD = (
    "According to the caption, there is {finding}.",
    "The patient is a 45-year-old woman.",
    "I'm sorry, but I cannot see the image.",
    "It measures about 3.5 cm.",
)
CAPTION = (
    "Axial contrast-enhanced CT of a 45-year-old woman, {number} days after surgery, shows {finding} of 3.5 \u00d7 2.{number} cm "
    "in the {organ} (arrow). {organ} tissue, H&E, original magnification \u00d7{number}00; Ki-67 was positive in {number} % of "
    "cells."
)
BARS = {"check": 1.0, "mend": 2.0, "domain": 10 / 60, "duplicates": 10 / 60}
NAMES = {
    "check": "check a sample, all rules but identity",
    "mend": "mend a sample, all rules but identity",
    "gated": "check a sample with the gate's reader",
    "domain": "domain of a caption",
    "duplicates": "near-duplicates, a caption",
    "print": "hash a picture of 512 x 512",
    "distance": "hold it against 1,000 known ones",
}


def texts(count: int, seed: int) -> list[dict[str, Any]]:
    """Samples and captions as JSON: the same seed gives the same ones."""
    draw = random.Random(seed)

    def filled(form: str, number: int) -> str:
        return form.format(finding=draw.choice(FINDINGS), organ=draw.choice(ORGANS), number=number)

    made = []
    for number in range(count):
        turns = []
        for at in range(3):
            answer = " ".join(filled(draw.choice(WAYS), number) for _ in range(2))
            bad = filled(draw.choice(BAD), number) if not at and number % 3 == 0 else ""
            turns += [("user", filled(ASKED[at], number)), ("assistant", f"{bad} {answer}".strip())]
        made.append({"turns": turns, "caption": filled(CAPTION, number % 90 + 3)})
    return made


def timed(work: Callable[[Any], object], items: list[Any]) -> float:
    """CPU-milliseconds an item."""
    begun = process_time()
    for item in items:
        work(item)
    return 1000 * (process_time() - begun) / len(items)


def measured(path: Path) -> None:
    """Print one process's figures as JSON."""
    from medcli.instruct import lookalikes
    from medcli.instruct.checks import Settings, check, mend, reader
    from medcli.instruct.domains import domain_of_caption
    from medcli.instruct.duplicates import near_duplicates
    from medcli.instruct.sample import Sample
    from medcli.privacy.gate import Gate
    from medcli.records import Caption

    told = json.loads(path.read_text(encoding="utf-8"))
    captions = [one["caption"] for one in told]
    pairs = [
        (Sample(str(at), "conversation", tuple(map(tuple, one["turns"]))), Caption(str(at), one["caption"]))
        for at, one in enumerate(told)
    ]
    plain, gated = Settings(), Settings(reader=reader(Gate()))
    warm, rest = pairs[:50], pairs[50:]
    for one in warm:
        mend(*one, gated)
        domain_of_caption(one[1].caption)
    figures = {
        "check": timed(lambda one: check(*one, plain), rest),
        "mend": timed(lambda one: mend(*one, plain), rest),
        "gated": timed(lambda one: check(*one, gated), rest[:100]),
        "domain": timed(domain_of_caption, captions),
    }
    list(near_duplicates(captions[:50]))
    begun = process_time()
    assert sum(1 for _ in near_duplicates(captions)) == len(captions)
    figures["duplicates"] = 1000 * (process_time() - begun) / len(captions)
    prints = pictures()
    lookalikes.prints(prints[0])
    figures["print"] = timed(lookalikes.prints, prints)
    hashes = [found for one in prints if (found := lookalikes.prints(one)) is not None]
    known = lookalikes.Known()
    for at in range(1000):
        known.add(hashes[at % len(hashes)])
    known.distance(hashes[0])
    figures["distance"] = timed(known.distance, hashes[:10])
    print(json.dumps(figures))


def pictures() -> list[Any]:
    """Forty pictures of 512 x 512: noise of several sizes, smoothed."""
    import numpy as np
    from PIL import Image

    made = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        small = Image.fromarray(draw.integers(0, 256, (24, 24), dtype=np.uint8))
        made.append(small.resize((512, 512), Image.Resampling.BICUBIC))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000, help="how many (2,000)")
    parser.add_argument("--rounds", type=int, default=5, help="processes (5)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    parser.add_argument("--measured", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measured:
        measured(arguments.measured)
        return
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as folder:
        path = Path(folder) / "samples.json"
        made = texts(max(arguments.samples, 100), 0)
        path.write_text(json.dumps(made), encoding="utf-8")
        rounds = [once(path) for _ in range(arguments.rounds)]
    figures = {name: median(one[name] for one in rounds) for name in NAMES}
    size = sum(len(text) for one in made for _, text in one["turns"]) / len(made)
    print(
        f"Checks. {sentence(facts)}; {len(made):,} samples of {size:,.0f} characters, median of {arguments.rounds} "
        "processes\n"
    )
    rows = [
        (NAMES[name], f"{cost:.3f}", f"{cost * 60:.1f}", *bars(name, cost)) for name, cost in figures.items()
    ]
    print(table(HEAD, rows))
    keep(arguments.json, "instruct_checks", {"machine": facts, "figures": figures})


def bars(name: str, cost: float) -> tuple[object, object]:
    bar = BARS.get(name)
    return ("", "") if bar is None else (f"{bar:.2f}", verdict(cost, bar, at_most=True))


def once(path: Path) -> dict[str, float]:
    """Figures of one process."""
    command = [sys.executable, "-m", "benchmarks.instruct_checks", "--measured", str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=ENVIRONMENT)
    seen: dict[str, float] = json.loads(told.stdout)
    return seen


if __name__ == "__main__":
    main()

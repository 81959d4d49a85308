"""Questions a second of `medcli ask`, beside a loop and length-sorted batches of plain transformers, interleaved in one run.

110 questions on 10 pictures, and 40 questions on 40; 16 forced tokens each, float32, start-up excluded. A ratio is the
median over the rounds. Then the time from start to first token of a tiny model, beside a bare script.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import ask_sets
from benchmarks.ask_contenders import NEW, Ours, Plain
from benchmarks.machine import machine, sentence
from benchmarks.measure import Cost, run
from benchmarks.table import keep, table, verdict

LOOP, SORTED, OURS = "one by one", "sorted batches", "medcli"
#: By the number of questions a picture: what is compared with, by how much to be faster.
BARS = {11: ((LOOP, 4.0), (SORTED, 2.8)), 1: ((SORTED, 0.97),)}
OVERHEAD_BAR, START_BAR = 10.0, 1.5
HEAD = (
    "questions",
    "way",
    "seconds",
    "a second",
    "x one by one",
    "x sorted",
    "CPU-seconds",
    "x one by one, CPU",
)
HEAD = (*HEAD, "x sorted, CPU", "same tokens")
JUDGED = ("what", "wall", "CPU", "bar", "met by wall", "met by CPU")
Times = dict[str, list[tuple[float, float]]]

SCRIPT = """
import sys, torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
processor = AutoProcessor.from_pretrained(sys.argv[1])
model = AutoModelForImageTextToText.from_pretrained(sys.argv[1], dtype=torch.float32)
content = [{"type": "image", "image": Image.open(sys.argv[2])}, {"type": "text", "text": "where is the nodule?"}]
inputs = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=True, return_dict=True,
                                       return_tensors="pt", add_generation_prompt=True)
told = model.generate(**inputs, do_sample=False, max_new_tokens=1)
print(processor.decode(told[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
"""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way (5)")
    parser.add_argument("--threads", type=int, default=0, help="threads of torch (its own choice)")
    parser.add_argument("--pictures", type=int, default=10, help="pictures of 11 questions each (10)")
    parser.add_argument("--singles", type=int, default=40, help="pictures of one question each (40)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    return parser


def timed(
    asked: Sequence[ask_sets.Asked], ways: dict[str, Callable[..., Any]], rounds: int
) -> tuple[Times, bool]:
    """Wall and CPU seconds of each way in each round, and whether all gave the same tokens."""
    times: Times = {way: [] for way in ways}
    tokens: dict[str, Any] = {}
    for _ in range(rounds):
        for way, answer in ways.items():
            start, used = time.perf_counter(), time.process_time()
            tokens[way] = answer(asked)
            times[way].append((time.perf_counter() - start, time.process_time() - used))
    return times, all(one == tokens[LOOP] for one in tokens.values())


def ratio(times: Times, way: str, other: str, which: int) -> float:
    """How many times as fast one way is as another: wall (0) or CPU (1), median over the rounds."""
    return median(b[which] / a[which] for a, b in zip(times[way], times[other], strict=True))


def shown(name: str, count: int, times: Times, *, same: bool) -> list[list[object]]:
    """A table row a way."""
    rows: list[list[object]] = []
    for way, took in times.items():
        wall, cpu = median(one[0] for one in took), median(one[1] for one in took)
        faster = [f"{ratio(times, way, other, which):.2f}" for which in (0, 1) for other in (LOOP, SORTED)]
        line = [name, way, f"{wall:.2f}", f"{count / wall:.2f}", *faster[:2], f"{cpu:.2f}", *faster[2:]]
        rows.append([*line, "yes" if same else "NO"])
    return rows


def judged(each: int, name: str, times: Times) -> list[list[object]]:
    """What has to be met, and whether it is."""
    return [
        [
            f"{name}: {OURS} x {other}",
            *(f"{one:.2f}" for one in found),
            f">= {bar}",
            *(verdict(one, bar) for one in found),
        ]
        for other, bar in BARS[each]
        for found in [[ratio(times, OURS, other, which) for which in (0, 1)]]
    ]


def start_up(place: Path, rounds: int) -> tuple[list[list[object]], dict[str, float]]:
    """Start to first token: the command, and a bare script."""
    tiny = ask_sets.model(place / "tiny", ask_sets.TINY)
    image = ask_sets.questions(place, 1, 1)[0].image
    command = [sys.executable, "-m", "medcli", "ask", "where is the nodule?", "--image", str(image)]
    command += ["--model", str(tiny), "--devices", "cpu", "--dtype", "float32", "--max-new-tokens", "1"]
    ways = {"script": [sys.executable, "-c", SCRIPT, str(tiny), str(image)], OURS: command}
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, program in ways.items():
            cost = run(program)
            if cost.status:
                sys.exit(f"{way}: exit {cost.status}\n{cost.output}")
            costs[way].append(cost)
    found = {
        f"{way} {kind}": median(getattr(cost, kind) for cost in seen[1:])  # the first compiles
        for way, seen in costs.items()
        for kind in ("wall", "cpu")
    }
    wall, cpu = (found[f"{OURS} {kind}"] / found[f"script {kind}"] for kind in ("wall", "cpu"))
    name = f"start to first token: {found[f'{OURS} wall']:.2f} s, bare script {found['script wall']:.2f} s"
    met = (verdict(one, START_BAR, at_most=True) for one in (wall, cpu))
    return [[name, f"{wall:.2f}", f"{cpu:.2f}", f"<= {START_BAR}", *met]], found


def main() -> None:
    arguments = options().parse_args()
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    facts = machine()
    lines: list[list[object]] = []
    bars: list[list[object]] = []
    kept: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as name:
        place = Path(name)
        checkpoint = ask_sets.model(place / "model", ask_sets.LARGE)
        plain, ours = Plain(checkpoint), Ours(checkpoint)
        size = sum(one.numel() for one in plain.model.parameters()) / 1e6
        ways = {LOOP: plain.one_by_one, SORTED: plain.sorted_batches, OURS: ours.answer}
        for each, pictures in ((11, arguments.pictures), (1, arguments.singles)):
            asked = ask_sets.questions(place, each * pictures, pictures)
            title = f"{len(asked)} on {pictures} pictures"
            times, same = timed(asked, ways, arguments.rounds)
            lines += shown(title, len(asked), times, same=same)
            bars += judged(each, title, times)
            kept[title] = {"times": times, "same_tokens": same}
        outside = 100 * (1 - ours.inside / ours.whole)
        met = verdict(outside, OVERHEAD_BAR, at_most=True)
        bars.append(
            ["outside the model, % of medcli's time", f"{outside:.1f}", "", f"<= {OVERHEAD_BAR}", met, ""]
        )
        more, kept["start_up"] = start_up(place, arguments.rounds)
    print(
        f"Speed of ask. {sentence(facts)}; {size:.0f} M parameters, {torch.get_num_threads()} threads, "
        f"{NEW} forced tokens; median of {arguments.rounds} interleaved rounds\n"
    )
    print(table(HEAD, lines), "\n")
    print(table(JUDGED, bars + more))
    keep(arguments.json, "ask_speed", {"machine": facts, "overhead_percent": outside, **kept})


if __name__ == "__main__":
    main()

"""What medcli generate-instruct costs beside the requests: planning, the gate and the checks, each by itself.

Planning is reading and selecting a file of captions, near-duplicates and domains included, and handing out every figure
in its order; CPU-seconds and peak memory of a process, for a quarter of the captions and for all. The gate and the
checks are CPU-milliseconds a figure: the gate with caption and two mentions in a session of its own, prompts not searched;
the checks with one conversation of three questions, the search for identity in it apart. Captions are made here,
of the worked examples' and twenty words more; one in ten names a person, a date or a number.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.machine import machine, sentence
from benchmarks.measure import ENVIRONMENT, ROOT, run
from benchmarks.table import keep, table, verdict
from medcli.instruct.prompts import read_book

BAR = 10.0
_TERMS = (
    "the of in with and a was were is after before at on from by this patient years days pain fever history presented which"
    " shows seen noted found left right upper lower small large several single both mild severe marked focal diffuse normal"
    " arrow arrowhead asterisk panel follow-up initial later weeks months treatment response complete partial stable change"
    " size border centre side wall area part end line shape dark bright thin thick round flat"
)
WORDS = _TERMS.split()
NAMED = ("Courtesy of Dr. Maria Lopez.", "Taken on 12 March 2021.", "The patient's MRN is 4471902.")
PLAN = """
import sys, tempfile
from pathlib import Path
from medcli.instruct.kinds import Kinds
from medcli.instruct.selection import Wishes, select
with tempfile.TemporaryDirectory() as folder:
    with select(Path(sys.argv[1]), Path(folder), Wishes(), Kinds({"conversation": 3.0, "description": 1.0}, 0)) as chosen:
        assert sum(1 for _ in chosen.figures()) == len(chosen)
"""
COST = """
import json, sys, time
from medcli.instruct import checks
from medcli.instruct.captions import read
from medcli.instruct.door import Door
from medcli.instruct.prompts.book import caption_text
from medcli.instruct.sample import Sample
from pathlib import Path
captions = [one.caption for one in read(Path(sys.argv[1]))][: int(sys.argv[2])]
door = Door.of("on", [])
door.ready()
said = ("The lesion is well defined and its margin is smooth, while the tissue around it keeps its usual look.",
    "Beside the wall a thin bright rim can be followed.", "Such an appearance suggests a benign change.")
asked = ("What does the lesion look like?", "Is there anything beside the wall?", "What does this appearance suggest?")
turns = tuple(turn for one, two in zip(asked, said) for turn in (("user", one), ("assistant", two)))
seen = {}
def timed(name, work):
    work(captions[0])
    begun = time.process_time()
    for caption in captions:
        work(caption)
    seen[name] = 1000 * (time.process_time() - begun) / len(captions)
timed("gate", lambda one: door.admit(one, caption_text(one), one.mentions))
sample = Sample("1", "conversation", turns, "1.jpg", "mri")
timed("checks", lambda one: checks.mend(sample, one, checks.Settings()))
find = checks.reader(door.gate)
timed("identity", lambda one: [find(text) for _, text in turns])
print(json.dumps(seen))
"""


def made(path: Path, count: int) -> Path:
    """A file of captions."""
    dice = random.Random(7)
    cases = [one["caption"] for one in read_book().examples()]
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            words = f"{dice.choice(cases)} {' '.join(dice.choices(WORDS, k=20))}"
            named = f" {dice.choice(NAMED)}" if number % 10 == 0 else ""
            mentions = [{"tokens": " ".join(dice.choices(WORDS, k=25))} for _ in range(2)]
            record = {
                "pair_id": f"{20000000 + number}_F1",
                "fig_label": "Figure 1",
                "fig_caption": f"{words}.{named}",
            }
            stream.write(json.dumps(record | {"in_text_mention": mentions, "license": "CC BY"}) + "\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=int, default=60_000, help="to be planned (60,000)")
    parser.add_argument("--figures", type=int, default=500, help="through gate and checks (500)")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each figure (5)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as folder:
        sizes = (arguments.captions // 4, arguments.captions)
        paths = [made(Path(folder) / f"{size}.jsonl", size) for size in sizes]
        plans = [
            [run([sys.executable, "-c", PLAN, str(path)], watch=True) for _ in range(arguments.rounds)]
            for path in paths
        ]
        rounds = [once(paths[0], arguments.figures) for _ in range(arguments.rounds)]
    failed = [one.output for plan in plans for one in plan if one.status]
    if failed:
        sys.exit(failed[0])
    costs = [(median(one.cpu for one in plan), median(one.driver for one in plan) / 2**20) for plan in plans]
    each = {name: median(one[name] for one in rounds) for name in rounds[0]}
    print(f"Instruction data. {sentence(facts)}; median of {arguments.rounds} processes\n")
    rows = [
        (f"planning {size:,} captions", f"{cpu:.1f}", *bars(cpu, size, arguments.captions), f"{peak:.0f}")
        for size, (cpu, peak) in zip(sizes, costs, strict=True)
    ]
    print(table(("what", "CPU-seconds", "bar", "met", "MiB"), rows))
    print()
    names = {
        "gate": "gate: caption and two mentions",
        "checks": "checks: three questions",
        "identity": "checks: identity in them",
    }
    print(
        table(
            ("each figure", "CPU-milliseconds"), [(names[name], f"{cost:.2f}") for name, cost in each.items()]
        )
    )
    keep(arguments.json, "instruct_speed", {"machine": facts, "planning": costs, "each": each})


def bars(cpu: float, size: int, whole: int) -> tuple[object, object]:
    """The bar is for all of sixty thousand."""
    return (BAR, verdict(cpu, BAR, at_most=True)) if size == whole else ("", "")


def once(path: Path, figures: int) -> dict[str, float]:
    """Milliseconds of one process."""
    command = [sys.executable, "-c", COST, str(path), str(figures)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=ENVIRONMENT)
    seen: dict[str, float] = json.loads(told.stdout)
    return seen


if __name__ == "__main__":
    main()

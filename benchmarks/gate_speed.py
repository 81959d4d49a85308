"""What the gate costs a question: from its turns to placeholders and a receipt, and its answer's search and restoring.

A figure is CPU-milliseconds a question, the median over the rounds; each round is one process that loads the gate and
asks each question once, in a session of its own, as a file of questions does. Questions of three kinds are made here:
short ones about pictures, short ones with identity, and texts of 250 characters of which half hold identity.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.machine import machine, sentence
from benchmarks.measure import ENVIRONMENT, ROOT
from benchmarks.table import keep, table, verdict
from benchmarks.text_speed import made

BAR = 1.0
HEAD = ("questions", "CPU-milliseconds each", "bar", "met", "with placeholders, %")
SHORT = (
    "What modality is shown?",
    "Is there a fracture of the left femur?",
    "Which organ is abnormal?\nA. liver\nB. spleen\nAnswer with the letter of one option.",
    "Where in the cerebellum is the lesion?",
    "Does the heart appear enlarged? Please choose from the following two options: [yes, no].",
)
NAMED = (
    "Is Mrs. Garcia's heart enlarged?",
    "Compare with the study of 3/14/2019: is the nodule stable?",
    "Summarise the findings for John Smith, MRN 4471902.",
    "Dr. O'Neil at Lakeside Imaging asks whether the fracture has healed.",
)

#: A process: load, ask each once, say milliseconds of each kind and the share that got placeholders.
RUN = """
import json, sys, time
from medcli.privacy.gate import Gate, Image
gate = Gate(); gate.load()
answer = "There is no acute abnormality, [NAME_1]."
seen = {}
for kind, questions in json.load(open(sys.argv[1])).items():
    masked, begun = 0, time.process_time()
    for number, text in enumerate(questions):
        session = gate.session()
        images = [Image("none.png", f"study{number // 10}/image{number // 10}.png")] if kind == "short" else []
        session.prepare([("user", text)], images)
        session.answer(answer)
        masked += bool(session.receipt.found)
    seen[kind] = [1000 * (time.process_time() - begun) / len(questions), 100 * masked / len(questions)]
print(json.dumps(seen))
"""
KINDS = {
    "short": "short, about pictures",
    "named": "short, with identity",
    "long": "of 250 characters, half with identity",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1000, help="of each kind (1,000)")
    parser.add_argument("--rounds", type=int, default=5, help="processes (5)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    count = arguments.questions
    questions = {
        "short": [SHORT[at % len(SHORT)] for at in range(count)],
        "named": [NAMED[at % len(NAMED)] for at in range(count)],
        "long": made(count),
    }
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as folder:
        path = Path(folder) / "questions.json"
        path.write_text(json.dumps(questions), encoding="utf-8")
        rounds = [once(path) for _ in range(arguments.rounds + 1)][1:]
    figures = {
        kind: [median(column) for column in zip(*(one[kind] for one in rounds), strict=True)]
        for kind in KINDS
    }
    print(
        f"Gate. {sentence(facts)}; {count:,} questions of each kind, median of {arguments.rounds} processes\n"
    )
    rows = [
        (KINDS[kind], f"{cost:.2f}", *bars(kind, cost), f"{share:.0f}")
        for kind, (cost, share) in figures.items()
    ]
    print(table(HEAD, rows))
    keep(arguments.json, "gate_speed", {"machine": facts, "figures": figures})


def bars(kind: str, cost: float) -> tuple[object, object]:
    """The bar is for questions; a text of 250 characters is searched twice, whatever asks about it."""
    return ("", "") if kind == "long" else (BAR, verdict(cost, BAR, at_most=True))


def once(path: Path) -> dict[str, list[float]]:
    """Milliseconds and shares of one process."""
    command = [sys.executable, "-c", RUN, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=ENVIRONMENT)
    seen: dict[str, list[float]] = json.loads(told.stdout)
    return seen


if __name__ == "__main__":
    main()

"""What scoring costs: a million answers by llava-med and strict, without and with intervals, beside nltk's BLEU."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine, sentence
from benchmarks.measure import Cost, run
from benchmarks.table import keep, table, verdict

CPU_BAR, MEMORY_BAR = 400.0, 1024.0
_WORDS = [
    "the",
    "a",
    "left",
    "right",
    "lung",
    "lobe",
    "upper",
    "lower",
    "heart",
    "liver",
    "spleen",
    "mass",
    "nodule",
    "effusion",
    "opacity",
    "is",
    "seen",
    "in",
    "of",
    "and",
    "with",
    "no",
    "yes",
    "normal",
    "enlarged",
    "lesion",
    "2.5",
    "cm",
    "T2-weighted",
    "axial",
    "CT",
    "MRI",
    "image",
    "shows",
    "consistent",
    "evidence",
    "pneumonia;",
    "fracture,",
    "contrast",
    "(arrow)",
    "suggests",
    "mild",
    "1,000",
    "ml",
]


def make(folder: Path, rows: int, seed: int = 0) -> tuple[Path, Path]:
    """Write questions, two thirds of them open, and answers of 1 to 30 words; three questions a picture."""
    draw = random.Random(seed)
    questions, answers = folder / "questions.jsonl", folder / "answers.jsonl"
    with questions.open("w") as asked, answers.open("w") as given:
        for number in range(rows):
            closed = number % 3 == 0
            truth = (
                draw.choice(("yes", "no")) if closed else " ".join(draw.choices(_WORDS, k=draw.randint(1, 4)))
            )
            text = " ".join(draw.choices(_WORDS, k=draw.randint(1, 30)))
            row = {
                "id": number,
                "image": f"img_{number // 3:06}.jpg",
                "answer_type": "CLOSED" if closed else "OPEN",
                "question_type": draw.choice(("modality", "organ", "abnormality")),
                "conversations": [
                    {"from": "human", "value": f"Question {number % 5000}?\n<image>"},
                    {"from": "gpt", "value": truth},
                ],
            }
            asked.write(json.dumps(row) + "\n")
            given.write(json.dumps({"question_id": number, "text": text, "model_id": "m"}) + "\n")
    return questions, answers


_NLTK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from nltk.translate.bleu_score import sentence_bleu
truths = [json.loads(line)["conversations"][1]["value"] for line in open(sys.argv[1])]
for truth, line in zip(truths, open(sys.argv[2])):
    text = json.loads(line)["text"].lower().split()
    for weights in ((.25,) * 4, (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)):
        sentence_bleu([truth.lower().split()], text, weights=weights)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="answers (1,000,000)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        questions, answers = make(Path(folder), arguments.rows)
        vqa = [sys.executable, "-m", "medcli", "evaluate", "vqa", str(answers), "--questions", str(questions)]
        sets = ["--metrics", "llava-med,strict"]
        found = {
            "llava-med and strict": _run([*vqa, *sets, "--resamples", "0"]),
            "the same, with intervals": _run([*vqa, *sets]),
            "nltk's four BLEU calls alone": _run([sys.executable, "-c", _NLTK, str(questions), str(answers)]),
        }
    print(f"Scoring {arguments.rows:,} answers. {sentence(facts)}\n")
    share = arguments.rows / 1_000_000
    lines = []
    for name, cost in found.items():
        bars = ("", "", "", "")
        if name == "llava-med and strict":
            cpu, memory = CPU_BAR * share, MEMORY_BAR
            bars = (
                f"{cpu:,.0f}",
                verdict(cost.cpu, cpu, at_most=True),
                f"{memory:,.0f}",
                verdict(cost.driver / 2**20, memory, at_most=True),
            )
        lines.append((name, f"{cost.cpu:,.0f}", *bars[:2], f"{cost.driver / 2**20:,.0f}", *bars[2:]))
    print(table(("what", "CPU-seconds", "bar", "met", "MiB", "bar", "met"), lines))
    kept = {name: {"cpu": cost.cpu, "bytes": cost.driver} for name, cost in found.items()}
    keep(arguments.json, "evaluate_speed", {"machine": facts, "rows": arguments.rows, "costs": kept})


def _run(command: list[str]) -> Cost:
    cost = run(command, watch=True)
    if cost.status:
        sys.exit(f"exit {cost.status}\n{cost.output}")
    return cost


if __name__ == "__main__":
    main()

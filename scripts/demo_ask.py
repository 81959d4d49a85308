"""The second half of ``make demo``: ask a model about the images that the first half released.

A small file of questions is written in LLaVA-Med's shape and asked with `medcli ask` as anybody would ask it. Unless a
model is named, it is a tiny one with random weights, made on the spot: what it says means nothing.
"""

from __future__ import annotations

import itertools
import json
import shutil
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pydicom
import tiny_model
from demo_command import run
from demo_scrub import account

SHOWN = {  # by their places in the inbox
    "Ward 3/Compressed Samples CT1/CT_small.dcm": "a CT slice",
    "Ward 3/Compressed Samples MR1/MR_small_bigendian.dcm": "an MR slice",
    "Radiology/with overlay.dcm": "an MR slice of the abdomen",
}
QUESTIONS = [
    {"text": "How was this image made?", "choices": ["CT", "MR", "ultrasound"], "answer_type": "CLOSED"},
    {"text": "What does this image show?", "answer_type": "OPEN"},
]
ANSWERED = (0, 5)
"""Exit codes of a run whose answers are written."""


def ask(here: Path, model: str) -> int:
    """Write the questions, run the command, show the answers.

    Parameters
    ----------
    here : Path
        Where the first half has left its release.
    model : str
        Hub id or folder of a model; empty for the one made on the spot.

    Returns
    -------
    int
        The command's exit code; 3, as medcli's, where the packages that run models are missing.
    """
    if find_spec("torch") is None or find_spec("transformers") is None:
        print("Asking needs torch and transformers, which this Python lacks. Say: make clean; make demo")
        return 3
    chosen: str | Path = model
    if not model:
        print(
            "No model is named, so a tiny one is made on the spot. Its weights are random: its answers mean nothing."
        )
        print("For answers that mean something name a real one: make demo MODEL=ID-or-folder\n", flush=True)
        chosen = tiny_model.make(here / "tiny-model")
    pictures = released(here)
    questions = here / "questions.jsonl"
    answers = answers_of(here, model)
    changed = write(questions, pictures)
    begun = answers.with_name(f"{answers.name}.run")
    if changed and begun.exists():  # another release than last time, so other questions
        shutil.rmtree(begun)
        answers.unlink(missing_ok=True)
    command = ["ask", "--questions", questions, "--images", here / "release", "--model", chosen]
    code = run([*command, "--max-new-tokens", 128 if model else 8, "--output", answers])
    if code in ANSWERED:
        show(answers, pictures, here / "release")
        if not model:
            print("\nThese answers are noise: the weights are random.")
    return code


def answers_of(here: Path, model: str) -> Path:
    """Where a model's answers go: each has its own file."""
    return here / (f"answers-{Path(model).name}.jsonl" if model else "answers.jsonl")


def released(here: Path) -> dict[str, str]:
    """The pictures that are asked about: place in the inbox to place in the release."""
    outputs = {str(Path(row["source"]).relative_to(here / "inbox")): row["output"] for row in account(here)}
    return {name: outputs[name] for name in SHOWN if outputs.get(name)}


def write(questions: Path, pictures: dict[str, str]) -> bool:
    """Write the file of questions; say whether it is another one than before."""
    rows = [{"image": image} | question for image in pictures.values() for question in QUESTIONS]
    text = "".join(json.dumps({"question_id": n} | row) + "\n" for n, row in enumerate(rows))
    same = questions.is_file() and questions.read_text(encoding="utf-8") == text
    if not same:
        questions.write_text(text, encoding="utf-8")
    return not same


def show(answers: Path, pictures: dict[str, str], release: Path) -> None:
    """Questions and answers, picture by picture."""
    rows = iter([json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()])
    print("\nWhat was answered:")
    for name, image in pictures.items():
        header = pydicom.dcmread(release / image, stop_before_pixels=True)
        print(f"  {name}, as released: {SHOWN[name]}, {header.Columns} x {header.Rows} pixels")
        for row in itertools.islice(rows, len(QUESTIONS)):
            print(f"    Q  {' / '.join(row['prompt'].splitlines())}")
            said = row["text"] or f"(no answer: {row['metadata'].get('error', 'nothing was said')})"
            print(textwrap.fill(said, 100, initial_indent="    A  ", subsequent_indent="       "))

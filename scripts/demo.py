"""``make demo``: de-identify real DICOM files, then ask a model about what was released, and say where all of it lies.

python scripts/demo.py [--model ID|DIR] [--folder build/demo]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo_ask import ANSWERED, answers_of, ask, released
from demo_command import MEDCLI, ROOT, shown
from demo_scrub import RELEASED, scrub

REAL = "microsoft/llava-med-v1.5-mistral-7b"


def main() -> int:
    """Run both halves; a half that fails ends the demo with its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model", default="", metavar="ID|DIR", help="a real model, by Hub id or folder")
    parser.add_argument("--folder", default=ROOT / "build" / "demo", type=Path, help="where everything goes")
    wishes = parser.parse_args()
    here = wishes.folder.resolve()
    headline("1. De-identify sample files that come with pydicom")
    code = scrub(here)
    if code not in RELEASED:
        return code
    headline("2. Ask a vision-language model about released images")
    code = ask(here, wishes.model)
    if code not in ANSWERED:
        print(f"\nWhat was released stays in {shown(here / 'release')}; the same command goes on from there.")
        return code
    headline("Where to look, and what next")
    where(here, wishes.model)
    return 0


def headline(text: str) -> None:
    """Print what comes next."""
    print(f"\n== {text} ==\n", flush=True)


def where(here: Path, model: str) -> None:
    """Name what was made, and the commands that go on from there."""
    looks = {
        here / "release": "the released files, and nothing else",
        here / "release-manifest.json": "what was done, and SHA-256s",
        here
        / "release-confidential": "files.csv: which file became which; crosswalk.csv: old and new identifiers",
        here / "questions.jsonl": "what was asked, in LLaVA-Med's shape",
        answers_of(here, model): "the answers, under LLaVA-Med's keys",
    }
    made = {shown(path): about for path, about in looks.items() if path.exists()}
    width = max(map(len, made))
    for name, about in made.items():
        print(f"  {name:{width}}  {about}")
    image = here / "release" / next(iter(released(here).values()))
    print(
        f"\n  {MEDCLI} scrub --verify {shown(here / 'release')}\n"
        f"  {MEDCLI} scrub --explain PatientBirthDate\n"
        f'  {MEDCLI} ask "What does this show?" --model {model or shown(here / "tiny-model")} \\\n'
        f"    --image {shown(image)}"
    )
    if not model:
        print(f"  make demo MODEL={REAL}\n    the same questions to LLaVA-Med: 15 GB to fetch; wants a GPU")


if __name__ == "__main__":
    sys.exit(main())

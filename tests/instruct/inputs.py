"""Files of captions for tests, and the command as a process."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from medcli.cli import main
from tests.ask.inputs import start

__all__ = ["captions", "medcli", "options", "read", "start"]

DOMAINS = ("chest_xray", "mri", "histology", "gross", "ct_scan")
_ADJECTIVES = [
    "bilateral",
    "diffuse",
    "focal",
    "peripheral",
    "central",
    "basal",
    "apical",
    "patchy",
    "nodular",
    "linear",
    "reticular",
    "cystic",
    "solid",
]
_NOUNS = [
    "opacity",
    "lesion",
    "nodule",
    "mass",
    "defect",
    "thickening",
    "oedema",
    "fibrosis",
    "necrosis",
    "calcification",
    "haemorrhage",
    "fluid",
]
_PLACES = ["lobe", "segment", "cortex", "medulla", "capsule", "margin", "lumen", "hilum", "septum", "wall"]


def caption(number: int, **more: Any) -> dict[str, Any]:
    """One record; no two captions of the first thousands are near-duplicates."""
    first, second = _ADJECTIVES[number % 13], _NOUNS[number // 13 % 12]
    place, other = _PLACES[number // 156 % 10], _NOUNS[(number * 7 + 5) % 12]
    third, fourth = _ADJECTIVES[(number * 5 + 3) % 13], _PLACES[(number * 3 + 1) % 10]
    text = (
        f"In case {number} there is {first} {second} of the {place}, with {third} {other} next to the {fourth};"
        f" code{number * 7919 % 10007} view{number * 104729 % 9973}."
    )
    return {
        "pair_id": f"{20000000 + number}_F{number}",
        "image": f"{20000000 + number}_F{number}.jpg",
        "fig_label": f"Figure {number % 9 + 1}",
        "fig_caption": text,
        "in_text_mention": [{"tokens": f"The {second} was seen by all readers."}],
        "domain": {DOMAINS[number % 5]: True},
        "license": "CC BY",
        **more,
    }


def captions(folder: Path, count: int, change: Any = None) -> Path:
    """Write records; ``change`` is given each number and returns what differs."""
    path = folder / "captions.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            record = caption(number, **(change(number) if change else {}))
            stream.write(json.dumps(record) + "\n")
    return path


def medcli(folder: Path, *arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(one) for one in arguments])
    finally:
        os.environ.clear()
        os.environ.update(before)
    return code, out.getvalue(), err.getvalue()


def worded(number: int, word: str) -> dict[str, Any]:
    """What makes a caption hold a word that the server minds."""
    return {"fig_caption": f"{caption(number)['fig_caption']} Seen with {word}."} if word else {}


def options(folder: Path, url: str, *more: Any) -> list[Any]:
    """A command line."""
    out = ["--output", folder / "train.json", "--model", "tiny", "--base-url", url]
    return ["generate-instruct", folder / "captions.jsonl", *out, *more]


def read(folder: Path, name: str = "train.json") -> Any:
    """A product's content."""
    path = folder / name
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return json.loads(path.read_text(encoding="utf-8"))

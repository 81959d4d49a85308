"""PMC-VQA, both versions: a CSV a split, pictures in one zip; four options, whose columns are spelt in several ways."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from medcli.data.datasets.layouts import LETTERS, QUESTIONS, Found, Record, letter_of

PRODUCT = QUESTIONS
_LEAD = re.compile(r"^\s*([A-D])\s*[:.)]\s*", re.IGNORECASE)
_ANSWER = ("answer", "anwser", "anser", "answers")
_LABEL = ("answer_label", "anwser_label", "label")


def rows(found: Found) -> Iterator[Record]:
    """A question a row; the answer is the letter of its option."""
    for path in found.paths:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream)):
                yield _record(found, number, {(k or "").strip().lower(): v for k, v in row.items()})


def _record(found: Found, number: int, row: dict[str, str | None]) -> Record:
    file = row.get("figure_path") or ""
    choices = [_LEAD.sub("", row.get(f"choice {letter}") or "").strip() for letter in "abcd"]
    return {
        "question_id": f"{found.split}-{number}",
        "image": found.pictures.find(file),
        "text": (row.get("question") or "").strip(),
        "choices": choices,
        "answer": _answer(row, choices),
    } | ({"pmcid": file.partition("_")[0]} if file.startswith("PMC") else {})


def _answer(row: dict[str, str | None], choices: list[str]) -> str:
    label = next((text for name in _LABEL if (text := (row.get(name) or "").strip())), "")
    answer = next((text for name in _ANSWER if (text := (row.get(name) or "").strip())), "")
    for text in (label, answer):
        if len(text) == 1 and text.upper() in LETTERS[: len(choices)]:
            return text.upper()
    lead = _LEAD.match(answer)
    return lead[1].upper() if lead else letter_of(answer, choices)

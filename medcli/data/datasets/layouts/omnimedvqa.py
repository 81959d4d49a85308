"""OmniMedVQA's open part: one zip with questions below ``Open-access``, a JSON array a source, and the pictures."""

from __future__ import annotations

from collections.abc import Iterator

from medcli.data.datasets.layouts import QUESTIONS, Found, Record, letter_of
from medcli.data.datasets.layouts.documents import array

PRODUCT = QUESTIONS
_KEPT = {"question_type": "question_type", "modality_type": "modality", "dataset": "dataset"}


def rows(found: Found) -> Iterator[Record]:
    """A question a row; the answer is the letter of its option."""
    for member in found.pictures.members("Open-access", ".json"):
        for row in array(found.pictures.read(member)):
            options = [str(row.get(f"option_{letter}") or "").strip() for letter in "ABCD"]
            choices = [one for one in options if one]
            yield {
                "question_id": row.get("question_id"),
                "image": found.pictures.find(str(row.get("image_path") or "")),
                "text": str(row.get("question") or ""),
                "choices": choices,
                "answer": letter_of(str(row.get("gt_answer") or ""), choices),
            } | {new: row[old] for old, new in _KEPT.items() if row.get(old)}

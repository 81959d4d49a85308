"""MIMIC-CXR-VQA as its builder writes it for those who have signed: a JSON array a split, paths into MIMIC-CXR-JPG.

Its pictures stay where they are: ``ask --images`` names that folder. Questions are marked as clinical notes, so that
``ask`` keeps them from servers on other machines.
"""

from __future__ import annotations

from collections.abc import Iterator

from medcli.data.datasets.layouts import QUESTIONS, Found, Record, answer_type
from medcli.data.datasets.layouts.documents import array

PRODUCT = QUESTIONS
_KEPT = ("content_type", "semantic_type", "template_program")


def rows(found: Found) -> Iterator[Record]:
    """A question a row; several answers are joined with commas. Without ``image_path`` it has no picture."""
    for path in found.paths:
        for number, row in enumerate(array(path)):
            answer = row.get("answer")
            said = ", ".join(map(str, answer)) if isinstance(answer, list) else str(answer or "")
            question = str(row.get("question") or "")
            yield (
                {
                    "question_id": f"{found.split}-{row.get('idx', number)}",
                    "image": str(row.get("image_path") or ""),
                    "text": question,
                    "answer": said,
                    "notes": True,
                }
                | answer_type(question, said)
                | {name: row[name] for name in _KEPT if row.get(name)}
            )

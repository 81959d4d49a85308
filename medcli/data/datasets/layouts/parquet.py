"""VQA-RAD and PathVQA as the Hub has them: Parquet with ``image``, ``question`` and ``answer``, and no answer types."""

from __future__ import annotations

from collections.abc import Iterator

from medcli.data.datasets.layouts import QUESTIONS, Found, Record, answer_type, folded
from medcli.data.datasets.layouts.tables import picture_of
from medcli.data.datasets.layouts.tables import rows as table

PRODUCT = QUESTIONS


def rows(found: Found) -> Iterator[Record]:
    """A question a row; its answer type is the original's where that is known."""
    for number, row in enumerate(table(found.paths)):
        question, answer = str(row.get("question") or ""), str(row.get("answer") or "")
        known = found.original.get((folded(question), folded(answer)))
        kind = (
            {"answer_type": known, "answer_type_source": "original"}
            if known
            else answer_type(question, answer)
        )
        yield {
            "question_id": f"{found.split}-{number}",
            "image": found.pictures.keep(picture_of(row)),
            "text": question,
            "answer": answer,
        } | kind

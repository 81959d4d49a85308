"""SLAKE: a JSON array a split, pictures in ``imgs.zip``; two languages."""

from __future__ import annotations

from collections.abc import Iterator

from medcli.data.datasets.layouts import QUESTIONS, Found, Record
from medcli.data.datasets.layouts.documents import array

PRODUCT = QUESTIONS
_KEPT = ("modality", "location", "content_type", "base_type")


def rows(found: Found) -> Iterator[Record]:
    """A question a row of a wanted language."""
    for path in found.paths:
        for row in array(path):
            if row.get("q_lang", "en") not in found.languages:
                continue
            yield {
                "question_id": row.get("qid"),
                "image": found.pictures.find(str(row.get("img_name") or "")),
                "text": str(row.get("question") or ""),
                "answer": str(row.get("answer") or ""),
                "answer_type": str(row.get("answer_type") or "").strip().upper(),
                "language": row.get("q_lang", ""),
            } | {name: row[name] for name in _KEPT if row.get(name)}

"""LLaVA-Med's files are conversations and captions already; its 193 questions on 50 figures become question records.

The pictures of these questions are not among the files (nor in the list of figures): ``ask --images`` names them.
"""

from __future__ import annotations

from collections.abc import Iterator

from medcli.data.datasets.layouts import QUESTIONS, Found, Record
from medcli.data.datasets.layouts.documents import lines

PRODUCT = QUESTIONS
SPLITS = ("eval",)
_KEPT = ("pair_id", "type", "domain", "fig_label", "fig_caption", "in_text_mention")


def rows(found: Found) -> Iterator[Record]:
    """A question a row; the reference is GPT-4's, which read the caption and saw no picture."""
    for path in found.paths:
        if not path.name.endswith("_qa50_qa.jsonl"):
            continue
        for row in lines(path):
            yield {
                "question_id": row.get("question_id"),
                "image": str(row.get("image") or ""),
                "text": str(row.get("text") or ""),
                "answer": str(row.get("gpt4_answer") or ""),
                "answer_type": "OPEN",
            } | {name: row[name] for name in _KEPT if row.get(name)}

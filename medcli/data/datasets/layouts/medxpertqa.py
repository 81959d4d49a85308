"""MedXpertQA's multimodal part: an object a line, up to several pictures each, in ``images.zip``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medcli.data.datasets.layouts import QUESTIONS, Found, Record
from medcli.data.datasets.layouts.documents import lines

PRODUCT = QUESTIONS
_CHOICES = re.compile(r"\s*Answer Choices:\s*\(A\).*\Z", re.DOTALL)
_KEPT = ("medical_task", "body_system", "question_type")


def rows(found: Found) -> Iterator[Record]:
    """A question a row. The options stand in the question too: there they are cut, for ``choices`` has them."""
    for path in found.paths:
        for row in lines(path):
            options = row.get("options") or {}
            letters = sorted(options)
            names = [found.pictures.find(str(name)) for name in row.get("images") or ()]
            shown = {"image": names[0]} if len(names) == 1 else {"images": names}
            yield {
                "question_id": row.get("id"),
                **(shown if all(names) else {"image": ""}),
                "text": _CHOICES.sub("", str(row.get("question") or "")),
                "choices": [str(options[letter]) for letter in letters],
                "answer": str(row.get("label") or ""),
            } | {name: row[name] for name in _KEPT if row.get(name)}

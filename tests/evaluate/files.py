"""Files of answers and questions in the shapes that programs write, made on the spot."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

# VQA-RAD as its users know it: (question, answer, answer type, question type, image, modality)
RAD = [
    ("Are regions of the brain infarcted?", "Yes", "CLOSED", "PRES", "synpic54610.jpg", "MRI"),
    ("Is the trachea midline?", "no", "CLOSED", "ABN", "synpic29265.jpg", "X-ray"),
    ("What plane is this?", "axial", "OPEN", "PLANE", "synpic54610.jpg", "MRI"),
    ("Which side of the lung is affected?", "Right lung", "OPEN", "POS", "synpic29265.jpg", "X-ray"),
    ("What organ is enlarged?", "heart", "OPEN", "ORGAN", "synpic31400.jpg", "X-ray"),
    ("Is this an MRI?", "no", "CLOSED", "MODALITY", "synpic31400.jpg", "X-ray"),
]
REPLIES = ["Yes.", "No, it is deviated.", "Axial plane", "The right lung.", "liver", "A nodule"]


def questions(rows: Sequence[tuple[str, ...]] = RAD, dataset: str = "vqa-rad") -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "image": image,
            "answer_type": kind,
            "question_type": group,
            "modality": modality,
            "dataset": dataset,
            "conversations": [
                {"from": "human", "value": f"{text}\n<image>"},
                {"from": "gpt", "value": answer},
            ],
        }
        for number, (text, answer, kind, group, image, modality) in enumerate(rows)
    ]


def answers(replies: Iterable[str] = REPLIES) -> list[dict[str, Any]]:
    return [
        {"question_id": number, "prompt": "", "text": text, "answer_id": "", "model_id": "m", "metadata": {}}
        for number, text in enumerate(replies)
    ]


def lmms_samples() -> list[dict[str, Any]]:
    """As ``--log_samples`` writes them: the picture is filtered out of ``doc``, replies stand in lists of lists."""
    return [
        {
            "doc_id": number,
            "doc": {"question": text, "answer": answer, "answer_type": kind, "question_type": group},
            "target": answer,
            "arguments": [f"{text}\nAnswer the question using a single word or phrase."],
            "resps": [[reply]],
            "filtered_resps": [reply],
            "doc_hash": "0" * 64,
            "prompt_hash": "1" * 64,
            "target_hash": "2" * 64,
        }
        for number, ((text, answer, kind, group, *_), reply) in enumerate(zip(RAD, REPLIES, strict=True))
    ]


def vlmeval_rows() -> list[dict[str, Any]]:
    return [
        {"index": number, "question": text, "answer": answer, "category": group, "prediction": reply}
        for number, ((text, answer, _, group, *_), reply) in enumerate(zip(RAD, REPLIES, strict=True))
    ]


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_xlsx(path: Path, rows: Sequence[dict[str, Any]], *, shared: bool = True) -> Path:
    """A workbook as openpyxl (shared strings) or XlsxWriter in constant memory (inline strings) writes it."""
    texts: list[str] = []

    def cell(column: int, line: int, value: Any) -> str:
        place = f"{chr(65 + column)}{line}"
        if str(value).startswith("="):  # as openpyxl and pandas write a reply like "=2"
            return f'<c r="{place}"><f>{escape(value[1:])}</f><v></v></c>'
        if isinstance(value, int | float):
            return f'<c r="{place}"><v>{value}</v></c>'
        if shared:
            texts.append(str(value))
            return f'<c r="{place}" t="s"><v>{len(texts) - 1}</v></c>'
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'

    lines = [list(rows[0]), *([row[name] for name in rows[0]] for row in rows)]
    body = "".join(
        f'<row r="{number}">'
        + "".join(cell(column, number, value) for column, value in enumerate(line) if value != "")
        + "</row>"
        for number, line in enumerate(lines, 1)
    )
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{body}</sheetData></worksheet>"
        )
        if shared:
            items = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
            archive.writestr("xl/sharedStrings.xml", f"<sst {space}>{items}</sst>")
    return path

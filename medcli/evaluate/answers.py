"""A file of answers in any of the shapes that programs of the field write, as (id, text) pairs.

Knows four: LLaVA-Med's and medcli's own (``question_id``, ``text``), lmms-eval's samples (``doc_id``,
``filtered_resps``; EvolvingLMMs-Lab/lmms-eval, evaluator's ``log_samples``, and the older file with ``logs``), and
VLMEvalKit's predictions (``index``, ``prediction``; open-compass/VLMEvalKit, docs/en/Development.md) as xlsx, tsv, csv
or JSON. The last three bring their references with them. Pickles are not read: they run code. Refuses to join.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.errors import InputError
from medcli.reading import Value, values

_WHAT = "file of answers"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Given:
    """One row of a file of answers.

    Attributes
    ----------
    number : int
        Of the line or row.
    question_id : int or str or None
        None where the row names no question.
    text : str
        The answer.
    error : str
        Why there is no answer; empty where there is one.
    others : tuple
        Further ids to look for: lmms-eval numbers rows itself, and may keep the data set's id in ``doc``.
    """

    number: int
    question_id: int | str | None
    text: str
    error: str = ""
    others: tuple[int | str, ...] = ()


def read(path: Path) -> Iterator[Given]:
    """Yield the answers of a file.

    Raises
    ------
    InputError
        If the file cannot be read or has none of the shapes.
    """
    for value in _rows(path):
        yield _given(value)


def own_truths(path: Path) -> Iterator[Value]:
    """Yield the questions that a result file of lmms-eval or VLMEvalKit carries, in medcli's own shape.

    Raises
    ------
    InputError
        If it carries none.
    """
    for value in _rows(path):
        row = value.value
        if not isinstance(row, Mapping) or not ("doc_id" in row or "prediction" in row):
            raise InputError(
                "The file of answers carries no references.",
                hint="Name the file of questions: --questions FILE",
            )
        yield Value(value.number, _question(row), value.error)


def _given(value: Value) -> Given:
    row = value.value
    if value.error or not isinstance(row, Mapping):
        return Given(value.number, None, "", value.error or "not-an-object")
    if "doc_id" in row:
        doc = row.get("doc")
        doc = doc if isinstance(doc, Mapping) else {}
        others = tuple(
            doc[key] for key in ("question_id", "qid", "id") if isinstance(doc.get(key), int | str)
        )
        text = _first_text(row.get("filtered_resps", row.get("resps")))
        return Given(value.number, _id(row["doc_id"]), text, others=others)
    if "prediction" in row and "index" in row:
        return Given(value.number, _id(row["index"]), _text(row["prediction"]))
    metadata = row.get("metadata")
    error = str(metadata["error"]) if isinstance(metadata, Mapping) and metadata.get("error") else ""
    if "question_id" not in row or not ("text" in row or error):
        return Given(value.number, None, "", "no-answer-shape")
    if (number := _id(row["question_id"])) is None:
        return Given(value.number, None, "", "no-question-id")
    return Given(value.number, number, _text(row.get("text")), error)


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row tells of its question; without a text the id stands for it."""
    doc = row.get("doc")
    told = {**(doc if isinstance(doc, Mapping) else {}), **row}
    number = _id(row.get("doc_id", row.get("index")))
    answer = told.get("target", told.get("answer"))
    choices = [_text(told[letter]) for letter in _LETTERS if _text(told.get(letter))]
    offered = told.get("options", told.get("choices"))
    if not choices and isinstance(offered, list):
        choices = [_text(one) for one in offered]
    text = _text(told.get("question")) or f"Question {number}"
    kept = {
        key: told[key]
        for key in ("answer_type", "question_type", "category", "modality", "dataset")
        if told.get(key)
    }
    image = _text(told.get("image_path", told.get("image_name", told.get("image"))))
    row_of = {"question_id": number, "text": text, "answer": _first_text(answer), **kept}
    if 0 < len(image) < 4096:  # VLMEvalKit may hold the picture itself there
        row_of["image"] = image
    if len(choices) > 1:
        row_of["choices"] = choices
    return row_of


def _rows(path: Path) -> Iterator[Value]:
    suffix = path.suffix.lower()
    if suffix == ".pkl":
        raise InputError(
            "Pickles are not read: they can run code.", hint="Write the results as xlsx, tsv or json."
        )
    if suffix == ".xlsx":
        from medcli.evaluate.workbook import rows_of

        yield from _numbered(rows_of(path))
    elif suffix in (".tsv", ".csv"):
        yield from _numbered(_table(path, "\t" if suffix == ".tsv" else ","))
    else:
        yield from _json(path)


def _table(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream, _long_fields():
            yield from csv.DictReader(stream, delimiter=delimiter)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "The file of answers cannot be read as a table.", hint="UTF-8, with a header line."
        ) from error


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Let a table's cells be as long as an answer, and put back the limit that others count on."""
    before = csv.field_size_limit(1 << 30)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json(path: Path) -> Iterator[Value]:
    """JSON lines or an array; or one object: lmms-eval's ``logs``, VLMEvalKit's columns."""
    first = next(values(path, _WHAT), None)
    whole = first is not None and (
        first.error == "bad-json" or (isinstance(first.value, dict) and "logs" in first.value)
    )
    if not whole and not (first and _is_columns(first.value)):
        yield from values(path, _WHAT)
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        yield from values(path, _WHAT)  # lines after all, the first of which is broken
        return
    yield from _numbered(_unfolded(content))


def _is_columns(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("index"), dict) and "prediction" in content


def _unfolded(content: Any) -> Iterator[Any]:
    if _is_columns(content):
        for place in content["index"]:
            yield {name: column.get(place) for name, column in content.items() if isinstance(column, dict)}
        return
    logs = content.get("logs") if isinstance(content, dict) else None
    if isinstance(logs, dict):
        logs = [row for rows in logs.values() if isinstance(rows, list) for row in rows]
    if not isinstance(logs, list):
        raise InputError("The file of answers has no shape that is known.", hint="See docs/evaluate.md.")
    yield from logs


def _numbered(rows: Iterable[Any]) -> Iterator[Value]:
    for number, row in enumerate(rows, 1):
        yield Value(number, row)


def _id(value: object) -> int | str | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _first_text(value: object) -> str:
    """The first text of a list of lists, as replies stand in lmms-eval's samples."""
    while isinstance(value, list | tuple):
        value = value[0] if value else ""
    return _text(value)

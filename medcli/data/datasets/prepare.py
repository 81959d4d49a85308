"""From a dataset's files to ``questions.jsonl`` or ``captions.jsonl`` of each split, checked and counted.

Every record that is written is one that ``ask`` and ``generate-instruct`` read (:mod:`medcli.records`); what cannot be
is counted by its reason. Knows nothing of the sources' keys: that is the layouts' business.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from medcli import files
from medcli.data.datasets.layouts import QUESTIONS, Found, Record, folded
from medcli.data.datasets.layouts.documents import array
from medcli.data.datasets.pictures import Pictures
from medcli.data.datasets.registry import Dataset
from medcli.errors import ItemFailed
from medcli.records import PICTURE, Caption, question_of, render_choices

LLAVA = "llava.json"
FIGURES = "figures.jsonl"
_FIRST = ("question_id", "image", "images", "text", "answer", "answer_type", "answer_type_source", "choices")


@dataclass(slots=True)
class Counted:
    """What came of one split.

    Attributes
    ----------
    split : str
        Its name.
    rows, written : int
        Of the source, in the wanted languages and licences; of the product.
    expected : int
        What the registry says that ``rows`` should be; 0 where it says nothing.
    derived, without_picture : int
        Records whose answer type was derived; rows that lost their picture and were left out.
    unusable : Counter
        Rows that are no question or caption, by reason.
    """

    split: str
    rows: int = 0
    written: int = 0
    expected: int = 0
    derived: int = 0
    without_picture: int = 0
    unusable: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> Record:
        """As facts; ``differs`` says by how much the rows miss what is expected."""
        told = {
            name: getattr(self, name)
            for name in ("rows", "written", "expected", "derived", "without_picture")
        }
        differs = self.rows - self.expected if self.expected else 0
        return {"split": self.split, **told, "differs": differs, "unusable": dict(self.unusable)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a dataset's rows."""

    languages: Sequence[str]
    license: str
    llava: bool


@dataclass(frozen=True, slots=True)
class Work:
    """One split that is to be written.

    Attributes
    ----------
    split : str
        Its name.
    folder : Path
        Where it goes; made where missing.
    paths, archives : sequence of Path
        Its files, and those that all splits share.
    original : Path or None
        The original's questions, where the source lost their answer types.
    """

    split: str
    folder: Path
    paths: Sequence[Path]
    archives: Sequence[Path] = ()
    original: Path | None = None


def splits_of(dataset: Dataset, splits: Sequence[str]) -> Sequence[str]:
    """The splits that something is written for; the others' files are used as they are."""
    prepared = getattr(_layout(dataset), "SPLITS", None)
    return [split for split in splits if prepared is None or split in prepared]


def prepare(dataset: Dataset, source: str, work: Work, wish: Wish) -> Counted:
    """Write one split; ``source`` is what records say of where they are from.

    Raises
    ------
    InputError
        If a file is not what it has to be.
    """
    layout, counted = _layout(dataset), Counted(work.split)
    work.folder.mkdir(parents=True, exist_ok=True)
    same = not dataset.language or tuple(wish.languages) == (dataset.language,)
    if same and (dataset.code != "each" or wish.license == "any"):
        counted.expected = dataset.splits.get(work.split, 0)
    zips = [path for path in work.archives if path.suffix == ".zip"]
    with Pictures(work.folder, zips) as pictures:
        found = Found(work.split, work.paths, pictures, wish.languages, wish.license, _types(work.original))
        told = {"split": work.split, "source": source, "license": dataset.license}
        records = _checked(layout.rows(found), layout.PRODUCT, told, counted)
        _write(work.folder, layout.PRODUCT, records, counted, llava=wish.llava)
    files.sync_filesystem(work.folder)
    return counted


def _layout(dataset: Dataset) -> Any:
    return importlib.import_module(f"medcli.data.datasets.layouts.{dataset.layout}")


def _types(original: Path | None) -> dict[tuple[str, str], str]:
    """Answer types of VQA-RAD's original by question and answer, also under its other wording of the question."""
    types: dict[tuple[str, str], str] = {}
    for row in array(original) if original is not None else ():
        kind = str(row.get("answer_type") or "").strip().upper()
        for key in ("question", "question_rephrase"):
            if kind in ("OPEN", "CLOSED") and row.get(key):
                types.setdefault((folded(str(row[key])), folded(str(row.get("answer") or ""))), kind)
    return types


def _checked(
    rows: Iterator[Record], product: str, told: Mapping[str, str], counted: Counted
) -> Iterator[Record]:
    """Yield the records that can be used, with what they say of where they are from."""
    seen: set[str] = set()
    for number, row in enumerate(rows):
        counted.rows += 1
        figure = row.pop("figure", None)
        if not (row.get("image") or row.get("images")):
            counted.without_picture += 1
            continue
        record = _named(row, number, told, seen) if product == QUESTIONS else {**told, **row}
        try:
            if product == QUESTIONS:
                question_of(record)
            else:
                Caption.of(record)
        except ItemFailed as failed:
            counted.unusable[failed.kind] += 1
        else:
            counted.written += 1
            counted.derived += record.get("answer_type_source") == "derived"
            yield record | ({"figure": figure} if figure else {})


def _named(row: Record, number: int, told: Mapping[str, str], seen: set[str]) -> Record:
    """A question with an id of its own, without what is empty, in a fixed order of keys."""
    name = row.get("question_id")
    if not isinstance(name, int | str) or isinstance(name, bool) or name == "":
        name = f"{told['split']}-{number}"
    if str(name) in seen:
        name = f"{name}-row{number}"
    seen.add(str(name))
    row = {**row, "question_id": name}
    ordered = {key: row[key] for key in _FIRST if row.get(key) not in (None, "", [])}
    rest = {key: value for key, value in row.items() if key not in _FIRST and value not in (None, "")}
    return {**ordered, **told, **rest}


def _write(folder: Path, product: str, records: Iterator[Record], counted: Counted, *, llava: bool) -> None:
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(files.atomic(folder / product))
        figures: IO[bytes] | None = None
        talk = stack.enter_context(files.atomic(folder / LLAVA)) if llava and product == QUESTIONS else None
        for record in records:
            figure = record.pop("figure", None)
            if figure is not None:
                figures = figures or stack.enter_context(files.atomic(folder / FIGURES))
                figures.write(_line(figure))
            out.write(_line(record))
            if talk is not None:
                talk.write(
                    (b"[\n" if counted.written == 1 else b",\n") + _line(conversation(record)).rstrip()
                )
        if talk is not None:
            talk.write(b"\n]\n" if counted.written else b"[]\n")


def conversation(record: Record) -> Record:
    r"""A question record as LLaVA's training and test files have it; options are written out.

    >>> conversation({"question_id": 1, "image": "a.png", "text": "Is it a CT?", "answer": "Yes"})["conversations"][0]
    {'from': 'human', 'value': '<image>\nIs it a CT?'}
    """
    images = record.get("images") or [record["image"]]
    choices = record.get("choices")
    text = "\n".join(
        [record["text"].replace(PICTURE, "").strip(), *([render_choices(choices)] if choices else ())]
    )
    turns = [
        {"from": "human", "value": "\n".join([*([PICTURE] * len(images)), text])},
        {"from": "gpt", "value": str(record.get("answer", ""))},
    ]
    kind = {"answer_type": record["answer_type"]} if record.get("answer_type") else {}
    return {"id": record["question_id"], "image": images[0] if len(images) == 1 else images, **kind,
            "conversations": turns}  # fmt: skip


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

"""What an evaluation tells: a table on the terminal, scores.json, per_item.jsonl.

Knows formats. Refuses to compute.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from medcli import console, files
from medcli.errors import SetupError, UsageError
from medcli.evaluate.comparing import Difference
from medcli.evaluate.figures import Line
from medcli.evaluate.metrics import llava_med
from medcli.evaluate.scoring import HEADLINES, Scores
from medcli.evaluate.truths import Truths

FORMAT = "medcli scores 1"
_ITEMS = re.compile(r"per_item(-\d+)?\.jsonl")


def insist_apart(inputs: Iterable[Path | None], folder: Path | None, report: Path | None = None) -> None:
    """Refuse outputs that are in the way of something, before anything is computed.

    Raises
    ------
    UsageError
        If an output is an input, the folder is a file, or the report a folder.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError("--output names a file, not a folder.", hint="Name a folder; it is made if need be.")
    if report is not None and report.is_dir():
        raise UsageError(
            "--report names a folder, not a file.", hint="Name the page: --report DIR/report.html"
        )
    given = {path.resolve() for path in inputs if path is not None}
    written = {report.resolve()} if report else set()
    if folder is not None:
        written |= {folder.resolve() / name for name in ("scores.json", "reviews.jsonl")}
        written |= {path for path in given if path.parent == folder.resolve() and _ITEMS.fullmatch(path.name)}
    if given & written:
        raise UsageError("An input would be overwritten.", hint="Name another --output or --report.")


@contextlib.contextmanager
def reaching_the_disk(what: str) -> Iterator[None]:
    """Say of a file that cannot be written which it is.

    Raises
    ------
    SetupError
        With the system's reason.
    """
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"{what} cannot be written: {error.strerror}.",
            hint="Check its path, its rights and the disk's room.",
        ) from error


def percent(value: float | None) -> str:
    """A share as percent with two digits, as papers have it."""
    return "" if value is None else f"{100 * value:.2f}"


def signed(points: float) -> str:
    """A difference in points with its sign; none where it rounds to zero.

    >>> signed(-30.7692), signed(-0.0), signed(-1e-76)
    ('-30.77', '0.00', '0.00')
    """
    text = f"{points:+.2f}"
    return text if text.strip("+-0.") else "0.00"


def table(lines: Sequence[Line]) -> str:
    """Figures as lines of a terminal: all over all questions, the headlines by group."""
    shown = [
        (
            line.figure.metrics,
            line.figure.part,
            f"{line.group}={line.value}" if line.value else "all",
            line.figure.name,
            percent(line.mean),
            f"{percent(line.low)} - {percent(line.high)}" if line.low is not None else "",
            f"{line.n:,}",
            f"{line.images:,}",
        )
        for line in lines
        if line.group == "all" or (line.figure.metrics, line.figure.column) in HEADLINES
    ]
    header = ("metrics", "answers", "questions", "figure", "percent", "95 % interval", "n", "images")
    return console.table(shown, header=header)


def differences_table(name: str, other: str, found: Sequence[Difference]) -> str:
    """Paired differences as lines of a terminal."""
    shown = [
        (
            one.figure.metrics,
            one.figure.part,
            one.figure.name,
            percent(one.first),
            percent(one.second),
            signed(100 * one.mean),
            f"{signed(100 * one.low)} to {signed(100 * one.high)}"
            if one.low is not None and one.high is not None
            else "",
            f"{one.p:.2g}",
            one.test,
            f"{one.n:,}",
        )
        for one in found
    ]
    header = ("metrics", "answers", "figure", name, other, "difference", "95 % interval", "p", "test", "n")
    return console.table(shown, header=header)


def published_table(rows: Sequence[dict[str, object]]) -> str:
    """Published figures beside ours."""
    shown = [
        (
            str(row["part"]),
            str(row["model"]),
            str(row["setting"]),
            f"{row['published']:.2f}",
            "" if row["ours"] is None else f"{row['ours']:.2f}",
        )
        for row in rows
    ]
    header = ("answers", "published model", "setting", "published", "ours")
    notes = dict.fromkeys(f"{row['setting']}: {row['comparable']} ({row['source']})" for row in rows)
    return "\n".join([console.table(shown, header=header), *notes])


def items(truths: Truths, scores: Scores) -> Iterator[dict[str, object]]:
    """One object a scored answer, under the names of the columns; what does not speak of it is left out."""
    for place, (reply, truth) in enumerate(zip(scores.replies, truths.truths, strict=True)):
        if reply is None or truth is None:
            continue
        item: dict[str, object] = {
            "id": truths.ids[place],
            "answer_type": truths.answer_types[place].strip() or scores.parts[place],
            "gt": truth,
            "pred": reply,
        }
        if "f1" in scores.columns:
            item["gt_norm"] = llava_med.normalize(truth.lower())
            item["pred_norm"] = llava_med.normalize(reply.lower())
        for name, column in scores.columns.items():
            if not math.isnan(column[place]):
                item[name] = column[place]
        item |= {name: told[place] for name, told in scores.notes.items() if told[place]}
        yield item


def write(folder: Path, facts: dict[str, object], truths: Truths, scored: dict[str, Scores]) -> None:
    """Write scores.json, and per_item.jsonl of each model (of several: per_item-2.jsonl and so on)."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    for number, scores in enumerate(scored.values(), 1):
        name = "per_item.jsonl" if number == 1 else f"per_item-{number}.jsonl"
        files.write_jsonl(folder / name, items(truths, scores))
    told = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    files.write(
        folder / "scores.json", told.encode(errors="backslashreplace")
    )  # a lone surrogate, as JSON escapes it

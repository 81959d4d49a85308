"""The file of `--known`: what is known of everybody, and of each subject.

Knows CSV, TSV, JSON and JSON lines. Refuses to guess: a row that could mean something else is named by its number and
never quoted, for a value that is lost here would be released.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from medcli.errors import InputError
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.known import LONGEST, Fact, Known

__all__ = ["read_known"]

_TITLES = ("category", "value", "subject")


def read_known(path: Path) -> tuple[Known, dict[str, Known]]:
    """Read a table of known identities (`--known FILE`).

    Parameters
    ----------
    path
        CSV or TSV with the header ``category,value`` and optionally ``subject``; or a JSON list of objects with these
        keys; or JSON lines of them. UTF-8.

    Returns
    -------
    tuple
        What holds for all texts (no subject), and what is known of each subject.

    Raises
    ------
    InputError
        Where the file can't be read, a column is missing, a category is none or a row could mean something else; the
        line is named, no value.
    """
    general: list[Fact] = []
    subjects: dict[str, list[Fact]] = {}
    for number, row in _table(path):
        category, value, subject = (_said(row.get(name), number) for name in _TITLES)
        if category.upper() not in CATEGORIES:
            raise InputError(
                f"--known: line {number} names no category.",
                hint=f"category is one of {', '.join(CATEGORIES)}.",
            )
        if len(value) > LONGEST:
            raise InputError(
                f"--known: line {number} has a value of more than {LONGEST} characters.",
                hint="Give names, numbers and addresses each a line of their own.",
            )
        if value:
            (subjects.setdefault(subject, []) if subject else general).append((category.upper(), value))
    return Known(general), {subject: Known([*general, *facts]) for subject, facts in subjects.items()}


def _said(value: object, number: int) -> str:
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise InputError(
            f"--known: line {number} has a value that is neither text nor a whole number.",
            hint="docs/formats.md shows the table.",
        )
    return "" if value is None else str(value).strip()


def _table(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    import csv
    import json

    try:
        text = path.read_text(encoding="utf-8-sig")
        begin = text.lstrip()[:1]
        if begin == "[":
            found: list[tuple[int, object]] = list(enumerate(json.loads(text), 1))
        elif begin == "{":
            lines = enumerate(text.split("\n"), 1)
            found = [(number, json.loads(line)) for number, line in lines if line.strip()]
        else:
            found = list(_rows(text))
    except OSError as error:
        raise InputError(
            f"--known: the file can't be read ({error.strerror}).", hint="Check its path and rights."
        ) from None
    except (ValueError, RecursionError, csv.Error):
        raise InputError(
            "--known: the file is neither CSV nor JSON in UTF-8.", hint="docs/formats.md shows the table."
        ) from None
    for number, row in found:
        if not isinstance(row, Mapping):
            raise InputError(
                f"--known: line {number} is no object.", hint='As in {"category": "NAME", "value": "..."}'
            )
        yield number, row


def _rows(text: str) -> Iterator[tuple[int, object]]:
    import csv
    import io

    head = text.partition("\n")[0]
    separator = max("\t", ";", ",", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    titles = [title.strip().lower() for title in next(reader, [])]
    if not {"category", "value"} <= set(titles):
        raise InputError(
            "--known: the table has no columns category and value.",
            hint="The first line is: category,value,subject",
        )
    for row in reader:
        if len(row) > len(titles):
            raise InputError(
                f"--known: line {reader.line_num} has more cells than there are titles.",
                hint='Put a value with a comma into quotes: NAME,"Doe, Jane"',
            )
        if row:
            yield reader.line_num, dict(zip(titles, row, strict=False))

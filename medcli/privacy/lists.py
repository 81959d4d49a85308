"""The tables a user may hand over: study subjects, local rules, what replaces what in texts.

Knows their columns and what may stand in them. Refuses to quote a value in an error: a line's number has to do.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from medcli.errors import InputError, UsageError
from medcli.privacy.dicom.pseudonyms import normal
from medcli.privacy.policy import Rule, Subject
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.replace_policy import ACTIONS, allowed

__all__ = [
    "known_fields",
    "parse_tag",
    "read_known_facts",
    "read_recognisers",
    "read_rules",
    "read_subjects",
    "read_text_policy",
]

_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?\s?([0-9A-Fa-f]{4})\)?")
_CREATOR = "creator:"
#: Attributes that medcli writes itself, or without which a file can't be read: SOP Class, SOP Instance, character set,
#: the marks of the de-identification.
_RESERVED = frozenset((0x00080005, 0x00080016, 0x00080018, 0x00120062, 0x00120063, 0x00120064, 0x00280303))


def read_subjects(path: Path) -> dict[tuple[str, str], Subject]:
    """Study subjects: (Patient ID, issuer) to the study's identifier and, where given, the date offset in days.

    A CSV in UTF-8 with the columns ``patient_id``, ``subject_id`` and, where wanted, ``issuer`` and ``days``.

    Raises
    ------
    InputError
        With the number of the line that is wrong.
    """
    subjects: dict[tuple[str, str], Subject] = {}
    offsets: dict[str, int | None] = {}
    for number, row in _rows(path, "subjects", ("patient_id", "subject_id"), ("issuer", "days")):
        patient, issuer, name = normal(row["patient_id"]), normal(row["issuer"]), row["subject_id"].strip()
        if not patient:
            raise _wrong("subjects", number, "patient_id is empty")
        if not _SUBJECT.fullmatch(name):
            raise _wrong(
                "subjects",
                number,
                "subject_id needs 1 to 64 letters, digits, blanks or ._- and begins with a letter or digit",
            )
        if (patient, issuer) in subjects:
            raise _wrong("subjects", number, "this patient and issuer stand above already")
        days = _days(row["days"].strip(), number)
        if offsets.setdefault(name, days) != days:
            raise _wrong("subjects", number, "this subject_id stands above with other days")
        subjects[patient, issuer] = Subject(name, days)
    return subjects


def _days(text: str, number: int) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[+-]?\d{1,5}", text) or int(text) == 0:
        raise _wrong("subjects", number, "days is a whole number of at most five digits and not zero")
    return int(text)


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Local rules, in the file's order.

    A table in UTF-8, columns separated by tabs or commas: ``attribute`` (keyword, ``gggg,eeee`` or
    ``creator:NAME`` for all elements of a private creator), ``action`` (X, Z, D, U or K; X or K for a creator) and
    ``reason``.

    Raises
    ------
    InputError
        With the number of the line that is wrong.
    """
    rules: dict[str, Rule] = {}
    for number, row in _rows(path, "rules", ("attribute", "action", "reason"), ()):
        rule = _rule(row["attribute"].strip(), row["action"].strip().upper(), row["reason"].strip(), number)
        if rule.target in rules:
            raise _wrong("rules", number, "there is a rule for this above already")
        rules[rule.target] = rule
    return tuple(rules.values())


def _rule(attribute: str, action: str, reason: str, number: int) -> Rule:
    if not reason:
        raise _wrong("rules", number, "a rule needs a reason")
    if attribute.lower().startswith(_CREATOR):
        creator = attribute[len(_CREATOR) :].strip()
        if action not in ("X", "K"):
            raise _wrong("rules", number, "a private creator's action is X or K")
        if not creator or parse_tag(creator) is not None:
            raise _wrong("rules", number, "creator: needs a private creator's name")
        return Rule(creator, action, reason)
    tag = parse_tag(attribute)
    if tag is None:
        raise _wrong("rules", number, "the attribute is no keyword, no gggg,eeee and no creator:NAME")
    if tag >> 16 & 1:
        raise _wrong("rules", number, "private attributes are named by their creator, as creator:NAME")
    if tag in _RESERVED or tag >> 16 < 8:
        raise _wrong("rules", number, "medcli writes this attribute itself")
    if action not in ("X", "Z", "D", "U", "K"):
        raise _wrong("rules", number, "the action is X, Z, D, U or K")
    if action == "U" and not _is_uid(tag):
        raise _wrong("rules", number, "action U is for attributes that hold UIDs")
    return Rule(f"{tag:08X}", action, reason)


def read_text_policy(path: Path) -> tuple[tuple[str, str], ...]:
    """What replaces each category in texts: (category, action), sorted.

    A table in UTF-8 with the columns ``category`` (``*`` for all that have no line of their own) and ``action``.

    Raises
    ------
    InputError
        With the number of the line that is wrong.
    """
    chosen: dict[str, str] = {}
    for number, row in _rows(path, "text policy", ("category", "action"), ("reason",)):
        category, action = row["category"].strip().upper(), row["action"].strip().lower()
        if category in chosen:
            raise _wrong("text policy", number, "this category stands above already")
        if action not in ACTIONS:
            raise _wrong("text policy", number, f"the action is one of {', '.join(ACTIONS)}")
        if category != "*" and category not in CATEGORIES:
            raise _wrong("text policy", number, f"the category is * or one of {', '.join(CATEGORIES)}")
        if category != "*" and not allowed(category, action):
            raise _wrong("text policy", number, "this action makes no sense for this category")
        chosen[category] = action
    rest = chosen.pop("*", None)
    if rest is not None:
        chosen = {name: rest for name in CATEGORIES if allowed(name, rest)} | chosen
    return tuple(sorted(chosen.items()))


def known_fields(named: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(name of a field, category or empty) out of ``NAME=CATEGORY``, ``NAME=`` and ``NAME``.

    Raises
    ------
    UsageError
        Where there is no such category, or none is given and the name does not say it.
    """
    from medcli.privacy.text.known import category_of

    found = []
    for one in named:
        name, given, category = one.partition("=")
        kind = category.strip().upper() if given else category_of(name) or ""
        if kind not in CATEGORIES and not (given and not kind):
            raise UsageError(
                "--known-fields names no category.", hint=f"NAME=CATEGORY, out of {', '.join(CATEGORIES)}"
            )
        found.append((name.strip(), kind))
    return tuple(found)


def read_known_facts(path: Path) -> tuple[tuple[str, str, str], ...]:
    """(subject, or empty for everybody; category; value) of ``--known``.

    Raises
    ------
    InputError
        With the number of the line that is wrong.
    """
    from medcli.privacy.text.known_table import read_known

    general, subjects = read_known(path)
    everybody = frozenset(general.facts)
    return (
        *(("", *fact) for fact in general.facts),
        *(
            (subject, *fact)
            for subject, known in sorted(subjects.items())
            for fact in known.facts
            if fact not in everybody
        ),
    )


def read_recognisers(path: Path) -> str:
    """The text of a recogniser file, once it is known to be sound; see :mod:`medcli.privacy.text.recognisers`."""
    from medcli.privacy.text import recognisers

    return recognisers.read_recognisers(path)


def parse_tag(text: str) -> int | None:
    """A tag from ``gggg,eeee``, ``(gggg,eeee)``, ``ggggeeee`` or a keyword of PS3.6; None where it is neither."""
    match = _TAG.fullmatch(text.strip())
    if match:
        return int(match[1] + match[2], 16)
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(text.strip()) if text.strip() else None
    return None if tag is None else int(tag)


def _is_uid(tag: int) -> bool:
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag) == "UI"
    except KeyError:
        return False


def _rows(
    path: Path, what: str, needed: tuple[str, ...], more: tuple[str, ...]
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line number, cells by column) of a table with a header; every column that may stand there is in the cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"The {what} file is not in UTF-8.", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise InputError(
            f"The {what} file can't be read: {os.strerror(error.errno or 0)}.",
            hint=f"Check the path after --{what.replace(' ', '-')}, and the rights of the file.",
        ) from None
    lines = text.splitlines()
    reader = csv.reader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",", strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells, what, needed, more)
                continue
            if len(cells) != len(columns):
                raise _wrong(
                    what,
                    reader.line_num,
                    f"{len(columns)} columns are needed; what holds a comma stands in quotes",
                )
            yield reader.line_num, dict.fromkeys(more, "") | dict(zip(columns, cells, strict=True))
    except csv.Error:
        raise _wrong(what, reader.line_num, "the quotes do not fit") from None
    if not columns:
        raise InputError(
            f"The {what} file is empty.", hint=f"Its first line names the columns: {', '.join(needed + more)}"
        )


def _columns(cells: list[str], what: str, needed: tuple[str, ...], more: tuple[str, ...]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    known = set(needed + more)
    if not set(needed) <= set(columns) or not set(columns) <= known or len(set(columns)) != len(columns):
        separated = " They are separated by semicolons; use commas or tabs." if ";" in "".join(cells) else ""
        raise InputError(
            f"The first line of the {what} file does not name the columns.{separated}",
            hint=f"Columns: {', '.join(needed + more)}",
        )
    return columns


def _wrong(what: str, number: int, why: str) -> InputError:
    return InputError(f"Line {number} of the {what} file: {why}.")

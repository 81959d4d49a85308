"""Conversations from labelled images and a clinical tree: no model is asked, and one seed gives the same bytes.

A row of labels leads along the tree's path; each slot on it is a question and an answer, worded by a paraphrase of the
split that is made. Knows a tree (:mod:`medcli.logic`) and a table of labels. Refuses to open images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from medcli.errors import InputError, ItemFailed
from medcli.files import safe_relative
from medcli.instruct.logic_source.drawing import draw
from medcli.instruct.logic_source.table import Row, rows
from medcli.instruct.sample import Sample
from medcli.logic import BadLabel, Tree, read_tree
from medcli.logic.checks import filled
from medcli.logic.tree import SPLITS, Split
from medcli.records import Question, Turn

__all__ = ["REASONS", "FailedRow", "Split", "Tree", "questions", "read_tree", "samples"]

REASONS = (
    "bad-image",
    "diagnosis-differs",
    "duplicate-key",
    "no-image",
    "no-key",
    "no-label",
    "no-valid-row",
    "not-a-number",
    "not-utf-8",
    "out-of-range",
    "template-parse",
    "unknown-label",
    "unknown-split",
    "wrong-columns",
)
"""Why no conversation is made of a row; explained in docs/logic.md."""


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row of labels that no conversation can be made of.

    Attributes
    ----------
    line : int
        Where it starts in the file, from 1.
    reason : str
        One of :data:`REASONS`.
    slot : str
        The slot in question, or empty; a name of the tree, never a value of the row.
    """

    line: int
    reason: str
    slot: str = ""


class Case(NamedTuple):
    """A row that led somewhere: its key, its picture, and slot, question and answer for each step."""

    key: str
    image: str
    steps: tuple[tuple[str, str, str], ...]


def samples(
    tree: Tree, labels_path: Path, *, split: Split = "train", seed: int = 0
) -> Iterator[Sample | FailedRow]:
    """One conversation for each row of labels, in the file's order.

    Parameters
    ----------
    tree : Tree
        As :func:`read_tree` gives it.
    labels_path : Path
        CSV (or ``.tsv``) with a header line: the tree's columns, others are passed over.
    split : {"train", "test"}
        Which paraphrases are used, and which rows where the table has the tree's column ``split``.
    seed : int
        Of the paraphrases.

    Yields
    ------
    Sample or FailedRow
        A sample's id is the row's key, else its picture. The picture token stands nowhere yet.

    Raises
    ------
    InputError
        If the table cannot be read as such; see :func:`medcli.instruct.logic_source.table.rows`.
    """
    for case in cases(tree, labels_path, split=split, seed=seed):
        if isinstance(case, FailedRow):
            yield case
            continue
        turns = tuple(
            turn for _, asked, said in case.steps for turn in (("user", asked), ("assistant", said))
        )
        yield Sample(case.key, "conversation", turns, case.image, tree.domain)


def questions(
    tree: Tree, labels_path: Path, *, split: Split = "test", seed: int = 0, history: bool = False
) -> Iterator[dict[str, Any] | FailedRow]:
    """The questions of the same conversations, each by itself, as ``medcli ask`` and ``medcli evaluate`` read them.

    Parameters
    ----------
    tree, labels_path, split, seed
        As of :func:`samples`; a question and its reference have the same words as there.
    history : bool
        Whether the turns before, with their right answers, are given.

    Yields
    ------
    dict or FailedRow
        A question's record with its reference under ``answer``, and ``slot``, ``conversation`` (the row's key) and
        ``dataset`` (the tree's name), which the metrics ``logic`` and the tables of figures go by.
    """
    for case in cases(tree, labels_path, split=split, seed=seed):
        if isinstance(case, FailedRow):
            yield case
            continue
        before: list[Turn] = []
        for slot, asked, said in case.steps:
            turns = (*before, ("user", asked)) if history else (("user", asked),)
            record = Question(f"{case.key}/{slot}", turns, (case.image,), answer=said).to_json()
            yield record | {"slot": slot, "conversation": case.key, "dataset": tree.name}
            before += [("user", asked), ("assistant", said)]


def cases(tree: Tree, labels_path: Path, *, split: Split, seed: int) -> Iterator[Case | FailedRow]:
    """The rows of a split with their paths in words."""
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r}.", hint="There are train and test.")
    seen: set[str] = set()
    for row in rows(labels_path, tree.columns()):
        try:
            if _wanted(tree, row, split):
                yield _case(tree, row, split, seed, seen)
        except ItemFailed as error:
            yield FailedRow(row.line, error.kind, error.slot if isinstance(error, BadLabel) else "")


def _wanted(tree: Tree, row: Row, split: Split) -> bool:
    """Whether a row is of the split; all are where the table has no such column."""
    if row.error:
        raise ItemFailed(row.error)
    told = row.cells.get(tree.split, split).casefold() if tree.split else split
    if told not in SPLITS:
        raise ItemFailed("unknown-split")
    return told == split


def _case(tree: Tree, row: Row, split: Split, seed: int, seen: set[str]) -> Case:
    image = row.cells[tree.image]
    if not image:
        raise ItemFailed("no-image")
    try:
        safe_relative(image)
    except InputError:
        raise ItemFailed("bad-image") from None
    key = row.cells[tree.key] if tree.key else image
    if not key:
        raise ItemFailed("no-key")
    if key in seen:
        raise ItemFailed("duplicate-key")
    steps = []
    for slot, state, value in tree.path(row.cells):
        node, place = tree.nodes[slot], (tree.name, split, key, slot)
        asked = draw(node.questions.of(split), seed, *place, "question")
        said = filled(draw(node.answers[state].of(split), seed, *place, "answer"), state, value)
        if node.slot.parse(said) != state:  # by the tree's checks only a number could come here
            raise BadLabel("template-parse", slot)
        steps.append((slot, asked, said))
    seen.add(key)
    return Case(key, image, tuple(steps))

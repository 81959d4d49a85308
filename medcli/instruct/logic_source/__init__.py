"""Conversations from labelled images and a clinical tree: no model is asked, and one seed gives the same bytes.

Knows a tree (:mod:`medcli.logic`) and a table of labels. Refuses to open images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medcli.instruct.sample import Sample
from medcli.logic import Tree, read_tree

__all__ = ["FailedRow", "Split", "Tree", "questions", "read_tree", "samples"]

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row of labels that no conversation can be made of.

    Attributes
    ----------
    line : int
        Where it starts in the file, from 1.
    reason : str
        A reason code in kebab-case.
    slot : str
        The slot in question, or empty; a name of the tree, never a value of the row.
    """

    line: int
    reason: str
    slot: str = ""


def samples(
    tree: Tree, labels_path: Path, *, split: Split = "train", seed: int = 0
) -> Iterator[Sample | FailedRow]:
    """One conversation for each row of labels, in the file's order."""
    raise NotImplementedError


def questions(
    tree: Tree, labels_path: Path, *, split: Split = "test", seed: int = 0
) -> Iterator[dict[str, Any] | FailedRow]:
    """Question records (JSON objects) with their references, slots and conversations."""
    raise NotImplementedError

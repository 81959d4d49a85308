"""A tree: slots in order, the way through them, valid rows, and the words for it all.

Knows how labels become states and states a path. Refuses to know YAML and tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from medcli.errors import InputError, ItemFailed
from medcli.logic.slot import Slot

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
_NUMBER = re.compile(r"([+-]?\d{1,12}(?:[.,]\d{1,9})?)\s*(\S*(?: \S+)?)")


class Problem(NamedTuple):
    """A fault of a tree.

    Attributes
    ----------
    line : int
        In the YAML, from 1.
    rule : str
        Kebab-case name.
    text : str
        What is wrong.
    """

    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text} ({self.rule})"


class TreeInvalid(InputError):
    """A tree that cannot be used; ``problems`` has its faults in the order of their lines."""

    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, problems: list[Problem]) -> TreeInvalid:
        """The error of some faults."""
        told = tuple(sorted(set(problems)))
        many = f"{len(told)} faults" if len(told) > 1 else "a fault"
        error = cls(
            f"The tree has {many}: {'; '.join(map(str, told))}.",
            hint="docs/logic.md tells what each rule means.",
        )
        error.problems = told
        return error


class BadLabel(ItemFailed):
    """A row of labels that fits no path; ``slot`` names where."""

    def __init__(self, kind: str, slot: str = "") -> None:
        super().__init__(kind)
        self.slot = slot


@dataclass(frozen=True, slots=True)
class Templates:
    """Paraphrases by split."""

    train: tuple[str, ...]
    test: tuple[str, ...]

    def of(self, split: Split) -> tuple[str, ...]:
        """Those of a split."""
        return self.train if split == "train" else self.test


@dataclass(frozen=True, slots=True)
class Node:
    """A slot with its place in the tree.

    Attributes
    ----------
    slot : Slot
        What is asked.
    column : str
        Column of labels; empty for a diagnosis that only follows from the rows.
    labels : mapping of str to str
        Cell in small letters to state; the states' own names and phrases are among them.
    following : mapping of str to str
        State to the slot that is asked next; empty for the diagnosis.
    questions : Templates
        Ways to ask.
    answers : mapping of str to Templates
        State to ways to say it.
    """

    slot: Slot
    column: str
    labels: Mapping[str, str]
    following: Mapping[str, str]
    questions: Templates
    answers: Mapping[str, Templates]

    def read(self, cell: str) -> tuple[str, str]:
        """The state that a cell of the table means, and its number as a text.

        Raises
        ------
        BadLabel
            ``no-label``, ``unknown-label``, ``not-a-number`` or ``out-of-range``.
        """
        cell = cell.strip()
        if not cell:
            raise BadLabel("no-label", self.slot.name)
        if not self.slot.thresholds:
            state = self.labels.get(cell.casefold())
            if state is None:
                raise BadLabel("unknown-label", self.slot.name)
            return state, ""
        match = _NUMBER.fullmatch(cell)
        if match is None or match[2] not in ("", self.slot.unit):
            raise BadLabel("not-a-number", self.slot.name)
        value = Decimal(match[1].replace(",", "."))
        state = self.slot.state_of(value) if value in self.slot.scale else None
        if state is None:
            raise BadLabel("out-of-range", self.slot.name)
        return state, plain(value)


def plain(value: Decimal) -> str:
    """A number as people write it, never rounded: 35, 3.5.

    >>> plain(Decimal("35.0")), plain(Decimal("100")), plain(Decimal("0.50"))
    ('35', '100', '0.5')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Row:
    """A valid combination: slots and the states they may have, and the diagnosis that follows."""

    states: Mapping[str, tuple[str, ...]]
    diagnosis: str
    line: int = 0


class Step(NamedTuple):
    """One slot on a path, the state it is in, and the number that it is in it by."""

    slot: str
    state: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """Slots in order, transitions, valid rows, templates.

    Attributes
    ----------
    name, version, domain : str
        What it is called, and the domain of its samples.
    image, key, split : str
        Columns of labels: picture, name of a case, "train" or "test". ``key`` and ``split`` may be empty.
    nodes : mapping of str to Node
        By slot's name, in order; the diagnosis last.
    diagnosis : str
        Name of the last slot.
    rows : tuple of Row
        What is valid.
    digest : str
        SHA-256 of the file in hexadecimal.
    """

    name: str
    version: str
    domain: str
    image: str
    key: str
    split: str
    nodes: Mapping[str, Node]
    diagnosis: str
    rows: tuple[Row, ...]
    digest: str = ""

    def slot(self, name: str) -> Slot | None:
        """The slot of a name."""
        node = self.nodes.get(name)
        return None if node is None else node.slot

    def columns(self) -> tuple[str, ...]:
        """Columns that a table of labels must have."""
        asked = (node.column for name, node in self.nodes.items() if name != self.diagnosis)
        return tuple(dict.fromkeys((self.image, *filter(None, (self.key,)), *asked)))

    def path(self, cells: Mapping[str, str]) -> tuple[Step, ...]:
        """The slots that a row of labels leads through, up to its diagnosis.

        Parameters
        ----------
        cells : mapping of str to str
            Column to cell; cells of slots that are not on the path are not looked at.

        Raises
        ------
        BadLabel
            As of :meth:`Node.read`; ``no-valid-row`` if no row takes the states in, ``diagnosis-differs`` if the table
            has another diagnosis than follows.
        """
        steps: list[Step] = []
        name = next(iter(self.nodes))
        while name != self.diagnosis:
            node = self.nodes[name]
            state, value = node.read(cells.get(node.column) or "")
            steps.append(Step(name, state, value))
            name = node.following[state]
        concluded = self.conclude({step.slot: step.state for step in steps})
        if concluded is None:
            raise BadLabel("no-valid-row")
        told = self.nodes[self.diagnosis]
        if told.column and (cell := cells.get(told.column) or "").strip() and told.read(cell)[0] != concluded:
            raise BadLabel("diagnosis-differs", self.diagnosis)
        return (*steps, Step(self.diagnosis, concluded))

    def conclude(self, states: Mapping[str, str]) -> str | None:
        """The diagnosis of the states on a path, or None if no row takes them in."""
        for row in self.rows:
            if all(states.get(name) in allowed for name, allowed in row.states.items()):
                return row.diagnosis
        return None

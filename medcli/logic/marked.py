"""YAML as a tree of nodes that know their lines; nothing in it is ever made into an object.

Knows tables, lists and texts, and takes every text as it is written (``no`` stays ``no``). Refuses to know what they
mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medcli.errors import MissingExtra
from medcli.logic.tree import Problem, TreeInvalid

_LARGEST = 1_000_000
_DEEPEST = 32


class Marked:
    """A value of a YAML file: a table, a list or a text, with its line, and where faults are gathered.

    Parameters
    ----------
    node : yaml.Node
        As composed.
    problems : list of Problem
        Faults, for all values of a file.
    """

    def __init__(self, node: Any, problems: list[Problem]) -> None:
        self.node, self.problems = node, problems
        self.line = int(node.start_mark.line) + 1

    def fault(self, rule: str, text: str) -> None:
        """Write a fault of this line down."""
        self.problems.append(Problem(self.line, rule, text))

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return bool(self.node.id == "sequence")

    @property
    def is_table(self) -> bool:
        """Whether it is a table."""
        return bool(self.node.id == "mapping")

    @property
    def empty(self) -> bool:
        """Whether nothing stands here."""
        return bool(self.node.id == "scalar" and (self.node.value == "" or self.node.tag.endswith(":null")))

    def text(self) -> str:
        """The text; a fault, and the empty text, if it is none."""
        if self.node.id != "scalar" or self.empty:
            self.fault("wrong-form", "a text is expected here")
            return ""
        return " ".join(str(self.node.value).split())

    def texts(self) -> list[tuple[str, Marked]]:
        """The texts of a list; one text counts as a list, nothing as an empty one."""
        if self.empty:
            return []
        if not self.is_list:
            return [(self.text(), self)] if self.node.id == "scalar" else self._no("a list of texts")
        values = [Marked(one, self.problems) for one in self.node.value]
        return [(text, value) for value in values if (text := value.text())]

    def items(self) -> list[Marked]:
        """The values of a list."""
        return [Marked(one, self.problems) for one in self.node.value] if self.is_list else self._no("a list")

    def table(self) -> list[tuple[str, Marked, Marked]]:
        """Key, the key's own place, and value; a key that comes twice is a fault and counts once."""
        if not self.is_table:
            return self._no("a table")
        found: dict[str, tuple[str, Marked, Marked]] = {}
        for key_node, value_node in self.node.value:
            key, value = Marked(key_node, self.problems), Marked(value_node, self.problems)
            if not (name := key.text()):
                continue
            if name in found:
                key.fault("duplicate-name", f"{name!r} comes twice")
            else:
                found[name] = (name, key, value)
        return list(found.values())

    def fields(self, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Marked]:
        """A table with known keys: others are faults, and so are needed ones that are missing."""
        found = {}
        for name, key, value in self.table():
            if name in known:
                found[name] = value
            else:
                key.fault("unknown-key", f"{name!r} is none of {', '.join(known)}")
        for name in needed if self.is_table else ():
            if name not in found:
                self.fault("missing-key", f"{name!r} is missing")
        return found

    def _no(self, what: str) -> list[Any]:
        self.fault("wrong-form", f"{what} is expected here")
        return []


def compose(text: str, problems: list[Problem]) -> Marked:
    """The root of a YAML text.

    Raises
    ------
    MissingExtra
        If PyYAML is not installed.
    TreeInvalid
        If the text is no YAML, is empty, or uses anchors.
    """
    try:
        import yaml
    except ImportError:
        raise MissingExtra("text", "reading a clinical tree") from None
    if len(text) > _LARGEST:
        raise TreeInvalid.of([Problem(1, "not-yaml", f"a tree has at most {_LARGEST:,} characters")])
    try:
        _check_events(yaml, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        told = f"this is no YAML: {getattr(error, 'problem', None) or 'it cannot be read'}"
        raise TreeInvalid.of([Problem(line, "not-yaml", told)]) from None
    except RecursionError:
        raise TreeInvalid.of([Problem(1, "not-yaml", "it is nested too deeply")]) from None
    if node is None:
        raise TreeInvalid.of([Problem(1, "not-yaml", "the file is empty")])
    return Marked(node, problems)


def _check_events(yaml: Any, text: str) -> None:
    """Refuse what makes much of little: anchors, and brackets in brackets, whose time grows with their square."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise TreeInvalid.of(
                [Problem(event.start_mark.line + 1, "not-yaml", "anchors and aliases are not read")]
            )

"""A tree from YAML: read, and checked as a whole; all faults are told at once, each with its line.

Knows the form of the file (docs/logic.md). What is checked of the whole stands in :mod:`medcli.logic.checks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

from medcli.errors import InputError
from medcli.logic import checks
from medcli.logic.marked import Marked, compose
from medcli.logic.nodes import Lines, node_of
from medcli.logic.tree import Node, Problem, Row, Tree, TreeInvalid
from medcli.logic.words import phrase

EXAMPLES = ("bone_marrow_smear", "chest_film")
"""Trees that are shipped."""

_TOP = ("tree", "version", "domain", "sources", "image", "key", "split", "slots", "diagnosis", "rows")


def read_tree(path: Path) -> Tree:
    """Read a tree and check it.

    Raises
    ------
    InputError
        If the file cannot be read.
    TreeInvalid
        If the tree has faults: an InputError that names all of them with their lines.
    MissingExtra
        If PyYAML is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError("The tree cannot be read.", hint="It is a YAML file in UTF-8.") from None
    return tree_of(text)


def example(name: str) -> Path:
    """The file of a tree that is shipped: one of :data:`EXAMPLES`."""
    if name not in EXAMPLES:
        raise InputError(f"There is no example {name!r}.", hint=f"There are: {', '.join(EXAMPLES)}.")
    return Path(str(resources.files("medcli.logic").joinpath("examples", f"{name}.yaml")))


def tree_of(text: str) -> Tree:
    """The tree of a YAML text; errors as of :func:`read_tree`."""
    problems: list[Problem] = []
    root = compose(text, problems)
    lines = Lines()
    tree = _tree(root, lines, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    if not problems and tree is not None:
        problems += checks.problems(tree, lines)
    if problems or tree is None:
        raise TreeInvalid.of(problems or [Problem(root.line, "wrong-form", "the tree has no slots")])
    return tree


def _tree(root: Marked, lines: Lines, digest: str) -> Tree | None:
    told = root.fields(_TOP, ("tree", "slots", "diagnosis", "rows"))
    slots = told["slots"].table() if "slots" in told else []
    diagnosis = told["diagnosis"].text() if "diagnosis" in told else ""
    names = [name for name, _, _ in slots]
    if diagnosis and names and names[-1] != diagnosis:
        told["diagnosis"].fault(
            "undefined-transition", f"the diagnosis is the last of the slots, {names[-1]!r} here"
        )
    if diagnosis and len(names) == 1:
        told["slots"].fault("missing-key", "a tree has a slot before its diagnosis")
    nodes = {}
    for place, (name, key, value) in enumerate(slots):
        lines.slots[name] = key.line
        nodes[name] = node_of(name, value, names[place + 1 :], lines)
    rows = tuple(_rows(told["rows"], nodes, diagnosis)) if "rows" in told else ()
    if not nodes:
        return None
    texts = {
        name: told[name].text()
        for name in ("tree", "version", "domain", "image", "key", "split")
        if name in told
    }
    return Tree(
        texts.get("tree", ""),
        texts.get("version", "1"),
        texts.get("domain", ""),
        texts.get("image", "image"),
        texts.get("key", ""),
        texts.get("split", ""),
        _told_apart(nodes),
        diagnosis,
        rows,
        digest,
    )


def _told_apart(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Let each slot know what the others are about."""
    made = {}
    for name, node in nodes.items():
        own = set(map(phrase, node.slot.about))
        others = [
            one
            for other in nodes.values()
            if other is not node
            for one in other.slot.about
            if phrase(one) not in own
        ]
        made[name] = replace(node, slot=replace(node.slot, others=tuple(others)))
    return made


def _rows(value: Marked, nodes: Mapping[str, Node], diagnosis: str) -> list[Row]:
    rows = []
    for one in value.items():
        told = one.fields(tuple(nodes), (diagnosis,) if diagnosis in nodes else ())
        states: dict[str, tuple[str, ...]] = {}
        for name, cell in told.items():
            known = nodes[name].slot.states
            texts = cell.texts()
            for text, place in texts:
                if text not in known:
                    place.fault("undefined-transition", f"{text!r} is no state of {name!r}")
            states[name] = tuple(text for text, _ in texts)
        concluded = states.pop(diagnosis, ())
        if diagnosis in told and len(concluded) != 1:
            one.fault("wrong-form", "a row has one diagnosis")
        rows.append(Row(states, concluded[0] if concluded else "", one.line))
    return rows

"""A tree from YAML: read, and checked as a whole; all faults are told at once, each with its line.

Knows the form of the file (docs/logic.md). What is checked of the whole stands in :mod:`medcli.logic.checks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from medcli.errors import InputError
from medcli.logic import checks
from medcli.logic.intervals import Interval
from medcli.logic.marked import Marked, compose
from medcli.logic.slot import Slot
from medcli.logic.tree import Node, Problem, Row, Templates, Tree, TreeInvalid
from medcli.logic.words import phrase

EXAMPLES = ("bone_marrow_smear", "chest_film")
"""Trees that are shipped."""

_TOP = ("tree", "version", "domain", "sources", "image", "key", "split", "slots", "diagnosis", "rows")
_SLOT = (
    "about", "column", "states", "labels", "thresholds", "unit", "range", "yes", "no", "next", "questions", "answers",
)  # fmt: skip


@dataclass(slots=True)
class Lines:
    """Where things stand in the file: what the checks name."""

    states: dict[tuple[str, str], int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    templates: dict[tuple[str, ...], int] = field(default_factory=dict)
    thresholds: dict[tuple[str, str], int] = field(default_factory=dict)


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
        later = names[place + 1 :]
        nodes[name] = _node(name, value, later, lines, last=not later)
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


def _node(name: str, value: Marked, later: list[str], lines: Lines, *, last: bool) -> Node:
    told = value.fields(_SLOT, ("states", "questions", "answers"))
    states = _states(name, told["states"], lines) if "states" in told else {}
    empty = Templates((), ())
    thresholds = {}
    for state, one in _by_state(told.get("thresholds"), states):
        lines.thresholds[name, state] = one.line
        if (values := _interval(one)) is not None:
            thresholds[state] = values
    if thresholds and "labels" in told:
        told["labels"].fault("unknown-key", "a slot has thresholds or labels, not both")
    if thresholds and (missing := [state for state in states if state not in thresholds]):
        told["thresholds"].fault("missing-key", f"no threshold for {', '.join(map(repr, missing))}")
    if last and thresholds:
        told["thresholds"].fault("unknown-key", "the diagnosis follows from rows, not from a number")
    if last and "next" in told:
        told["next"].fault("undefined-transition", "nothing comes after the diagnosis")
    slot = Slot(
        name,
        states,
        *(_one_of(told.get(word), states) for word in ("yes", "no")),
        about=tuple(text for text, _ in told["about"].texts()) if "about" in told else (),
        thresholds=thresholds,
        unit=told["unit"].text() if "unit" in told else "",
        scale=_range(told.get("range")),
    )
    questions = _templates(told["questions"], (name, "question"), lines) if "questions" in told else empty
    answers = {
        state: _templates(one, (name, "answer", state), lines)
        for state, one in _by_state(told.get("answers"), states)
    }
    if "answers" in told and (missing := [state for state in states if state not in answers]):
        told["answers"].fault("missing-key", f"no answers for {', '.join(map(repr, missing))}")
    column = told["column"].text() if "column" in told else "" if last else name
    following = {} if last else dict.fromkeys(states, later[0]) | _next(told.get("next"), states, later)
    return Node(slot, column, _labels(told.get("labels"), states), following, questions, answers)


def _states(name: str, value: Marked, lines: Lines) -> dict[str, tuple[str, ...]]:
    states = {}
    seen: dict[tuple[str, ...], str] = {}
    for state, key, phrases in value.table():
        lines.states[name, state] = key.line
        texts = phrases.texts()
        states[state] = tuple(text for text, _ in texts)
        for text, place in ((state, key), *texts):
            words = phrase(text)
            if not words:
                place.fault("wrong-form", f"{text!r} holds no word")
            elif (other := seen.setdefault(words, state)) != state:
                place.fault("duplicate-name", f"{text!r} stands for {other!r} and for {state!r}")
    if len(states) < 2 and value.is_table:
        value.fault("wrong-form", "a slot has two states at least")
    return states


def _by_state(value: Marked | None, states: Mapping[str, object]) -> list[tuple[str, Marked]]:
    """A table whose keys are states."""
    found = []
    for state, key, one in value.table() if value is not None else ():
        if state in states:
            found.append((state, one))
        else:
            key.fault("unknown-key", f"{state!r} is none of the states")
    return found


def _one_of(value: Marked | None, states: Mapping[str, object]) -> str:
    if value is None:
        return ""
    state = value.text()
    if state and state not in states:
        value.fault("unknown-key", f"{state!r} is none of the states")
    return state


def _interval(value: Marked) -> Interval | None:
    text = value.text()
    try:
        return Interval.of(text) if text else None
    except ValueError:
        value.fault("bad-threshold", f"{text!r} is no comparison as '>= 5, < 20' that some number fits")
        return None


def _range(value: Marked | None) -> Interval:
    return (_interval(value) if value is not None else None) or Interval()


def _labels(value: Marked | None, states: Mapping[str, object]) -> dict[str, str]:
    labels = {state.casefold(): state for state in states}
    for state, cells in _by_state(value, states):
        for cell, place in cells.texts():
            if labels.setdefault(cell.casefold(), state) != state:
                place.fault("duplicate-name", f"the label {cell!r} stands for two states")
    return labels


def _next(value: Marked | None, states: Mapping[str, object], later: list[str]) -> dict[str, str]:
    following = {}
    for state, one in _by_state(value, states):
        target = one.text()
        if target in later:
            following[state] = target
        elif target:
            one.fault("undefined-transition", f"{target!r} is no slot that comes later")
    return following


def _templates(value: Marked, place: tuple[str, ...], lines: Lines) -> Templates:
    told = value.fields(("train", "test"), ("train", "test"))
    lists = []
    for split in ("train", "test"):
        texts = told[split].texts() if split in told else []
        if split in told and not texts:
            told[split].fault("missing-key", f"no template for {split!r}")
        for number, (_, one) in enumerate(texts):
            lines.templates[(*place, split, str(number))] = one.line
        lists.append(tuple(text for text, _ in texts))
    return Templates(*lists)


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

"""The slots of a tree's file: states, labels, thresholds, transitions, templates, with the lines they stand in.

Knows the form of one slot (docs/logic.md). Refuses to know what the tree does with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medcli.logic.intervals import EVERYTHING, Interval
from medcli.logic.marked import Marked
from medcli.logic.slot import Slot
from medcli.logic.tree import Node, Templates
from medcli.logic.words import phrase

_SLOT = (
    "about", "column", "states", "groups", "labels", "thresholds", "unit", "range", "yes", "no", "next", "questions", "answers",
)  # fmt: skip


@dataclass(slots=True)
class Lines:
    """Where things stand in the file: what the checks name."""

    states: dict[tuple[str, str], int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    templates: dict[tuple[str, ...], int] = field(default_factory=dict)
    thresholds: dict[tuple[str, str], int] = field(default_factory=dict)


def node_of(name: str, value: Marked, later: Sequence[str], lines: Lines) -> Node:
    """A slot of the file; the diagnosis where no slot comes ``later``."""
    told = value.fields(_SLOT, ("states", "questions", "answers"))
    slot = _slot(name, told, lines)
    _misplaced(told, last=not later)
    labels = _labels(told.get("labels"), slot.states)
    questions = Templates((), ())
    if "questions" in told:
        questions = _templates(told["questions"], (name, "question"), lines)
    answers = {
        state: _templates(one, (name, "answer", state), lines)
        for state, one in _by_state(told.get("answers"), slot.states, whole=True)
    }
    following = dict.fromkeys(slot.states, later[0]) if later else {}
    following |= _next(told.get("next"), slot.states, later)
    column = _text(told, "column") or (name if later else "")
    return Node(slot, column, labels, following, questions, answers)


def _slot(name: str, told: Mapping[str, Marked], lines: Lines) -> Slot:
    states = _states(name, told["states"], lines) if "states" in told else {}
    thresholds = {}
    for state, one in _by_state(told.get("thresholds"), states, whole=True):
        lines.thresholds[name, state] = one.line
        if (values := _interval(one)) is not None:
            thresholds[state] = values
    return Slot(
        name,
        states,
        groups=_groups(told.get("groups"), states),
        yes=_one_of(told.get("yes"), states),
        no=_one_of(told.get("no"), states),
        about=tuple(text for text, _ in told["about"].texts()) if "about" in told else (),
        thresholds=thresholds,
        unit=_text(told, "unit"),
        scale=(_interval(told["range"]) if "range" in told else None) or EVERYTHING,
    )


def _misplaced(told: Mapping[str, Marked], *, last: bool) -> None:
    """Note keys that mean nothing beside others."""
    if "thresholds" in told and "labels" in told:
        told["labels"].fault("unknown-key", "a slot has thresholds or labels, not both")
    for name in ("unit", "range"):
        if name in told and "thresholds" not in told:
            told[name].fault("unknown-key", f"{name!r} means something beside thresholds only")
    if last and "thresholds" in told:
        told["thresholds"].fault("unknown-key", "the diagnosis follows from rows, not from a number")
    if last and "next" in told:
        told["next"].fault("undefined-transition", "nothing comes after the diagnosis")


def _text(told: Mapping[str, Marked], name: str) -> str:
    return told[name].text() if name in told else ""


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


def _groups(value: Marked | None, states: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Phrases that leave several states possible."""
    groups = {}
    named = {phrase(text): state for state, own in states.items() for text in (state, *own)}
    for text, key, one in value.table() if value is not None else ():
        if (words := phrase(text)) in named or not words:
            key.fault("duplicate-name", f"{text!r} stands for a state already, or holds no word")
        left = tuple(state for state, place in one.texts() if _known(state, place, states))
        if not 1 < len(left) < len(states):
            one.fault("wrong-form", "a group has several of the states, and not all of them")
        groups[text] = left
    return groups


def _known(state: str, place: Marked, states: Mapping[str, object]) -> bool:
    if state not in states:
        place.fault("unknown-key", f"{state!r} is none of the states")
    return state in states


def _by_state(
    value: Marked | None, states: Mapping[str, object], *, whole: bool = False
) -> list[tuple[str, Marked]]:
    """A table whose keys are states, with ``whole`` all of them."""
    if value is None:
        return []
    found = [(state, one) for state, key, one in value.table() if _known(state, key, states)]
    named = {state for state, _ in found}
    if whole and value.is_table and (missing := [repr(state) for state in states if state not in named]):
        value.fault("missing-key", f"nothing for {', '.join(missing)}")
    return found


def _one_of(value: Marked | None, states: Mapping[str, object]) -> str:
    if value is None:
        return ""
    state = value.text()
    return state if not state or _known(state, value, states) else ""


def _interval(value: Marked) -> Interval | None:
    text = value.text()
    try:
        return Interval.of(text) if text else None
    except ValueError:
        value.fault("bad-threshold", f"{text!r} is no comparison as '>= 5, < 20' that some number fits")
        return None


def _labels(value: Marked | None, states: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Cells by which states are told: their names, their phrases, and what is given."""
    labels = {text.casefold(): state for state, own in states.items() for text in (state, *own)}
    for state, cells in _by_state(value, states):
        for cell, place in cells.texts():
            if labels.setdefault(cell.casefold(), state) != state:
                place.fault("duplicate-name", f"the label {cell!r} stands for two states")
    return labels


def _next(value: Marked | None, states: Mapping[str, object], later: Sequence[str]) -> dict[str, str]:
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

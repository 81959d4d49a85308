"""What must be true of a tree as a whole: every state is reached, rows and thresholds agree, templates parse back.

The way through a tree depends on one slot's state at a time, so what rows allow is found by walking slots and not
combinations: the checks take time in the number of states, however many paths there are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from medcli.logic.slot import Slot
from medcli.logic.tree import SPLITS, Node, Problem, Row, Templates, Tree, plain
from medcli.logic.words import phrase

_PLACE = re.compile(r"\{(\w*)\}")
Pairs = set[tuple[str, str]]
Key = tuple[str, ...]


class Places(Protocol):
    """Lines of a file; see :class:`medcli.logic.loading.Lines`."""

    states: dict[tuple[str, str], int]
    slots: dict[str, int]
    templates: dict[Key, int]
    thresholds: dict[tuple[str, str], int]


def problems(tree: Tree, lines: Places) -> list[Problem]:
    """All faults of a tree whose parts are sound."""
    found = [*_ways(tree, lines), *_overlapping_rows(tree)]
    for name, node in tree.nodes.items():
        found += _thresholds(name, node.slot, lines)
        found += _parsing(name, node, lines)
    return [*found, *_shared(tree, lines)]


def filled(template: str, state: str, value: str) -> str:
    """A template with its places filled: ``{value}`` and ``{state}``."""
    return template.replace("{state}", state).replace("{value}", value)


def ways(tree: Tree, row: Mapping[str, Sequence[str]]) -> Pairs:
    """The slots and states on the paths that a row takes in: from the first slot to the diagnosis, past all it names."""
    order = list(tree.nodes)
    place = {name: number for number, name in enumerate(order)}
    named = [place[name] for name in row]
    arrived, edges = {order[0]}, []
    for name in order[:-1]:
        if name not in arrived:
            continue
        for state in row.get(name, tuple(tree.nodes[name].slot.states)):
            target = tree.nodes[name].following[state]
            if not any(place[name] < at < place[target] for at in named):
                arrived.add(target)
                edges.append((name, state, target))
    leads, pairs = {tree.diagnosis}, set()
    for name, state, target in reversed(edges):
        if target in leads:
            leads.add(name)
            pairs.add((name, state))
    return pairs if order[0] in leads else set()


def _ways(tree: Tree, lines: Places) -> Iterator[Problem]:
    reached: Pairs = set()
    for row in tree.rows:
        pairs = ways(tree, row.states)
        if not pairs:
            yield Problem(
                row.line, "undefined-transition", "no path leads through all slots that this row names"
            )
        else:
            reached |= pairs | {(tree.diagnosis, row.diagnosis)}
    for name, node in tree.nodes.items():
        if not any(slot == name for slot, _ in reached):
            yield Problem(lines.slots[name], "unreachable-state", f"no valid row leads to the slot {name!r}")
            continue
        for state in node.slot.states:
            if (name, state) not in reached:
                yield Problem(
                    lines.states[name, state],
                    "unreachable-state",
                    f"no valid row leads to {state!r} of {name!r}",
                )


def _overlapping_rows(tree: Tree) -> Iterator[Problem]:
    for first, second in itertools.combinations(tree.rows, 2):
        if (
            first.diagnosis != second.diagnosis
            and (both := _both(first, second)) is not None
            and ways(tree, both)
        ):
            yield Problem(
                second.line,
                "overlapping-rows",
                f"{second.diagnosis!r} and {first.diagnosis!r} of line {first.line} follow from the same states",
            )


def _both(first: Row, second: Row) -> dict[str, tuple[str, ...]] | None:
    """What two rows have in common, or None."""
    both = dict(first.states)
    for name, states in second.states.items():
        both[name] = tuple(one for one in states if one in both.get(name, states))
        if not both[name]:
            return None
    return both


def _thresholds(name: str, slot: Slot, lines: Places) -> Iterator[Problem]:
    ordered = sorted(slot.thresholds.items(), key=lambda one: (one[1].low, not one[1].with_low))
    for (first, one), (second, other) in itertools.combinations(ordered, 2):
        if not (one & other).empty:
            text = f"{first!r} ({one}) and {second!r} ({other}) overlap"
            yield Problem(lines.thresholds[name, second], "overlapping-thresholds", text)
    if not ordered:
        return
    end, closed = slot.scale.low, not slot.scale.with_low
    for state, values in ordered:
        inside = values & slot.scale
        line = lines.thresholds[name, state]
        if inside.empty:
            yield Problem(line, "unreachable-state", f"no number of the range is {state!r} ({values})")
            continue
        if (inside.low, not inside.with_low) > (end, closed):
            yield Problem(
                line, "threshold-gap", f"no state takes in the numbers just below {state!r} ({values})"
            )
        end, closed = max((end, closed), (inside.high, inside.with_high))
    if (end, closed) < (slot.scale.high, slot.scale.with_high):
        line = lines.thresholds[name, ordered[-1][0]]
        yield Problem(line, "threshold-gap", f"no state takes in the numbers above {end}")


def _parsing(name: str, node: Node, lines: Places) -> Iterator[Problem]:
    for key, text in _each((name, "question"), node.questions):
        for problem in _filling(text, ()):
            yield Problem(lines.templates[key], *problem)
    known = ("state", "value") if node.slot.thresholds else ("state",)
    for state, templates in node.answers.items():
        for key, text in _each((name, "answer", state), templates):
            faults = list(_filling(text, known))
            yield from (Problem(lines.templates[key], *problem) for problem in faults)
            if not faults and (told := _misread(node.slot, state, text)):
                yield Problem(lines.templates[key], "template-parse", told)


def _misread(slot: Slot, state: str, text: str) -> str:
    """What is wrong with an answer: the state that it parses to instead of its own."""
    values = _values(slot, state) if "{value}" in text else [""]
    for value in values:
        got = slot.parse(filled(text, state, value))
        if got != state:
            told = "to no state" if got is None else f"to {got!r}"
            with_value = f" with {value}" if value else ""
            return f"an answer of {state!r} parses {told}{with_value}"
    return ""


def _values(slot: Slot, state: str) -> list[str]:
    return [plain(value) for value in (slot.thresholds[state] & slot.scale).examples()]


def _filling(text: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = text
    for place in _PLACE.findall(text):
        if place not in known:
            yield "unknown-place", f"{{{place}}} is nothing that can be filled in here"
        rest = rest.replace(f"{{{place}}}", "")
    if "{" in rest or "}" in rest:
        yield "unknown-place", "a brace stands alone"


def _each(place: Key, templates: Templates) -> Iterator[tuple[Key, str]]:
    """The templates of one list with what they are called among the lines."""
    for split in SPLITS:
        for number, text in enumerate(templates.of(split)):
            yield (*place, split, str(number)), text


def _shared(tree: Tree, lines: Places) -> Iterator[Problem]:
    """Paraphrases that stand in train and in test, or twice among the same ones, or ask for two slots."""
    seen: dict[tuple[str, ...], Key] = {}
    for place, templates in _lists(tree):
        for key, text in _each(place, templates):
            other = seen.setdefault(_words(text), key)
            if other == key:
                continue
            line, told = lines.templates[key], f"the same words stand in line {lines.templates[other]}"
            if other[-2] != key[-2]:
                yield Problem(line, "shared-paraphrase", f"{told}, for {other[-2]!r}")
            elif other[:-1] == key[:-1] or "question" in (other[1], key[1]):
                yield Problem(line, "duplicate-name", told)


def _lists(tree: Tree) -> Iterator[tuple[Key, Templates]]:
    for name, node in tree.nodes.items():
        yield (name, "question"), node.questions
        for state, templates in node.answers.items():
            yield (name, "answer", state), templates


def _words(text: str) -> tuple[str, ...]:
    """What makes two paraphrases the same: their words, without marks."""
    return tuple(word for word in phrase(text.replace("{", " ").replace("}", " ")) if word.isalnum())

"""The set ``logic``: accuracy of parsed states, of questions, of whole conversations, of diagnoses.

A question names its slot (key ``slot``); the slot's states stand in a file, or are the question's options. Of a
conversation (key ``conversation``, else the picture) all questions have to be right. Sides that are both unparsed do
not match. Knows slots; how a text is parsed stands in :mod:`medcli.logic`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medcli.errors import InputError, MissingExtra
from medcli.evaluate.metrics.replies import option
from medcli.evaluate.metrics.strict import key
from medcli.evaluate.scoring import Scores
from medcli.evaluate.truths import Truths
from medcli.logic import Slot, Tree, agree, tree_of

_FORM = "As slots: {cellularity: {low: [poor]}}; docs/logic.md has the form of a tree."


class Slots:
    """Slots by name, and which of them is the diagnosis.

    Parameters
    ----------
    slots : mapping of str to Slot
        By name.
    diagnosis : str
        Name of the slot that is the diagnosis; may be empty.
    """

    def __init__(self, slots: Mapping[str, Slot], diagnosis: str = "") -> None:
        self._slots, self.diagnosis = slots, diagnosis

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Slots:
        """What a file of slots says.

        Parameters
        ----------
        content : mapping
            ``slots``: name to state to list of phrases; ``diagnosis``: name of the slot that is the diagnosis.

        Raises
        ------
        InputError
            If it has another form.
        """
        told = content.get("slots")
        if not isinstance(told, Mapping) or not all(isinstance(states, Mapping) for states in told.values()):
            raise InputError("The file of slots has no table `slots`.", hint=_FORM)
        slots = {
            str(name): Slot(
                str(name), {str(state): [str(one) for one in own or ()] for state, own in states.items()}
            )
            for name, states in told.items()
        }
        return cls(slots, str(content.get("diagnosis") or ""))

    @classmethod
    def of_tree(cls, tree: Tree) -> Slots:
        """The slots of a clinical tree."""
        return cls({name: node.slot for name, node in tree.nodes.items()}, tree.diagnosis)

    def get(self, name: str) -> Slot | None:
        """The slot of a name."""
        return self._slots.get(name)


def read_slots(path: Path) -> Slots:
    """Read slots: JSON or YAML, or a clinical tree, which has a key ``tree``.

    Raises
    ------
    InputError
        If it cannot be read, or a tree has faults.
    MissingExtra
        If it is YAML and PyYAML is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (OSError, ValueError):
        raise InputError("The file of slots cannot be read.", hint="JSON, or YAML as .yaml.") from None
    if not isinstance(content, Mapping):
        raise InputError("The file of slots holds no table.", hint=_FORM)
    return Slots.of_tree(tree_of(text)) if "tree" in content else Slots.of(content)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingExtra("text", "reading YAML") from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        raise ValueError from None


def states(
    slot: Slot | None, truth: str, reply: str, choices: tuple[str, ...]
) -> tuple[str | None, str | None] | None:
    """The states of a truth and of a reply; None if there is neither a slot nor options to tell them by."""
    if slot is not None:
        return slot.parse(truth), slot.parse(reply)
    if not choices:
        return None
    right, said = key(truth, choices), option(reply, choices)
    return (None if right is None else str(right)), (None if said is None else str(said))


def score_logic(path: Path | None, truths: Truths, scores: Scores) -> None:
    """Fill ``logic_hit`` (each question), ``logic_conversation`` (first question of each) and ``logic_diagnosis``."""
    slots = read_slots(path) if path else Slots({})
    hits, whole, diagnoses = (scores.column(f"logic_{one}") for one in ("hit", "conversation", "diagnosis"))
    conversations: dict[str, list[int]] = {}
    for place, (truth, reply) in enumerate(zip(truths.truths, scores.replies, strict=True)):
        if reply is None or truth is None:
            continue
        name = truths.slots[place]
        pair = states(slots.get(name), truth, reply, truths.choices[place])
        if pair is None:
            continue
        hits[place] = float(agree(*pair))
        if name and name == slots.diagnosis:
            diagnoses[place] = hits[place]
        told = truths.conversations[place] or truths.images[place] or str(truths.ids[place])
        conversations.setdefault(told, []).append(place)
    for places in conversations.values():
        whole[places[0]] = float(all(hits[place] == 1 for place in places))
    if not conversations:
        raise InputError(
            "No question has a slot of the file, or options.", hint="A row names its slot under `slot`."
        )

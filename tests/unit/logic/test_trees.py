"""Trees: the two that are shipped, and every fault named with its line."""

from __future__ import annotations

import builtins
import time
from pathlib import Path
from typing import Any

import pytest

from medcli.errors import InputError, MissingExtra
from medcli.logic import EXAMPLES, BadLabel, Step, Tree, TreeInvalid, example, read_tree, tree_of
from medcli.logic.checks import filled
from medcli.logic.tree import SPLITS

SOUND = """\
tree: toy
slots:
  seen:
    states:
      readable: [good]
      unreadable: [bad]
    next: {unreadable: result}
    questions: {train: [Is it readable], test: [Can it be read]}
    answers:
      readable: {train: [It is readable.], test: [It is good.]}
      unreadable: {train: [It is unreadable.], test: [It is bad.]}
  size:
    about: [heart]
    column: mm
    unit: mm
    range: ">= 0"
    thresholds: {small: "< 10", large: ">= 10"}
    states: {small: [little], large: [big]}
    questions: {train: [How large], test: [How big]}
    answers:
      small: {train: ["{value} mm."], test: [It is little.]}
      large: {train: ["{value} mm, {state}."], test: [It is big.]}
  result:
    states: {well: [healthy], ill: [diseased], open: [unknown]}
    questions: {train: [What is it], test: [Conclude.]}
    answers:
      well: {train: [It is well.], test: [It is healthy.]}
      ill: {train: [It is ill.], test: [It is diseased.]}
      open: {train: [It is open.], test: [It is unknown.]}
diagnosis: result
rows:
  - {seen: unreadable, result: open}
  - {size: small, result: well}
  - {size: large, result: ill}
"""


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(TreeInvalid) as caught:
        tree_of(text)
    assert caught.value.exit_code == 4
    for problem in caught.value.problems:
        assert f"line {problem.line}: " in caught.value.message
        assert problem.rule in caught.value.message
    return [(problem.line, problem.rule) for problem in caught.value.problems]


def at(old: str, new: str) -> tuple[str, int]:
    """The sound tree with one change, and the line of it."""
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new), SOUND[: SOUND.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("next: {unreadable: result}", "next: {unreadable: nowhere}", "undefined-transition"),
        ("next: {unreadable: result}", "next: {unreadable: seen}", "undefined-transition"),
        ("next: {unreadable: result}", "next: {unheard: result}", "unknown-key"),
        ("- {size: large, result: ill}", "- {size: huge, result: ill}", "undefined-transition"),
        (
            "- {size: small, result: well}",
            "- {seen: unreadable, size: small, result: well}",
            "undefined-transition",
        ),
        ("- {size: small, result: well}", "- {size: [small, large], result: well}", None),
        ("small: [little]", "small: [little], middling: []", None),
        ('small: "< 10", large: ">= 10"', 'small: "< 12", large: ">= 10"', "overlapping-thresholds"),
        ('small: "< 10", large: ">= 10"', 'small: "<= 10", large: ">= 10"', "overlapping-thresholds"),
        ('small: "< 10", large: ">= 10"', 'small: "< 10", large: "> 10"', "threshold-gap"),
        ('small: "< 10", large: ">= 10"', 'small: "< 10", large: ">= 10, < 20"', "threshold-gap"),
        ('small: "< 10", large: ">= 10"', 'small: "> 0, < 10", large: ">= 10"', "threshold-gap"),
        ('small: "< 10", large: ">= 10"', 'small: "few", large: ">= 10"', "bad-threshold"),
        ('small: "< 10", large: ">= 10"', 'small: "< 3, > 5", large: ">= 10"', "bad-threshold"),
        ('small: "< 10", large: ">= 10"', 'small: "< 10"', "missing-key"),
        ('range: ">= 0"', 'range: ">= 10"', None),
        ("test: [It is little.]", "test: [It is tiny.]", "template-parse"),
        ("test: [It is little.]", "test: [It is not little.]", "template-parse"),
        ("test: [It is little.]", "test: [It is 30 mm.]", "template-parse"),
        ('train: ["{value} mm."]', 'train: ["{value} cm it is."]', "template-parse"),
        ('train: ["{value} mm."]', 'train: ["{number} mm."]', "unknown-place"),
        ('train: ["{value} mm."]', 'train: ["small {"]', "unknown-place"),
        ("train: [Is it readable]", "train: ['Is {value} readable?']", "unknown-place"),
        ("test: [Can it be read]", "test: [is it READABLE]", "shared-paraphrase"),
        ("test: [It is big.]", 'test: ["{value} mm, {state}!"]', "shared-paraphrase"),
        ("train: [How large]", "train: [How large, how large]", "duplicate-name"),
        ("train: [How large]", "train: [Is it readable]", "duplicate-name"),
        ("readable: [good]", "readable: [good, bad]", None),
        ("large: [big]", "large: [big, little]", "duplicate-name"),
        ("large: [big]", "large: [big], small: [wee]", "duplicate-name"),
        ("about: [heart]", "abuot: [heart]", "unknown-key"),
        ("about: [heart]", "yes: huge", "unknown-key"),
        ("about: [heart]", "labels: {small: [s]}", "unknown-key"),
        ("test: [How big]}", "tset: [How big]}", "unknown-key"),
        ("test: [How big]}", "test: []}", "missing-key"),
        ("diagnosis: result", "diagnosis: size", "undefined-transition"),
        ("tree: toy", "tree: [toy]", "wrong-form"),
        ("tree: toy", "three: toy", "unknown-key"),
        ("- {size: large, result: ill}", "- {size: large}", "missing-key"),
        ("- {size: large, result: ill}", "- large", "wrong-form"),
        ("test: [It is healthy.]", "test: [{It: is}]", "wrong-form"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, rule: str | None) -> None:
    text, line = at(old, new)
    found = faults(text)
    if rule is None:  # told at another line, or of several places
        assert found
    else:
        assert (line, rule) in found


def test_all_faults_are_told_at_once_in_the_order_of_lines() -> None:
    text = SOUND.replace("about: [heart]", "abuot: [heart]").replace(
        "- {size: small, result: well}", "- {size: wee, result: well}"
    )
    found = faults(text)
    assert [rule for _, rule in found] == ["unknown-key", "undefined-transition"]
    assert found == sorted(found)


def test_rows_may_not_disagree_and_every_slot_is_reached() -> None:
    text, _ = at("- {seen: unreadable, result: open}", "- {seen: unreadable, result: ill}")
    line = SOUND[: SOUND.index("states: {well")].count("\n") + 1
    assert faults(text) == [(line, "unreachable-state")]
    text, line = at("- {size: large, result: ill}", "- {size: [small, large], result: ill}")
    assert (line, "overlapping-rows") in faults(text)
    text, _ = at("next: {unreadable: result}", "next: {unreadable: result, readable: result}")
    assert {rule for _, rule in faults(text)} == {"undefined-transition", "unreachable-state"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("tree: toy\nslots: {\n", 3),
        ("a: &x 1\nb: *x\n", 1),
        ("- [" * 3000, 1),
        ("just words", 1),
        ("a: !!python/object:os.system x", 1),
    ],
)
def test_what_is_no_tree_is_refused(text: str, line: int) -> None:
    found = faults(text)
    assert found[0][0] == line


def test_yaml_is_only_needed_for_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="the extra 'text'"):
        tree_of(SOUND)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_tree(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("tree: Größe".encode("latin-1"))
    with pytest.raises(InputError, match="cannot be read"):
        read_tree(tmp_path / "latin.yaml")
    with pytest.raises(InputError, match="bone_marrow_smear"):
        example("brain")


def test_a_path_follows_states_and_stops_where_the_tree_says() -> None:
    tree = tree_of(SOUND)
    assert tree.columns() == ("image", "seen", "mm")
    assert tree.path({"seen": "Good", "mm": "9,5 mm"}) == (
        Step("seen", "readable"), Step("size", "small", "9.5"), Step("result", "well"),
    )  # fmt: skip
    assert tree.path({"seen": "unreadable", "mm": "nonsense"})[-1] == Step("result", "open")


@pytest.mark.parametrize(
    ("seen", "size", "reason", "slot"),
    [
        ("", "5", "no-label", "seen"),
        ("fair", "5", "unknown-label", "seen"),
        ("good", "", "no-label", "size"),
        ("good", "five", "not-a-number", "size"),
        ("good", "5 cm", "not-a-number", "size"),
        ("good", "nan", "not-a-number", "size"),
        ("good", "1e3", "not-a-number", "size"),
        ("good", "-1", "out-of-range", "size"),
    ],
)
def test_labels_that_lead_nowhere(seen: str, size: str, reason: str, slot: str) -> None:
    with pytest.raises(BadLabel) as caught:
        tree_of(SOUND).path({"seen": seen, "mm": size})
    assert (caught.value.kind, caught.value.slot) == (reason, slot)


@pytest.fixture(params=EXAMPLES)
def shipped(request: pytest.FixtureRequest) -> Tree:
    return read_tree(example(request.param))


def test_every_template_of_the_trees_that_are_shipped_maps_to_its_own_state(shipped: Tree) -> None:
    checked = 0
    for node in shipped.nodes.values():
        for state, templates in node.answers.items():
            values = (
                (shipped.nodes[node.slot.name].slot.thresholds[state] & node.slot.scale).examples()
                if node.slot.thresholds
                else [""]
            )
            for split in SPLITS:
                assert len(templates.of(split)) >= 2
                for text in templates.of(split):
                    for value in values:
                        checked += 1
                        assert node.slot.parse(filled(text, state, str(value))) == state, text
    assert checked > 120


def test_train_and_test_share_no_words(shipped: Tree) -> None:
    for node in shipped.nodes.values():
        for templates in (node.questions, *node.answers.values()):
            assert not set(templates.train) & set(templates.test)
        assert len(node.questions.train) >= 5
        assert len(node.questions.test) >= 3


def test_a_tree_of_many_paths_is_checked_quickly() -> None:
    """Twenty slots of two states are a million paths; what is checked is slots, not paths."""
    slots = "".join(
        f"  s{n}:\n    states: {{on{n}: [], off{n}: []}}\n    questions: {{train: [q {n}], test: [p {n}]}}\n"
        f"    answers:\n      on{n}: {{train: [on{n}], test: [now on{n}]}}\n      off{n}: {{train: [off{n}], test: [now off{n}]}}\n"
        for n in range(20)
    )
    end = SOUND[SOUND.index("  result:") : SOUND.index("diagnosis:")]
    rows = "diagnosis: result\nrows:\n  - {s0: on0, result: well}\n  - {s0: off0, s19: on19, result: ill}\n  - {s0: off0, s19: off19, result: open}\n"
    started = time.process_time()
    tree = tree_of(f"tree: long\nslots:\n{slots}{end}{rows}")
    assert len(tree.path({f"s{n}": f"on{n}" for n in range(20)} | {"image": "a"})) == 21
    assert time.process_time() - started < 2


@pytest.mark.parametrize("bomb", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_a_bomb_of_brackets_is_refused_at_once(bomb: str) -> None:
    began = time.process_time()
    with pytest.raises(TreeInvalid, match="nested too deeply"):
        tree_of(bomb)
    assert time.process_time() - began < 5

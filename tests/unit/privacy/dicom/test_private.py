"""Private blocks: what stays by the safe list, by a local rule, and what never does."""

from __future__ import annotations

import pytest

from medcli.privacy.policy import Policy, Rule
from tests.privacy import wire
from tests.unit.privacy.dicom.samples import (
    NAME,
    PATIENT,
    STUDY,
    Scrub,
    by_hand,
)

IMPLICIT, BIG = wire.Syntax(implicit=True), wire.Syntax(little=False)
SYNTAXES = {"explicit": wire.PLAIN, "implicit": IMPLICIT, "big": BIG}


def retain(*options: str, **how: object) -> Policy:
    return Policy(retain=frozenset(options), **how)


CREATOR = "SIEMENS MR HEADER"


def private(layout: wire.Syntax = wire.PLAIN) -> dict[int, bytes]:
    """Two private blocks: one of a listed creator with a listed and an unlisted element, one of nobody's."""
    return {
        0x00190011: wire.element(0x00190011, "LO", CREATOR, layout),
        0x00190012: wire.element(0x00190012, "LO", "ACME 1.0", layout),
        0x0019110C: wire.element(0x0019110C, "IS", "1000", layout),
        0x00191199: wire.element(0x00191199, "LO", "Geheim eins", layout),
        0x0019120C: wire.element(0x0019120C, "IS", "2000", layout),
        0x00191299: wire.element(0x00191299, "LO", "Geheim zwei", layout),
        0x00191301: wire.element(0x00191301, "LO", "Geheim drei", layout),
    }


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_safe_private_stays_by_its_creator_only(scrub: Scrub, syntax: str):
    layout = SYNTAXES[syntax]
    source = by_hand(private(layout), syntax=layout)
    assert not [element for element in scrub(source).ds if element.tag.is_private]
    released = scrub(source, retain("safe-private"))
    assert [int(element.tag) for element in released.ds if element.tag.is_private] == [0x00190011, 0x0019110C]
    assert b"Geheim" not in released.data
    assert b"ACME" not in released.data


def test_a_rule_adds_a_creator_and_takes_one_away(scrub: Scrub):
    policy = retain("safe-private", rules=(Rule("ACME 1.0", "K", "ours"), Rule(CREATOR, "X", "no")))
    released = scrub(by_hand(private()), policy)
    found = [int(element.tag) for element in released.ds if element.tag.is_private]
    assert found == [0x00190012, 0x0019120C, 0x00191299]
    assert b"Geheim zwei" in released.data


def test_safe_private_in_an_item_goes_by_the_item_s_own_creator(scrub: Scrub):
    item = wire.element(0x0019110C, "IS", "1000")
    elements = {**private(), 0x00081199: wire.sequence(0x00081199, [item, b"".join(private().values())])}
    items = scrub(by_hand(elements), retain("safe-private")).ds[0x00081199].value
    assert [len(item) for item in items] == [0, 2]


def test_private_sequences_are_removed_or_recursed(scrub: Scrub):
    inner = wire.element(0x00100010, "PN", "Zweite^Person") + wire.element(0x00190099, "LO", "x")
    elements = {**private(), 0x00191250: wire.sequence(0x00191250, [inner])}
    assert b"Zweite" not in scrub(by_hand(elements)).data
    policy = Policy(rules=(Rule("ACME 1.0", "K", "ours"),))
    released = scrub(by_hand(elements), policy)
    assert b"Zweite" not in released.data
    assert released.result.status == "released"


def test_actions_are_counted_without_values(scrub: Scrub):
    import json

    released = scrub(by_hand({**private(), 0x00081030: wire.element(0x00081030, "LO", "Thorax")}))
    counts = json.loads(released.result.actions)
    assert counts["X"]["private"] == 7
    assert counts["X"]["00081030"] == 1
    assert counts["U"] == {"00080018": 1, "0020000D": 1, "0020000E": 1}
    assert counts["Z"]["00100010"] == counts["Z"]["00100020"] == 1
    for value in (NAME, PATIENT, STUDY, "Geheim", "Thorax"):
        assert value not in released.result.actions

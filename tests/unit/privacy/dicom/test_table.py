"""A policy as one number an attribute."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

from medcli.privacy import profiles
from medcli.privacy.dicom import codes
from medcli.privacy.dicom.encoding import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    LONG_VRS,
    SIZES,
    TEXT_VRS,
    VRS,
)
from medcli.privacy.dicom.rewrite import Rewriter
from medcli.privacy.dicom.table import Table, _offer
from medcli.privacy.policy import RETAIN, Policy, Rule
from medcli.privacy.profiles.iod import type_of
from tests.unit.privacy.dicom.samples import CT, SR

PUBLIC = [tag for tag in DicomDictionary if not tag >> 16 & 1 and 8 <= tag >> 16 < 0xFFFE]
ALL_VRS = sorted(vr.decode() for vr in VRS)
POLICIES = [
    Policy(profile, frozenset(retain))
    for profile in ("basic", "strict")
    for retain in ((), *([name] for name in RETAIN))
]
KEPT = {codes.KEEP, codes.KEEP_LONG, codes.KEEP_OPTION, codes.TEXT}


@cache
def table(policy: Policy = Policy()) -> Table:  # noqa: B008 - frozen
    return Table(policy)


def retain(*names: str, profile: str = "basic") -> Table:
    return table(Policy(profile, frozenset(names)))


def ruled(*rules: Rule, **how: object) -> Table:
    return Table(Policy(rules=rules, **how))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: f"{policy.profile} {' '.join(policy.retain)}")
def test_every_code_has_its_handler(policy: Policy):
    known = Rewriter._handlers.keys() | {codes.NUMBER}
    asked = table(policy)
    for tag in PUBLIC:
        vrs = codes.vrs_of(tag)
        assert asked.code(tag, "") in known
        for vr in {*vrs, "UN", "LO", "OB", "SQ", "US", "UI"} & set(ALL_VRS):
            assert asked.code(tag, vr) in known, (f"{tag:08X}", vr)


@given(st.integers(0, 0xFFFCFFFF), st.sampled_from(["", *ALL_VRS]), st.sampled_from(POLICIES))
def test_any_tag_under_any_vr_has_a_code(tag: int, vr: str, policy: Policy):
    code = table(policy).code(tag, vr)
    assert code in Rewriter._handlers or code == codes.NUMBER
    if vr and vr.encode() in LONG_VRS:
        assert code not in (codes.KEEP, codes.NUMBER)  # the walker reads their lengths otherwise


@pytest.mark.parametrize("profile", ["basic", "strict"])
def test_without_an_option_nothing_of_the_table_that_goes_is_kept(profile: str):
    asked = table(Policy(profile))
    for tag, row in profiles.attributes().items():
        offered = set(row.basic.rstrip("*").split("/"))
        assert "K" not in offered
        for vr in ("", "UN", *codes.vrs_of(tag), "LO", "OB", "US"):
            code = asked.code(tag, vr)
            assert code not in KEPT, row.keyword
            if code == codes.SEQUENCE:
                assert "U" in offered
            if code == codes.UID:
                assert offered == {"U"}


def test_an_attribute_in_no_dictionary_goes():
    for unknown in (0x00080003, 0x00185FFF, 0x12340010, 0xFFFCFFFC, 0x00000002, 0x00040010, 0x00020010):
        for vr in ("", *ALL_VRS):
            assert table().code(unknown, vr) in (codes.DROP, codes.DROP_ID), f"{unknown:08X} {vr}"


@pytest.mark.parametrize("group", [0x5000, 0x50FE, 0x6000, 0x6002, 0x601E, 0x60FE])
@pytest.mark.parametrize("element", [0x0010, 0x0022, 0x0102, 0x1500, 0x3000, 0x4000])
def test_curves_and_overlays_go_whole(group: int, element: int):
    for vr in ("", "OW", "LO", "US", "UN"):
        assert table().code(group << 16 | element, vr) in (codes.DROP, codes.DROP_ID)


def test_group_lengths_go():
    for group in (0x0008, 0x0010, 0x0028, 0x7FE0):
        assert table().code(group << 16, "UL") == codes.DROP
        assert table().code(group << 16, "") == codes.DROP


@pytest.mark.parametrize("tag", sorted(codes.MARKS))
@pytest.mark.parametrize("vr", ["", "CS", "LO", "SQ", "UN"])
def test_old_marks_go_whatever_the_user_says(tag: int, vr: str):
    assert table().code(tag, vr) == codes.DROP
    assert ruled(Rule(f"{tag:08X}", "K")).code(tag, vr) == codes.DROP


@pytest.mark.parametrize(
    ("tag", "vr", "code"),
    [
        (0x00100010, "PN", codes.PATIENT_NAME),
        (0x00100020, "LO", codes.PATIENT_ID),
        (0x00080050, "SH", codes.ACCESSION),
        (0x00080018, "UI", codes.UID),
        (0x0020000D, "UI", codes.UID),
        (0x00080016, "UI", codes.UID_CLASS),
        (0x00081155, "UI", codes.UID),
        (0x00081115, "SQ", codes.SEQUENCE),
        (0x00180050, "DS", codes.NUMBER),
        (0x00200013, "IS", codes.NUMBER),
        (0x00280030, "DS", codes.NUMBER),
        (0x00280010, "US", codes.WATCH),
        (0x00180015, "CS", codes.TERM),
        (0x00189345, "FD", codes.KEEP),
        (0x7FE00010, "OW", codes.PIXELS),
        (0x7FE00010, "", codes.PIXELS),
        (0x00281201, "OW", codes.BULK),
        (0x00080070, "LO", codes.WATCH),
    ],
)
def test_single_codes(tag: int, vr: str, code: int):
    assert table().code(tag, vr) == code


@pytest.mark.parametrize("vr", ["UN", ""])
def test_un_and_nothing_mean_the_dictionary_s_vr(vr: str):
    assert table().code(0x00081115, vr) == codes.SEQUENCE
    assert table().code(0x00100010, vr) == codes.PATIENT_NAME
    assert table().code(0x00200032, vr) == (codes.NUMBER_LONG if vr else codes.NUMBER)


@pytest.mark.parametrize(
    "option", [name for name in RETAIN if name not in ("modified-dates", "safe-private")]
)
def test_an_option_keeps_its_column_and_nothing_else(option: str):
    plain, asked, column = table(), retain(option), RETAIN[option][0]
    changed = 0
    for tag, row in profiles.attributes().items():
        if row.options.get(column) == "K" and tag >> 16 >= 8:
            decision = asked.decide(tag)
            assert decision.action == "K", row.keyword
            assert option in decision.why
            changed += 1
        else:
            assert asked.decide(tag) == plain.decide(tag), row.keyword
    assert changed > 5


def test_modified_dates_move_what_the_table_marks():
    asked, moved = retain("modified-dates"), 0
    for tag, row in profiles.attributes().items():
        if row.options.get("modified_dates") == "C":
            assert asked.decide(tag).action == "C"
            assert asked.code(tag, "") == codes.SHIFT
            moved += 1
    assert moved > 50
    assert asked.decide(0x00100030).action != "C"  # a birth date never moves


def test_the_birth_date_is_kept_by_no_date_option():
    for option in ("full-dates", "modified-dates"):
        assert retain(option).decide(0x00100030) == table().decide(0x00100030)


@pytest.mark.parametrize("both", [("uids", "device-identity"), ("modified-dates", "patient-characteristics")])
def test_options_combine(both: tuple[str, str]):
    asked = retain(*both)
    for tag in profiles.attributes():
        actions = {retain(name).decide(tag).action for name in both}
        assert asked.decide(tag).action in actions


def test_dates_outside_the_table_follow_the_date_options():
    tag = next(
        tag
        for tag in PUBLIC
        if codes.vrs_of(tag) == ("DA",) and tag not in profiles.attributes() and tag >> 16 >= 8
    )
    assert table().decide(tag).action == "X/Z/D"
    assert retain("full-dates").code(tag, "DA") == codes.DATE
    assert retain("modified-dates").code(tag, "DA") == codes.SHIFT


def test_strict_keeps_no_free_text():
    strict, basic = table(Policy("strict")), table()
    for tag in set(PUBLIC) - codes.MAKERS:
        for vr in set(codes.vrs_of(tag)) & TEXT_VRS:
            assert strict.code(tag, vr) not in {codes.WATCH, *KEPT}, f"{tag:08X}"
        if basic.decide(tag).action.startswith("X") and tag in profiles.attributes():
            assert strict.decide(tag).action == basic.decide(tag).action


@pytest.mark.parametrize(
    ("tag", "vr"),
    [(0x00180050, "LO"), (0x00189345, "LT"), (0x00180015, "PN"), (0x00200013, "ST"), (0x00080016, "UT")],
)
def test_text_in_place_of_something_technical_is_text(tag: int, vr: str):
    assert table().code(tag, vr) == codes.CHOOSE


@pytest.mark.parametrize("tag", [0x00280010, 0x00280100, 0x00280101, 0x00280102])
@pytest.mark.parametrize("vr", ["SS", "UL", "SL"])
def test_numbers_of_the_image_are_known_under_any_numeric_vr(tag: int, vr: str):
    # Overlay bits are cleared by these numbers: they must not slip by under another VR.
    assert table().code(tag, vr) == codes.WATCH


@pytest.mark.parametrize("vr", [*SIZES, "OF", "OD"])
def test_private_elements_go(vr: str):
    for tag in (0x00091001, 0x00290010, 0x7FE11010, 0x60011000):
        assert table().code(tag, vr) == codes.DROP_PRIVATE
        assert retain("safe-private").code(tag, vr) == codes.PRIVATE


@pytest.mark.parametrize("vr", ["UI", "PN", "DA", "DT", "SQ"])
def test_identifying_private_elements_are_searched_for(vr: str):
    assert table().code(0x00091001, vr) == codes.DROP_ID


CREATOR = "SIEMENS MR HEADER"


def test_safe_private_goes_by_creator():
    asked = retain("safe-private")
    assert asked.keeps_creator(CREATOR, 0x0019100C)
    assert asked.keeps_creator(CREATOR, 0x0019FF0C)  # any block
    assert not asked.keeps_creator(CREATOR, 0x0021100C)
    assert not asked.keeps_creator(CREATOR, 0x00191099)
    assert not asked.keeps_creator("SIEMENS MR HEADER 2", 0x0019100C)
    assert not asked.keeps_creator("", 0x0019100C)
    assert not table().keeps_creator(CREATOR, 0x0019100C)


def test_rules_for_creators_go_first():
    asked = ruled(Rule(CREATOR, "X"), Rule("ACME", "K"), retain=frozenset(["safe-private"]))
    assert not asked.keeps_creator(CREATOR, 0x0019100C)
    assert asked.keeps_creator("ACME", 0x00191099)
    assert ruled(Rule("ACME", "K")).code(0x00191001, "LO") == codes.PRIVATE
    assert ruled(Rule("ACME", "X")).code(0x00191001, "LO") == codes.DROP_PRIVATE


@pytest.mark.parametrize(
    ("target", "action", "weakens"),
    [
        ("00080080", "K", True),  # Institution Name
        ("00081030", "K", True),  # Study Description
        ("00100010", "K", True),
        ("ACME", "K", True),
        ("00189345", "K", False),  # kept anyway
        ("00081030", "X", False),
        ("00081030", "Z", False),
        ("00189345", "X", False),
        ("ACME", "X", False),
    ],
)
def test_a_rule_that_keeps_more_weakens(target: str, action: str, weakens: bool):
    assert ruled(Rule(target, action)).weakened == weakens


def test_a_rule_for_what_an_option_keeps_weakens_nothing():
    rule = Rule("00080080", "K")
    assert not ruled(rule, retain=frozenset(["institution-identity"])).weakened


@pytest.mark.parametrize(
    ("action", "code"),
    [("X", codes.DROP_ID), ("Z", codes.ZERO), ("D", codes.DUMMY), ("K", codes.KEEP_OPTION), ("U", codes.UID)],
)
def test_a_rule_overrides_the_table(action: str, code: int):
    assert ruled(Rule("00080080", action)).code(0x00080080, "LO") == code
    assert ruled(Rule("00080080", action, "needed")).decide(0x00080080).why == "local rule: needed"


def test_a_rule_overrides_pseudonyms():
    asked = ruled(Rule("00100010", "Z"), Rule("00100020", "K"))
    assert asked.code(0x00100010, "PN") == codes.ZERO
    assert asked.code(0x00100020, "LO") == codes.KEEP_OPTION


@pytest.mark.parametrize("kind", ["1", "1C", "2", "2C", "3", None])
@pytest.mark.parametrize(
    "offered",
    [choice for size in (1, 2, 3) for choice in itertools.combinations("XZD", size)]
    + [("U",), ("X", "Z", "U")],
)
def test_conditional_codes_resolve_by_type(kind: str | None, offered: tuple[str, ...]):
    allowed = {"1": "DU", "1C": "DU", "2": "ZDU", "2C": "ZDU", "3": "XZDU", None: "DU"}[kind]
    chosen = _offer(offered, kind)
    legal = [code for code in offered if code in allowed]
    assert chosen in offered
    if legal:
        assert chosen == min(legal, key="XZDU".index)  # the weakest change that the type allows
    else:
        assert chosen == max(offered, key="XZDU".index)


@pytest.mark.parametrize(
    ("sop_class", "path", "tag"),
    [
        (CT, (), 0x00080090),
        (CT, (), 0x00080022),
        (CT, (), 0x00081030),
        (SR, (), 0x00080023),
        (CT, (0x00081111,), 0x00081155),
        (CT, (0x99990010,), 0x00080090),
        ("1.2.3.4", (), 0x00080090),
    ],
)
def test_a_choice_goes_by_class_and_path(sop_class: str, path: tuple[int, ...], tag: int):
    letter = {codes.DROP: "X", codes.DROP_ID: "X", codes.ZERO: "Z", codes.DUMMY: "D", codes.UID: "U"}
    asked = table()
    chosen = asked.choose(sop_class, path, tag)
    assert letter[chosen] == _offer(asked.decide(tag).fallback, type_of(sop_class, path, tag))
    assert asked.choose(sop_class, path, tag) == chosen


@pytest.mark.parametrize("encoding", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_numbers_ascend_with_tags_and_hold_code_and_limit(encoding: object):
    asked = Table(Policy())
    last = -1
    for tag in sorted(PUBLIC)[::7]:
        vr = codes.vrs_of(tag)[0]
        key = encoding.key(tag) + (vr.encode() if encoding.explicit else b"")
        number = asked.learn(encoding, key)
        assert number >> codes.TAG_SHIFT == tag
        assert number & codes.CODE_MASK == asked.code(tag, vr if encoding.explicit else "")
        assert number >> codes.CODE_BITS & codes.LIMIT_MASK == codes.limit_of(tag, vr)
        assert number > last
        assert asked.keys(encoding)[key] == number
        last = number | codes.BELOW_TAG


@pytest.mark.parametrize(
    ("tag", "vr", "limit"),
    [
        (0x00280010, "US", 2),
        (0x00280009, "AT", 0),
        (0x00189345, "FD", 8),
        (0x00181142, "DS", 0),
        (0x00280034, "IS", 0),
        (0x00081030, "LO", 0),
        (0x00280106, "SS", 2),
        (0x00189004, "CS", 0),
    ],
)
def test_limits_follow_width_and_multiplicity(tag: int, vr: str, limit: int):
    assert codes.limit_of(tag, vr) == limit


def test_explanations_name_their_source():
    assert profiles.edition() in table().decide(0x00100010).why
    for tag in PUBLIC[::11]:
        assert table().decide(tag).why


@pytest.mark.parametrize("option", ["full-dates", "modified-dates"])
@pytest.mark.parametrize("vr", ["LO", "PN", "UT", "CS"])
def test_a_kept_date_under_another_vr_still_has_to_be_one(option: str, vr: str):
    assert retain(option).code(0x00080020, vr) in (codes.DATE, codes.SHIFT)


def test_what_is_kept_as_a_sequence_has_to_be_one():
    sequences = [
        tag
        for tag, row in profiles.attributes().items()
        if row.vr == "SQ" and row.options.get("device") == "K"
    ]
    assert sequences
    for tag in sequences:
        assert retain("device-identity").code(tag, "SQ") == codes.SEQUENCE
        assert retain("device-identity").code(tag, "LO") == codes.CHOOSE

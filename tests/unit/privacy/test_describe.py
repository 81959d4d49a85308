"""The profile in words says what the table does."""

from __future__ import annotations

import re

import pytest

import medcli
from medcli.errors import UsageError
from medcli.privacy import profiles
from medcli.privacy.describe import explained, words
from medcli.privacy.dicom.table import Table
from medcli.privacy.policy import RETAIN, Policy, Rule, Subject


@pytest.mark.parametrize("profile", ["basic", "strict"])
def test_the_words_count_every_attribute_of_the_table(profile: str) -> None:
    line = next(line for line in words(Policy(profile)) if line.startswith("Of the"))
    total, *parts = (int(number) for number in re.findall(r"\d+", line))
    assert total == sum(parts) == len(profiles.attributes())


@pytest.mark.parametrize("name", RETAIN)
def test_every_option_changes_the_words(name: str) -> None:
    plain, chosen = words(Policy()), words(Policy(retain=frozenset({name})))
    assert plain != chosen
    assert any(name in line for line in chosen)
    assert any(RETAIN[name][1] in line for line in chosen)


def test_pixels_subjects_and_rules_are_said() -> None:
    assert any("(0012,0062) NO" in line for line in words(Policy(pixels="off")))
    assert any(
        "not listed are withheld" in line for line in words(Policy(subjects={("A", ""): Subject("S")}))
    )
    weak = words(Policy(rules=(Rule("00100010", "K", "x"),)))
    assert any("weaken" in line for line in weak)
    assert not any("113100" in line for line in weak)


@pytest.mark.parametrize(
    "tag", [*list(profiles.attributes())[::7], 0x00180060, 0x00080060, 0x00189004, 0x60000010]
)
def test_an_explanation_gives_the_tables_own_decision_and_reason(tag: int) -> None:
    policy = Policy(retain=frozenset({"modified-dates", "uids"}))
    facts = explained(f"{tag:08X}", policy)
    decision = Table(policy).decide(tag)
    if facts["action"] not in ("pseudonym", "mark"):
        action = "K" if decision.action == "keep" else decision.action
        assert (facts["action"], facts["why"]) == (action, decision.why)
    assert facts["what"]


@pytest.mark.parametrize(
    ("name", "policy", "says"),
    [
        ("PatientName", Policy(), "pseudonym"),
        ("PatientID", Policy(), "pseudonym"),
        ("AccessionNumber", Policy(), "pseudonym"),
        ("SOPInstanceUID", Policy(), "new UID"),
        ("SOPInstanceUID", Policy(retain=frozenset({"uids"})), "is kept"),
        ("StudyDate", Policy(retain=frozenset({"modified-dates"})), "shifted"),
        ("SeriesDescription", Policy(), "is removed"),
        ("SeriesDescription", Policy(rules=(Rule("0008103E", "K", "reviewed"),)), "is kept"),
        ("PatientIdentityRemoved", Policy(), "written anew"),
        ("0002,0016", Policy(), "written anew"),
        ("0019,100C", Policy(), "is removed"),
        ("0019,100C", Policy(retain=frozenset({"safe-private"})), "SIEMENS MR HEADER"),
        ("0019,1099", Policy(retain=frozenset({"safe-private"})), "none names this one"),
        ("0009,1001", Policy(rules=(Rule("ACME", "K", "x"),)), "local rule"),
        ("6000,3000", Policy(), "is removed"),
        ("PixelData", Policy(), "pass the pixel gate"),
        ("PixelData", Policy(pixels="off"), "not examined"),
        ("SOPClassUID", Policy(), "is kept where it is a UID at all"),
        (
            "ContextGroupExtensionCreatorUID",
            Policy(),
            "is kept where it is registered, else becomes a new UID",
        ),
        ("SpecificCharacterSet", Policy(), "is kept where"),
    ],
)
def test_explanations(name: str, policy: Policy, says: str) -> None:
    assert says in str(explained(name, policy)["what"])


def test_a_word_that_names_nothing_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no keyword"):
        medcli.scrub(explain="Patient Nam")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("studydate", "Did you mean StudyDate?"),
        ("StudyDat", "Did you mean StudyDate?"),
        ("Patient's Nam", "Did you mean PatientName?"),
        ("creator:ACME", "A private attribute is named by its tag, as in 0019,100C."),
        ("qqqqqq", "As in PatientName or 0010,0010."),
    ],
)
def test_the_keyword_that_was_meant_is_named(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        explained(name, Policy())
    assert caught.value.hint == hint


def test_every_action_of_an_explanation_is_listed_in_the_formats() -> None:
    from tests.docs.pages import DOCS, section

    listed = set(re.findall(r"`([A-Za-z ]+)`", section(DOCS / "formats.md", "Actions of an explanation")))
    policies = (Policy(), Policy("strict"), Policy(retain=frozenset({"modified-dates", "uids"})))
    tags = [
        *profiles.attributes(),
        0x00080016,
        0x00080005,
        0x7FE00010,
        0x00280010,
        0x00020010,
        0x00120062,
        0x0040A730,
    ]
    seen = {
        part
        for policy in policies
        for tag in tags
        for part in str(explained(f"{tag:08X}", policy)["action"]).split("/")
    }
    assert {"K", "mark", "file meta"} <= seen <= listed

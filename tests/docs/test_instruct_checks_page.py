"""docs/generate-instruct-checks.md explains every rule and says the limits that are in force."""

from __future__ import annotations

from medcli.instruct import decontamination, domains
from medcli.instruct.checks import names
from medcli.instruct.checks.settings import LENGTHS
from medcli.instruct.checks.wording import languages
from tests.docs.pages import DOCS, first_cells, section

PAGE = DOCS / "generate-instruct-checks.md"


def test_every_rule_is_explained_in_the_order_of_reports() -> None:
    explained = list(first_cells(section(PAGE, "Rules").split("###")[0]))
    assert explained == [*names(), "judge", "blind-solved", *decontamination.RULES]


def test_the_limits_are_those_in_force() -> None:
    told = [line for line in section(PAGE, "length").splitlines() if line.startswith("| `")]
    assert told == [
        f"| `{kind or 'not said'}` | {own.question[0]} to {own.question[1]} | {own.answer[0]} to {own.answer[1]} "
        f"| {own.pairs} |"
        for kind, own in LENGTHS.items()
    ]


def test_domains_and_languages_are_listed() -> None:
    text = section(PAGE, "Domains")
    assert all(f"`{name}`" in text for name in domains.DOMAINS)
    assert ", ".join(languages()) in section(PAGE, "language").replace("\n", " ")

"""Domains of captions by hand, and that the short cut of the rules loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

from medcli.instruct.checks.tables import rows
from medcli.instruct.domains import DOMAINS, domain_of_caption, scored

PATH = Path(__file__).with_name("domain_captions.tsv")
LEAST = 0.95  # of the table; 48 of 50 captions of LLaVA-Med's test set, seen after the rules were written


def captions() -> list[tuple[str, str]]:
    lines = [line for line in PATH.read_text().splitlines() if line and not line.startswith("#")][1:]
    return [(domain, caption) for domain, caption in (line.split("\t") for line in lines)]


def test_the_table_has_every_domain() -> None:
    assert len(captions()) >= 80
    assert {domain for domain, _ in captions()} == set(DOMAINS)


def test_domains_are_told_as_a_reader_would() -> None:
    right = sum(domain_of_caption(caption) == domain for domain, caption in captions())
    assert right / len(captions()) >= LEAST


def test_a_row_is_skipped_only_where_it_could_not_match() -> None:
    for row in rows("domains", "medcli.instruct"):
        assert row["domain"] in DOMAINS
        for _, caption in captions():
            small = caption.lower()
            if re.search(row["pattern"], small):
                assert any(need.removeprefix("=") in small for need in row["needs"].split("|"))


def test_what_nothing_speaks_for_is_other() -> None:
    assert domain_of_caption("") == domain_of_caption("The results of the second year.") == "other"


def test_of_equal_sums_the_first_named_wins() -> None:
    assert domain_of_caption("CT and MRI of the head") == "ct_scan"
    assert domain_of_caption("MRI and CT of the head") == "mri"
    assert scored("MRI and CT of the head")["mri"][0] == scored("MRI and CT of the head")["ct_scan"][0]


def test_line_breaks_and_capitals_change_nothing() -> None:
    assert domain_of_caption("CHEST\nX-RAY") == "chest_xray"

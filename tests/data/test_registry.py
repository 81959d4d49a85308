"""The registry of datasets and the policy of licences: complete, in form, and shown as they are."""

from __future__ import annotations

import re
from importlib import resources
from importlib.util import find_spec

import pytest

from medcli.data import licenses
from medcli.data.datasets.listing import ListSpec, listing
from medcli.data.datasets.registry import datasets, pins


def test_every_dataset_says_where_it_is_and_under_what() -> None:
    for one in datasets().values():
        assert one.home.startswith("https://")
        assert one.title
        assert one.license
        assert one.cite
        assert one.gate in ("none", "agreement", "credentialed")
        assert bool(one.sign) == (one.gate != "none")


def test_what_is_fetched_can_be_read_and_is_pinned() -> None:
    for one in datasets().values():
        assert bool(one.layout and one.parts) or one.gate != "none"
        assert set(one.splits) <= set(one.parts) or not one.layout
        if one.layout:
            assert find_spec(f"medcli.data.datasets.layouts.{one.layout}")
        if one.gate == "none":
            assert bool(one.hub) != bool(pins(one.name))
            assert one.code in ("", "each") or licenses.group_of(one.code) != "other"
        for pin in pins(one.name):
            assert re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", pin.hash)
            assert any(one.wants(pin.path, (split,)) for split in one.parts)
    assert sum(pin.size for pin in pins("llava-med")) == datasets()["llava-med"].bytes


@pytest.mark.parametrize("name", ["datasets/registry.toml", "datasets/pins.tsv", "licenses.tsv"])
def test_a_table_names_its_source_edition_licence_and_date(name: str) -> None:
    text = resources.files("medcli.data").joinpath(name).read_text(encoding="utf-8")
    head = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert all(f"# {word}: " in head for word in ("source", "edition", "license", "date"))


@pytest.mark.parametrize(
    ("code", "commercial", "non_commercial"),
    [
        ("CC BY", True, True), ("CC0", True, True), ("cc by-sa 4.0", True, True), ("CC BY\u2011ND", True, True),
        ("CC BY-NC", False, True), ("CC BY-NC-ND", False, True), ("TDM", False, False), ("", False, False),
        (None, False, False), ("CC BY-NEW", False, False),
    ],
)  # fmt: skip
def test_which_licence_passes(code: str | None, commercial: bool, non_commercial: bool) -> None:
    assert licenses.passes(code, "commercial") is commercial
    assert licenses.passes(code, "non-commercial") is non_commercial
    assert licenses.passes(code, "any")


def test_the_listing_shows_gates_and_policy() -> None:
    shown = listing(ListSpec())
    assert all(name in shown.text for name in datasets())
    assert "mimic-cxr-vqa: sign" in shown.text
    assert len(listing(ListSpec(licenses=True)).text.splitlines()) == 2 + 10

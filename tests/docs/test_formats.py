"""The columns and keys that docs/formats.md explains are those that a real run writes."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import medcli
from medcli.privacy import keys, lists
from medcli.privacy.text import recognisers
from tests.docs.pages import DOCS, blocks, first_cells, section

PAGE = DOCS / "formats.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A release of three files and its facts; beside it a plan, an explanation and a verification."""
    from pydicom.data import get_testdata_file

    folder = tmp_path_factory.mktemp("formats")
    (folder / "inbox").mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm", "MR_truncated.dcm"):
        shutil.copy(str(get_testdata_file(name)), folder / "inbox" / name)
    return folder, medcli.scrub(folder / "inbox", output=folder / "release", crosswalk=True, workers=1)


def columns(title: str) -> list[str]:
    return list(first_cells(section(PAGE, title)))


@pytest.mark.parametrize("name", ["files.csv", "crosswalk.csv"])
def test_tables_have_the_columns_that_are_explained(run: tuple[Path, Any], name: str) -> None:
    with (run[0] / "release-confidential" / name).open(newline="") as table:
        assert csv.DictReader(table).fieldnames == columns(name)


def test_the_manifest_has_the_keys_that_are_explained(run: tuple[Path, Any]) -> None:
    manifest = json.loads((run[0] / "release-manifest.json").read_text())
    assert set(manifest) == set(columns("Manifest")) - {"date_shift_check", "text"}
    named = section(PAGE, "Manifest")
    assert all(f"`{key}`" in named for entry in manifest["files"] for key in entry)


def test_what_is_said_of_texts_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "Mr. Miller"}\n')
    assert medcli.scrub(tmp_path / "a.jsonl", output=tmp_path / "release", workers=1).exit_code == 0
    manifest = json.loads((tmp_path / "release-manifest.json").read_text())
    assert set(manifest) == set(columns("Manifest")) - {"date_shift_check"}
    explained = section(PAGE, "Manifest")
    assert all(f"`{key}`" in explained for key in (*manifest["text"], *manifest["files"][0]))
    (line,) = map(json.loads, (tmp_path / "release-confidential/report.jsonl").read_text().splitlines())
    assert set(line) <= set(columns("report.jsonl"))


def test_the_examples_for_texts_can_be_read(tmp_path: Path) -> None:
    shown = [block.text for block in blocks(PAGE, "text")]
    policy, known, gold = (
        next(text for text in shown if text.startswith(start))
        for start in ("category,action", "category,value", '{"text": "Mr.')
    )
    (own,) = (block.text for block in blocks(PAGE, "yaml"))
    for name, text in (("policy", policy), ("known", known), ("gold", gold), ("own", own)):
        (tmp_path / name).write_text(text)
    assert ("NAME", "surrogate") in lists.read_text_policy(tmp_path / "policy")
    assert len(lists.read_known_facts(tmp_path / "known")) == 3
    assert len(recognisers.recognisers_of(lists.read_recognisers(tmp_path / "own"))) == 2
    assert medcli.scrub(score=tmp_path / "gold").facts["texts"] == 1


def test_the_report_has_the_keys_that_are_explained(run: tuple[Path, Any]) -> None:
    lines = [
        json.loads(line) for line in (run[0] / "release-confidential/report.jsonl").read_text().splitlines()
    ]
    assert len(lines) == 3
    assert set().union(*lines) <= set(columns("report.jsonl")) | {"notes"}


def test_the_summary_has_the_keys_that_are_explained(run: tuple[Path, Any]) -> None:
    summary = json.loads((run[0] / "release-confidential/summary.json").read_text())
    assert summary == run[1].facts
    own = set(summary) - set(columns("Manifest"))
    assert own == set(columns("summary.json")) - {"date_shift"}


def test_the_documents_on_stdout_have_the_keys_that_are_explained(run: tuple[Path, Any]) -> None:
    folder, _ = run
    named = set(re.findall(r"`([a-z_]+)`", section(PAGE, "JSON on stdout")))
    plan = medcli.scrub(folder / "inbox", output=folder / "other", dry_run=True, workers=1).facts
    assert set(plan) - set(columns("Manifest")) - set(columns("summary.json")) <= named
    assert set(medcli.scrub(explain="PatientName").facts) <= named
    assert set(medcli.scrub(verify=folder / "release").facts) <= named


def test_every_finding_of_verify_is_explained() -> None:
    from medcli.privacy import verify

    text = Path(verify.__file__).read_text(encoding="utf-8")
    kinds = set(re.findall(r'\.add\("([a-z-]+)"', text))
    assert len(kinds) > 5
    assert kinds <= set(columns("JSON on stdout"))


def test_the_examples_of_tables_can_be_read(tmp_path: Path) -> None:
    subjects, rules = (block.text for block in blocks(PAGE, "csv"))
    (tmp_path / "subjects.csv").write_text(subjects)
    (tmp_path / "rules.csv").write_text(rules)
    assert len(lists.read_subjects(tmp_path / "subjects.csv")) == 3
    assert [rule.action for rule in lists.read_rules(tmp_path / "rules.csv")] == ["K", "X", "K"]


def test_the_example_of_a_key_is_one(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(PAGE, "text") if block.text.startswith("medcli key"))
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(block.text)
    assert keys.read(tmp_path / "key") == bytes(range(32))


def test_the_example_of_settings_is_understood(tmp_path: Path) -> None:
    from medcli import settings
    from medcli.models import prices
    from medcli.privacy.spec import ScrubSpec

    block, own = blocks(PAGE, "toml")
    (tmp_path / "medcli.toml").write_text(block.text)
    assert settings.load(tmp_path)["scrub"].keys() <= settings.options_of(ScrubSpec).keys()
    (tmp_path / "prices.toml").write_text(own.text)
    assert prices.load(tmp_path / "prices.toml").get("our-deployment") == prices.Price(
        150_000, 600_000, 150_000
    )

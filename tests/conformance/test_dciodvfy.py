"""Releasing adds no kind of error that dciodvfy did not find in the source, but for an explained few."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.corpus import PROFILES, new_folder, releases
from tests.conformance.dciodvfy import kind, kinds
from tests.privacy import build

pytestmark = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed"
)
LIST = Path(__file__).parent / "dciodvfy_new.tsv"
ENTRIES = 10


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = new_folder()
    yield path
    shutil.rmtree(path)


def explained() -> dict[str, str]:
    """Read the list: kind, and why it can't be helped."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    return {row[0]: row[1] for row in rows}


def new_kinds(profile: str, folder: Path) -> tuple[Counter[str], int]:
    """Count the kinds that a release has and its own source has not, and the files on which dciodvfy aborts."""
    new: Counter[str] = Counter()
    aborts = 0
    for source, target in releases(profile, folder):
        before, after = kinds(source), kinds(target)
        if before is None or after is None:
            assert before is None, f"dciodvfy aborts on the release of {source.name} only"
            aborts += 1
        else:
            new.update(after - before)
    return new, aborts


def test_the_list_is_short_and_every_entry_says_why() -> None:
    assert len(explained()) <= ENTRIES
    assert all(reason for reason in explained().values())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_release_has_no_new_kind_of_error(profile: str, folder: Path) -> None:
    new, aborts = new_kinds(profile, folder)
    surprises = {each: count for each, count in new.items() if each not in explained()}
    assert surprises == {}
    assert aborts == 0
    assert len(releases(profile, folder)) > 200


def test_nothing_is_on_the_list_for_nothing(folder: Path) -> None:
    seen = set().union(*(new_kinds(profile, folder)[0] for profile in PROFILES))
    assert explained().keys() - seen == set()


def test_the_judge_sees_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "faulty.dcm"
    path.write_bytes(build.change(build.sample("CT_small.dcm"), {0x00080018: None, 0x00280010: None}))
    found = kinds(path)
    assert found is not None
    assert any(each.startswith("Error - Rows(0028,0010) - Missing attribute for Type 1") for each in found)


def test_a_kind_holds_no_value() -> None:
    line = "Error - </ASequence(0008,2112)[3]/CodeValue(0008,0100)[1]> - Value dubious = <Smith> - Module=<CTImage>"
    assert kind(line) == "Error - CodeValue(0008,0100) - Value dubious = <> - Module=<CTImage>"

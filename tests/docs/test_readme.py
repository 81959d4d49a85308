"""The README's commands run as they stand, print what it shows, and leave what it says."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest

from tests.ask.inputs import answers
from tests.docs.pages import README, Shell, blocks

SAMPLES = ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "JPEG2000.dcm", "US1_J2KR.dcm", "MR_truncated.dcm"]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with the inbox whose table the README shows."""
    from pydicom.data import get_testdata_file

    made = Shell(tmp_path_factory.mktemp("readme"), MEDCLI_SCRUB_WORKERS="1")
    inbox = made.folder / "inbox"
    inbox.mkdir()
    for name in SAMPLES:
        shutil.copy(str(get_testdata_file(name)), inbox / name)
    (inbox / "notes.txt").write_text("no DICOM")
    return made


@pytest.fixture(scope="module")
def told(shell: Shell) -> dict[str, tuple[int, str]]:
    """Exit code and output of each line of the quick start, in their order."""
    block, _ = blocks(README, "bash")
    lines = [line.partition("#")[0].strip() for line in block.text.splitlines()]
    results = {line: shell.run(line) for line in lines}
    return {line: (one.returncode, one.stdout + one.stderr) for line, one in results.items()}


def test_the_quick_start_has_five_lines_and_each_works(told: dict[str, tuple[int, str]]) -> None:
    assert len(told) == 5
    assert [code for code, _ in told.values()] == [5, 5, 0, 0, 5], told


def plain(text: str) -> list[str]:
    return [re.sub(r"\d+\.\d$", "0.0", line.rstrip()) for line in text.strip().splitlines()]


def test_what_the_readme_shows_is_what_one_sees(shell: Shell, told: dict[str, tuple[int, str]]) -> None:
    (shown,) = (block for block in blocks(README, "text") if block.name)
    seen = told[shown.name][1].replace(str(shell.folder), "/data")
    assert plain(seen) == plain(shown.text)


def test_the_dry_run_says_the_profile_and_writes_nothing(told: dict[str, tuple[int, str]]) -> None:
    _, text = told["medcli scrub inbox --output release --dry-run"]
    assert "Table E.1-1" in text
    assert text.rstrip().endswith("Nothing was written.")


def test_the_folders_are_what_the_readme_says(shell: Shell, told: dict[str, tuple[int, str]]) -> None:
    release, confidential = shell.folder / "release", shell.folder / "release-confidential"
    released = [path.relative_to(release) for path in release.rglob("*") if path.is_file()]
    assert len(released) == 3
    assert all(len(path.parts) == 4 and path.suffix == ".dcm" for path in released)
    assert (shell.folder / "release-manifest.json").is_file()
    assert {"key", "files.csv", "report.jsonl", "summary.json"} <= {
        path.name for path in confidential.iterdir()
    }
    assert stat.S_IMODE(confidential.stat().st_mode) == 0o700
    assert all(
        stat.S_IMODE(path.stat().st_mode) == 0o600 for path in confidential.iterdir() if path.is_file()
    )
    assert sorted(path.name for path in (shell.folder / "inbox").iterdir()) == sorted([*SAMPLES, "notes.txt"])


def test_the_python_lines_do_the_same_and_only_what_is_new(
    shell: Shell, told: dict[str, tuple[int, str]]
) -> None:
    (block,) = blocks(README, "python")
    (shell.folder / "same.py").write_text(block.text)
    before = _stamps(shell.folder / "release")
    seen = shell.run("python3 same.py")
    assert seen.stdout == "5 {'released': 3, 'withheld': 3, 'ignored': 1}\n", seen.stderr
    assert _stamps(shell.folder / "release") == before


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.dcm")}


MODELS = {"microsoft/llava-med-v1.5-mistral-7b": "llava", "google/medgemma-4b-it": "gemma3"}


def test_the_lines_that_ask_work(tmp_path: Path) -> None:
    """As they stand, with tiny models in folders of the names that the README gives."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from pydicom.data import get_testdata_file

    from tests.ask.server import Server
    from tests.unit.models.tiny import MAKERS

    shell = Shell(tmp_path, MEDCLI_ASK_MAX_NEW_TOKENS="8")
    (shell.folder / "scans").mkdir()
    shutil.copy(str(get_testdata_file("CT_small.dcm")), shell.folder / "scans" / "ct.dcm")
    (questions,) = blocks(README, "json")
    (shell.folder / "questions.jsonl").write_text(questions.text)
    for name, kind in MODELS.items():
        MAKERS[kind](shell.folder / name)
    _, block = blocks(README, "bash")
    lines = [line.partition("#")[0].strip() for line in block.text.splitlines()]
    assert len(lines) == 5
    with Server() as server:
        told = [shell.run(line.replace("http://127.0.0.1:8000/v1", server.url)) for line in lines]
    assert [one.returncode for one in told] == [0] * 5, [one.stderr for one in told]
    assert told[0].stdout.strip()
    assert sorted(path.name for path in shell.folder.glob("*.jsonl")) == [
        "answers.jsonl", "gemma.jsonl", "questions.jsonl", "served.jsonl",
    ]  # fmt: skip
    for name, model in (("answers", "llava-med-v1.5-mistral-7b"), ("gemma", "medgemma-4b-it")):
        rows = answers(shell.folder / f"{name}.jsonl")
        assert [row["question_id"] for row in rows] == [1, 2]
        assert all(row["text"] and row["model_id"] == model for row in rows)

"""What the docs say of the program is what the program says: parts, options, reason codes, commands, links."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medcli import cli
from medcli.ask.spec import AskSpec
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.datasets.spec import DatasetSpec
from medcli.data.images.spec import ImagesSpec
from medcli.evaluate.chat_spec import ChatSpec
from medcli.evaluate.privacy import PrivacySpec
from medcli.evaluate.spec import VqaSpec
from medcli.instruct.spec import InstructSpec
from medcli.jobs.joining import MergeSpec
from medcli.privacy.policy import CLEAN, RETAIN
from medcli.privacy.spec import ScrubSpec
from medcli.settings import options_of
from tests.docs.pages import DOCS, PAGES, README, ROOT, blocks, first_cells, prose, section

PRIVACY = DOCS / "privacy.md"
#: Here only what is raised is a reason: other words are names of formats and of text in pictures.
PIXELS = sorted((ROOT / "medcli/privacy/pixels").glob("*.py"))
CORE = [
    *sorted((ROOT / "medcli/privacy/dicom").glob("*.py")),
    *(
        ROOT / "medcli/privacy" / f"{name}.py"
        for name in ["sources", "archives", "zips", "tars", "streams", "worker", "statements", "outcome"]
    ),
    *(ROOT / "medcli/privacy" / f"{name}.py" for name in ["texts", "text/cleaner", "text/scrubber"]),
    *sorted((ROOT / "medcli/privacy/text/formats").glob("*.py")),
    ROOT / "medcli/jobs/retry.py",
]
NO_REASONS = {"safe-private", "full-dates", "modified-dates", "latin-1", "surrogateescape"}
OPTIONS = {
    f"--{name.replace('_', '-')}" for name, about in options_of(ScrubSpec).items() if not about.positional
} | {"--json"}
DOWNLOAD = {
    f"--{name.replace('_', '-')}"
    for spec in (ImagesSpec, ArticlesSpec, DatasetSpec)
    for name, about in options_of(spec).items()
    if not about.positional
} | {"--no-decode", "--no-images", "--licenses", "--no-prepare"}
OWN = (AskSpec, MergeSpec, VqaSpec, ChatSpec, PrivacySpec, InstructSpec)
ASK = {f"--{name.replace('_', '-')}" for spec in OWN for name in options_of(spec)}
ASK |= {"--no-inline-mentions", "--no-drop-duplicates"}
FLAGS = OPTIONS | ASK | DOWNLOAD | {"--help", "--version"}
OTHERS = {"--raw", "--check", "--access-control", "--facts", "--page"}
"""Flags of other programs that the prose names."""


def test_the_generated_parts_are_fresh() -> None:
    told = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_part_is_made_anew_and_nothing_else_is_touched() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tools'); import docs;"
        "old = '<!-- generated: retain-options -->\\nold\\n<!-- end -->\\nkept';"
        "new = docs.weave(old); assert 'old' not in new and '113110' in new and new.endswith('-->\\nkept');"
        "assert docs.weave(new) == new"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_readme_says_what_dry_run_says() -> None:
    from medcli.privacy.describe import words
    from medcli.privacy.policy import Policy

    said = section(README, "What is removed")
    assert [line for line in said.splitlines() if line.startswith("- ")] == [
        f"- {line}" for line in words(Policy())
    ]


def reasons_in_the_code() -> set[str]:
    """Kebab-case strings of the modules that give reasons, and single words handed to what carries a reason."""
    found: set[str] = set()
    for path in (*CORE, *PIXELS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if path not in PIXELS and isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"[a-z]+(-[a-z]+)+", node.value):
                    found.add(node.value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
                "Damaged",
                "Unusable",
                "Refused",
                "UnfitPicture",
                "Unclean",
            ):
                found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found - NO_REASONS - set(RETAIN) - set(CLEAN)


def test_every_reason_code_is_explained() -> None:
    explained = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", section(PRIVACY, "Reason codes")))
    missing = reasons_in_the_code() - explained
    assert not missing, f"explain in docs/privacy.md, Reason codes: {sorted(missing)}"


def test_no_reason_code_is_explained_that_is_not_there() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*CORE, *PIXELS))
    gone = [
        code
        for code in first_cells(section(PRIVACY, "Reason codes"))
        if f'"{code}"' not in text and code not in text
    ]
    assert not gone


def test_every_option_is_explained_beyond_its_help() -> None:
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "commands.md")
    missing = [flag for flag in sorted(OPTIONS) if not re.search(rf"{flag}\b", told)]
    assert not missing, missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`(--[a-z][a-z-]+)", prose(page)))
    if page.name == "pacs-inbox.md":
        named = {flag for flag in named if flag in FLAGS}  # the others are storescp's
    assert named <= FLAGS | OTHERS, sorted(named - FLAGS - OTHERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_is_advertised_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"`medcli ([a-z][a-z-]*)", prose(page)))
    scripts = "".join(block.text for language in ("bash", "sh", "ini") for block in blocks(page, language))
    named |= set(re.findall(r"(?:^|/)medcli ([a-z][a-z-]*)", scripts, re.MULTILINE))
    assert named <= set(cli.COMMANDS) | {"release"}, named  # the manifest's title


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_machine_or_a_registry(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(work|root|tmp|home)/|pypi\.|localhost:\d|index-url", text)


def test_every_verb_of_the_readme_is_one_of_make() -> None:
    verbs = set(re.findall(r"^make ([a-z-]+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= verbs
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{verb}:", makefile, re.MULTILINE) for verb in verbs)


def test_the_layout_in_the_architecture_page_is_the_layout() -> None:
    text = section(DOCS / "architecture.md", "Layout")
    names = set(re.findall(r"\b([a-z_]+\.py)\b", text))
    there = {path.name for path in (ROOT / "medcli").rglob("*.py")} | {
        path.name for path in (ROOT / "tools").glob("*.py")
    }
    assert names <= there, names - there
    privacy = {path.name for path in (ROOT / "medcli/privacy").glob("*.py")} - {"__init__.py"}
    assert privacy <= names, f"name in docs/architecture.md, Layout: {sorted(privacy - names)}"


def test_the_steps_in_the_architecture_page_are_the_modules() -> None:
    text = section(DOCS / "architecture.md", "The privacy core")
    named = set(
        re.findall(
            r"`([a-z]+)`", "\n".join(line.split("|")[2] for line in text.splitlines() if line[:2] == "| ")
        )
    )
    there = {path.stem for path in (ROOT / "medcli/privacy/dicom").glob("*.py")} - {"__init__", "scrubber"}
    assert named == there

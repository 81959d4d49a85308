"""docs/generate-instruct.md explains every option, rule, reason and key that there is."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from medcli.instruct import decontamination, selection
from medcli.instruct.captions import rows
from medcli.instruct.checks import names
from medcli.instruct.prompts.book import FILES, read_book
from medcli.instruct.sample import KINDS
from medcli.instruct.spec import InstructSpec
from medcli.instruct.writing import FORMS
from medcli.settings import options_of
from tests.docs.pages import DOCS
from tests.instruct.inputs import captions, medcli, options, worded

PAGE = (DOCS / "generate-instruct.md").read_text(encoding="utf-8")


def strings(*modules: object) -> set[str]:
    """Kebab-case words that stand as strings in a module."""
    found = set()
    for module in modules:
        source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if re.fullmatch(r"[a-z]+(?:-[a-z]+)+", node.value) else set()
    return found


def test_every_option_rule_kind_form_and_reason_is_explained() -> None:
    flags = [
        f"--{name.replace('_', '-')}"
        for name, about in options_of(InstructSpec).items()
        if not about.positional
    ]
    told = PAGE + (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [flag for flag in flags if not re.search(rf"`{flag}\b", PAGE)] == []
    assert all(f"`{name}`" in told for name in (*names(), *KINDS, *FORMS))
    reasons = strings(selection, rows, decontamination) - {"cc-by"}
    assert {reason for reason in reasons if f"`{reason}`" not in PAGE} == set()
    files = read_book()._files
    keys = {key for name in FILES for key in files[name]} | set(files["examples"]["example"][0])
    assert {key for key in keys if f"`{key}`" not in PAGE} == set()


def test_every_key_of_provenance_and_rejections_is_explained(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    from tests.instruct.server import Server

    words = {0: "m-refusing", 1: "m-always"}
    captions(tmp_path, 10, lambda number: worded(number, words.get(number, "")))
    with Server(moods={"m-refusing": "refusal", "m-always": "schema always"}) as server:
        assert medcli(tmp_path, *options(tmp_path, server.url))[0] == 0
    for name in ("provenance", "rejected"):
        for line in (tmp_path / f"train.{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            keys = set(row) | set(row.get("checks", ())) | set(row.get("about", ()))
            assert {key for key in keys if f"`{key}`" not in PAGE} == set()

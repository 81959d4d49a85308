"""docs/logic.md: its example runs as it stands, and every key, rule and reason is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from medcli.instruct.logic_source import REASONS
from medcli.logic import EXAMPLES, loading, nodes
from tests.docs.pages import DOCS, ROOT, blocks, first_cells, section

PAGE = DOCS / "logic.md"


def test_the_example_prints_what_is_shown(tmp_path: Path) -> None:
    (tree,), (script,) = blocks(PAGE, "yaml"), blocks(PAGE, "python")
    labels, shown = blocks(PAGE, "text")
    (tmp_path / "wrist.yaml").write_text(tree.text)
    (tmp_path / "labels.csv").write_text(labels.text)
    told = subprocess.run(
        [sys.executable, "-c", script.text],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stderr == ""
    assert told.stdout == shown.text


def test_every_key_is_explained() -> None:
    form = section(PAGE, "The form of a tree")
    assert sorted(first_cells(form)) == sorted({*loading._TOP, *nodes._SLOT})
    assert set(first_cells(section(PAGE, "Clinical logic"))) >= set(EXAMPLES)


def test_every_rule_is_explained() -> None:
    source = "".join(path.read_text() for path in (ROOT / "medcli/logic").glob("*.py"))
    raised = set(re.findall(r'(?:fault\(|Problem\([^"]*?|yield )\s*"([a-z]+(?:-[a-z]+)+)"', source))
    assert len(raised) > 10
    assert raised == set(first_cells(section(PAGE, "What is checked")))


def test_every_reason_is_explained() -> None:
    assert sorted(first_cells(section(PAGE, "What becomes of labels"))) == sorted(REASONS)

"""The pages of the docs as tests see them: their blocks, tables and links, and a shell in which `medcli` is a command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_BLOCK = re.compile(
    r"(?:<!-- (?:step|shown): ([^\n]*?) -->\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A fenced block: its language, its text, and what the comment before it calls it."""

    language: str
    text: str
    name: str


def blocks(page: Path, language: str) -> list[Block]:
    """The blocks of a page in one language."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(kind, text, name) for name, kind, text in found if kind == language]


def prose(page: Path) -> str:
    """A page without its fenced blocks and generated parts."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"<!-- generated: .*?<!-- end -->", "", text, flags=re.DOTALL)


def section(page: Path, title: str) -> str:
    """The text under a heading, up to the next heading of its level or above."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next(
        number for number, line in enumerate(lines) if line.lstrip("#") == f" {title}" and line[0] == "#"
    )
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    rest = lines[start + 1 :]
    stop = next((n for n, line in enumerate(rest) if re.match(rf"#{{1,{level}}} ", line)), len(rest))
    return "\n".join(rest[:stop])


def first_cells(text: str) -> Iterator[str]:
    """What stands in backticks in the first cell of each row of the tables in `text`."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`([^`]+)`", line.split("|")[1])


class Shell:
    """Runs commands of the docs in a folder, with `medcli` on the path.

    Parameters
    ----------
    folder
        Where they run.
    more
        Environment variables.
    """

    def __init__(self, folder: Path, **more: str) -> None:
        shim = folder / "bin"
        shim.mkdir()
        (shim / "medcli").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m medcli "$@"\n')
        (shim / "medcli").chmod(0o755)
        self.folder = folder / "work"
        self.folder.mkdir()
        path = f"{shim}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.env: Mapping[str, str] = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | more

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """What a script of bash came to."""
        return subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, script: str) -> subprocess.Popen[bytes]:
        """A script that goes on, in a session of its own."""
        return subprocess.Popen(
            ["bash", "-euc", script], cwd=self.folder, env=self.env, start_new_session=True
        )

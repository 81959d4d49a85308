"""Question files and pictures for the tests of ask, and the command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def picture(path: Path, shade: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, shade).save(path)
    return path


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def mixed(folder: Path, rows: int = 200, images: int = 12) -> Path:
    """Write a file of questions about shuffled images and none, and its images."""
    for i in range(images):
        picture(folder / "images" / f"{i}.png", i, (8 + i % 2, 8))
    return jsonl(
        folder / "questions.jsonl",
        (
            {"question_id": i, "text": f"What is {i}?\n<image>", "answer_type": ("OPEN", "CLOSED")[i % 2]}
            | ({"image": f"{i * 7 % images}.png"} if i % 5 else {})
            for i in range(rows)
        ),
    )


def environment(folder: Path, **extra: str) -> dict[str, str]:
    return os.environ | {"FAKE_LOG": str(folder / "log")} | extra


def start(folder: Path, *options: object, **extra: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ask.fake", *map(str, options)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(folder, **extra),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def medcli(folder: Path, *options: object, stdin: str = "", **extra: str) -> tuple[int, str, str]:
    with start(folder, *options, **extra) as process:
        out, err = process.communicate(stdin, timeout=120)
    return process.returncode, out, err


def file_options(folder: Path, output: str = "answers.jsonl") -> list[object]:
    paths = [
        "--questions",
        folder / "questions.jsonl",
        "--images",
        folder / "images",
        "--output",
        folder / output,
    ]
    return ["ask", *paths, "--model", "some/fake-7b"]


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def logged(folder: Path, name: str) -> list[str]:
    path = folder / f"log.{name}"
    return path.read_text().split() if path.exists() else []

"""Asks dicom3tools' dciodvfy about a file, and makes kinds of what it answers.

Knows which files dciodvfy can't judge as they are, and how to make it judge them: deflated ones are inflated; the
SOP class that only the file meta names is put into the data set; the pixels of more than 16 bits on which it aborts
are taken out. Both a source and its release are treated so, and so stay comparable.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.privacy import wire

NEEDED = {0x00020002: 0x00080016, 0x00020003: 0x00080018}
PIXELS = 0x7FE00010
LEVELS = ("Error", "Warning")
_VALUE = re.compile(r"(?<!Module=)<(?!/)[^>]*>")
_PATH = re.compile(r"</(?:[^>]*/)?([^>/\[]*)(?:\[\d+\])?>")


def _run(data: bytes) -> tuple[int, list[str]]:
    with tempfile.TemporaryFile() as file:  # from a pipe it reads nothing and says so to nobody
        file.write(data)
        file.seek(0)
        done = subprocess.run(["dciodvfy", "-new"], stdin=file, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stderr.decode("latin-1").splitlines()


def _judgeable(data: bytes, *, pixels: bool) -> bytes:
    """Write the file so that dciodvfy sees its data set and its SOP class."""
    try:
        file = wire.split(data)
        syntax = wire.syntax_of(file.transfer_syntax)
        body = wire.elements(file.body, syntax)
    except Exception:  # noqa: BLE001 - odd in whatever way: dciodvfy gets it as it is
        return data
    parts = {each.tag: each.raw for each in body if pixels or each.tag != PIXELS}
    for each in file.meta:
        if each.tag in NEEDED and NEEDED[each.tag] not in parts:
            parts[NEEDED[each.tag]] = wire.element(NEEDED[each.tag], "UI", each.value, syntax)
    how = wire.EXPLICIT if file.transfer_syntax == wire.DEFLATED else file.transfer_syntax
    whole = b"".join(parts[tag] for tag in sorted(parts))
    if how == file.transfer_syntax and whole == file.body:
        return data
    return wire.join(file._replace(transfer_syntax=how, body=whole))


def complaints(path: Path) -> list[str] | None:
    """Give dciodvfy's lines about a file; None where it aborts even without the pixels."""
    data = path.read_bytes()
    for pixels in (True, False):
        status, lines = _run(_judgeable(data, pixels=pixels))
        if status >= 0:
            return lines
    return None


def kind(line: str) -> str:
    """Make a line's kind: its level, the attribute without the way to it, and the words without values."""
    return _VALUE.sub("<>", _PATH.sub(r"\1", line))


@cache
def kinds(path: Path) -> frozenset[str] | None:
    """Give the kinds of errors and warnings about a file; None where dciodvfy aborts."""
    lines = complaints(path)
    return None if lines is None else frozenset(kind(line) for line in lines if line.startswith(LEVELS))

"""The only place that prints. The product and JSON go to stdout; notes, errors, hints and progress to stderr.

Refuses to know what it prints. Texts that the terminal's encoding cannot show are escaped rather than fatal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

# A model's words, and names of files, can hold sequences that a terminal obeys; it is shown their escapes instead.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def out(text: str) -> None:
    """Print a line of the product to stdout."""
    _write(sys.stdout, text)


def piece(text: str) -> None:
    """Print a piece of the product to stdout as it comes, without ending the line."""
    _write(sys.stdout, text, end="")


def document(content: object) -> None:
    """Print the one JSON document of ``--json`` to stdout."""
    _write(sys.stdout, json.dumps(content, indent=2, ensure_ascii=False))


def note(text: str = "") -> None:
    """Print a line for the person at the terminal to stderr."""
    _write(sys.stderr, text)


def error(message: str, hint: str = "") -> None:
    """Print an error, and the hint that names the next action."""
    note(f"Error: {message}")
    if hint:
        note(f"Hint: {hint}")


def table(rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> str:
    """Lay out a small table: columns as wide as needed, numbers to the right.

    Returns
    -------
    str
        Lines without a trailing newline, for :func:`out` or :func:`note`.
    """
    cells = [list(row) for row in rows]
    lines = ([list(header)] if header else []) + cells
    if not lines:
        return ""
    columns = max(len(line) for line in lines)
    widths = [max((len(line[i]) for line in lines if i < len(line)), default=0) for i in range(columns)]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells if i < len(row)) for i in range(columns)]
    laid = [
        "  ".join(
            cell.rjust(widths[i]) if right[i] else cell.ljust(widths[i]) for i, cell in enumerate(line)
        ).rstrip()
        for line in lines
    ]
    if header:
        laid.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(laid)


def keep_standard_files() -> None:
    """Open what of stdin, stdout and stderr is closed, as daemons leave them: no file may take their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as we live


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).lstrip("-").isdecimal()


def _write(stream: IO[str], text: str, end: str = "\n") -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if stream.isatty():
        text = text.translate(_CONTROLS)
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + end)
        stream.flush()
    except (
        BrokenPipeError
    ):  # nobody reads on, as with `| head`: neither must Python complain when it closes it
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Bar:
    """Progress on a terminal, and nothing elsewhere.

    Parameters
    ----------
    what : str
        What is going on: "Scrubbing".
    unit : str
        What is counted: "file".
    total : int or None
        How many there are, if that is known.
    """

    def __init__(self, what: str, *, unit: str = "item", total: int | None = None) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self._what, unit=self._unit, total=self._total, file=sys.stderr, dynamic_ncols=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, items: int) -> None:
        """Count items."""
        if self._bar is not None:
            self._bar.update(items)

    def say(self, text: str) -> None:
        """Show a few words behind the numbers, from the next update on."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)


def debugging() -> bool:
    """Say whether MEDCLI_DEBUG asks for everything, identity included."""
    return os.environ.get("MEDCLI_DEBUG", "") not in ("", "0")


def silence() -> None:
    """Drop the warnings and log lines of libraries: they quote values, and values can be a patient's.

    For a process that is medcli's own (the command line, a worker). With MEDCLI_DEBUG set they stay.
    """
    if not debugging():
        warnings.simplefilter("ignore")
        logging.lastResort = logging.NullHandler()

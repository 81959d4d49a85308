"""A file of questions, value by value: JSON lines, or one JSON array, however long it is.

Knows JSON and line numbers; refuses to know what a question is. A line that is no JSON is one value's trouble; an
array that breaks off or holds something else between its values is the file's, since nothing behind can be found.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from medcli.errors import InputError

_BLOCK = 1 << 20
_SPACE = " \t\r\n"


class Value(NamedTuple):
    """One value of a file: the number of its line (in an array: of the value), itself, or what is wrong with it."""

    number: int
    value: Any
    error: str = ""


def values(path: Path) -> Iterator[Value]:
    """Yield the values of a file; empty lines are passed over.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or is an array that cannot be read to its end.
    """
    try:
        with path.open("rb") as stream:
            start = _start(stream)
            if not start:
                raise InputError(
                    "The file of questions is empty.", hint="It is JSON lines, or one JSON array."
                )
            if start != b"[":
                yield from _lines(stream)
                return
            with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
                yield from _array(text)
    except OSError as error:
        raise InputError(
            f"The file of questions cannot be read: {error.strerror}.", hint="Check its path and its rights."
        ) from error


def _start(stream: IO[bytes]) -> bytes:
    """Return the first byte that is no space, and stand at the file's beginning again, behind a byte-order mark."""
    head = stream.read(3)
    begin = 3 if head == codecs.BOM_UTF8 else 0
    stream.seek(begin)
    while block := stream.read(_BLOCK):
        if text := block.lstrip(_SPACE.encode()):
            stream.seek(begin)
            return text[:1]
    return b""


def _lines(stream: IO[bytes]) -> Iterator[Value]:
    loads = json.JSONDecoder().decode
    for number, line in enumerate(stream, 1):
        try:
            yield Value(number, loads(line.decode()))
        except (ValueError, RecursionError):
            if line.strip():
                yield Value(number, None, "bad-json")


def _array(reader: io.TextIOWrapper) -> Iterator[Value]:
    """Read one array through a window that holds a value or two."""
    scan = json.JSONDecoder().raw_decode
    window, at, line, number = "", 0, 1, 0
    while True:
        at = _skip(window, at)
        if number == 0 and window.startswith("[", at):
            at, number = _skip(window, at + 1), 1
        if window.startswith("]", at):
            _end(reader, window[at + 1 :], line=line + window.count("\n", 0, at))
            return
        try:
            value, end = scan(window, at) if number else (None, at)
            end = _skip(window, end)
        except (ValueError, RecursionError):
            value, end = None, at
        if end in (at, len(window)):  # a value that may go on behind the window
            line += window.count("\n", 0, at)
            fresh = _more(reader, line=line)
            if not fresh:
                raise _broken(line)
            window, at = window[at:] + fresh, 0
            continue
        yield Value(number, value)
        number += 1
        if window[end] == ",":
            at = end + 1
        elif window[end] == "]":
            _end(reader, window[end + 1 :], line=line + window.count("\n", 0, end))
            return
        else:
            raise _broken(line + window.count("\n", 0, end))


def _more(reader: io.TextIOWrapper, *, line: int) -> str:
    try:
        return reader.read(_BLOCK)
    except UnicodeDecodeError:
        raise _broken(line) from None


def _end(reader: io.TextIOWrapper, rest: str, *, line: int) -> None:
    """Refuse what stands behind the array: a second one would be lost without a word."""
    while not rest.strip(_SPACE):
        rest = _more(reader, line=line)
        if not rest:
            return
    raise _broken(line)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _broken(line: int) -> InputError:
    return InputError(
        f"The JSON array of questions cannot be read beyond line {line}.",
        hint="JSON lines, one question a line, lose no more than the broken line.",
    )

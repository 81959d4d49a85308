"""A file of questions or answers, value by value: JSON lines, or one JSON array, however long it is.

Knows JSON and line numbers; refuses to know what a question is. A line that is no JSON is one value's trouble; an
array that breaks off or holds something else between its values is the file's, since nothing behind can be found.
"""

from __future__ import annotations

import codecs
import io
import json
import re
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


def values(path: Path, what: str = "file of questions") -> Iterator[Value]:
    """Yield the values of a file; empty lines are passed over.

    Parameters
    ----------
    path : Path
        JSON lines or one JSON array.
    what : str
        How errors call it.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or is an array that cannot be read to its end.
    """
    try:
        with path.open("rb") as stream:
            start = _start(stream)
            if not start:
                raise InputError(f"The {what} is empty.", hint="It is JSON lines, or one JSON array.")
            if start != b"[":
                yield from _lines(stream)
                return
            with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
                yield from _array(text)
    except OSError as error:
        raise InputError(
            f"The {what} cannot be read: {error.strerror}.", hint="Check its path and its rights."
        ) from error


def members(path: Path, what: str = "file") -> Iterator[tuple[str, Value]]:
    """Yield the values of one JSON object whose members are arrays, each with its member's name, however long it is.

    Parameters
    ----------
    path : Path
        As ``{"a": [1, 2], "b": [3]}``.
    what : str
        How errors call it.

    Raises
    ------
    InputError
        If the file cannot be read to its end, or a member is no array.
    """
    try:
        with path.open("rb") as stream:
            _start(stream)
            with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
                yield from _members(text)
    except OSError as error:
        raise InputError(
            f"The {what} cannot be read: {error.strerror}.", hint="Check its path and its rights."
        ) from error


def holds_members(path: Path) -> bool:
    """Whether a file begins as :func:`members` reads it, rather than with a record."""
    try:
        with path.open("rb") as stream:
            _start(stream)
            head = stream.read(4096).decode("utf-8", "ignore")
        at = _skip(head, _skip(head, 0) + 1)
        _, end = json.JSONDecoder().raw_decode(head, at)
    except (OSError, ValueError):
        return False
    rest = re.match(r"\s*:\s*\[\s*([{\]])", head[end:])
    return head.lstrip().startswith("{") and head.startswith('"', at) and rest is not None


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


class _Window:
    """A stretch of a text that grows at its end and is forgotten at its beginning."""

    def __init__(self, reader: io.TextIOWrapper) -> None:
        self._reader, self._text, self._at, self._line = reader, "", 0, 1
        self._scan = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while True:
            self._at = _skip(self._text, self._at)
            if self._at < len(self._text) or not self._grow():
                return self._text[self._at : self._at + 1]

    def take(self, wanted: str) -> None:
        """Go past a character that must come next."""
        if self.peek() != wanted:
            raise _broken(self.line)
        self._at += 1

    def value(self) -> Any:
        """The next value, which must have something behind it: what ends with the window may go on."""
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except (ValueError, RecursionError):
                value, end = None, len(self._text)
            if end < len(self._text):
                self._at = end
                return value
            if not self._grow():
                raise _broken(self.line)

    @property
    def line(self) -> int:
        """The number of the line."""
        return self._line + self._text.count("\n", 0, self._at)

    def _grow(self) -> bool:
        self._line = self.line
        fresh = _more(self._reader, line=self._line)
        self._text, self._at = self._text[self._at :] + fresh, 0
        return bool(fresh)


def _members(reader: io.TextIOWrapper) -> Iterator[tuple[str, Value]]:
    window, number = _Window(reader), 0
    window.take("{")
    while window.peek() != "}":
        if window.peek() != '"':
            raise _broken(window.line)
        name = str(window.value())
        window.take(":")
        window.take("[")
        while window.peek() != "]":
            number += 1
            yield name, Value(number, window.value())
            if window.peek() != "]":
                window.take(",")
        window.take("]")
        if window.peek() != "}":
            window.take(",")
    window.take("}")
    if window.peek():
        raise _broken(window.line)


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
        f"The JSON array cannot be read beyond line {line}.",
        hint="JSON lines, one value a line, lose no more than the broken line.",
    )

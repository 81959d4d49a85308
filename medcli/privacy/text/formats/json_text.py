"""JSON and JSON lines (RFC 8259): strings, keys and numbers with their places.

The standard library's parser says whether a record is well-formed; a scanner then finds the places. White space, the
order of keys, escapes and the spelling of numbers are never touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from medcli.privacy.text.formats.token import DEEPEST, Edit, Join, Token, Unfit, applied, spelt_between

__all__ = ["Json", "is_number"]

_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|([\[\]{},:])|(-?[0-9][0-9.eE+-]*)')
_UNIT = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u....|\\.|.", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_encode = json.JSONEncoder(ensure_ascii=False).encode
_encode_ascii = json.JSONEncoder(ensure_ascii=True).encode


def is_number(text: str) -> bool:
    """Whether a text can stand as a bare number."""
    return _NUMBER.fullmatch(text) is not None


class Json:
    """One JSON text, or one a line.

    Parameters
    ----------
    lines
        Whether each line is a text of its own.
    """

    def __init__(self, *, lines: bool) -> None:
        self.name, self.suffix, self.unit = (
            ("jsonl", ".jsonl", "line") if lines else ("json", ".json", "whole")
        )

    def carries(self, line: str, *, inside: bool) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing does."""
        return False

    def tokens(self, record: str) -> list[Token]:
        """Strings, keys and numbers; nothing for an empty line."""
        if not record.strip(" \t\r\n"):
            return []
        _check(record)
        return list(_Scan(record).tokens())

    def joins(self, record: str, tokens: Sequence[Token]) -> Sequence[Join]:  # noqa: ARG002 - the protocol's
        """Nothing is."""
        return ()

    def places(self, record: str, token: Token) -> Sequence[int]:
        """By the units of the spelling: a character, an escape, or two that are one character."""
        if len(token.text) == token.end - token.start:
            return range(token.start, token.end + 1)
        starts = [match.start() for match in _UNIT.finditer(record, token.start, token.end)]
        return [*starts, token.end]

    def spelt(self, record: str, token: Token, edits: Sequence[Edit]) -> tuple[int, int, str]:
        """Edits escaped as JSON asks; a number becomes a string, unless it stays one."""
        if token.kind == "number":
            text = applied(token.text, edits)
            return token.start, token.end, text if is_number(text) else _encode(text)
        # A string that escapes all but ASCII goes on so.
        encode = _encode if any(ord(one) > 127 for one in record[token.start : token.end]) else _encode_ascii
        escaped = [encode(edit.text)[1:-1] for edit in edits]
        return token.start, token.end, spelt_between(record, self.places(record, token), edits, escaped)


def _check(record: str) -> None:
    """Refuse what is not well-formed."""
    try:
        json.loads(record, parse_int=bool, parse_float=bool)
    except RecursionError:
        raise Unfit("nested-too-deep") from None
    except ValueError:
        raise Unfit("malformed-text") from None


class _Scan:
    """Walks through a record that is known to be well-formed."""

    def __init__(self, record: str) -> None:
        self._record = record
        self._path: list[str] = []
        self._open: list[str] = []
        self._key = False

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        for match in _PIECE.finditer(self._record):
            sign = match[2]
            if sign is not None:
                self._sign(sign)
            elif match[1] is not None:
                found.append(self._string(match.start(1), match.end(1), match[1]))
            else:
                found.append(Token(match.start(), match.end(), match[3], tuple(self._path), "number"))
        return found

    def _sign(self, sign: str) -> None:
        if sign in "[{":
            self._open.append(sign)
            if len(self._open) > DEEPEST:
                raise Unfit("nested-too-deep")
            if sign == "{":
                self._path.append("")
                self._key = True
            else:
                self._key = False
        elif sign in "]}":
            if self._open.pop() == "{":
                self._path.pop()
            self._key = False
        elif sign == ",":
            self._key = self._open[-1] == "{"

    def _string(self, start: int, end: int, raw: str) -> Token:
        text: str = json.loads(f'"{raw}"') if "\\" in raw else raw
        if self._key:
            self._path[-1] = text
            self._key = False
            return Token(start, end, text, tuple(self._path), "name")
        return Token(start, end, text, tuple(self._path))

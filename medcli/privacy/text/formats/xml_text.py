"""XML 1.0: texts, attributes, comments and instructions with their places.

The standard library's expat says whether a file is well-formed. A document type with declarations of its own is
refused before that, so that no entity is ever declared, expanded or fetched; the five entities of XML and references
by number are understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.parsers import expat

from medcli.privacy.text.formats.token import DEEPEST, Edit, Join, Token, Unfit, spelt_between
from medcli.privacy.text.formats.xml_runs import PIECE, joined

__all__ = ["Xml"]

_ATTRIBUTE = re.compile(r"([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,20})|#x([0-9a-fA-F]{1,20})|(amp|lt|gt|quot|apos));")
_UNIT = re.compile(rf"{_REFERENCE.pattern}|.", re.DOTALL)
#: Where XML understands no references; people, and what is made of it, may.
_RAW = ("comment", "data", "said", "type")
_SIGNS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class Xml:
    """One XML document."""

    name = "xml"
    suffix = ".xml"
    unit = "whole"

    def carries(self, line: str, *, inside: bool) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing does."""
        return False

    def tokens(self, record: str) -> list[Token]:
        """Texts that are not blank, values of attributes, comments, instructions, and names."""
        _check(record)
        return list(_scan(record))

    def joins(self, record: str, tokens: Sequence[Token]) -> list[Join]:
        """The texts of elements in which texts and elements stand side by side, and texts that touch."""
        return joined(record, {token.start: number for number, token in enumerate(tokens)})

    def places(self, record: str, token: Token) -> Sequence[int]:
        """A reference is one character."""
        if len(token.text) == token.end - token.start:
            return range(token.start, token.end + 1)
        return [*(match.start() for match in _UNIT.finditer(record, token.start, token.end)), token.end]

    def spelt(self, record: str, token: Token, edits: Sequence[Edit]) -> tuple[int, int, str]:
        """Edits with references where the place needs them; in comments and the like, signs that are no syntax."""
        if token.kind == "raw":
            escaped = [re.sub(r"--|\]\]>|\?>|[<>]", "_", edit.text) for edit in edits]
        else:
            escaped = [_escaped(edit.text) for edit in edits]
        return token.start, token.end, spelt_between(record, self.places(record, token), edits, escaped)


def _escaped(text: str) -> str:
    for name, sign in _SIGNS.items():
        text = text.replace(sign, f"&{name};")
    return text


def _check(record: str) -> None:
    """Refuse what declares anything, is nested too deep or is not well-formed."""
    depth = 0

    def start(_name: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise Unfit("nested-too-deep")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declares(_name: str, _system: str | None, _public: str | None, inside: int) -> None:
        if inside:
            raise Unfit("xml-declarations")

    def skips(_name: str, _parameter: object) -> None:
        raise Unfit("xml-declarations")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler, parser.SkippedEntityHandler = declares, skips
    try:
        parser.Parse(record.encode("utf-8"), True)
    except (expat.ExpatError, UnicodeEncodeError):
        raise Unfit("malformed-text") from None


def _scan(record: str) -> Iterator[Token]:
    path: list[str] = []
    for match in PIECE.finditer(record):
        kind = match.lastgroup
        if match["open"] is not None:
            path.append(match["open"])
            yield Token(match.start("open"), match.end("open"), match["open"], tuple(path), "name")
            yield from _attributes(record, match, tuple(path))
            if match["inside"].endswith("/"):
                path.pop()
        elif match["close"] is not None:
            path.pop()
        elif kind == "text":
            if match["text"].strip():
                yield _text(record, match.start(), match.end(), tuple(path))
        elif kind in _RAW and match["order"] != "xml":
            if match["order"] is not None:
                yield Token(match.start("order"), match.end("order"), match["order"], tuple(path), "name")
            if not match[kind].strip():
                continue
            yield _text(record, match.start(kind), match.end(kind), tuple(path), "raw")


def _attributes(record: str, match: re.Match[str], path: tuple[str, ...]) -> Iterator[Token]:
    for one in _ATTRIBUTE.finditer(record, match.start("inside"), match.end("inside")):
        name, group = one[1], 2 if one[2] is not None else 3
        if name == "xmlns" or name.startswith("xmlns:"):
            yield Token(one.start(group), one.end(group), one[group], (*path, name), "syntax")
            continue
        # <birthDate value="..."/> says by its element what the value is.
        lead = path if name == "value" else (*path, name)
        yield Token(one.start(1), one.end(1), name, lead, "name")
        if one[group]:
            yield _text(record, one.start(group), one.end(group), lead)


def _text(record: str, start: int, end: int, path: tuple[str, ...], kind: str = "text") -> Token:
    raw = record[start:end]
    return Token(start, end, _REFERENCE.sub(_sign, raw) if "&" in raw else raw, path, kind)


def _sign(match: re.Match[str]) -> str:
    if match[3]:
        return _SIGNS[match[3]]
    number = int(match[1]) if match[1] else int(match[2], 16)
    return chr(number) if number < 0x110000 else "\ufffd"

"""What kind of text a file is, by its content; its name only decides where content can't.

Knows first bytes. Refuses to read further.
"""

from __future__ import annotations

import json
import re

from medcli.privacy.text.formats.json_text import Json
from medcli.privacy.text.formats.prose import Prose
from medcli.privacy.text.formats.table import LEAD, Table
from medcli.privacy.text.formats.token import Format, Unfit
from medcli.privacy.text.formats.xml_text import Xml

__all__ = ["HEAD", "foreign", "format_of"]

#: Bytes that are looked at.
HEAD = 1 << 16
_IMAGES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51",
)  # fmt: skip
#: Texts with a syntax of their own that is not known here: cleaned as prose, names would hide in it.
_OTHERS = re.compile(rb"\s*(?:\{\\rtf|%PDF-|%!PS|<!doctype\s+html|<html)", re.IGNORECASE)
_BITMAP = re.compile(rb"BM.{4}\0{4}.{3}\0", re.DOTALL)  # a report may begin with BMI
_SEPARATORS = ",\t;|"


def foreign(head: bytes) -> str:
    """Why a file is left out: ``plain-image``, ``unsupported-text``, or empty."""
    if head.startswith(_IMAGES) or _BITMAP.match(head) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "plain-image"
    return "unsupported-text" if _OTHERS.match(head.lstrip(b"\xef\xbb\xbf")[:512]) else ""


def format_of(head: str, name: str, *, whole: bool) -> Format:
    """The format of a text.

    Parameters
    ----------
    head
        Its first characters.
    name
        The file's name; only its ending is looked at.
    whole
        Whether `head` is all of it.

    Raises
    ------
    Unfit
        ``malformed-text`` where the name says JSON and the content does not.
    """
    ending = name.lower().rpartition(".")[2] if "." in name else ""
    start = head.lstrip(" \t\r\n")
    if ending in ("jsonl", "ndjson") or (
        start[:1] in ("{", "[") and ending not in ("csv", "tsv", "tab", "xml")
    ):
        found = _json(start, ending, whole=whole)
        if found is not None:
            return found
    if ending == "xml" or start.startswith("<?xml"):
        return Xml()
    if ending in ("csv", "tsv", "tab") or (not ending and _is_table(head)):
        return Table(_separator(head, ending), ".csv" if ending == "csv" else ".tsv" if ending else ".csv")
    return Prose(".md" if ending in ("md", "markdown") else ".txt")


def _json(start: str, ending: str, *, whole: bool) -> Format | None:
    """JSON or JSON lines; None where it only begins like it."""
    if ending in ("jsonl", "ndjson"):
        return Json(lines=True)
    line, end, rest = start.partition("\n")
    if not end and not whole:  # a first line that is longer than what was looked at
        return Json(lines=ending != "json")
    if _parses(line):
        return Json(lines=ending != "json" or bool(rest.strip()))
    if ending == "json" or _begins(start):
        return Json(lines=False)
    return None


def _parses(text: str) -> bool:
    try:
        json.loads(text, parse_int=bool, parse_float=bool)
    except RecursionError:
        raise Unfit("nested-too-deep") from None
    except ValueError:
        return False
    return True


def _begins(start: str) -> bool:
    """Whether a text goes on as JSON does: an object's first key, or a list's first value."""
    return (
        re.match(r'\{\s*(?:"(?:[^"\\\n]|\\.)*"\s*:|\})|\[\s*(?:[\[{"\d-]|\]|true|false|null)', start)
        is not None
    )


def _separator(head: str, ending: str) -> str:
    lead = LEAD.match(head)
    if lead is not None and lead[1]:
        return lead[1]
    if ending in ("tsv", "tab"):
        return "\t"
    line = head[lead.end() if lead else 0 :].partition("\n")[0]
    bare = re.sub(r'"[^"]*"', "", line)
    return max(_SEPARATORS, key=bare.count)


def _is_table(head: str) -> bool:
    """Whether three lines and more all have as many of one separator, two or more: prose never does."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in head.splitlines()[:20] if line.strip()]
    return len(lines) >= 3 and any(
        len(counts) == 1 and min(counts) >= 2
        for counts in ({line.count(sign) for line in lines} for sign in _SEPARATORS)
    )

"""Which encoding a text's bytes are in, and whether they are a text at all.

UTF-8, with or without a byte order mark, and UTF-16 are seen; any other encoding has to be named. Refuses to guess
between encodings of one byte: a wrong guess makes other letters of a name, which is then not found.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from medcli.privacy.text.formats.token import Unfit

__all__ = ["Encoding", "encoding_of", "is_codec"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Controls that no text holds; tabs, line and page ends, and the escape of terminals are none of them.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")


class Encoding(NamedTuple):
    """The codec as Python calls it, and how many bytes of the file come before its text."""

    codec: str
    mark: int


def is_codec(name: str) -> bool:
    """Whether it is an encoding of text that Python knows."""
    try:
        return isinstance("a".encode(name), bytes) and bool(b"a".decode(name))
    except (LookupError, UnicodeError, ValueError, TypeError):
        return False


def encoding_of(head: bytes, declared: str = "") -> Encoding | None:
    """The encoding of a text that begins with `head`; None where it is no text.

    Parameters
    ----------
    head
        The first 64 KiB, or all of it.
    declared
        What the user says that files are in that are neither UTF-8 nor marked.

    Raises
    ------
    Unfit
        ``encoding-unknown``: it looks like a text, in an encoding that has to be named.
    """
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, len(mark))
    wide = _wide(head)
    if wide:
        return Encoding(wide, 0)
    if _CONTROL.search(head):
        return None
    if _is(head, "utf-8"):
        return Encoding("utf-8", 0)
    match = _DECLARED.match(head)
    named = match[1].decode("ascii") if match else declared
    if not named:
        raise Unfit("encoding-unknown")
    if not is_codec(named) or not _is(head, named):
        raise Unfit("undecodable-text")
    return Encoding(codecs.lookup(named).name, 0)


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: every other byte of what is mostly ASCII is zero."""
    sample = head[: len(head) // 2 * 2][:4096]
    if len(sample) < 8:
        return ""
    for codec, zeros, others in (
        ("utf-16-le", sample[1::2], sample[::2]),
        ("utf-16-be", sample[::2], sample[1::2]),
    ):
        if zeros.count(0) * 10 >= len(zeros) * 8 and not _CONTROL.search(others):
            return codec
    return ""


def _is(head: bytes, codec: str) -> bool:
    """Whether it can be decoded, the last character left out, which may be cut."""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        decoder.decode(head)
    except UnicodeError:
        return False
    return True

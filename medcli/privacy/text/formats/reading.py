"""A text file as a stream of records, in flat memory: lines, blocks of paragraphs, or all of it.

Knows bytes and line ends. Refuses to pass on what would not be the same bytes again when it is written.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from medcli.privacy.text.formats.encodings import Encoding, encoding_of
from medcli.privacy.text.formats.kinds import HEAD, foreign, format_of
from medcli.privacy.text.formats.token import LONGEST, Format, Unfit

__all__ = ["Reading", "opened"]

_CHUNK = 1 << 20
#: Prose is handed out in blocks that end between paragraphs once they are so long.
_BLOCK = 1 << 16
#: A file that is one record has to be held, with all its strings.
_WHOLE = 64 << 20


class Reading:
    """One text file that is being read.

    Attributes
    ----------
    format, encoding
        What it is.
    mark
        The bytes before its first character.
    """

    def __init__(self, stream: IO[bytes], size: int, name: str, declared: str) -> None:
        head = stream.read(HEAD)
        self.reason = foreign(head)
        found = None if self.reason else encoding_of(head, declared)
        self.encoding: Encoding = found or Encoding("utf-8", 0)
        self.is_text = found is not None
        self._digest = hashlib.sha256(head)
        self._stream, self._head = stream, head
        if found is None:
            return
        self.mark = head[: found.mark]
        shown = codecs.getincrementaldecoder(found.codec)("strict").decode(head[found.mark :])
        self.format: Format = format_of(shown, name, whole=size <= len(head))
        if self.format.unit == "whole" and size > _WHOLE:
            raise Unfit("too-large")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the bytes that were read: all of them, once the records have ended."""
        return self._digest.digest()

    def records(self) -> Iterator[str]:
        """Yield the records; joined and encoded they are the file behind its mark.

        Raises
        ------
        Unfit
            ``undecodable-text``, ``record-too-long``.
        """
        parts: list[str] = []
        size, inside = 0, False
        for line in self._lines():
            parts.append(line)
            size += len(line)
            if size > (_WHOLE if self.format.unit == "whole" else LONGEST):
                raise Unfit("record-too-long")
            inside = self.format.carries(line, inside=inside)
            if not inside and self._ends(line, size):
                yield "".join(parts)
                parts, size = [], 0
        if parts:
            yield "".join(parts)

    def _ends(self, line: str, size: int) -> bool:
        if self.format.unit == "block":
            return (size >= _BLOCK and not line.strip()) or size >= 4 * _BLOCK
        return self.format.unit == "line"

    def _lines(self) -> Iterator[str]:
        """Lines with their ends, which are line feeds; the last one as it is."""
        rest = ""
        for text in self._decoded():
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                yield line + "\n"
            if len(rest) > (_WHOLE if self.format.unit == "whole" else LONGEST):
                raise Unfit("record-too-long")
        if rest:
            yield rest

    def _decoded(self) -> Iterator[str]:
        """The text, held to what it would be written as."""
        codec = self.encoding.codec
        decoder = codecs.getincrementaldecoder(codec)("strict")
        data, held = self._head[self.encoding.mark :], b""
        try:
            while data:
                text = decoder.decode(data)
                pending = decoder.getstate()[0]
                now = held + data
                if text.encode(codec) + pending != now:
                    raise Unfit("undecodable-text")
                held = pending
                yield text
                data = self._stream.read(_CHUNK)
                self._digest.update(data)
            decoder.decode(b"", final=True)
        except UnicodeError:
            raise Unfit("undecodable-text") from None


def opened(source: bytes | Path | str, name: str, declared: str = "") -> tuple[IO[bytes], Reading]:
    """Open a file, or the bytes of an archive's member.

    Raises
    ------
    Unfit
        Where it can't be cleaned as what it is.
    OSError
        Where it can't be read.
    """
    if isinstance(source, bytes):
        stream: IO[bytes] = io.BytesIO(source)
        size = len(source)
    else:
        stream = open(source, "rb")  # noqa: SIM115 - closed by whoever asked
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
    try:
        return stream, Reading(stream, size, name, declared)
    except BaseException:
        stream.close()
        raise

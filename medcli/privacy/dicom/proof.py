"""Read a written file again and judge it: sound, pixels untouched, nothing left of the source's identity.

Knows only the two files and the list of identifying values. Refuses to trust how the result was made: it walks it
anew with a table of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from medcli.privacy import profiles
from medcli.privacy.dicom import codes
from medcli.privacy.dicom.codes import PIXEL_DATA
from medcli.privacy.dicom.documents import strings
from medcli.privacy.dicom.encoding import (
    LONG_VRS,
    TEXT_VRS,
    Buffer,
    Damaged,
    Encoding,
    Frame,
    Odd,
    read_frame,
    uid_text,
)
from medcli.privacy.dicom.fragments import readable
from medcli.privacy.dicom.header import MOST_DIGITS
from medcli.privacy.dicom.normalise import inflated
from medcli.privacy.dicom.pixels import CHUNK, expected_length
from medcli.privacy.dicom.pseudonyms import registered
from medcli.privacy.dicom.read import pieces
from medcli.privacy.dicom.residue import Needles, needles
from medcli.privacy.dicom.rewrite import Rewriter
from medcli.privacy.dicom.texts import tagged, texts
from medcli.privacy.dicom.walk import Element, walk
from medcli.privacy.dicom.write import Written

__all__ = ["Finding", "examine"]

#: Binary values longer than this are searched for long needles only: chance makes short ones.
_DENSE = 1 << 20
#: What an option keeps is remembered up to this length.
_LONGEST = 4096
SOP_INSTANCE = 0x00080018
_PIECE, _OVERLAP = 4 << 20, 512
_NUMBERS = (0x00280002, 0x00280010, 0x00280011, 0x00280100)
_WANTED = (0x00280004, 0x00280008, codes.ENCAPSULATED_DOCUMENT)


class Survey:
    """A table for the walk over a written file: notes marks, pixels, image numbers, identities, everything long."""

    def __init__(self) -> None:
        self._keys: dict[Encoding, dict[bytes, int]] = {}
        self._identity = profiles.identity()

    def keys(self, encoding: Encoding) -> dict[bytes, int]:
        """As :meth:`medcli.privacy.dicom.table.Table.keys`."""
        return self._keys.setdefault(encoding, {})

    def learn(self, encoding: Encoding, key: bytes) -> int:
        """As :meth:`medcli.privacy.dicom.table.Table.learn`."""
        tag = encoding.tag(key[:4])
        code = codes.KEEP
        if tag in codes.PIXEL_TAGS:
            code = codes.PIXELS
        elif tag in codes.MARKS or tag in _NUMBERS or tag in _WANTED:
            code = codes.WATCH
        elif tag in self._identity:
            code = codes.KEEP_OPTION
        elif key[4:6] in LONG_VRS or not encoding.explicit:
            code = codes.KEEP_LONG
        number = tag << codes.TAG_SHIFT | code
        if len(self.keys(encoding)) < 100_000:
            self.keys(encoding)[bytes(key)] = number
        return number


@lru_cache(maxsize=1)
def _survey() -> Survey:
    return Survey()


class Finding(NamedTuple):
    """Why a written file is not released.

    Attributes
    ----------
    reason
        ``residue``, ``unsound`` or ``pixels-changed``.
    attribute
        Of a residue: the tag whose value was found, as ``(gggg,eeee)``; empty where a text resembles several.
    place
        The tag of the text it was found in, where it was one.
    """

    reason: str
    attribute: str = ""
    place: str = ""


def examine(written: Written, rewriter: Rewriter, frame: Frame, *, pixels: bool = True) -> Finding | None:
    """Judge a written file.

    Parameters
    ----------
    written
        What was written.
    rewriter
        Knows the source's bytes, its identifying values and what an option kept.
    frame
        The source's frame.
    pixels
        Whether the pixels must be the source's to the byte; else somebody has cleaned and compared them.

    Returns
    -------
    Finding or None
        The first finding.
    """
    with written.again() as stored:
        if stored is None:
            return None
        try:
            again = read_frame(stored)
            if again is None or again.syntax != uid_text(again.meta.get(0x00020010, b"")):
                return Finding("unsound")
            if pixels and again.syntax != frame.syntax:
                return Finding("unsound")
            folder = os.path.dirname(written.path) if written.path else None
            with inflated(stored, again, folder) as (data, inside):
                head = b"" if data is stored else stored[: again.start]
                return _examine(data, inside, rewriter, head, pixels=pixels)
        except (Damaged, Odd):
            return Finding("unsound")


def _examine(data: Buffer, frame: Frame, rewriter: Rewriter, head: bytes, *, pixels: bool) -> Finding | None:
    """Judge a data set; `head` is what stood before it, where it was deflated."""
    found = walk(data, frame.start, len(data), frame.encoding, _survey())
    if found.stop != len(data):
        return Finding("unsound")
    survey = {element.tag: element for element in found.elements}
    identity = rewriter.identity
    hidden = identity.needles if identity else needles(rewriter.found, rewriter.kept, rewriter.makers)
    hit = hidden.search(head) if head else None
    hit = _search(data, frame, found.elements, survey, hidden) if hit is None else hit
    hit = hidden.words.search(texts(data, frame.start, len(data), frame.encoding)) if hit is None else hit
    hit = _unexplained(data, found.elements, rewriter) if hit is None else hit
    if hit is not None:
        return Finding("residue", _named(hit), _where(data, frame, hidden))
    if identity is not None:
        for tag, vr, text in tagged(data, frame.start, len(data), frame.encoding):
            if vr in TEXT_VRS and identity.known.left(text.strip("\0 ")):
                return Finding("residue", "", _named(tag))
        document = survey.get(codes.ENCAPSULATED_DOCUMENT)
        if document is not None and any(map(identity.left, strings(data[document.value : document.end]))):
            return Finding("residue", "", _named(document.tag))
    return None if not pixels or _same_pixels(data, survey, rewriter) else Finding("pixels-changed")


def _named(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _where(data: Buffer, frame: Frame, hidden: Needles) -> str:
    """The first text attribute in which something is found, to be told with it; empty where it is none."""
    for tag, _, text in tagged(data, frame.start, len(data), frame.encoding):
        if hidden.finds(text):
            return _named(tag)
    return ""


def _unexplained(data: Buffer, elements: list[Element], rewriter: Rewriter) -> int | None:
    """The tag of an identifying attribute that nobody replaced or was told to keep: the table itself may be wrong."""
    done = {tag for _, tag in rewriter.actions} | rewriter.cleaned
    for element in elements:
        if element.code != codes.KEEP_OPTION or element.tag in done or element.end - element.value > _LONGEST:
            continue
        raw = data[element.value : element.end]
        if raw.strip(b"\0 ") and raw not in rewriter.kept and not _names_a_class(element.tag, raw):
            return element.tag
    return None


def _names_a_class(tag: int, raw: bytes) -> bool:
    """Whether a value is a registered UID, or the instance's own, which the file meta names too."""
    return tag == SOP_INSTANCE or all(registered(uid_text(part)) for part in raw.split(b"\\"))


def _is_text(element: Element) -> bool:
    vr = element.vr.decode("ascii") or (codes.vrs_of(element.tag) or ("UN",))[0]
    return vr in ("UT", "UC", "UR", "LT", "ST")


def _search(
    data: Buffer, frame: Frame, elements: list[Element], survey: dict[int, Element], hidden: Needles
) -> int | None:
    """The tag of the first identifying value that is found anywhere it may not be."""
    cursor, parts, dense = 0, [], []
    for element in elements:
        if element.tag in codes.MARKS or (
            element.code == codes.PIXELS
            and not element.undefined
            and _length_checks(data, frame, survey, element)
        ):
            parts.append((cursor, element.value))
        elif element.code == codes.PIXELS and element.undefined:
            parts.append((cursor, element.value))
            hit = _in_pieces(readable(data, element.value, element.end), hidden)
            if hit is not None:
                return hit
            dense.append((element.value, element.end))
        elif element.end - element.value > _DENSE and not _is_text(element):
            # Bytes, or a sequence: the texts in it are searched as texts.
            parts.append((cursor, element.value))
            dense.append((element.value, element.end))
        else:
            continue
        cursor = element.end
    parts.append((cursor, len(data)))
    hit = _in_pieces(
        (piece for start, stop in parts for piece in pieces(data, start, stop, _PIECE, _OVERLAP)), hidden
    )
    for start, stop in dense:
        hit = hidden.search_dense(pieces(data, start, stop, _PIECE, _OVERLAP)) if hit is None else hit
    return hit


def _in_pieces(pieces: Iterator[bytes], hidden: Needles) -> int | None:
    """Search small pieces together and large ones alone."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size > _PIECE:
            hit = hidden.search(b"\n".join(waiting))
            if hit is not None:
                return hit
            waiting, size = [], 0
    return hidden.search(b"\n".join(waiting)) if waiting else None


def _length_checks(data: Buffer, frame: Frame, survey: dict[int, Element], pixel: Element) -> bool:
    """Whether native pixel data is as long as the image's numbers say (one byte of padding allowed)."""
    order = "little" if frame.encoding.little else "big"
    numbers = {
        tag: int.from_bytes(data[survey[tag].value : survey[tag].value + 2], order)  # type: ignore[arg-type]
        for tag in _NUMBERS
        if tag in survey
    }
    frames = survey.get(0x00280008)
    if frames is not None:
        text = data[frames.value : frames.end].strip(b"\0 ")
        numbers[0x00280008] = (int(text) if text.isdigit() and len(text) < MOST_DIGITS else -1) if text else 1
    photometric = survey.get(0x00280004)
    name = data[photometric.value : photometric.end].decode("latin-1").strip("\0 ") if photometric else ""
    expected, length = expected_length(numbers, name), pixel.end - pixel.value
    return expected is not None and expected <= length <= expected + 1


def _same_pixels(data: Buffer, survey: dict[int, Element], rewriter: Rewriter) -> bool:
    """Whether the pixels are the source's to the byte, but for the bits of overlay planes that had to go."""
    for tag in codes.PIXEL_TAGS:
        new, old = survey.get(tag), rewriter.pixels.get(tag)
        if (new is None) != (old is None):
            return False
        if new is None or old is None:
            continue
        if new.end - new.value != old.end - old.value:
            return False
        masked = rewriter.masked if tag == PIXEL_DATA else None
        source = rewriter.data
        if masked is None and isinstance(data, bytes) and isinstance(source, bytes):
            # As below, without a copy.
            if not data.startswith(memoryview(source)[old.value : old.end], new.value):
                return False
            continue
        wanted = masked.chunks(source) if masked else pieces(source, old.value, old.end, CHUNK)
        written = pieces(data, new.value, new.end, CHUNK)
        if any(one != other for one, other in zip(written, wanted, strict=True)):
            return False
    return True

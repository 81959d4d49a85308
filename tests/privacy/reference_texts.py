"""Texts of the slow reference: whose identity a file holds, and a text without it.

Reads every element at every depth with pydicom. What stands in a text it asks the recognisers, which have tests of
their own; which values identify, how long a value may be and how it is written it knows by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.charset import decode_bytes, encode_string

from medcli.privacy.text.cleaner import Cleaner
from medcli.privacy.text.fields import Fields
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.formats.prose import Prose
from medcli.privacy.text.formats.token import Unfit
from medcli.privacy.text.formats.xml_text import Xml
from medcli.privacy.text.identities import Identities
from medcli.privacy.text.known import Known
from medcli.privacy.text.merge import union
from medcli.privacy.text.replace import Replacer
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.privacy.text.words import FIRST, lexicon
from tests.privacy.reference_rules import rows, tags
from tests.privacy.reference_values import raw_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medcli.privacy.text.span import Span

LENGTHS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
CONTROLS = {0x0D, 0x0A, 0x09, 0x0C}

#: Tag, VR, bytes, encodings of one element.
Value = tuple[int, str, bytes, tuple[str, ...]]


def identifies(tag: int, vr: str) -> bool:
    """Tell whether an attribute's value is one of the patient's identity."""
    return vr in {"PN", "UI", "DA", "DT"} or tag in tags("identity")


def text_of(raw: bytes, encodings: tuple[str, ...]) -> str:
    """Read a text; bytes of no declared set are UTF-8."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    if b"\x1b" not in raw:
        for codec in (*(each if each != "iso8859" else "ascii" for each in encodings), "utf-8"):
            try:
                return raw.decode(codec)
            except UnicodeDecodeError:
                continue
    return decode_bytes(raw, list(encodings), CONTROLS)


def known_of(values: Iterable[Value], kept: set[bytes]) -> Known:
    """Gather what is known of the patient from what does not stay."""
    gone = (each for each in values if each[2].strip(b"\0 ") not in kept)
    return Known.from_header((tag, vr, text_of(raw, encodings)) for tag, vr, raw, encodings in gone)


def cleaned(
    vr: str, raw: bytes, encodings: tuple[str, ...], known: Known, *, technical: bool
) -> bytes | None:
    """Replace what identifies in a text; None where it can't be written."""
    text = text_of(raw, encodings).rstrip("\0 ")
    parts = text.split("\\") if vr in {"LO", "SH", "UC"} else [text]
    new = [
        part if not part.strip() else "".join(_pieces(vr, part, known, technical=technical)) for part in parts
    ]
    if new == parts:
        return raw
    joined = "\\".join(new)
    with pydicom.config.disable_value_validation():
        return joined.encode() if joined.isascii() else encode_string(joined, list(encodings))


def _pieces(vr: str, text: str, known: Known, *, technical: bool) -> Iterator[str]:
    spans = union(known.find(text), text) if technical else Finder().find(text, known)
    if not technical:
        spans = union([*(span for span in spans if not guessed(text, span)), *known.find(text)], text)
    grown = len(text) + sum(len(span.category) + 2 - (span.end - span.start) for span in spans)
    at = 0
    for span in spans:
        yield text[at : span.start]
        yield "_" if grown > LENGTHS.get(vr, grown) else f"[{span.category}]"
        at = span.end
    yield text[at:]


def guessed(text: str, span: Span) -> bool:
    """Tell a name that was guessed of words that attributes and protocols are called by."""
    low = text[span.start : span.end].lower()
    letters = "".join(each if each.isalpha() else " " for each in low).split()
    return (
        (span.source, span.category) == ("list:names", "NAME")
        and span.score < 0.8
        and all(len(each) == 1 or each in vocabulary() for each in letters)
    )


@cache
def vocabulary() -> frozenset[str]:
    """Give the words of protocols, and of PS3.6 those that are no given names."""
    names = " ".join(entry[2] for entry in DicomDictionary.values()).lower()
    letters = "".join(each if each.isalpha() else " " for each in names).split()
    listed = {row["word"] for row in rows("descriptor_words")}
    return frozenset(listed | {each for each in letters if len(each) > 1 and not lexicon()[each] & FIRST})


def document(raw: bytes, mime: str, encodings: tuple[str, ...], known: Known, days: int) -> bytes | None:
    """Clean an encapsulated document; None where it is no text, or none that can be read.

    The record cleaner of texts has tests of its own; which documents it may have is decided here.
    """
    kind = mime.split(";", maxsplit=1)[0].strip().lower()
    if kind not in {"text/xml", "application/xml", "text/plain"} and not kind.endswith("+xml"):
        return None
    data = raw.rstrip(b"\0")
    text, codec = None, ""
    for codec in ("utf-8", *(each for each in encodings if kind == "text/plain" and len(encodings) == 1)):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(codec)
            break
    if (
        text is None
        or not text.strip()
        or text.startswith(("%PDF", "{\\rtf", "<html"))
        or (kind == "text/plain" and text.startswith("<?xml"))
    ):
        return None
    form = Prose() if kind == "text/plain" else Xml()
    nobody: Any = None
    cleaner = Cleaner(
        Finder(),
        Replacer(TextPolicy(), nobody),
        nobody,
        fields=Fields(),
        identities=Identities(),
        general=known.facts,
        days=days,
    )
    try:
        return cleaner.clean(text, form, first=True).record.encode(codec)
    except Unfit:
        return None


def bytes_of(raw: object) -> bytes:
    """Give an element's bytes; a sequence has none."""
    return b"" if isinstance(getattr(raw, "value", None), list) else raw_value(raw)

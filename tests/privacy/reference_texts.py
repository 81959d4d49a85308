"""Texts of the slow reference: whose identity a file holds, and a text without it.

Reads every element at every depth with pydicom. What stands in a text it asks the recognisers, which have tests of
their own; which values identify, how long a value may be and how it is written it knows by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pydicom
from pydicom.charset import decode_bytes, encode_string

from medcli.privacy.text.finder import Finder
from medcli.privacy.text.known import Known
from medcli.privacy.text.merge import union
from tests.privacy.reference_rules import tags
from tests.privacy.reference_values import raw_value

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    grown = len(text) + sum(len(span.category) + 2 - (span.end - span.start) for span in spans)
    at = 0
    for span in spans:
        yield text[at : span.start]
        yield "_" if grown > LENGTHS.get(vr, grown) else f"[{span.category}]"
        at = span.end
    yield text[at:]


def bytes_of(raw: object) -> bytes:
    """Give an element's bytes; a sequence has none."""
    return b"" if isinstance(getattr(raw, "value", None), list) else raw_value(raw)

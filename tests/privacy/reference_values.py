"""Values of the slow reference: pseudonyms, shifted dates, dummies, what looks like a date or a number.

Written from the specification of the profile alone, so that it can disagree with ``medcli``.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
import struct
from typing import Any

from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

NUMERIC = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "AT", "OF", "OD", "OL", "OV"})
TEXT = frozenset({"AE", "LO", "SH", "ST", "LT", "UT", "UC", "UR", "PN"})
BINARY = frozenset({"OB", "OW", "UN"})
DATES = frozenset({"DA", "TM", "DT"})
ZERO = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "FL": "f",
    "FD": "d",
    "SV": "q",
    "UV": "Q",
    "AT": "HH",
    "OF": "f",
    "OD": "d",
    "OL": "I",
    "OV": "Q",
}
DUMMY = {
    **dict.fromkeys(("PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "CS"), b"REMOVED"),
    "AS": b"000Y",
    "DA": b"19000101",
    "DT": b"19000101000000",
    "TM": b"000000",
    "DS": b"0",
    "IS": b"0",
    "UR": b"urn:removed",
}
REPERTOIRE = {"DA": rb"[0-9.\-\\ \0]*", "TM": rb"[0-9:.\-\\ \0]*", "DT": rb"[0-9.+\-\\ \0]*"}
DAY = re.compile(rb"(\d{4})(\.?)(\d{2})(\.?)(\d{2})")
MOMENT = re.compile(
    rb"(\d{4})(?:(\d{2})(?:(\d{2})(?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?)?)?(?:[+-]\d{4})?"
)


def raw_value(raw: Any, *, little: bool = True) -> bytes:
    """Give the bytes of an element that is no sequence; pydicom itself decodes the character set's."""
    value = raw.value
    if isinstance(value, int):  # pydicom itself reads Pixel Representation
        return value.to_bytes(2, "little" if little else "big")
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, list | MultiValue):
        return "\\".join(str(each) for each in value).encode("latin-1")
    return bytes(value) if value else b""


def item(ds: Any, tag: int) -> Any:
    """Give an element as pydicom read it, its bytes not yet converted; None where there is none."""
    return ds.get_item(BaseTag(tag))


def tags_of(ds: Any) -> list[int]:
    """Give a data set's tags in order; iterating over it would convert its elements."""
    return sorted(int(tag) for tag in ds.keys())  # noqa: SIM118 - a Dataset iterates over elements


def keyed(key: bytes, kind: str, message: bytes) -> bytes:
    """Derive 32 bytes for one kind of pseudonym."""
    return hmac.digest(hmac.digest(key, kind.encode(), hashlib.sha256), message, hashlib.sha256)


def new_uid(key: bytes, old: bytes) -> bytes:
    """Map a UID to 2.25 and a version 8 UUID (RFC 9562, 5.8)."""
    number = bytearray(keyed(key, "uid", old)[:16])
    number[6] = number[6] & 0x0F | 0x80
    number[8] = number[8] & 0x3F | 0x80
    return b"2.25." + str(int.from_bytes(number, "big")).encode()


def code(key: bytes, kind: str, message: str) -> str:
    """Write fifteen characters of base 32 for a patient or an accession number."""
    return base64.b32encode(keyed(key, kind, message.encode())).decode()[:15]


def offset(key: bytes, basis: str, low: int, high: int) -> int:
    """Draw a patient's whole number of days from ``low`` to ``high``, never zero."""
    number = int.from_bytes(keyed(key, "date", basis.encode()), "big")
    days = [day for day in range(low, high + 1) if day]
    return days[number % len(days)]


def dummy(vr: str, key: bytes, value: bytes, *, little: bool) -> bytes:
    """Give a value that says nothing and fits the VR."""
    if vr == "UI":
        return new_uids(key, value, frozenset()) if value.strip(b" \0") else new_uid(key, b"")
    if vr in ZERO:
        return struct.pack(("<" if little else ">") + ZERO[vr], *(0 for _ in ZERO[vr]))
    return DUMMY.get(vr, b"\0\0")


def dummy_document(value: bytes) -> bytes:
    """Give an empty document of the same kind: PDF, XML, or two bytes."""
    if b"%PDF-" in value[:1024]:
        parts = [
            b"%PDF-1.4\n",
            b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
            b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n",
            b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>endobj\n",
        ]
        starts = [len(b"".join(parts[:number])) for number in range(1, 5)]
        table = "".join(f"{start:010} 00000 n \n" for start in starts[:3])
        end = f"trailer<</Size 4/Root 1 0 R>>\nstartxref\n{starts[3]}\n%%EOF\n"
        return b"".join(parts) + f"xref\n0 4\n0000000000 65535 f \n{table}{end}".encode()
    return b"<removed/>" if value.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") else b"\0\0"


def new_uids(key: bytes, value: bytes, registered: frozenset[bytes]) -> bytes:
    """Map every UID of a value; empty ones and those registered with DICOM stay."""
    parts = (part.strip(b" \0") for part in value.split(b"\\"))
    return b"\\".join(part if not part or part in registered else new_uid(key, part) for part in parts)


def hides_items(raw: Any) -> bool:
    """Tell whether a value begins as a sequence does."""
    return not isinstance(raw.value, list) and raw_value(raw)[:4] in {
        b"\xfe\xff\x00\xe0",
        b"\xff\xfe\xe0\x00",
    }


def is_code(value: bytes) -> bool:
    """Tell whether a code is one by its form, lower case and hyphens let through."""
    return re.fullmatch(rb" *[A-Za-z0-9 _-]{0,16} *", value) is not None


def is_printable(value: bytes) -> bool:
    """Tell whether a text has no control characters but those of PS3.5 6.1.3."""
    return not any(byte < 32 and byte not in {9, 10, 12, 13, 27} for byte in value.rstrip(b"\0"))


def is_uid(value: bytes) -> bool:
    """Tell whether a UI holds nothing but digits and dots."""
    return re.fullmatch(rb"[0-9.\\ \0]*", value) is not None


def looks_like_date(vr: str, value: bytes) -> bool:
    """Tell whether a value has only the characters of its VR of date or time."""
    return re.fullmatch(REPERTOIRE[vr], value) is not None


def shifted(vr: str, value: bytes, days: int) -> bytes | None:
    """Move every date of a DA or DT value; None where one of them is no date. Times and zones stay."""
    if vr == "TM":
        return value if looks_like_date(vr, value) else None
    if vr not in DATES:
        return None
    parts = [_shifted(vr, part, days) for part in value.split(b"\\")]
    return None if None in parts else b"\\".join(part or b"" for part in parts)


def _shifted(vr: str, part: bytes, days: int) -> bytes | None:
    bare = part.strip(b" \0")
    if not bare:
        return part
    if vr == "DA" and b"-" in bare:
        ends = [_shifted(vr, end, days) for end in bare.split(b"-")]
        return (
            None
            if None in ends or len(ends) != 2
            else part.replace(bare, b"-".join(end or b"" for end in ends))
        )
    match = (DAY if vr == "DA" else MOMENT).fullmatch(bare)
    if match is None or (vr == "DA" and match[2] != match[4]):
        return None
    year, month, day = (match[1], match[3], match[5]) if vr == "DA" else (match[1], match[2], match[3])
    try:
        old = dt.date(int(year), int(month or 1), int(day or 1))
        new = (old + dt.timedelta(days)).strftime("%Y%m%d").zfill(8).encode()
    except (ValueError, OverflowError):
        return None
    dot = match[2] if vr == "DA" else b""
    text = new[:4] + (dot + new[4:6] if month else b"") + (dot + new[6:] if day else b"")
    return part.replace(bare, text + bare[len(text) :], 1)


def age(value: bytes) -> bytes | None:
    """Keep an age of up to 89 years, write 090Y for more, None where it is no age."""
    parts = []
    for part in value.split(b"\\"):
        bare = part.strip(b" \0")
        if bare and not re.fullmatch(rb"\d{1,3}[DWMY]", bare):
            return None
        years = int(bare[:-1]) / {68: 365.25, 87: 52.18, 77: 12, 89: 1}[bare[-1]] if bare else 0
        parts.append(b"090Y" if years > 89 else part)
    return b"\\".join(parts)


def is_number(value: bytes) -> bool:
    """Tell whether a DS or IS holds nothing but numbers."""
    return re.fullmatch(rb"[0-9+\-.eE\\ \0]*", value) is not None

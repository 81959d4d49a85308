"""Single values: dummies of each VR, dates that move, ages that are capped, texts in their character sets.

Knows PS3.5 section 6.2 (VRs) and 6.1 (character sets). Refuses to know which attribute a value belongs to.
"""

from __future__ import annotations

import re
import warnings
from datetime import date, timedelta
from functools import lru_cache

__all__ = [
    "cap_age",
    "decode",
    "dummy",
    "dummy_document",
    "is_code_string",
    "is_date",
    "is_number",
    "is_text",
    "is_zone",
    "shift",
]

DUMMY_TEXT = b"REMOVED"
_DUMMIES = {
    "AS": b"000Y",
    "DA": b"19000101",
    "DT": b"19000101000000",
    "TM": b"000000",
    "DS": b"0",
    "IS": b"0",
    "UR": b"urn:removed",
    "OB": b"\0\0",
    "OW": b"\0\0",
    "UN": b"\0\0",
    "US": b"\0" * 2,
    "SS": b"\0" * 2,
    "UL": b"\0" * 4,
    "SL": b"\0" * 4,
    "FL": b"\0" * 4,
    "AT": b"\0" * 4,
    "OF": b"\0" * 4,
    "OL": b"\0" * 4,
    "FD": b"\0" * 8,
    "OD": b"\0" * 8,
    "OV": b"\0" * 8,
    "SV": b"\0" * 8,
    "UV": b"\0" * 8,
}
#: Bytes that a DS or IS value may hold, and the delimiter and padding around them (PS3.5 table 6.2-1).
NUMBER_BYTES = b"0123456789+-.eE\\ \0"
_DATES = {
    "DA": re.compile(rb"(?:\d{8}|\d{4}\.\d{2}\.\d{2})?(?:-(?:\d{8}|\d{4}\.\d{2}\.\d{2}))?\Z"),
    "TM": re.compile(rb"\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?\Z"),
    "DT": re.compile(rb"\d{4}(?:\d{2}){0,5}(?:(?<=\d{14})\.\d{1,6})?(?:[+-]\d{4})?\Z"),
}
_CODE = re.compile(rb" *[A-Za-z0-9 _-]{0,16} *\Z")
_CONTROL_TO_NUL = bytes(0 if code < 32 and code not in b"\t\n\f\r\x1b" else code for code in range(256))
_DA = re.compile(rb"(\d{4})(\.?)(\d{2})\.?(\d{2})")
#: What designates a character set (ISO 2022, PS3.5 6.1.2.5.3), as text.
_ESCAPE = re.compile("\x1b[ -/]*[0-~]?")
_AGE = re.compile(rb"(\d{1,4})([DWMY])\Z")
#: Ages of 90 years and more in each unit (45 CFR 164.514(b)(2)(i)(C): over 89 is one category).
_NINETY = {b"Y": 90, b"M": 90 * 12, b"W": 90 * 52, b"D": 90 * 365}


def dummy(vr: str) -> bytes:
    """A value that is legal for `vr` and says nothing (text VRs: ``REMOVED``)."""
    return _DUMMIES.get(vr, DUMMY_TEXT)


def dummy_document(raw: bytes) -> bytes:
    """An empty document of the kind that `raw` is: PDF, XML (CDA, 3D models), or two zero bytes for any other."""
    if raw[:1024].find(b"%PDF-") >= 0:
        return _empty_pdf()
    return b"<removed/>" if raw.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<" else b"\0\0"


@lru_cache(maxsize=1)
def _empty_pdf() -> bytes:
    """A legal PDF of one blank page (ISO 32000-1, 7.5)."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%sendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count, at = len(objects) + 1, len(body)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, at)
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def is_number(raw: bytes) -> bool:
    """Whether `raw` holds only what a DS or IS value may hold."""
    return not raw.translate(None, NUMBER_BYTES)


def is_code_string(raw: bytes) -> bool:
    """Whether every value is a CS of PS3.5, or would be with capital letters and underscores for hyphens."""
    return all(_CODE.match(part) for part in raw.rstrip(b"\0 ").split(b"\\"))


def is_text(raw: bytes) -> bool:
    """Whether `raw` holds no control characters but line ends, tabs and escapes: no other element hides in it."""
    return not raw.rstrip(b"\0").translate(_CONTROL_TO_NUL).count(0)


def is_zone(raw: bytes) -> bool:
    """Whether `raw` is an offset from UTC such as ``+0100`` (PS3.3 C.12.1.1.8)."""
    return bool(re.match(rb"\s*[+-]\d{4}\s*\Z", raw.rstrip(b"\0")))


def _parts(raw: bytes) -> list[bytes]:
    return raw.rstrip(b"\0 ").split(b"\\")


def is_date(vr: str, raw: bytes) -> bool:
    """Whether every value in `raw` is a DA, TM or DT of PS3.5 (or empty, or a DA range)."""
    pattern = _DATES[vr]
    return all(not part.strip() or pattern.match(part.strip()) for part in _parts(raw))


def cap_age(raw: bytes) -> bytes | None:
    """An AS value with more than 89 years as ``090Y``, any other as it is; None where it is no age."""
    if not raw.strip(b"\0 "):
        return raw
    capped, changed = [], False
    for part in _parts(raw):
        match = _AGE.match(part.strip())
        if not match:
            return None
        over = int(match[1]) >= _NINETY[match[2]]
        changed |= over
        capped.append(b"090Y" if over else part)
    return b"\\".join(capped) if changed else raw


def shift(vr: str, raw: bytes, days: int) -> bytes | None:
    """Move every date in `raw` by `days`; times, zones, partial and old forms keep their shape.

    Parameters
    ----------
    vr
        ``DA``, ``DT`` or ``TM`` (times stay).
    raw
        The value's bytes, padding included.
    days
        Whole days.

    Returns
    -------
    bytes or None
        None where a value is not of its VR or leaves the calendar (years 1 to 9999).
    """
    if not is_date(vr, raw):
        return None
    if vr == "TM":
        return raw
    try:
        moved = [_shift_da(part, days) if vr == "DA" else _shift_dt(part, days) for part in _parts(raw)]
    except (ValueError, OverflowError):
        return None
    return b"\\".join(moved)


def _moved(year: bytes, month: bytes, day: bytes, days: int) -> date:
    return date(int(year), int(month), int(day)) + timedelta(days)


def _shift_da(part: bytes, days: int) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        moved = _moved(match[1], match[3], match[4], days)
        dot = match[2].decode()
        return f"{moved.year:04d}{dot}{moved.month:02d}{dot}{moved.day:02d}".encode()

    return _DA.sub(one, part)


def _shift_dt(part: bytes, days: int) -> bytes:
    digits = re.match(rb"\d*", part.strip())
    assert digits is not None
    length = min(len(digits[0]), 8)
    if not length:
        return part
    text = part.strip()
    moved = _moved(text[:4], text[4:6] if length > 4 else b"01", text[6:8] if length > 6 else b"01", days)
    return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}".encode()[:length] + text[length:]


@lru_cache(maxsize=256)
def codecs_of(charset: bytes) -> tuple[str, ...]:
    from pydicom.charset import python_encoding

    names = [term.strip().decode("latin-1") for term in charset.rstrip(b"\0 ").split(b"\\")]
    return tuple(python_encoding.get(name, "latin-1") for name in names)


def decode(raw: bytes, charset: bytes) -> str:
    """Text of `raw` under Specific Character Set `charset`; bytes that fit no set are read as Latin-1."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    codecs = codecs_of(charset)
    if b"\x1b" in raw:
        return _decode_escaped(raw, codecs)
    for codec in (*codecs, "utf-8"):
        try:
            return raw.decode(codec if codec != "iso8859" else "ascii")
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("latin-1")


def _decode_escaped(raw: bytes, codecs: tuple[str, ...]) -> str:
    """Text of `raw` with ISO 2022 escapes; those that pydicom does not follow are dropped, and its warnings too."""
    from pydicom.charset import decode_bytes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _ESCAPE.sub("", decode_bytes(raw, list(codecs), set(b"\\^=\r\n\t\f")))

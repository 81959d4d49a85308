"""Search what was written for what should be gone.

Knows how identifying values can be spelt (names and their parts, identifiers, dates, UIDs), and which bytes of a
written file have to be searched. Refuses to know how the file came to be: it sees the source's identifying values
and the result, nothing between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from medcli.privacy import profiles
from medcli.privacy.dicom.boundaries import UID_CHAR, WORD, bounded
from medcli.privacy.dicom.codes import vrs_of
from medcli.privacy.dicom.decisions import BIRTH_DATE
from medcli.privacy.dicom.encoding import VRS
from medcli.privacy.dicom.rewriting import Found
from medcli.privacy.dicom.values import decode, dummy
from medcli.privacy.dicom.words import Spelling, Words, birth_words, fold, identifier_words, name_words

__all__ = ["Needles", "needles"]

#: Needles of this length and more are searched at token boundaries, shorter ones as whole values only.
SHORT = 4
#: From so many UIDs on it is quicker to take the text apart than to look for each of them.
_MANY = 48
#: Words of this length and more are looked for as UTF-16 of either byte order, too (ICC profiles, makers' blobs).
_WIDE = 5
_UIDS = re.compile(rb"[0-9.]{6,64}")
#: In compressed or other dense bytes chance alone makes short strings: only longer needles count there.
LONG = 8

_OURS = frozenset(dummy(vr).lower() for vr in ("LO", "DA", "DT", "AS", "TM", "UR"))
#: Words that stand where a name is not known, and titles: they name nobody.
_PLACEHOLDERS = frozenset(
    [
        "anon",
        "anonymised",
        "anonymized",
        "anonymous",
        "deidentified",
        "dr",
        "frau",
        "herr",
        "jr",
        "md",
        "med",
        "miss",
        "mme",
        "mr",
        "mrs",
        "ms",
        "n/a",
        "name",
        "no",
        "noname",
        "none",
        "null",
        "phd",
        "prof",
        "rev",
        "sir",
        "sr",
        "unknown",
        "unspecified",
    ]
)
#: The escape sequence that ends a text of two-byte characters; it can be spelt in several ways (PS3.5 H.3).
_CLOSING = re.compile(rb"\x1b\([BJ]\Z")
#: The longest spelling of a date: 30 September, 2020.
_SPELT = 18
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_TEXT = frozenset(["AE", "LO", "SH", "ST", "LT", "UT", "UC", "UR"])
_TEXT_VRS = frozenset(b"AE LO SH ST LT UT UC UR PN".split())


@dataclass(slots=True)
class Needles:
    """Strings to search for, lower case; each knows the tag it came from.

    Attributes
    ----------
    tokens, uids, short
        Needle -> tag: found at token boundaries, at the boundaries of a UID, or as a whole text value.
    years
        Year -> spellings of dates -> tag.
    words
        The same values as people spell them in texts.
    wide
        Words as UTF-16, without the zero before the first or behind the last character.
    """

    tokens: dict[bytes, int] = field(default_factory=dict)
    uids: dict[bytes, int] = field(default_factory=dict)
    short: dict[bytes, int] = field(default_factory=dict)
    years: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    wide: dict[bytes, int] = field(default_factory=dict)

    def search(self, hay: bytes) -> int | None:
        """The tag whose value is found in `hay` (any case), or None."""
        low = hay.lower()
        hit = self._search_wide(low)
        hit = self._search_uids(hay, low) if hit is None else hit
        if hit is None:
            hit = _first(hay, low, self.tokens, WORD)
        for year, spellings in self.years.items():
            if hit is None and year in low:
                near = _around(low, year)
                hit = _first(hay, low, {form: tag for form, tag in spellings.items() if form in near}, WORD)
        if hit is None:
            hit = next((tag for needle, tag in self.short.items() if _whole_value(hay, low, needle)), None)
        return hit

    def finds(self, text: str) -> bool:
        """Whether one of the values stands in a text value."""
        raw = text.encode()
        low = raw.lower()
        return (
            any(part.strip() in self.short for part in low.split(b"\\"))
            or self.search(raw) is not None
            or self.words.search((text,)) is not None
        )

    def _search_uids(self, hay: bytes, low: bytes) -> int | None:
        if len(self.uids) < _MANY:
            return _first(hay, low, self.uids, UID_CHAR)
        met = {uid.strip(b".") for uid in _UIDS.findall(hay)}
        return next((tag for needle, tag in self.uids.items() if needle in met), None)

    def search_dense(self, chunks: Iterable[bytes]) -> int | None:
        """The tag whose long value is found in dense bytes given in overlapping chunks, or None.

        Any byte may stand beside a name there: boundaries count for UIDs only.
        """
        long = _shortest({needle: tag for needle, tag in self.tokens.items() if len(needle) >= LONG})
        if not long and not self.uids and not self.wide:
            return None
        for chunk in chunks:
            low = chunk.lower()
            hit = next((tag for needle, tag in long.items() if needle in low), None)
            hit = self._search_uids(chunk, low) if hit is None else hit
            hit = self._search_wide(low) if hit is None else hit
            if hit is not None:
                return hit
        return None

    def _search_wide(self, low: bytes) -> int | None:
        """As `in` would, but quick where zeros abound: what is not there without zeros is not there with them."""
        if not self.wide:
            return None
        narrow = low.translate(None, b"\0")
        return next(
            (tag for needle, tag in self.wide.items() if needle[::2] in narrow and needle in low), None
        )


def _shortest(wanted: dict[bytes, int]) -> dict[bytes, int]:
    """The needles that hold no other needle: where those are not found, the others can't be either."""
    kept: dict[bytes, int] = {}
    for needle in sorted(wanted, key=len):
        if not any(other in needle for other in kept):
            kept[needle] = wanted[needle]
    return kept


def _first(hay: bytes, low: bytes, wanted: dict[bytes, int], inside: frozenset[int]) -> int | None:
    """The tag of the first needle that stands in `low` with no character of `inside` beside it."""
    return next(
        (tag for needle, tag in wanted.items() if needle in low and bounded(hay, low, needle, inside)), None
    )


def _around(low: bytes, year: bytes) -> bytes:
    """The surroundings of each `year` in `low`: any date of that year that stands there is in them."""
    parts, at = [], low.find(year)
    while at >= 0:
        parts.append(low[max(at - _SPELT, 0) : at + _SPELT])
        at = low.find(year, at + 4)
    return b"\n".join(parts)


def _whole_value(hay: bytes, low: bytes, needle: bytes) -> bool:
    """Whether a text value of `hay` is `needle` and nothing else."""
    at = low.find(needle)
    while at >= 0:
        if _begins_value(hay, low, at, needle):
            return True
        at = low.find(needle, at + 1)
    return False


def _begins_value(hay: bytes, low: bytes, at: int, needle: bytes) -> bool:
    behind = low[at + len(needle) : at + len(needle) + 1]
    if at and low[at - 1] == 0x5C:
        return behind in (b"\\", b" ", b"\0", b"")
    if at < 8:
        return False
    short, long = hay[at - 4 : at - 2], hay[at - 8 : at - 6]
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    layouts = [(2, short, order) for order in orders] + [(4, long, order) for order in orders]
    for width, vr, order in (*layouts, (4, _implicit_vr(hay, at), orders[0])):
        length = int.from_bytes(hay[at - width : at], order)
        if not 0 < length - len(needle) + 1 <= 4096 or vr not in _TEXT_VRS:
            continue
        value = low[at : at + length]
        if len(value) == length and value.rstrip(b"\0 ").split(b"\\")[0].strip() == needle:
            return True
    return False


def _implicit_vr(hay: bytes, at: int) -> bytes:
    """The VR of a value at `at`, if an element in implicit little endian begins eight bytes before it (else LO)."""
    if hay[at - 8 : at - 6] in VRS and hay[at - 6 : at - 4] == b"\0\0":
        return b""  # an explicit header of twelve bytes
    tag = int.from_bytes(hay[at - 8 : at - 6], "little") << 16 | int.from_bytes(
        hay[at - 6 : at - 4], "little"
    )
    return (vrs_of(tag) or ("LO",))[0].encode("ascii")


def needles(
    found: Iterable[Found],
    kept: Iterable[bytes],
    makers: Iterable[bytes] = (),
    common: Callable[[str], bool] | None = None,
) -> Needles:
    """The needles of a file's identifying values.

    Parameters
    ----------
    found
        Values that went.
    kept
        Values that an option kept or that replace others: needles inside them are left out.
    makers
        Manufacturer and model as kept: names of places and devices inside them are left out.
    common
        Whether a folded word is common language: such words are left out, for somebody else looks for them with
        regard to capitals and neighbours.
    """
    result, blob, maker = Needles(), b"\0".join(kept).lower(), b"\0".join(makers).lower()
    identity = profiles.identity()
    excused = fold(blob.decode("latin-1"))
    for value in found:
        called = identity.get(value.tag) in ("place", "device")
        if called and len(value.raw.strip(b"\0 ")) <= SHORT:
            continue  # a room called CT or Here: a word of any text
        known = maker if called and _names_makers(value.raw) else b""
        for kind, text in _words_of(value):
            raw = text.encode()
            usual = common is not None and kind == "word" and common(text)
            if (
                not usual
                and raw not in _OURS
                and text not in _PLACEHOLDERS
                and text not in excused
                and raw not in known
            ):
                result.words.add(kind, text, value.tag)
                if kind == "word" and len(text) >= _WIDE and text.isascii():
                    result.wide.setdefault(_wide(text), value.tag)
        for kind, needle in _spellings(value.vr, value.raw, value.charset):
            inside = UID_CHAR if kind == "uids" else WORD
            if (
                needle in _OURS
                or (common is not None and needle.isalpha() and common(needle.decode()))
                or any(
                    needle in text and bounded(text, text, needle, inside) for text in (blob, known) if text
                )
            ):
                continue
            if kind == "date":
                result.years.setdefault(needle[:4], {}).update(
                    dict.fromkeys(_date_spellings(needle), value.tag)
                )
            else:
                getattr(result, kind).setdefault(needle, value.tag)
    return result


@lru_cache(maxsize=65536)
def _wide(text: str) -> bytes:
    """ASCII `text` as UTF-16 of either byte order, without the zero at its edge."""
    return b"\0".join(text.encode()[at : at + 1] for at in range(len(text)))


@lru_cache(maxsize=4096)
def _names_makers(raw: bytes) -> bool:
    """Whether a place or device is called by the names of makers and nothing else."""
    return set(re.findall(r"\w+", raw.decode("latin-1").lower())) <= profiles.makers()


def _words_of(value: Found) -> tuple[Spelling, ...]:
    """How people may spell a value in a text."""
    if value.vr == "PN":
        return name_words(value.raw, value.charset)
    if value.tag == BIRTH_DATE:
        return tuple(spelling for digits in _dates(value.raw) for spelling in birth_words(digits))
    return identifier_words(value.raw, value.charset) if value.vr in _TEXT else ()


@lru_cache(maxsize=65536)
def _spellings(vr: str, raw: bytes, charset: bytes) -> tuple[tuple[str, bytes], ...]:
    if vr == "UI":
        parts = (part.strip(b"\0 ").lower() for part in raw.split(b"\\"))
        return tuple(
            ("uids", part) for part in parts if len(part) > 5 and not part.startswith(b"1.2.840.10008.")
        )
    if vr in ("DA", "DT"):
        return tuple(("date", digits) for digits in _dates(raw))
    if vr in ("TM", "AS", "CS", "DS", "IS", "SQ", "US", "UL", "SS", "SL", "FL", "FD", "OB", "OW", "UN"):
        return ()
    texts = [value for value in decode(raw, charset).split("\\") if value.strip("\0 ")]
    spellings = set()
    for text in texts:
        spellings.update(_name_spellings(text) if vr == "PN" else _text_spellings(text))
    return tuple(sorted({_sized(needle) for text in spellings for needle in _encoded(text, charset)}))


def _sized(needle: bytes) -> tuple[str, bytes]:
    return ("tokens" if len(needle) >= SHORT else "short", needle)


def _dates(raw: bytes) -> Iterator[bytes]:
    for match in re.finditer(rb"(\d{4})[.]?(\d{2})[.]?(\d{2})", raw):
        digits = b"".join(match.groups())
        if b"1800" < digits[:4] < b"2200" and b"01" <= digits[4:6] <= b"12":
            yield digits


@lru_cache(maxsize=65536)
def _date_spellings(digits: bytes) -> tuple[bytes, ...]:
    """Usual spellings of a date given as YYYYMMDD; each of them contains the year."""
    text = digits.decode("ascii")
    year, month, day = text[:4], text[4:6], text[6:]
    spelt = [text, f"{day}{month}{year}", f"{month}{day}{year}"]
    for mark in "-./ ":
        spelt += [
            f"{year}{mark}{month}{mark}{day}",
            f"{day}{mark}{month}{mark}{year}",
            f"{month}{mark}{day}{mark}{year}",
        ]
    short_day, short_month = day.lstrip("0"), month.lstrip("0")
    for mark in "-./":
        spelt += [
            f"{short_month}{mark}{short_day}{mark}{year}",
            f"{short_day}{mark}{short_month}{mark}{year}",
        ]
    for name in (_MONTHS[int(month) - 1], _MONTHS[int(month) - 1][:3]):
        spelt += [f"{d}{mark}{name}{mark}{year}" for d in (day, short_day) for mark in "- "]
        spelt += [f"{name} {d}{mark} {year}" for d in (day, short_day) for mark in ("", ",")]
        spelt.append(f"{day}{name}{year}")
    return tuple(dict.fromkeys(form.encode("ascii") for form in spelt))


def _text_spellings(text: str) -> set[str]:
    text = text.strip("\0 \t\r\n")
    bare = re.sub(r"[\s\-./]", "", text)
    forms = {text}
    if bare and any(char.isdigit() for char in bare) and len(bare) >= SHORT:
        forms.add(bare)
    return {form for form in forms if len(set(form)) > 1}  # one character again and again identifies nobody


def _name_spellings(text: str) -> set[str]:
    """A person name whole, in both orders, and each of its parts (PS3.5 6.2.1: groups by =, components by ^)."""
    forms: set[str] = set()
    for group in text.split("="):
        components = [part.strip("\0 ") for part in group.split("^")]
        words = [word for part in components for word in re.split(r"[\s,;()\[\]]+", part) if word]
        forms.update(words, (part for part in components if part))
        forms.update(part for word in words for part in re.split(r"[-'\u2019]", word))
        if len(words) > 1:
            first, last = words[1], words[0]
            forms.update(
                f"{a}{mark}{b}"
                for a, b in ((last, first), (first, last))
                for mark in (" ", ", ", "^", ",", "_")
            )
    return {
        form for form in forms if (len(form) > 1 or not form.isascii()) and form.lower() not in _PLACEHOLDERS
    }


def _encoded(text: str, charset: bytes) -> set[bytes]:
    """`text` in the bytes it may have: ASCII, or UTF-8 and every character set that the file names."""
    if text.isascii():
        return {text.lower().encode("ascii")}
    from medcli.privacy.dicom.values import codecs_of

    forms = set()
    for spelt in (text, text.lower(), text.upper()):
        for codec in ("utf-8", *codecs_of(charset)):
            try:
                forms.add(_CLOSING.sub(b"", spelt.encode(codec)).lower())
            except (UnicodeEncodeError, LookupError):
                continue
    return forms

"""Where a word begins and ends in the bytes of a DICOM file.

Knows which characters make words and UIDs, and what stands right before and behind a value without being its text:
headers of elements and items, escape sequences, marker segments. Refuses to know what is searched for.
"""

from __future__ import annotations

from medcli.privacy.dicom.codes import vrs_of
from medcli.privacy.dicom.encoding import LONG_VRS, SHORT_VRS, VRS

__all__ = ["UID_CHAR", "WORD", "bounded"]

#: Letters, digits and the bytes of other character sets (0xFF is in none but as a rare letter of Latin-1: it begins a
#: marker of JPEG or a delimiter).
WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") | frozenset(
    range(128, 255)
)
UID_CHAR = frozenset(b"0123456789.")
#: So many digits stand in measures by chance: there they are no identifier.
FEW = 5
_NUMBER = frozenset(b"0123456789+-.eE\\ ")
#: Item, Item Delimitation and Sequence Delimitation in both byte orders, as far as they are the same.
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0")


def bounded(hay: bytes, low: bytes, needle: bytes, inside: frozenset[int]) -> bool:
    """Whether `needle` stands in `low` with no character of `inside` right before or behind it.

    Parameters
    ----------
    hay, low
        The bytes, and the same in lower case.
    needle
        In lower case.
    inside
        What makes a longer word of it.
    """
    few = len(needle) <= FEW and needle.isdigit()
    # Inside a needle of one word no other occurrence can begin at a boundary.
    step = len(needle) if needle.isalnum() else 1
    at = low.find(needle)
    while at >= 0:
        ends = _ends(hay, at + len(needle), inside)
        if ends and _begins(hay, at, inside) and not (few and _in_number(hay, at)):
            return True
        at = low.find(needle, at + step)
    return False


def _begins(hay: bytes, at: int, inside: frozenset[int]) -> bool:
    """Whether a word may begin at `at`: behind no character of one, behind an escape or behind a header's length."""
    if at == 0 or hay[at - 1] not in inside:
        return True
    near = hay[max(at - 8, 0) : at]
    short, long = near[-4:-2] in SHORT_VRS, near[-8:-6] in LONG_VRS and near[-6:-4] == b"\0\0"
    return short or long or b"\x1b" in near[-4:] or near[-4:-3] == b"\xff"


def _in_number(hay: bytes, at: int) -> bool:
    """Whether the digit at `at` belongs to a DS or IS value: a measure, not an identifier."""
    start = at
    while start and hay[start - 1] in _NUMBER:
        start -= 1
    return any(_vr_before(hay, value) in (b"DS", b"IS") for value in (start, start + 1))


def _vr_before(hay: bytes, value: int) -> bytes:
    """The VR of the element whose value begins at `value`: as it stands there, or the dictionary's."""
    if value < 8:
        return b""
    if hay[value - 4 : value - 2] in SHORT_VRS:
        return hay[value - 4 : value - 2]
    return (vrs_of(_tag(hay[value - 8 : value - 4])) or ("",))[0].encode("ascii")


def _tag(raw: bytes) -> int:
    return int.from_bytes(raw[:2], "little") << 16 | int.from_bytes(raw[2:], "little")


def _ends(hay: bytes, at: int, inside: frozenset[int]) -> bool:
    """Whether a word may end before `at`: before no character of one, or before the header of an element or item."""
    if at >= len(hay) or hay[at] not in inside:
        return True
    near = hay[at : at + 8]
    if inside is UID_CHAR and near[:1] == b"." and not near[1:2].isdigit():
        return True
    if near[4:6] in VRS or near[:4] in _ITEMS:
        return True
    return len(near) == 8 and bool(vrs_of(_tag(near[:4]))) and int.from_bytes(near[4:], "little") <= len(hay)

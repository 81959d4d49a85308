"""Compares a released file with the slow reference, element by element, and with its source where nothing may change.

Knows what counts as the same value: padding to even length does not differ, and UN that hides a known VR is that VR.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.tag import BaseTag

from tests.privacy import wire
from tests.privacy.reference import actual_vr, items_of
from tests.privacy.reference_values import item, raw_value, tags_of

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset, FileDataset

META = {0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013}
SAME = ({"OB", "OW", "UN"}, {"US", "SS"})
METHOD, CODES = 0x00120063, 0x00120064


def _bare(value: bytes, vr: str) -> bytes:
    """Take off what PS3.5 6.2 lets a writer add; binary values lose at most the pad of an odd length."""
    if vr in {"OB", "OW", "UN"} or vr not in TEXTUAL:
        return value[:-1] if len(value) % 2 == 0 and value.endswith(b"\0") and vr == "OB" else value
    return value.rstrip(b" \0")


TEXTUAL = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
)


def _same_vr(left: str, right: str) -> bool:
    return left == right or any({left, right} <= group for group in SAME)


def _items(ds: Dataset, where: str, new: Dataset, *, little: bool) -> Iterator[str]:
    """Compare one data set or item with another."""
    tags = {*tags_of(ds), *tags_of(new)}
    for tag in sorted(tags):
        here = f"{where}({tag >> 16:04X},{tag & 0xFFFF:04X})"
        left, right = item(ds, tag), item(new, tag)
        if left is None or right is None:
            yield f"{here} is only in the {'stream' if left is None else 'reference'}"
            continue
        yield from _element(left, right, here, little=little)


def _element(
    left: DataElement | RawDataElement, right: DataElement | RawDataElement, here: str, *, little: bool
) -> Iterator[str]:
    """Compare the VRs, then the items or the bytes."""
    old, new = actual_vr(left), actual_vr(right)
    if int(left.tag) >> 16 & 1 and new == "UN":  # implicit VR: the reference knows the VR from the safe list
        new = old
    if not _same_vr(old, new):
        yield f"{here} is {old} in the reference and {new} in the stream"
    elif old == "SQ":
        lefts, rights = items_of(left), items_of(right)
        if len(lefts) != len(rights):
            yield f"{here} has {len(lefts)} items in the reference and {len(rights)} in the stream"
        for number, pair in enumerate(zip(lefts, rights, strict=False)):
            yield from _items(pair[0], f"{here}[{number}]", pair[1], little=little)
    elif _bare(raw_value(left, little=little), old) != _bare(raw_value(right, little=little), new):
        yield f"{here} {old} is {raw_value(left)[:80]!r} in the reference and {raw_value(right)[:80]!r} in the stream"


def _marks(ds: Dataset, new: Dataset) -> Iterator[str]:
    """Compare the marks by what they say: the method's fixed parts, the codes as a set."""
    said = [
        raw_value(e).decode("latin-1").rstrip(" \0")
        for e in (item(ds, METHOD), item(new, METHOD))
        if e is not None
    ]
    parts = [
        [part.rstrip(": ") for part in text.split("\\") if not part.startswith("rule ")] for text in said
    ]
    if (
        len(parts) != 2
        or parts[1][0].split(" ")[0] != parts[0][0]
        or sorted(parts[0][1:]) != sorted(parts[1][1:])
    ):
        yield f"(0012,0063) is {said}"
    codes = []
    for each in (ds, new):
        raw = item(each, CODES)
        codes.append({item.CodeValue for item in items_of(raw)} if raw is not None else set())
    if codes[0] != codes[1]:
        yield f"(0012,0064) says {sorted(codes[1])}, not {sorted(codes[0])}"
    for tag in (METHOD, CODES):
        for each in (ds, new):
            if BaseTag(tag) in each:
                del each[BaseTag(tag)]


def _frame(data: bytes, source: FileDataset, new: FileDataset) -> Iterator[str]:
    """Check preamble, file meta and transfer syntax."""
    if data[:132] != b"\0" * 128 + b"DICM":
        yield "the preamble is not zero"
    meta = new.file_meta
    if set(tags_of(meta)) != META:
        yield f"the file meta has {sorted(hex(int(tag)) for tag in set(tags_of(meta)) ^ META)} too many or too few"
    length = sum(len(e.raw) for e in wire.elements(data, start=132, stop_group=3)[1:])
    if meta.get("FileMetaInformationGroupLength") != length:
        yield "the file meta's group length is wrong"
    if meta.get("MediaStorageSOPInstanceUID") != new.get("SOPInstanceUID"):
        yield "Media Storage SOP Instance UID is not the data set's"
    stored = getattr(source, "file_meta", {}).get("MediaStorageSOPClassUID")
    if meta.get("MediaStorageSOPClassUID") != new.get("SOPClassUID", stored):
        yield "Media Storage SOP Class UID is not the data set's"
    old = source.file_meta.get("TransferSyntaxUID") if getattr(source, "file_meta", None) else None
    if old is not None and old != meta.get("TransferSyntaxUID"):
        yield "the transfer syntax changed"


def _order(data: bytes, new: FileDataset) -> Iterator[str]:
    """Check that tags ascend and none comes twice, on the bytes."""
    file = wire.split(data)
    tags = [each.tag for each in wire.elements(file.body, wire.syntax_of(file.transfer_syntax))]
    if tags != sorted(set(tags)):
        yield "tags do not ascend"
    if len(tags) != len(new):
        yield "pydicom does not see every element"


def differences(streamed: Path, reference: Dataset, source: Path) -> list[str]:
    """Compare a released file with what the reference made of its source.

    Parameters
    ----------
    streamed
        The released file.
    reference
        What ``reference_scrub`` gave; its marks are taken out of it.
    source
        The file that both were made from.

    Returns
    -------
    list of str
        One line a difference, with its place; none where both agree.
    """
    data = streamed.read_bytes()
    new, old = pydicom.dcmread(streamed), pydicom.dcmread(source, force=True)
    found = [*_frame(data, old, new), *_order(data, new)]
    pixels = [item(ds, 0x7FE00010) for ds in (old, new)]
    if None not in pixels and len(raw_value(pixels[0])) != len(raw_value(pixels[1])):
        found.append("pixel data changed its length")
    found += _marks(reference, new)
    return found + list(_items(reference, "", new, little=bool(new.original_encoding[1])))

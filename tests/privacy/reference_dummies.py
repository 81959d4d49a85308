"""The items that the slow reference puts in the place of a sequence that must not be empty."""

from __future__ import annotations

import struct

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from tests.privacy import reference_values as values
from tests.privacy.reference_rules import rows


def item(tag: int, key: bytes, *, little: bool) -> Dataset:
    """Make the one item of a sequence, empty where the table has none."""
    out = Dataset()
    for row in rows("sequence_dummies"):
        if int(row["sequence"], 16) != tag:
            continue
        *above, last = (int(part, 16) for part in row["path"].split("."))
        home = out
        for step in above:
            if step not in values.tags_of(home):
                home._dict[BaseTag(step)] = DataElement(step, "SQ", Sequence([Dataset()]))
            home = values.item(home, step).value[0]
        home._dict[BaseTag(last)] = element(last, row["vr"], row["value"], key, little=little)
    return out


def element(tag: int, vr: str, text: str, key: bytes, *, little: bool) -> RawDataElement | DataElement:
    """Make one child of the item."""
    if vr == "SQ":
        return DataElement(tag, "SQ", Sequence([]))
    value = values.new_uid(key, b"") if text == "{uid}" else text.encode()
    if vr in values.ZERO:
        form = ("<" if little else ">") + values.ZERO[vr]
        value = b"".join(
            struct.pack(form, float(part) if vr in {"FL", "FD"} else int(part)) for part in text.split("\\")
        )
    elif vr == "OB":
        value = bytes(int(part) for part in text.split("\\"))
    return RawDataElement(BaseTag(tag), vr, len(value), value, 0, False, little)

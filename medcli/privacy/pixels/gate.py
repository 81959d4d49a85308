"""Which files' pixels are looked at, by their headers.

Knows two tables of reasons: ``profiles/burned_in.tsv``, by which files are withheld where nobody looks, and
``gate.tsv``, what ``auto`` looks at besides. Burned In Annotation NO is a hint that spares a look where nothing else
speaks for one, never a proof. Refuses to open pixels.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medcli.privacy.dicom.header import Header

__all__ = ["reason", "rules"]


@lru_cache(maxsize=1)
def rules() -> Mapping[tuple[str, str], str]:
    """(kind, value) -> reason, as gate.tsv has them."""
    lines = (resources.files(__package__) / "gate.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    return {(kind, value): why for kind, value, why in rows}


def reason(head: Header, mode: str) -> str:
    """Why the pixels of a file are looked at; empty where they are not.

    Parameters
    ----------
    head
        The header.
    mode
        ``auto`` or ``all``.
    """
    if head.pixels is None:
        return ""
    if mode == "all":
        return "all pixels are looked at"
    return head.shows_text() or _more(head)


def _more(head: Header) -> str:
    """A reason of gate.tsv."""
    table = rules()
    for (kind, value), why in table.items():
        if kind == "present" and int(value, 16) in head.seen:
            return why
    made = f"{head.word(0x00080070)}\n{head.word(0x00081090)}".lower()
    modality = head.modality.upper()
    for (kind, value), why in table.items():
        if kind == "maker" and value in made:
            return why
    if head.numbers().get(0x00280100) == 8 and ("eight_bit", modality) in table:
        return table["eight_bit", modality]
    if head.word(0x00280301).upper() == "NO":
        return ""
    types = {part.strip().upper() for part in head.word(0x00080008).split("\\")}
    kinds = [("unless_no_modality", modality), *(("unless_no_image_type", one) for one in sorted(types))]
    return next((table[pair] for pair in kinds if pair in table), "")

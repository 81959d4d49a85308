"""The type of an attribute in the IOD of a SOP class (PS3.3), which decides conditional action codes.

Knows how ``iod_types.tsv`` is laid out. Refuses to know action codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources

__all__ = ["item_types", "top_types", "type_of", "types"]

_STRENGTH = {"1": 0, "1C": 1, "2": 2, "2C": 3}
#: What an attribute is that a known IOD or sequence does not name, or names as optional.
OPTIONAL = "3"


@lru_cache(maxsize=1)
def _records() -> Mapping[str, Mapping[str, str]]:
    kinds: dict[str, dict[str, str]] = {"sop": {}, "iod": {}, "module": {}, "item": {}}
    text = resources.files(__package__).joinpath("iod_types.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            kind, name, value = line.split("\t")
            kinds[kind][name] = value
    return kinds


def _parse(listed: str) -> dict[int, str]:
    return {int(pair[:8], 16): pair[9:] for pair in listed.split()}


@lru_cache(maxsize=256)
def top_types(sop_class: str) -> Mapping[int, str] | None:
    """Types at the top level of a SOP class's data sets by tag; None where the SOP class is not known.

    Only types 1, 1C, 2 and 2C are listed: what is missing is of type 3, or not in the IOD.
    """
    records = _records()
    iod = records["sop"].get(sop_class)
    if iod is None:
        return None
    merged: dict[int, str] = {}
    for module in records["iod"][iod].split():
        for tag, kind in _parse(records["module"][module]).items():
            if tag not in merged or _STRENGTH[kind] < _STRENGTH[merged[tag]]:
                merged[tag] = kind
    return merged


@lru_cache(maxsize=2048)
def item_types(sequence: int) -> Mapping[int, str] | None:
    """Types in the items of a sequence by tag, in whatever IOD it stands; None where no IOD has the sequence."""
    listed = _records()["item"].get(f"{sequence:08X}")
    return None if listed is None else _parse(listed)


def type_of(sop_class: str, path: Sequence[int], tag: int) -> str | None:
    """Say the type of an attribute: 1, 1C, 2, 2C or 3 (optional, or not in the IOD); None where it is unknown.

    Parameters
    ----------
    sop_class
        SOP Class UID of the data set.
    path
        Tags of the sequences that enclose the attribute, outermost first; empty at the top level.
    tag
        The attribute.
    """
    known = item_types(path[-1]) if path else top_types(sop_class)
    return None if known is None else known.get(tag, OPTIONAL)


@lru_cache(maxsize=16)
def types(sop_class: str) -> Mapping[tuple[int, ...], str]:
    """All types 1, 1C, 2 and 2C of a SOP class by ``(tag,)``, and of all items by ``(sequence, tag)``."""
    found: dict[tuple[int, ...], str] = {(tag,): kind for tag, kind in (top_types(sop_class) or {}).items()}
    for name, listed in _records()["item"].items():
        parent = int(name, 16)
        found.update({(parent, tag): kind for tag, kind in _parse(listed).items()})
    return found

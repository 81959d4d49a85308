"""The standard's tables and our own, as data: what each file says, looked up by tag.

Knows how the TSV files beside this module are laid out; each names its source, edition and date in its header.
Refuses to know what is done with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

__all__ = ["Attribute", "attributes", "edition", "rows"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row of PS3.15 Table E.1-1: the Basic Profile's code, and each option's where it has one."""

    tag: int
    keyword: str
    vr: str
    basic: str
    options: Mapping[str, str]


def _lines(name: str) -> Iterator[str]:
    text = resources.files(__name__).joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    return iter(text.splitlines())


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of ``<name>.tsv`` by column name; comment lines are passed over."""
    lines = (line for line in _lines(name) if line and not line.startswith("#"))
    columns = next(lines).split("\t")
    for line in lines:
        yield dict(zip(columns, line.split("\t"), strict=False))


@lru_cache(maxsize=1)
def edition() -> str:
    """The edition of the standard that Table E.1-1 was taken from, such as ``2026d``."""
    marker = "# edition:"
    return next(line.removeprefix(marker).strip() for line in _lines("e1_1") if line.startswith(marker))


_OPTIONS = (
    *("safe_private", "uids", "device", "institution", "patient", "full_dates", "modified_dates"),
    *("descriptors", "structured", "graphics"),
)


@lru_cache(maxsize=1)
def attributes() -> Mapping[int, Attribute]:
    """Table E.1-1 by tag, without its rows for repeating groups and private attributes."""
    table = {}
    for row in rows("e1_1"):
        if "x" in row["tag"] or "g" in row["tag"]:
            continue
        options = {name: row.get(name, "") for name in _OPTIONS}
        tag = int(row["tag"], 16)
        table[tag] = Attribute(tag, row["keyword"], row["vr"], row["basic"], options)
    return table


def _by_tag(name: str, column: str) -> dict[int, str]:
    return {int(row["tag"], 16): row.get(column, "") for row in rows(name)}


@lru_cache(maxsize=1)
def technical() -> Mapping[int, str]:
    """Text attributes outside Table E.1-1 whose meaning is technical: tag -> reason."""
    return _by_tag("technical", "reason")


@lru_cache(maxsize=1)
def technical_binary() -> Mapping[int, str]:
    """Attributes of bytes that are kept: tag -> what ``strict`` does with them (``keep`` or ``remove``)."""
    return _by_tag("technical_binary", "strict")


@lru_cache(maxsize=1)
def binary_places() -> Mapping[int, frozenset[int]]:
    """Where attributes of bytes belong: tag -> sequences whose items hold it, 0 for the top level."""
    return {
        tag: frozenset(0 if place == "top" else int(place, 16) for place in places.split("|"))
        for tag, places in _by_tag("technical_binary", "places").items()
    }


@lru_cache(maxsize=1)
def uid_classes() -> frozenset[int]:
    """UI attributes whose value names a class or an encoding and no instance."""
    return frozenset(_by_tag("uid_classes", "keyword"))


@lru_cache(maxsize=1)
def identity() -> Mapping[int, str]:
    """Attributes whose values identify: tag -> kind (name, identifier, place, contact, device ...)."""
    return _by_tag("identity", "kind")


@lru_cache(maxsize=1)
def _defined_terms() -> Mapping[int, frozenset[bytes]]:
    listed = _by_tag("defined_terms", "terms") | _by_tag("text_terms", "terms")
    return {tag: frozenset(terms.encode().split(b"|")) for tag, terms in listed.items()}


@lru_cache(maxsize=1)
def text_terms() -> frozenset[int]:
    """Text attributes outside Table E.1-1 that hold one of a few defined terms."""
    return frozenset(_by_tag("text_terms", "keyword"))


def is_defined_term(tag: int, raw: bytes) -> bool:
    """Whether every value of a CS attribute is a term that the standard defines for it (or is empty)."""
    terms = _defined_terms().get(tag)
    values = [value.strip() for value in raw.rstrip(b"\0 ").split(b"\\")]
    return not any(values) or (terms is not None and all(not value or value in terms for value in values))


@lru_cache(maxsize=1)
def free_terms() -> frozenset[int]:
    """CS attributes whose value somebody makes up: they hold text, whatever their VR says."""
    return frozenset(_by_tag("free_terms", "keyword"))


@lru_cache(maxsize=1)
def burned_in() -> Mapping[tuple[str, str], str]:
    """What commonly carries burned-in text: (kind, value) -> reason."""
    return {(row["kind"], row["value"]): row["reason"] for row in rows("burned_in")}


def is_safe_private(creator: str, tag: int) -> bool:
    """Whether PS3.15 Table E.3.10-1 lists the private element `tag` of `creator` as safe."""
    return (creator, tag & 0xFFFF00FF) in _safe_private()


def safe_private_vr(creator: str, tag: int) -> str:
    """The VR of a safe private element, for encodings that do not say; UN where it is not listed."""
    return _safe_private().get((creator, tag & 0xFFFF00FF), "UN")


@lru_cache(maxsize=1)
def _safe_private() -> Mapping[tuple[str, int], str]:
    table = {}
    for row in rows("safe_private"):
        table[row["creator"], int(row["group"], 16) << 16 | int(row["element"], 16)] = row["vr"]
    return table


@lru_cache(maxsize=1)
def makers() -> frozenset[str]:
    """Words of makers' names, lower case."""
    return frozenset(row["word"].lower() for row in rows("makers"))


@lru_cache(maxsize=1)
def descriptor_words() -> frozenset[str]:
    """Words of protocols, reconstructions and equipment, lower case."""
    return frozenset(row["word"] for row in rows("descriptor_words"))


@lru_cache(maxsize=1)
def code_meanings() -> Mapping[str, str]:
    """Meanings of the codes of CID 7050 (PS3.16)."""
    return {row["code"]: row["meaning"] for row in rows("deidentification_codes")}


#: A leaf of a dummy item: its path of tags from the item down, VR, and value as text (``{uid}`` is a new UID).
Leaf = tuple[tuple[int, ...], str, str]


@lru_cache(maxsize=1)
def _sequence_dummies() -> Mapping[int, tuple[Leaf, ...]]:
    table: dict[int, tuple[Leaf, ...]] = {}
    for row in rows("sequence_dummies"):
        tag, path = int(row["sequence"], 16), tuple(int(part, 16) for part in row["path"].split("."))
        table[tag] = (*table.get(tag, ()), (path, row["vr"], row["value"]))
    return table


def sequence_dummy(tag: int) -> tuple[Leaf, ...]:
    """The leaves of the item that stands for a removed sequence, in ascending order; empty where none is known."""
    return _sequence_dummies().get(tag, ())

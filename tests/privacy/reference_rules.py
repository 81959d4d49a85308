"""What the slow reference does to which attribute: its own reading of the tables and of the profile's rules.

Knows PS3.15 Annex E and the columns of the TSV files in ``medcli/privacy/profiles``. Refuses to know bytes: it
answers an action code, X Z D U K, or C for a date that moves.
"""

from __future__ import annotations

import csv
import re
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from medcli.privacy.policy import CLEAN, RETAIN, Policy
from tests.privacy import reference_values as values

FOLDER = Path(__file__).parents[2] / "medcli" / "privacy" / "profiles"
ORDER = "XZD"
ALL = "X/Z/D"
IMAGE_TYPE = 0x00080008
LONG = frozenset({"OF", "OD", "OL", "OV"})
#: Options that clean texts, and their columns; VRs of the texts.
TREES = {"descriptors": "descriptors", "structured-content": "structured", "graphics": "graphics"}
READ = frozenset({"LO", "SH", "ST", "LT", "UT", "UC"})


@cache
def lines(name: str) -> tuple[str, ...]:
    """Read the lines of a table that are no comments."""
    text = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """Read a table with a line of column names."""
    return tuple({k: v or "" for k, v in row.items()} for row in csv.DictReader(lines(name), delimiter="\t"))


@cache
def dictionary_vrs(tag: int) -> tuple[str, ...]:
    """Give the VRs that the dictionary allows an attribute, none where it does not know it."""
    try:
        return tuple(dictionary_VR(BaseTag(tag)).split(" or "))
    except KeyError:
        return ()


@cache
def tags(name: str) -> frozenset[int]:
    """Read the tags of a table."""
    return frozenset(int(row["tag"], 16) for row in rows(name))


@cache
def profile() -> dict[int, dict[str, str]]:
    """Read Table E.1-1 without its wildcard rows, which the groups decide."""
    return {int(row["tag"], 16): row for row in rows("e1_1") if re.fullmatch("[0-9A-F]{8}", row["tag"])}


@cache
def edition() -> str:
    """Read the edition of PS3.15 that Table E.1-1 is of."""
    text = (FOLDER / "e1_1.tsv").read_text(encoding="utf-8")
    return text.partition("# edition: ")[2].partition("\n")[0].strip()


@cache
def _types() -> tuple[dict[str, dict[int, str]], dict[int, dict[int, str]]]:
    """Read the types by SOP class at the top, and by sequence below it."""
    sops: dict[str, str] = {}
    iods: dict[str, list[str]] = {}
    modules: dict[str, dict[int, str]] = {}
    items: dict[str, dict[int, str]] = {}
    for line in lines("iod_types"):
        kind, name, rest = line.split("\t")
        if kind == "sop":
            sops[name] = rest
        elif kind == "iod":
            iods[name] = rest.split()
        else:
            pairs = (pair.split("=") for pair in rest.split())
            home = modules if kind == "module" else items
            home[name] = {int(tag, 16): code for tag, code in pairs if len(tag) == 8}
    top: dict[str, dict[int, str]] = {}
    for sop, iod in sops.items():
        top[sop] = {}
        for module in iods[iod]:
            for tag, code in modules.get(module, {}).items():
                top[sop][tag] = min(top[sop].get(tag, "9"), code)
    return top, {int(tag, 16): found for tag, found in items.items()}


def wanted(sop_class: str, path: tuple[int, ...], tag: int) -> str:
    """Give X, Z or D as the attribute's type asks for it, or nothing where the place is unknown."""
    top, items = _types()
    if sop_class not in top or (path and path[-1] not in items):
        return ""
    kind = (items[path[-1]] if path else top[sop_class]).get(tag, "3")
    return {"1": "D", "2": "Z"}.get(kind[0], "X")


def resolve(codes: str, wish: str) -> str:
    """Choose one of the joined codes: the wished one, else the next stronger, else the strongest offered."""
    offered = codes.split("/")
    if "U*" in offered:
        return "U"
    if len(offered) == 1:
        return codes
    if not wish:
        return offered[-1]
    enough = [code for code in offered if ORDER.index(code) >= ORDER.index(wish)]
    return enough[0] if enough else offered[-1]


@dataclass
class Rules:
    """The rules of one policy for one SOP class."""

    policy: Policy
    sop_class: str
    registered: frozenset[bytes]
    local: Mapping[int, str] = field(default_factory=dict)
    local_creators: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, policy: Policy, sop_class: str) -> Rules:
        """Read what the policy asks for."""
        from pydicom._uid_dict import UID_dictionary

        registered = frozenset(uid.encode() for uid in UID_dictionary)
        local = {rule.tag: rule.action for rule in policy.rules if rule.tag is not None}
        creators = {rule.target: rule.action for rule in policy.rules if rule.tag is None}
        return cls(policy, sop_class, registered, local, creators)

    def basic(self, tag: int, vr: str, path: tuple[int, ...]) -> str:
        """Give the action without any option."""
        row = profile().get(tag)
        return resolve(row["basic"] if row else ALL, wanted(self.sop_class, path, tag))

    def action(self, tag: int, vr: str, raw: Any, path: tuple[int, ...], creators: Mapping[int, str]) -> str:
        """Decide over one element of the given actual VR at ``path``."""
        group = tag >> 16
        if group & 1:
            return self.private(vr, raw) if tag in creators else "X"
        if tag in self.local:
            return self.local[tag]
        if tag & 0xFFFF == 0 or group in {0, 2, 4, 0xFFFC} or group >> 8 in {0x50, 0x60}:
            return "X"
        row = profile().get(tag)
        if row is not None:
            inside = self.in_tree(path) and any(row[column] == "C" for column in TREES.values())
            chosen = self.option(row) or ("clean" if inside else "")
            return self.readable(chosen, tag, vr) or self.basic(tag, vr, path)
        action = self.unlisted(tag, vr, raw, path)
        if vr in {"", "UN"} | READ and READ & set(dictionary_vrs(tag)) and "U" not in action:
            if tag in tags("technical") and (
                self.in_tree(path) or (self.cleans("descriptors") and action == "K")
            ):
                return "known"
            return "clean" if self.in_tree(path) and action != "K" else action
        return action

    def readable(self, chosen: str, tag: int, vr: str) -> str:
        """Take back that something is cleaned which is neither a sequence, nor text, nor codes, as its VR should be."""
        if chosen != "clean":
            return chosen
        if vr == "SQ":
            return "K"
        return chosen if vr in dictionary_vrs(tag) and vr in READ | {"CS"} else ""

    def cleans(self, option: str) -> bool:
        """Tell whether an option that cleans texts was chosen."""
        return option in self.policy.clean

    def in_tree(self, path: tuple[int, ...]) -> bool:
        """Tell whether a sequence around is one that a chosen option cleans."""
        found = (profile().get(tag) for tag in path)
        return any(
            row[TREES[option]] == "C" for row in found if row is not None for option in self.policy.clean
        )

    def private(self, vr: str, raw: Any) -> str:
        """Decide over a private element that is safe: dates stay only as they are, UIDs become new ones."""
        if vr == "PN" or (vr in values.TEXT and not values.is_printable(values.raw_value(raw))):
            return "X"
        if vr in values.DATES:
            return "K" if "full-dates" in self.policy.retain else "X"
        return "U" if vr == "UI" and "uids" not in self.policy.retain else "K"

    def option(self, row: Mapping[str, str]) -> str:
        """Give K or C where a chosen option has its way with a row of the table."""
        columns = [RETAIN[name][0] for name in self.policy.retain]
        if "modified_dates" in columns and row["modified_dates"] == "C":
            return "C"
        if any(row[column] == "K" for column in columns):
            return "K"
        return "clean" if any(row[TREES[option]] == "C" for option in self.policy.clean) else ""

    def unlisted(self, tag: int, vr: str, raw: Any, path: tuple[int, ...]) -> str:
        """Decide over an attribute that Table E.1-1 does not list, by its VR."""
        known = dictionary_vrs(tag)
        removed = resolve(ALL, wanted(self.sop_class, path, tag))
        if not known:
            return "X"
        value = b"" if vr == "SQ" else values.raw_value(raw)
        if vr in values.NUMERIC and len(value) > longest(tag, vr):
            return removed
        if vr in values.NUMERIC - LONG and not values.TEXT & set(known):
            return "K"
        if vr not in known and not ((vr in values.TEXT or vr in values.NUMERIC) and values.TEXT & set(known)):
            return removed
        if vr == "SQ":
            return "K"
        if vr in values.DATES:
            return (
                self.option({"full_dates": "K", "modified_dates": "C"} | dict.fromkeys(OTHERS, "")) or removed
            )
        if vr in {"DS", "IS"}:
            return "K" if values.is_number(value) else removed
        if vr == "CS":
            return "K" if any(self.coded(tag, value)) else removed
        if vr == "AS":
            return "K" if values.age(value) is not None else removed
        if vr == "UI":
            return "K" if values.is_uid(value) and tag in tags("uid_classes") else "U"
        if vr in values.BINARY | LONG:
            return "K" if (self.policy.profile, path[-1] if path else 0) in _binary().get(tag, ()) else "X"
        technical = self.policy.profile == "basic" and tag in tags("technical")
        if self.policy.profile == "strict":
            terms = _terms("text_terms").get(tag, frozenset())
            technical = all(part.strip(b" \0").decode("latin-1") in terms for part in value.split(b"\\"))
        return "K" if technical and values.is_printable(value) else removed

    def coded(self, tag: int, value: bytes) -> list[bool]:
        """Tell of each code whether it may stay: under basic if it is one by its form, listed terms under strict."""
        parts = value.rstrip(b"\0").split(b"\\")
        if self.policy.profile == "basic":
            return [tag not in tags("free_terms") and values.is_code(part) for part in parts]
        terms = _terms("defined_terms").get(tag, frozenset([""]))
        return [part.strip(b" \0").decode("latin-1") in terms for part in parts]

    def recoded(self, tag: int, value: bytes) -> bytes:
        """Write REMOVED for each code that may not stay among others that may."""
        fits = self.coded(tag, value)
        if tag in profile() or tag in self.local or all(fits):
            return value
        parts = value.rstrip(b"\0").split(b"\\")
        stand_in = {0: b"DERIVED", 1: b"SECONDARY"} if tag == IMAGE_TYPE else {}
        new = (part if fits[at] else stand_in.get(at, b"REMOVED") for at, part in enumerate(parts))
        return b"\\".join(new)

    def kept_creators(self, ds: Dataset) -> Mapping[int, str]:
        """Give the private elements of a data set that stay and their listed VRs; their creators are among them."""
        found: dict[int, str] = {}
        for tag in values.tags_of(ds):
            block = tag >> 16 << 16 | (tag & 0xFFFF) >> 8
            if not tag >> 16 & 1 or tag & 0xFFFF < 0x1000:
                continue
            owner = values.item(ds, block)
            name = values.raw_value(owner).strip(b" \0").decode("latin-1") if owner is not None else ""
            local = self.local_creators.get(name, "")
            listed = (
                _safe().get((name, tag >> 16, tag & 0xFF)) if "safe-private" in self.policy.retain else None
            )
            if name and local != "X" and (listed or local == "K"):
                found |= {tag: listed or "", block: ""}
        return found

    def zone(self, value: bytes) -> bytes | None:
        """Keep an offset from UTC, None where it is no such thing."""
        return value if re.fullmatch(rb"([+-]\d{4})?[ \0]*", value) else None

    def weakened(self) -> bool:
        """Tell whether a local rule keeps what the profile would not."""
        for tag, action in self.local.items():
            row = profile().get(tag)
            without = resolve(row["basic"], "") if row else "K" if tag in tags("technical") else "X"
            if (action == "K" and without != "K") or (action == "U" and without in {"X", "Z", "D"}):
                return True
        return "K" in self.local_creators.values()

    def mark(self, out: Dataset, policy: Policy) -> None:
        """Write what was done into the data set."""
        out.add_new(0x00120062, "CS", "NO" if policy.pixels == "off" else "YES")
        said = [
            "medcli",
            f"PS3.15 {edition()} Table E.1-1",
            f"profile {policy.profile}",
            *(f"retain {name}" for name in sorted(policy.retain)),
            *(f"clean {name}" for name in sorted(policy.clean)),
        ]
        if policy.pixels == "off":
            said.append("pixels not examined")
        if policy.rules:
            said.append("local rules that weaken the profile" if self.weakened() else "local rules")
        out.add_new(0x00120063, "LO", said)
        codes = [RETAIN[name][1] for name in policy.retain] + [CLEAN[name] for name in policy.clean]
        items = []
        for each in [*([] if self.weakened() else ["113100"]), *sorted(codes)]:
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator = each, "DCM"
            items.append(item)
        out.add_new(0x00120064, "SQ", Sequence(items))
        out.add_new(0x00280303, "CS", policy.dates)


OTHERS = tuple(column for column, _ in RETAIN.values() if column not in {"full_dates", "modified_dates"})


@cache
def _terms(name: str) -> dict[int, frozenset[str]]:
    """Read the terms of an attribute's values; an empty value is always one."""
    return {int(row["tag"], 16): frozenset(["", *row["terms"].split("|")]) for row in rows(name)}


@cache
def _binary() -> dict[int, set[tuple[str, int]]]:
    """Read by attribute of bytes the profiles that keep it and the sequences, or 0 for the top, where it belongs."""
    found = {}
    for row in rows("technical_binary"):
        places = {0 if place == "top" else int(place, 16) for place in row["places"].split("|")}
        profiles = ("basic", "strict") if row["strict"] == "keep" else ("basic",)
        found[int(row["tag"], 16)] = {(name, place) for name in profiles for place in places}
    return found


@cache
def _safe() -> dict[tuple[str, int, int], str]:
    """Read the list of safe private attributes and their VRs."""
    return {
        (row["creator"], int(row["group"], 16), int(row["element"], 16)): row["vr"]
        for row in rows("safe_private")
    }


def longest(tag: int, vr: str) -> int:
    """Give how many bytes a number may have at most, by the dictionary's multiplicity; short lists alone are held."""
    most = dictionary_VM(BaseTag(tag)).split("-")[-1] if dictionary_vrs(tag) else "n"
    width = struct.calcsize("=" + values.ZERO[vr])
    return (
        int(most) * width if most.isdigit() and int(most) * width <= 255 and vr not in LONG else sys.maxsize
    )

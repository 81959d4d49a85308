"""Regenerate the tables of the DICOM standard that medcli ships (maintainers only; users never run it).

    python tools/standard_tables.py profile SOURCE --edition 2026d --output medcli/privacy/profiles/e1_1.tsv
    python tools/standard_tables.py safe-private SOURCE --edition 2026d --output medcli/privacy/profiles/safe_private.tsv
    python tools/standard_tables.py iods [FOLDER] --output medcli/privacy/profiles/iod_types.tsv

SOURCE of the first two is PS3.15 as NEMA publishes it (DocBook ``part15.xml`` or the HTML of chapter E), a JSON
file shaped as innolitics' ``confidentiality_profile_attributes.json``, or one shaped as pymedphys' ``e1_1.json``.
FOLDER of the third holds ``sop_class_iod_map.json``, ``iod_module_map.json`` and ``module_attribute_map.json``
as the ``highdicom`` wheel ships them (without FOLDER: the installed highdicom's).

Every run prints how the new table differs from the one at ``--output``; ``--check`` prints and writes nothing.
Knows the shapes of these sources. Refuses to know what medcli does with the tables.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PROFILES = Path(__file__).resolve().parent.parent / "medcli" / "privacy" / "profiles"
NOTICE = "DICOM(R) is (C) NEMA. Attributes, tags, types and action codes are facts; no text of the standard is copied"
PROFILE_COLUMNS = ["tag", "keyword", "vr", "retired", "in_standard_iod", "basic"]
PRIVATE_COLUMNS = ["group", "element", "creator", "vr", "vm"]
#: Attributes of PS3.6 2026d that pydicom 3.0.2 does not list yet, and the rows that are not one attribute.
NEWER = {
    "00081301": ("PrincipalDiagnosisCodeSequence", "SQ"),
    "00081302": ("PrimaryDiagnosisCodeSequence", "SQ"),
    "00081303": ("SecondaryDiagnosesCodeSequence", "SQ"),
    "00081304": ("HistologicalDiagnosesCodeSequence", "SQ"),
    "00100011": ("PersonNamesToUseSequence", "SQ"),
    "00100012": ("NameToUse", "LT"),
    "00100013": ("NameToUseComment", "UT"),
    "00100014": ("ThirdPersonPronounsSequence", "SQ"),
    "00100015": ("PronounCodeSequence", "SQ"),
    "00100016": ("PronounComment", "UT"),
    "00100041": ("GenderIdentitySequence", "SQ"),
    "00100042": ("SexParametersForClinicalUseCategoryComment", "UT"),
    "00100043": ("SexParametersForClinicalUseCategorySequence", "SQ"),
    "00100044": ("GenderIdentityCodeSequence", "SQ"),
    "00100045": ("GenderIdentityComment", "UT"),
    "00100046": ("SexParametersForClinicalUseCategoryCodeSequence", "SQ"),
    "00100047": ("SexParametersForClinicalUseCategoryReference", "UR"),
    "00102162": ("EthnicGroups", "UC"),
    "0040A034": ("EffectiveStartDateTime", "DT"),
    "0040A035": ("EffectiveStopDateTime", "DT"),
    "0040B034": ("AnnotationDateTime", "DT"),
    "0040B036": ("SegmentDefinitionDateTime", "DT"),
    "0040B03B": ("MontageName", "LT"),
    "0040B03F": ("MontageChannelLabel", "LO"),
    "0040E012": ("DisplayURI", "UR"),
    "3004007F": ("DoseCalculationModelName", "LO"),
    "50xxxxxx": ("CurveData", ""),
    "60xx3000": ("OverlayData", "OB or OW"),
    "60xx4000": ("OverlayComments", "LT"),
    "ggggeeee": ("PrivateAttributes", ""),
}
#: SOP classes of PS3.4 that the IOD source does not map: newer than it, or retired.
ALIASES = {
    "1.2.840.10008.5.1.1.29": "secondary-capture-image",
    "1.2.840.10008.5.1.1.30": "secondary-capture-image",
    "1.2.840.10008.5.1.4.1.1.12.3": "x-ray-angiographic-image",
    "1.2.840.10008.5.1.4.1.1.2.3": "ct-image",
    "1.2.840.10008.5.1.4.1.1.2.4": "enhanced-ct-image",
    "1.2.840.10008.5.1.4.1.1.2.5": "legacy-converted-enhanced-ct-image",
    "1.2.840.10008.5.1.4.1.1.3": "ultrasound-multi-frame-image",
    "1.2.840.10008.5.1.4.1.1.5": "nuclear-medicine-image",
    "1.2.840.10008.5.1.4.1.1.6": "ultrasound-image",
    "1.2.840.10008.5.1.4.1.1.77.1": "vl-photographic-image",
    "1.2.840.10008.5.1.4.1.1.77.2": "vl-photographic-image",
    "1.2.840.10008.5.1.4.1.1.88.1": "basic-text-sr",
    "1.2.840.10008.5.1.4.1.1.88.2": "basic-text-sr",
    "1.2.840.10008.5.1.4.1.1.88.3": "comprehensive-sr",
    "1.2.840.10008.5.1.4.1.1.88.4": "comprehensive-sr",
    "1.2.840.10008.5.1.4.1.1.9.1": "general-ecg",
}
#: IODs that are not released as files of a study.
LEFT_OUT = {"basic-directory", "inventory"}
TYPES = ("1", "1C", "2", "2C")
#: Values of these VRs may be removed, emptied or replaced although Table E.1-1 does not list the attribute.
DECIDED_BY_VR = {
    "AE",
    "AS",
    "CS",
    "DA",
    "DS",
    "DT",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "ST",
    "TM",
    "UC",
    "UR",
    "UT",
}
#: Option to its column: a part of its head in the standard, its name in pymedphys' and in innolitics' JSON.
OPTIONS = {
    "safe_private": ("safepriv", "retain_safe_private", "rtnSafePrivOpt"),
    "uids": ("uids", "retain_uids", "rtnUIDsOpt"),
    "device": ("devid", "retain_device_identity", "rtnDevIdOpt"),
    "institution": ("instid", "retain_institution_identity", "rtnInstIdOpt"),
    "patient": ("patchars", "retain_patient_characteristics", "rtnPatCharsOpt"),
    "full_dates": ("fulldates", "retain_longitudinal_full_dates", "rtnLongFullDatesOpt"),
    "modified_dates": ("modifdates", "retain_longitudinal_modified_dates", "rtnLongModifDatesOpt"),
    "descriptors": ("cleandesc", "clean_descriptors", "cleanDescOpt"),
    "structured": ("cleanstruct", "clean_structured_content", "cleanStructContOpt"),
    "graphics": ("cleangraph", "clean_graphics", "cleanGraphOpt"),
}
PROFILE_HEAD = """\
PS3.15 Table E.1-1: what the Basic Profile and each option column do to each attribute
codes: X remove, Z zero length or dummy, D dummy, U replace UID, K keep, C clean
Joined codes are resolved by the attribute's type in the IOD; U* replaces the UIDs inside the sequence
tag: 8 hexadecimal digits; x stands for any digit; ggggeeee is every private attribute (odd group)
Two options have no column: Clean Pixel Data and Clean Recognizable Visual Features"""
PRIVATE_HEAD = """\
PS3.15 Table E.3.10-1: private attributes that the Retain Safe Private Option may keep
element: the low byte of the element number, inside the block that the private creator reserves
vr: OW where the standard says OW/OB, UN where it gives none. UI values still follow the rules for UIDs"""
IODS_HEAD = """\
PS3.3: types of attributes for every storage SOP class; they decide conditional action codes
Lines: sop <SOP class UID> <iod>; retired and newer SOP classes take the IOD of their nearest kin
  iod <iod> <modules>: all modules of the IOD, whatever their usage
  module <module> <tag=type ...>: attributes at the top level of the data set
  item <sequence> <tag=type ...>: attributes of the items of a sequence, wherever it stands, over all IODs
An attribute of a user optional or conditional module counts as what that module says, so that a module that is
  there stays conformant. Where one place gives several types the most demanding stands: 1, 1C, 2, 2C
  (of the pairs of sequence and attribute about 15 have types that differ between IODs)
Listed are attributes of Table E.1-1 and of the VRs AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT
Not listed in a listed SOP class or sequence: type 3, or not in the IOD"""


class TableReader(HTMLParser):
    """The cells of the first table at or after an element with one identifier, in DocBook and HTML alike."""

    def __init__(self, identifier: str) -> None:
        super().__init__(convert_charrefs=True)
        self.identifier = identifier
        self.rows: list[list[str]] = []
        self._state = "before"
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Find the table, its rows and its cells."""
        values = dict(attrs)
        if self._state == "before" and self.identifier in (values.get("id"), values.get("xml:id")):
            self._state = "found"
        if tag == "table" and self._state == "found":
            self._state = "inside"
        if self._state == "inside" and tag == "tr":
            self.rows.append([])
        if self._state == "inside" and tag in ("td", "th") and self.rows:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        """Close a cell or the table."""
        if tag in ("td", "th") and self._cell is not None:
            self.rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag == "table" and self._state == "inside":
            self._state = "after"

    def handle_data(self, data: str) -> None:
        """Gather a cell's text."""
        if self._cell is not None:
            self._cell.append(data)


def table_rows(text: str, identifier: str) -> list[list[str]]:
    """Read the rows, head first, of one table of a part of the standard."""
    reader = TableReader(identifier)
    reader.feed(text)
    if not reader.rows:
        raise SystemExit(f"no table {identifier} in this source")
    return reader.rows


def normal_tag(text: str) -> str:
    """Write a tag of the standard as 8 digits, or as the pattern it is."""
    if "odd" in text.lower():
        return "ggggeeee"
    found = re.search(r"\(\s*([0-9A-Fa-fxX]{4})\s*,\s*([0-9A-Fa-fxX]{4})\s*\)", text)
    if not found:
        raise SystemExit(f"not a tag: {text!r}")
    return (found[1] + found[2]).upper().replace("X", "x")


def dictionary() -> Mapping[str, tuple[str, str, bool]]:
    """Read pydicom's dictionary: tag to keyword, VR and whether it is retired."""
    from pydicom._dicom_dict import DicomDictionary

    return {
        f"{tag:08X}": (keyword, vr, bool(retired))
        for tag, (vr, _, _, retired, keyword) in DicomDictionary.items()
    }


def profile_row(
    tag: str, name: str, basic: str, options: Mapping[str, str], **marks: bool | None
) -> list[str]:
    """Make one line of e1_1.tsv."""
    known = dictionary_once().get(tag)
    keyword, vr = NEWER.get(tag) or (known[:2] if known else ("", ""))
    if not keyword:
        keyword = re.sub(r"[^A-Za-z0-9]", "", name)
        print(f"{tag} {name}: in no dictionary, look up its keyword and VR", file=sys.stderr)
    retired = marks["retired"] if marks["retired"] is not None else bool(known and known[2])
    return [
        tag,
        keyword,
        vr,
        "Y" if retired else "N",
        "Y" if marks["in_standard_iod"] else "N",
        re.sub(r"\s", "", basic),
        *(options.get(option, "") for option in OPTIONS),
    ]


_DICTIONARY: dict[str, tuple[str, str, bool]] = {}


def dictionary_once() -> Mapping[str, tuple[str, str, bool]]:
    """Read the dictionary the first time it is needed."""
    if not _DICTIONARY:
        _DICTIONARY.update(dictionary())
    return _DICTIONARY


def profile_from_json(data: Any) -> Iterator[list[str]]:
    """Rows of Table E.1-1 from innolitics' or pymedphys' JSON."""
    rows = data["rows"] if isinstance(data, dict) else data
    for row in rows:
        ours = row.get("options", row)
        options = {
            option: next((ours[head] for head in heads[1:] if ours.get(head)), "")
            for option, heads in OPTIONS.items()
        }
        yield profile_row(
            normal_tag(row["tag"]),
            row["name"],
            row.get("basic_profile") or row["basicProfile"],
            options,
            retired=row.get("retired"),
            in_standard_iod=row.get("in_standard_iod", row.get("stdCompIOD") == "Y"),
        )


def profile_from_markup(text: str) -> Iterator[list[str]]:
    """Rows of Table E.1-1 from DocBook or HTML, its columns found by their heads."""
    head, *rows = table_rows(text, "table_E.1-1")
    heads = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in head]

    def column(part: str) -> int:
        at = [index for index, cell in enumerate(heads) if part in cell]
        if len(at) != 1:
            raise SystemExit(f"Table E.1-1 has {len(at)} columns named like {part!r}: {head}")
        return at[0]

    at = {option: column(names[0]) for option, names in OPTIONS.items()}
    tag, basic, retired, standard = column("tag"), column("basic"), column("retd"), column("instd")
    for row in rows:
        yield profile_row(
            normal_tag(row[tag]),
            row[0],
            row[basic],
            {option: row[index] for option, index in at.items()},
            retired=row[retired] == "Y",
            in_standard_iod=row[standard] == "Y",
        )


def private_rows(source: Path) -> Iterator[list[str]]:
    """Rows of Table E.3.10-1 from JSON or markup: group, low byte of the element, creator, VR, VM."""
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".json":
        found = [
            [row["tag"], row["private_creator"], row["vr"], row["vm"]] for row in json.loads(text)["rows"]
        ]
    else:
        found = [row[:4] for row in table_rows(text, "table_E.3.10-1")[1:]]
    for tag, creator, vr, vm in found:
        parts = re.fullmatch(r"\(([0-9A-Fa-f]{4}),\s*xx([0-9A-Fa-f]{2})\)", tag)
        if not parts:
            raise SystemExit(f"not a private tag: {tag!r}")
        yield [parts[1].upper(), parts[2].upper(), creator, vr.partition("/")[0] or "UN", vm]


def decided_by_type(profile: Iterable[str]) -> dict[str, str]:
    """Keyword to tag of every attribute that Table E.1-1 lists or whose VR may hold text or a date."""
    return {
        keyword: tag
        for tag, (keyword, vr, _) in dictionary_once().items()
        if tag in profile or not DECIDED_BY_VR.isdisjoint(vr.split(" or "))
    }


def strongest(types: dict[str, str], tag: str, kind: str) -> None:
    """Keep the most demanding type of an attribute that stands at one place with several."""
    if kind in TYPES and (tag not in types or TYPES.index(kind) < TYPES.index(types[tag])):
        types[tag] = kind


def iod_lines(folder: Path) -> Iterator[list[str]]:
    """Lines of iod_types.tsv from highdicom's three JSON files."""

    def load(name: str) -> Any:
        return json.loads((folder / f"{name}_map.json").read_text(encoding="utf-8"))

    classes = {u: iod for u, iod in {**load("sop_class_iod"), **ALIASES}.items() if iod not in LEFT_OUT}
    iods, attributes = load("iod_module"), load("module_attribute")
    wanted = decided_by_type({row[0] for row in read_table(PROFILES / "e1_1.tsv")[1]})
    tags = {keyword: tag for tag, (keyword, _, _) in dictionary_once().items()}
    used = {
        iod: [m["key"] for m in iods[iod] if m["key"] in attributes] for iod in sorted(set(classes.values()))
    }
    items: dict[str, dict[str, str]] = {}
    modules: dict[str, dict[str, str]] = {}
    for module in sorted({module for modules_ in used.values() for module in modules_}):
        top = modules.setdefault(module, {})
        for attribute in attributes[module]:
            path = [tags.get(keyword, "") for keyword in attribute["path"]]
            for parent in filter(None, path):
                items.setdefault(parent, {})
            place = items.get(path[-1]) if path else top
            if place is not None and attribute["keyword"] in wanted:
                strongest(place, wanted[attribute["keyword"]], attribute["type"])
    yield from (["sop", uid, classes[uid]] for uid in sorted(classes))
    yield from (["iod", iod, " ".join(m for m in modules_ if modules[m])] for iod, modules_ in used.items())
    yield from (["module", module, listed(types)] for module, types in modules.items() if types)
    yield from (["item", parent, listed(types)] for parent, types in sorted(items.items()))


def listed(types: Mapping[str, str]) -> str:
    """Write tag=type pairs."""
    return " ".join(f"{tag}={types[tag]}" for tag in sorted(types))


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a table of ours: its head lines and its rows (without the line of column names)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return head, rows if rows and rows[0][0] == "sop" else rows[1:]


def digest(rows: Iterable[Sequence[str]]) -> str:
    """Hash the rows, so that a table that was edited by hand shows."""
    return hashlib.sha256("".join("\t".join(row) + "\n" for row in rows).encode()).hexdigest()


def report(path: Path, rows: Sequence[Sequence[str]], key: int) -> None:
    """Print how the new rows differ from those at the path; the first ``key`` columns name a row."""
    old = {tuple(row[:key]): row[key:] for row in read_table(path)[1]} if path.exists() else {}
    new = {tuple(row[:key]): list(row[key:]) for row in rows}
    if len(new) != len(rows):
        raise SystemExit("two rows of this source have one key")
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            print("+", *name, *new[name])
        elif name not in new:
            print("-", *name, *old[name])
        elif old[name] != new[name]:
            print("~", *name, *old[name], "->", *new[name])
    print(f"{path.name}: {len(old)} rows before, {len(new)} now")


def write(path: Path, what: Sequence[str], columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table with its head: what it is, where it is from, when, and how to make it again."""
    head = [*what, f"notice: {NOTICE}", f"date: {dt.datetime.now(dt.UTC).date()}", f"rows: {len(rows)}"]
    head.append(f"sha256 of the rows: {digest(rows)}")
    lines = ["# " + line for line in head] + (["\t".join(columns)] if columns else [])
    path.write_text(
        "\n".join([*lines, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8", newline="\n"
    )


def make_profile(arguments: argparse.Namespace) -> list[list[str]]:
    """Table E.1-1."""
    text = arguments.source.read_text(encoding="utf-8")
    if arguments.source.suffix == ".json":
        return sorted(profile_from_json(json.loads(text)))
    return sorted(profile_from_markup(text))


def make_private(arguments: argparse.Namespace) -> list[list[str]]:
    """Table E.3.10-1."""
    return sorted(private_rows(arguments.source))


def make_iods(arguments: argparse.Namespace) -> list[list[str]]:
    """Types of attributes in the IODs of PS3.3."""
    if arguments.source is None:
        from importlib.util import find_spec

        spec = find_spec("highdicom")
        if spec is None or spec.origin is None:
            raise SystemExit("install highdicom, or name the folder that holds its JSON files")
        arguments.source = Path(spec.origin).parent / "_standard"
    return list(iod_lines(arguments.source))


#: Table to its maker, the lines that head it, its columns, and how many of them name a row.
MAKERS = {
    "profile": (make_profile, PROFILE_HEAD, [*PROFILE_COLUMNS, *OPTIONS], 1),
    "safe-private": (make_private, PRIVATE_HEAD, PRIVATE_COLUMNS, 3),
    "iods": (make_iods, IODS_HEAD, [], 2),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, make one table, say what changed, write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=sorted(MAKERS))
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--edition", required=True, help="edition of the standard, as 2026d")
    parser.add_argument("--note", default="", help="where the source is from, for the table's head")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="print the differences, write nothing")
    arguments = parser.parse_args(argv)
    if arguments.source is None and arguments.table != "iods":
        parser.error("this table needs a SOURCE")
    make, head, columns, key = MAKERS[arguments.table]
    rows = make(arguments)
    report(arguments.output, rows, key)
    if not arguments.check:
        title, *notes = head.splitlines()
        what = [title, f"edition: {arguments.edition}", f"source: {arguments.note or arguments.source.name}"]
        write(
            arguments.output,
            [*what, f"regenerate: tools/standard_tables.py {arguments.table}", *notes],
            columns,
            rows,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Which values of a DICOM header are known of a patient, and of which category each is.

Knows ``profiles/identity.tsv``. Refuses to know bytes: it is given texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from medcli.privacy import profiles

__all__ = ["header_facts", "keywords"]

_PN, _DATES = "PN", ("DA", "DT")
_KINDS = {"name": "NAME", "date": "DATE", "uid": "UID", "device": "DEVICE"}
#: What the keyword of an identifier, place or contact says of it; the first that is in it decides.
_SAYS = (
    ("Telephone", "PHONE"),
    ("Telecom", "PHONE"),
    ("Phone", "PHONE"),
    ("URL", "URL"),
    ("URI", "URL"),
    ("Address", "PLACE"),
    ("DisplayName", "NAME"),
    ("DistributionName", "NAME"),
    ("Country", "PLACE"),
    ("Region", "PLACE"),
    ("Residence", "PLACE"),
    ("Location", "PLACE"),
    ("OtherPatientIDs", "MRN"),
    ("MedicalRecord", "MRN"),
    ("Accession", "ACCOUNT"),
    ("OrderNumber", "ACCOUNT"),
    ("Admission", "ACCOUNT"),
    ("Insurance", "PLAN"),
)
#: Places and devices called by this many letters or fewer (CT1, Here) are words of any text.
_SHORT = 4


@cache
def _categories() -> Mapping[int, tuple[str, str]]:
    """Tag -> keyword and category."""
    table = {}
    for row in profiles.rows("identity"):
        tag, keyword, kind = int(row["tag"], 16), row["keyword"], row["kind"]
        said = next((category for part, category in _SAYS if part in keyword), "")
        category = _KINDS.get(kind) or said or ("FACILITY" if kind == "place" else "ID")
        table[tag] = (keyword, "MRN" if keyword == "PatientID" else category)
    return table


@cache
def keywords() -> Mapping[str, str]:
    """Keywords of identifying attributes and their categories, for records that name their fields so."""
    return dict(_categories().values())


def header_facts(tag: int, vr: str, text: str) -> Iterator[tuple[str, str]]:
    """The facts in one value of a header; none where it does not identify."""
    kind = profiles.identity().get(tag, "")
    category = "NAME" if vr == _PN else "DATE" if vr in _DATES else _categories().get(tag, ("", ""))[1]
    category = "UID" if vr == "UI" else category
    if not category or (category == "UID" and text.startswith("1.2.840.10008.")):
        return
    # Addresses and the like are texts in which a backslash is a character.
    values = [text] if vr in ("ST", "LT", "UT", "UR") else text.split("\\")
    for value in values:
        bare = value.strip("\0 \t\r\n")
        if kind in ("place", "device") and (len(bare) <= _SHORT or _names_makers(bare)):
            continue
        if category == "PHONE" and "@" in bare:
            yield "EMAIL", bare
        elif bare:
            yield category, bare


def _names_makers(text: str) -> bool:
    return set(re.findall(r"\w+", text.lower())) <= profiles.makers()

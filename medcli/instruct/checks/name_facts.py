"""Names that a caption tells: persons behind a title or a credit, institutions, makers of devices.

Knows what leads to a name or ends it. Eponyms (Crohn disease), stains (Masson trichrome) and markers are none: nothing
leads to them. Places, and names without a lead, are the gate's, which fills them before a model sees the caption.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from medcli.instruct.checks.tables import rows

_CAP = r"[^\W\d_a-z](?=[\w'\u2019-]{0,24}[a-z\u00df-\u00ff])[\w'\u2019-]{1,40}+"
_INITIALS = r"(?:[A-Z]\.[\s-]?){1,3}"
_NAME = (
    rf"(?:{_INITIALS}\s?)?{_CAP}(?:\s+(?:{_INITIALS}\s?)?(?:(?:de|van|von|der|la|al|bin)\s+)?{_CAP}){{0,3}}"
)
_PERSON = re.compile(
    rf"\b(?:Drs?|Mrs?|Ms|Miss|Prof(?:essor)?s?|Doctor|Professor|Sister|Nurse)\b\.?\s+({_NAME})"
    rf"|\b(?i:courtesy of|courtesy|provided by|contributed by|photograph(?:ed)? by|image by|drawn by|collection of|"
    rf"photo(?: credit)?\s?:|reproduced from|adapted from|modified from|named|called)\s+(?:(?:the|Drs?|Prof)\.?\s+)*({_NAME})"
    rf"|\b({_CAP}(?:\s+(?:and|&)\s+{_CAP})?)(?:\s+[A-Z]{{1,3}})?,?\s+et\s+al\b"
    rf"|\b(?:[A-Z]\.\s?){{2,3}}({_CAP})"
)
_HEAD = (
    r"(?:Hospitals?|University|Institutes?|Clinic|College|Infirmary|Center|Centre|Foundation|Laborator(?:y|ies)|Museum|"
    r"Academy|Universit(?:\u00e4t|\u00e9|y)|Klinikum)"
)
_PLACE = re.compile(
    rf"((?:{_CAP}\s+(?:(?:of|and|de|the|for)\s+)?){{1,6}}){_HEAD}\b"
    rf"|\b{_HEAD}\s+(?:of|de)\s+(?:the\s+)?({_CAP}(?:\s+{_CAP}){{0,2}})"
)
_WORD = re.compile(_CAP)


@cache
def _common() -> frozenset[str]:
    return frozenset(row["word"] for row in rows("common_capitals"))


@cache
def _makers() -> tuple[re.Pattern[str], frozenset[str]]:
    found = [row["maker"] for row in rows("makers")]
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, found))})\b"), frozenset(found)


@lru_cache(64)
def names(text: str) -> frozenset[str]:
    """Words of a text's names, each of three letters or more, as they are written."""
    found = [group for match in _PERSON.finditer(text) for group in match.groups() if group]
    if re.search(_HEAD, text):
        found += [group for match in _PLACE.finditer(text) for group in match.groups() if group]
    said = {word[0] for one in found for word in _WORD.finditer(one) if len(word[0]) > 2}
    return frozenset(said - _common()) | frozenset(_makers()[0].findall(text))

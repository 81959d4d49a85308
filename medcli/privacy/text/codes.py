"""Codes that their own form or check digit gives away, and the names under which somebody logs in.

Knows forms. Refuses to weigh the words around them, but for "plate", "login" and their like, and for the labels that
say that a code is clinical.
"""

from __future__ import annotations

import re

from medcli.privacy.text import checks
from medcli.privacy.text.document import Document
from medcli.privacy.text.forms import unit_follows
from medcli.privacy.text.labels import label_before
from medcli.privacy.text.span import Span

__all__ = ["find_forms", "find_logins"]

_SSN = re.compile(
    r"(?<![\w.-])(?:\d{3}([- .\u2010\u2011\u2013])\d{2}\1\d{4}|[Xx*#\u2022]{3}[- ]?[Xx*#\u2022]{2}[- ]?\d{4})(?![\w]|[.-]\d)"
)
_DASHED = re.compile(r"(?<![\w.+/-])\d{2,5}(?:[-\u2010\u2011]\d{2,7}){1,3}(?![\w]|[-./]\d)")
_CARD = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){11,18}(?![\w]|[-.]\d)")
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}")
_MBI = re.compile(
    r"(?<![^\W_])[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[- ]?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[- ]?[AC-HJKMNP-RT-Y]{2}\d\d(?![^\W_])"
)
_UID = re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d{0,38})){5,31}(?![\w]|\.\d)")
#: Roots of DICOM and of HL7's types, code systems and templates: they name vocabularies, and nobody.
_REGISTERED = (
    "1.2.840.10008.",
    "2.16.840.1.113883.1.",
    "2.16.840.1.113883.5.",
    "2.16.840.1.113883.6.",
    "2.16.840.1.113883.10.",
)
_UUID = re.compile(r"(?<![\w-])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![\w-])")
_UDI = re.compile(r"\(01\)\d{14}(?:\(\d{2}\)[\w-]{1,20}){0,4}")
#: Numbers that states give to persons, as each writes them: Switzerland, France, Norway, Denmark, Sweden, Finland, Czechia and
#: Slovakia, Quebec, Australia (Medicare), the United States (aliens). Day and month of birth are the most of them.
_NATIONAL = re.compile(
    r"(?<![\w./-])(?:756\.\d{4}\.\d{4}\.\d{2}|[12] \d{2} (?:0[1-9]|1[0-2]|[2-9]\d) \d[\dAB] \d{3} \d{3}(?: \d{2})?"
    r"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d(?:[ -]\d{5}|-\d{4}|[-+A]\d{3}[\dA-Y])|(?:19|20)?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-+]\d{4}"
    r"|\d\d[0156]\d[0-3]\d/\d{3,4}|[A-Z]{4} \d{4} \d{4}|[2-6]\d{3} \d{5} \d(?:[-/]\d)?|A#? ?\d{3}[ -]\d{3}[ -]\d{3})(?![\w/]|[.-]\d)"
)
#: A plan's or a file's number in groups behind its letters: A0001 2281 7793.
_GROUPED = re.compile(r"(?<![\w./-])[A-Z]{1,4}\d{3,5}(?: \d{2,5}){1,3}(?![\w/%]|[.,-]\d)")
_FEWEST = 8
#: The postal code of a house in Ireland.
_EIRCODE = re.compile(
    r"(?<![\w-])(?:[AC-FHKNPRTV-Y]\d{2}|D6W) (?=[A-Z]{0,3}\d)(?=\d{0,3}[A-Z])[\dAC-FHKNPRTV-Y]{4}(?![\w-])"
)
_LOGIN = re.compile(
    r"\b(?:user\s?names?|user\s?ids?|usr|user(?=\s[a-z]+[_\d])|log-?ins?(?:\s(?:id|name))?|screen\sname|handle|instagram|twitter|facebook|tiktok|skype|snapchat|telegram|account\sname|portal\suser(?:name)?|(?:logged|signed)\sin\sas)"
    r"(?:(?:\s(?:is|was|of)\s|\s?[:=#]\s?|(?<=\sas)\s)['\"@]?(?P<value>[\w][\w.-]{2,39})|\s(?P<odd>[a-z][a-z]*[_\d][\w.-]*))",
    re.IGNORECASE,
)
_TYPIST = re.compile(
    r"\b(?:transcribed|transcriptionist|typed|trans)(?:\sby)?\s?[:=]\s?(?P<value>[^\W\d_]{0,24}(?:[ .'-][^\W\d_]{1,24}){0,2}\d[\w.-]{0,12})",
    re.IGNORECASE,
)
_PLATE = re.compile(
    r"\b(?:plates?|tag|(?:vehicle\s)?reg(?:istration)?)(?:\s(?:number|no\.?|is|was|of|reads|reading)){0,2}\s?[:#=]?\s?(?=[A-Z0-9 -]{0,12}\d)"
    r"(?P<value>(?-i:[A-Z0-9]{1,4}(?:[ -][A-Z0-9]{2,5}){1,2})|[a-z]{2,3}[ -]?\d{3,4}|[a-z]{1,3}[ -]?\d{2,3}[ -]?[a-z]{2,3})(?!\w)",
    re.IGNORECASE,
)
_PLATED = re.compile(r"plate|\breg|tag")
_LOGIN_CUES = (
    "user", "log", "signed in", "handle", "screen", "gram", "twit", "face", "skype", "account name", "tiktok", "snap", "usr",
)  # fmt: skip
_PLAIN = frozenset(
    (
        "user",
        "the",
        "and",
        "for",
        "not",
        "her",
        "his",
        "our",
        "their",
        "your",
        "with",
        "that",
        "this",
        "when",
        "can",
    )
)


def find_logins(document: Document) -> list[Span]:
    """Names under which somebody logs in or types."""
    lower = document.lower
    spans: list[Span] = []
    if any(cue in lower for cue in _LOGIN_CUES):
        spans += [
            Span(*m.span("value" if m["value"] else "odd"), "USER", 0.9, "rule:login")
            for m in _LOGIN.finditer(document.text)
            if (m["value"] or m["odd"]).lower() not in _PLAIN
        ]
    if "trans" in lower or "typed" in lower:
        spans += [Span(*m.span("value"), "USER", 0.9, "rule:typist") for m in _TYPIST.finditer(document.text)]
    return spans


def find_forms(document: Document) -> list[Span]:
    """What its own form gives away, wherever it stands."""
    text, spans = document.text, []
    if text.count(".") > 4:
        spans += [
            Span(*m.span(), "UID", 0.98, "rule:uid")
            for m in _UID.finditer(text)
            if not m[0].startswith(_REGISTERED)
        ]
    if "-" in text:
        spans += [Span(*m.span(), "UID", 0.98, "rule:uuid") for m in _UUID.finditer(text)]
    spans += [Span(*m.span(), "SSN", 0.95, "rule:ssn") for m in _SSN.finditer(text)]
    spans += [
        Span(*m.span(), "SSN", 0.85, "rule:national")
        for m in _NATIONAL.finditer(text)
        if not _labelled_clinical(document, m.start())
    ]
    spans += [
        Span(*m.span(), "ID", 0.8, "rule:grouped")
        for m in _GROUPED.finditer(text)
        if sum(map(str.isdecimal, m[0])) >= _FEWEST and not unit_follows(text, m.end())
    ]
    spans += [Span(*m.span(), "ZIP", 0.85, "rule:eircode") for m in _EIRCODE.finditer(text)]
    spans += [Span(*m.span(), "PLAN", 0.95, "rule:mbi") for m in _MBI.finditer(text)]
    spans += [Span(*m.span(), "DEVICE", 0.95, "rule:udi") for m in _UDI.finditer(text)]
    for match in _CARD.finditer(text):
        digits = "".join(filter(str.isdecimal, match[0]))
        if _is_card(digits):
            spans.append(Span(*match.span(), "CARD", 0.97, "rule:card"))
    if _PLATED.search(document.lower):
        spans += [Span(*m.span("value"), "VEHICLE", 0.9, "rule:plate") for m in _PLATE.finditer(text)]
    for match in _IBAN.finditer(text):
        length = _iban_length(match[0])
        if length:
            spans.append(Span(match.start(), match.start() + length, "IBAN", 0.99, "rule:iban"))
    for match in _DASHED.finditer(text):
        groups = re.findall(r"\d+", match[0])
        if len(groups) > 2 and sum(map(len, groups)) > 6 and not _labelled_clinical(document, match.start()):
            spans.append(Span(*match.span(), "ID", 0.8, "rule:dashed"))
    return spans


def _is_card(digits: str) -> bool:
    """Whether digits are a payment card's: 13 to 19, or the 12 of a Maestro card."""
    return checks.luhn(digits) and (digits[0] != "0" if len(digits) > 12 else digits[0] in "56")


def _labelled_clinical(document: Document, start: int) -> bool:
    label = label_before(document.lower, start)
    return label is not None and label.clinical


def _iban_length(shown: str) -> int:
    """How many characters of a run are an IBAN, the longest; 0 where none are."""
    compact = ""
    best = 0
    for place, letter in enumerate(shown, 1):
        if letter not in " -":
            compact += letter
        if 15 <= len(compact) <= 34 and checks.iban(compact):
            best = place
    return best

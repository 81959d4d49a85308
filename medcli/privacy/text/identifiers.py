"""Numbers and codes that stand for somebody or something of theirs: by the label beside them, or by their own form.

Knows labels, forms and check digits. Refuses to take what is clinical: units, scores, codes of diagnoses and trials.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from medcli.privacy.text import checks
from medcli.privacy.text.codes import find_forms, find_logins
from medcli.privacy.text.document import Document
from medcli.privacy.text.forms import is_clinical_code, unit_follows
from medcli.privacy.text.labels import Label, label_after, label_before
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import COMMON, MEDICAL, NAME, lexicon

__all__ = ["find_identifiers"]

#: A value: letters and digits, joined by single marks.
_CHUNK = re.compile(r"[^\W_]+(?:[-/._+][^\W_]+)*")
_DIGIT = re.compile(r"\d")
#: More groups of the same number: 123 456 789; not the age or the measure that comes next.
_GROUPS = re.compile(
    r"(?:[ \u00a0]\d{2,5}){1,5}(?![\w%/]|[.,]\d|[ -]?(?:y\b|yo\b|y/o|year|yr|mg|mm|cm|m\b|f\b))",
    re.IGNORECASE,
)
#: 7 out of 10 is nobody's number.
_SCORE = re.compile(r"\d{1,2}/\d{1,2}")
#: Systems of codes; a long number beside one is a code of theirs.
_SYSTEMS = frozenset(
    ("snomed", "loinc", "omim", "rxcui", "rxnorm", "umls", "ndc", "pmid", "hpo", "orpha", "nct")
)
_ONTOLOGY = re.compile(r"\b(?:HP|GO|PATO|MONDO|OMIM|DOID|UBERON|CL|EFO|ORPHA|MIM):$")
_WORD_BEFORE = re.compile(r"([^\W\d_]{2,24}),? \(?$")
_LETTERS = re.compile(r"(?<!\w)(?:[A-Z]{1,4}|[a-z]{2,4}) $")
_LETTERED = re.compile(r"(?:[ -]\d{2,6}(?![\w/]|[.,]\d)){0,4}(?: [A-Z](?![\w.]))?")
#: Digits that a value with letters before it has.
_FEWEST = 4
_HEAD = re.compile(r"[A-Za-z]{0,3}\d{2,5}")
_MORE = re.compile(r"\s{0,2}(?:,|;|/|and|&|or|\+|,\s?and|vs\.?|versus|to|-)\s{0,2}(?:#\s?)?$")
#: Forms that only identifiers have: letters and a long number, a year or a letter code and a running number.
_CODE = re.compile(
    r"[A-Za-z]{1,4}-?\d{6,14}[A-Za-z]?|[A-Za-z]{2,6}-?\d{5,14}[A-Za-z]{0,2}|[A-Z]{1,3}-?\d{2}-\d{3,8}|(?:19|20)\d\d-(?!(?:19|20)\d\d$)\d{4,9}|\d{3,6}-[A-Z]{1,3}\d{4,8}|"
    r"[A-Z]{3}\d?[A-Z]{1,4}\d{6,12}|[A-Z]{1,4}-\d{3,6}-\d{2,8}(?:-\w{1,8})?|[A-Z]\d{4}-\d{3}(?:-\d{2,3})?|\d{2,4}-[A-Z]{2,4}-\d{3,8}"
)
_PREFIX = re.compile(
    r"(?P<of>mrn?|acc|acct|sn|pt|ssn|id|dob)(?:[-#_.]?\d{3,14}|[-_.][a-z]{0,4}-?\d[\d-]{2,14})$",
    re.IGNORECASE,
)
_PREFIXES = {
    "mr": "MRN",
    "mrn": "MRN",
    "acc": "ACCOUNT",
    "acct": "ACCOUNT",
    "sn": "DEVICE",
    "pt": "MRN",
    "ssn": "SSN",
    "id": "ID",
    "dob": "DATE",
}


#: The number of a group plan, where a plan is spoken of before it on the line.
_GROUP = re.compile(
    r"\b(?:group|grp)(?: ?(?:no|number|num|id|#)\b\.?)?[ :#.]{1,3}(?P<number>[A-Z]{0,3}-?\d{4,10}[A-Z]?)\b(?! ?(?:patients|participants|people))",
    re.IGNORECASE,
)
_INSURED = re.compile(
    r"\b(?:member|subscriber|policy|plan|insurance|insured|aetna|cigna|humana|anthem|bcbs|blue cross|united ?health\w*|uhc|medicare|medicaid|kaiser|rx ?bin|payer|coverage)\b",
    re.IGNORECASE,
)


def find_identifiers(document: Document, taken: Sequence[Span] = ()) -> list[Span]:
    """Spans of every category that is a number or a code and no way to reach somebody.

    Parameters
    ----------
    taken
        What other rules found in the document: their digits are explained.
    """
    spans = find_logins(document)
    if not document.digits:
        return spans
    spans += find_forms(document)
    if not document.looked.present.isdisjoint(("group", "grp")):
        spans += [
            Span(*found.span("number"), "PLAN", 0.85, "rule:group")
            for found in _GROUP.finditer(document.text)
            if _INSURED.search(document.text, max(0, found.start() - 90), found.start())
            or _INSURED.search(document.text, found.end(), found.end() + 50)
        ]
    return spans + _labelled(document, [*spans, *taken])


def _labelled(document: Document, taken: list[Span]) -> list[Span]:
    text, lower = document.text, document.lower
    spans: list[Span] = []
    explained = Document(text, found=list(taken))
    last: tuple[int, str] | None = None
    for match in _CHUNK.finditer(text):
        if not _DIGIT.search(match[0]):
            continue
        if explained.covers(*match.span()):
            if (span := _lettered(document, match)) is not None:  # BCX 449-20-1187
                spans.append(span)
            continue
        label = label_before(lower, match.start())
        if last is not None and label is None and _MORE.fullmatch(text, last[0], match.start()):
            label = Label(last[1], strong=True, marked=True, words=0)
        if label is None or not (label.strong or label.marked):
            label = label_after(lower, match.end()) or label
        if label is not None and label.clinical:
            last = match.end(), "-"
            continue
        span = _value(document, match, label) or _lettered(document, match) or _bare(document, match, label)
        if span is not None:
            if text[span.start - 1 : span.start] == "#":
                span = replace(span, start=span.start - 1)
            spans.append(span)
            last = span.end, span.category
    return spans


def _value(document: Document, match: re.Match[str], label: Label | None) -> Span | None:
    """The value of a label, if it looks like one."""
    if label is None or (label.category in ("PHONE", "FAX") and not 3 <= _count(match[0]) <= 15):
        return None
    if label.category == "CARD" and any(map(str.isalpha, match[0])):  # an insurance card
        label = label._replace(category="PLAN")
    text, end = document.text, match.end()
    grouped = label.strong or (label.marked and len(match[0]) > 2)
    groups = _GROUPS.match(text, end) if _HEAD.fullmatch(match[0]) and grouped else None
    if groups is not None and label.category != "ZIP" and _count(match[0] + groups[0]) > 5:
        end = groups.end()
    shown = text[match.start() : end]
    digits = _count(shown)
    if unit_follows(text, end) or (_year(shown) and (label.words > 1 or not label.strong)):
        return None
    if _SCORE.fullmatch(shown) and not (label.strong and label.category == "DATE"):
        return None
    if not _fits(label, shown, digits) or (is_clinical_code(shown) and not label.marked and not label.strong):
        return None
    if label.category == "DATE":
        return (
            Span(match.start(), end, "DATE", 0.9, "rule:date-labelled")
            if digits in (6, 8, 12, 14) or end > match.end()
            else None
        )
    return Span(
        match.start(),
        end,
        label.category,
        0.95 if label.strong else 0.8,
        f"rule:label-{label.category.lower()}",
    )


def _lettered(document: Document, match: re.Match[str]) -> Span | None:
    """A value whose letters stand apart: license RN 558213."""
    letters = _LETTERS.search(document.text, max(0, match.start() - 4), match.start())
    if letters is None or not match[0].replace("-", "").isdecimal():
        return None
    if letters[0].islower() and lexicon()[letters[0].strip()]:  # zgp 812 004 553, but for 812
        return None
    label = label_before(document.lower, letters.start())
    if (
        label is None
        or not label.strong
        or label.category in ("-", "DATE", "PHONE", "FAX", "ZIP")
        or unit_follows(document.text, match.end())
    ):
        return None
    more = _LETTERED.match(document.text, match.end())
    end = more.end() if more else match.end()
    if _count(document.text[letters.start() : end]) < _FEWEST:
        return None
    return Span(
        letters.start(),
        end,
        label.category,
        0.85,
        f"rule:label-{label.category.lower()}",
    )


def _fits(label: Label, shown: str, digits: int) -> bool:
    """Whether a value has the length its label asks for."""
    if label.category in ("PHONE", "FAX"):
        return (digits >= 7 and not any(map(str.isalpha, shown))) or (
            label.short and digits >= 3 and shown.replace("-", "").isdecimal()
        )
    if label.category in ("CARD", "IBAN"):
        return digits >= 12 or (digits == 4 and label.words > 0)
    if label.category == "ZIP":
        return 3 <= digits <= 9 and len(shown) <= 10
    if label.category == "USER":
        return len(shown) >= 3
    if label.category == "SSN":
        return digits >= 4
    if not label.strong:
        return digits >= 3 and (
            (label.marked and len(shown) > 3) or (len(shown) > 5 and digits > 3 and label.words == 0)
        )
    if label.category in ("MRN", "PLAN", "ACCOUNT"):
        return digits >= 3 or (digits >= 2 and len(shown) >= 5)
    return (
        digits >= 4
        or (digits >= 3 and (label.marked or len(shown) >= 5))
        or (digits >= 2 and len(shown) >= 6)
    )


def _bare(document: Document, match: re.Match[str], label: Label | None) -> Span | None:
    """A value that no label explains, by its form."""
    text, shown = document.text, match[0]
    start, end = match.span()
    digits = _count(shown)
    if digits < 3 or unit_follows(text, end) or is_clinical_code(shown):
        return None
    if shown.isdecimal():
        return _bare_number(document, start, end, label)
    prefix = _PREFIX.fullmatch(shown)
    if prefix is not None:
        return Span(start, end, _PREFIXES[prefix["of"].lower()], 0.95, "rule:prefixed")
    if checks.vin(shown) and digits > 4:
        return Span(start, end, "VEHICLE", 0.95, "rule:vin")
    if re.fullmatch(r"[ABFGMPRX][A-Z9]\d{7}", shown) and checks.dea(shown):
        return Span(start, end, "LICENSE", 0.95, "rule:dea")
    if _CODE.fullmatch(shown):
        return Span(start, end, "ID", 0.8, "rule:code")
    if (
        document.high
        and (digits >= 5 or (digits >= 4 and "-" in shown))
        and re.fullmatch(r"[\w-]+", shown)
        and not re.fullmatch(r"\d{1,4}-\d{1,4}", shown)
    ):
        return Span(start, end, "ID", 0.5, "rule:mixed")
    return None


def _bare_number(document: Document, start: int, end: int, label: Label | None) -> Span | None:
    """A long number that nothing explains."""
    text = document.text
    shown, digits = text[start:end], end - start
    if digits == 10 and checks.npi(shown) and label is not None:
        return Span(start, end, "NPI", 0.9, "rule:npi")
    if not _SYSTEMS.isdisjoint(document.looked.present) or _ONTOLOGY.search(text, max(0, start - 8), start):
        return None
    hashed = text[start - 1 : start] == "#" or text[max(0, start - 2) : start] == "# "
    least = 6 if document.high or shown[0] == "0" or _behind_name(document, start) else 9
    if (digits >= least or (hashed and digits >= 5)) and not _decimal(text, start, end):
        return Span(start, end, "ID", 0.7, "rule:long-number")
    return None


def _behind_name(document: Document, start: int) -> bool:
    """Whether a name stands right before: GONZALEZ 30998122, Jane Wu (4471902)."""
    before = _WORD_BEFORE.search(document.text, max(0, start - 30), start)
    if before is None or before[1].islower():
        return False
    number = lexicon()[before[1].lower()]
    return bool(number & NAME) and not number & (MEDICAL | COMMON)


def _decimal(text: str, start: int, end: int) -> bool:
    return (
        text[max(0, start - 1) : start] in (".", ",") and text[max(0, start - 2) : start - 1].isdecimal()
    ) or bool(re.match(r"[.,]\d", text[end : end + 2]))


def _count(shown: str) -> int:
    return sum(letter.isdecimal() for letter in shown)


def _year(shown: str) -> bool:
    return len(shown) == 4 and shown.isdecimal() and shown[:2] in ("18", "19", "20")

"""Numbers and codes that stand for somebody or something of theirs: by the label beside them, or by their own form.

Knows labels, forms and check digits. Refuses to take what is clinical: units, scores, codes of diagnoses and trials.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from medcli.privacy.text import checks
from medcli.privacy.text.document import Document
from medcli.privacy.text.forms import is_clinical_code, unit_follows
from medcli.privacy.text.labels import Label, label_after, label_before
from medcli.privacy.text.span import Span

__all__ = ["find_identifiers"]

#: A value: letters and digits, joined by single marks.
_CHUNK = re.compile(r"[^\W_]+(?:[-/._+][^\W_]+)*")
_DIGIT = re.compile(r"\d")
#: More groups of the same number: 123 456 789; not the age or the measure that comes next.
_GROUPS = re.compile(r"(?:[ \u00a0]\d{2,5}){1,5}(?![\w%/]|[.,]\d|[ -]?(?:y\b|yo\b|y/o|year|yr|mg|mm|cm|m\b|f\b))", re.IGNORECASE)
_LETTERS = re.compile(r"(?<!\w)[A-Z]{1,3} $")
_HEAD = re.compile(r"[A-Za-z]{0,3}\d{2,5}")
_MORE = re.compile(r"\s{0,2}(?:,|;|/|and|&|or|\+|,\s?and)\s{0,2}(?:#\s?)?$")
_SSN = re.compile(r"(?<![\w.-])(?:\d{3}([- .\u2010\u2011\u2013])\d{2}\1\d{4}|[Xx*#\u2022]{3}[- ]?[Xx*#\u2022]{2}[- ]?\d{4})(?![\w]|[.-]\d)")
_DASHED = re.compile(r"(?<![\w.+/-])\d{2,5}(?:[-\u2010\u2011]\d{2,7}){1,3}(?![\w]|[-./]\d)")
_CARD = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){11,18}(?![\w]|[-.]\d)")
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}")
_MBI = re.compile(r"(?<![^\W_])[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[- ]?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[- ]?[AC-HJKMNP-RT-Y]{2}\d\d(?![^\W_])")
_UID = re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d{0,38})){5,31}(?![\w]|\.\d)")
_UUID = re.compile(r"(?<![\w-])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![\w-])")
_UDI = re.compile(r"\(01\)\d{14}(?:\(\d{2}\)[\w-]{1,20}){0,4}")
#: Forms that only identifiers have: letters and a long number, a year or a letter code and a running number.
_CODE = re.compile(
    r"[A-Za-z]{1,4}-?\d{6,14}[A-Za-z]?|[A-Za-z]{2,6}-?\d{5,14}[A-Za-z]{0,2}|[A-Z]{1,3}-?\d{2}-\d{3,8}|(?:19|20)\d\d-(?!(?:19|20)\d\d$)\d{4,9}|\d{3,6}-[A-Z]{1,3}\d{4,8}|"
    r"[A-Z]{1,4}-\d{3,6}-\d{2,8}(?:-\w{1,8})?|\d{2,4}-[A-Z]{2,4}-\d{3,8}"
)
_PREFIX = re.compile(r"(?P<of>mrn?|acc|acct|sn|pt|ssn|id|dob)[-#_.]?\d{3,14}$", re.IGNORECASE)
_PREFIXES = {"mr": "MRN", "mrn": "MRN", "acc": "ACCOUNT", "acct": "ACCOUNT", "sn": "DEVICE", "pt": "MRN", "ssn": "SSN", "id": "ID", "dob": "DATE"}
_LOGIN = re.compile(
    r"\b(?:user\s?names?|user\s?ids?|usr|log-?ins?(?:\s(?:id|name))?|screen\sname|handle|instagram|twitter|facebook|tiktok|skype|snapchat|telegram|account\sname|portal\suser(?:name)?)"
    r"(?:\s(?:is|was|of)\s|\s?[:=#]\s?)['\"@]?(?P<value>[\w][\w.-]{2,39})",
    re.IGNORECASE,
)
_TYPIST = re.compile(
    r"\b(?:transcribed|transcriptionist|typed|trans)(?:\sby)?\s?[:=]\s?(?P<value>[^\W\d_]{0,24}(?:[ .'-][^\W\d_]{1,24}){0,2}\d[\w.-]{0,12})", re.IGNORECASE
)
_PLATE = re.compile(
    r"\b(?:plates?|tag|registration)(?:\s(?:number|no\.?|is|was|of|reads|reading)){0,2}\s?[:#=]?\s?(?=[A-Z0-9 -]{0,7}\d)(?P<value>[A-Z0-9]{1,4}[ -][A-Z0-9]{2,5})(?!\w)",
    re.IGNORECASE,
)


def find_identifiers(document: Document, taken: Sequence[Span] = ()) -> list[Span]:
    """Spans of every category that is a number or a code and no way to reach somebody.

    Parameters
    ----------
    taken
        What other rules found in the document: their digits are explained.
    """
    spans = _logins(document)
    if not document.digits:
        return spans
    spans += _forms(document)
    if "plate" in document.lower or "registration" in document.lower or "tag" in document.lower:
        spans += [Span(*m.span("value"), "VEHICLE", 0.9, "rule:plate") for m in _PLATE.finditer(document.text)]
    return spans + _labelled(document, [*spans, *taken])


def _logins(document: Document) -> list[Span]:
    lower = document.lower
    spans: list[Span] = []
    if any(cue in lower for cue in ("user", "log", "handle", "screen", "gram", "twit", "face", "skype", "account name", "tiktok", "snap", "usr")):
        spans += [Span(*m.span("value"), "USER", 0.9, "rule:login") for m in _LOGIN.finditer(document.text) if m["value"].lower() not in _PLAIN]
    if "trans" in lower or "typed" in lower:
        spans += [Span(*m.span("value"), "USER", 0.9, "rule:typist") for m in _TYPIST.finditer(document.text)]
    return spans


_PLAIN = frozenset("user the and for not her his our their your with that this when can has was were are".split())


def _forms(document: Document) -> list[Span]:
    """What its own form gives away, wherever it stands."""
    text, spans = document.text, []
    if text.count(".") > 4:
        spans += [Span(*m.span(), "UID", 0.98, "rule:uid") for m in _UID.finditer(text) if not m[0].startswith("1.2.840.10008.")]
    if "-" in text:
        spans += [Span(*m.span(), "UID", 0.98, "rule:uuid") for m in _UUID.finditer(text)]
    spans += [Span(*m.span(), "SSN", 0.95, "rule:ssn") for m in _SSN.finditer(text)]
    spans += [Span(*m.span(), "PLAN", 0.95, "rule:mbi") for m in _MBI.finditer(text)]
    spans += [Span(*m.span(), "DEVICE", 0.95, "rule:udi") for m in _UDI.finditer(text)]
    for match in _CARD.finditer(text):
        digits = "".join(filter(str.isdecimal, match[0]))
        if checks.luhn(digits) and digits[0] not in "0" and len(digits) > 12 or len(digits) == 12 and checks.luhn(digits) and digits[0] in "56":
            spans.append(Span(*match.span(), "CARD", 0.97, "rule:card"))
    for match in _IBAN.finditer(text):
        length = _iban_length(match[0])
        if length:
            spans.append(Span(match.start(), match.start() + length, "IBAN", 0.99, "rule:iban"))
    for match in _DASHED.finditer(text):
        groups = re.findall(r"\d+", match[0])
        if len(groups) > 2 and sum(map(len, groups)) > 6 and not _labelled_clinical(document, match.start()):
            spans.append(Span(*match.span(), "ID", 0.8, "rule:dashed"))
    return spans


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


def _labelled(document: Document, taken: list[Span]) -> list[Span]:
    text, lower = document.text, document.lower
    spans: list[Span] = []
    explained = Document(text, found=list(taken))
    last: tuple[int, str] | None = None
    for match in _CHUNK.finditer(text):
        if not _DIGIT.search(match[0]) or explained.covers(*match.span()):
            continue
        label = label_before(lower, match.start())
        if last is not None and label is None and _MORE.fullmatch(text, last[0], match.start()):
            label = Label(last[1], strong=True, marked=True, words=0)
        if label is None or not (label.strong or label.marked):
            label = label_after(lower, match.end()) or label
        if label is not None and label.clinical:
            continue
        span = _value(document, match, label) or _bare(document, match, label) or _lettered(document, match)
        if span is not None:
            spans.append(span)
            last = span.end, span.category
    return spans


def _value(document: Document, match: re.Match[str], label: Label | None) -> Span | None:
    """The value of a label, if it looks like one."""
    if label is None or label.category in ("PHONE", "FAX") and not 3 <= _count(match[0]) <= 15:
        return None
    text, end = document.text, match.end()
    groups = _GROUPS.match(text, end) if _HEAD.fullmatch(match[0]) and label.strong else None
    if groups is not None and label.category != "ZIP" and _count(match[0] + groups[0]) > 5:
        end = groups.end()
    shown = text[match.start() : end]
    digits = _count(shown)
    if unit_follows(text, end) or _year(shown) and (label.words > 1 or not label.strong):
        return None
    if not _fits(label, shown, digits) or is_clinical_code(shown) and not label.marked and not label.strong:
        return None
    if label.category == "DATE":
        return Span(match.start(), end, "DATE", 0.9, "rule:date-labelled") if digits in (6, 8, 12, 14) or end > match.end() else None
    return Span(match.start(), end, label.category, 0.95 if label.strong else 0.8, f"rule:label-{label.category.lower()}")


def _lettered(document: Document, match: re.Match[str]) -> Span | None:
    """A value whose letters stand apart: license RN 558213."""
    letters = _LETTERS.search(document.text, max(0, match.start() - 4), match.start())
    if letters is None or not match[0].isdecimal() or len(match[0]) < 4:
        return None
    label = label_before(document.lower, letters.start())
    if label is None or not label.strong or label.category in ("-", "DATE", "PHONE", "FAX", "ZIP") or unit_follows(document.text, match.end()):
        return None
    return Span(letters.start(), match.end(), label.category, 0.85, f"rule:label-{label.category.lower()}")


def _fits(label: Label, shown: str, digits: int) -> bool:
    """Whether a value has the length its label asks for."""
    if label.category in ("PHONE", "FAX"):
        return digits >= 7 and not any(map(str.isalpha, shown)) or label.short and digits >= 3 and shown.replace("-", "").isdecimal()
    if label.category in ("CARD", "IBAN"):
        return digits >= 12 or digits == 4 and label.words > 0
    if label.category == "ZIP":
        return 3 <= digits <= 9 and len(shown) <= 10
    if label.category == "USER":
        return len(shown) >= 3
    if label.category == "SSN":
        return digits >= 4
    if not label.strong:
        return digits >= 3 and (label.marked and len(shown) > 3 or len(shown) > 5 and digits > 3 and label.words == 0)
    if label.category in ("MRN", "PLAN", "ACCOUNT"):
        return digits >= 3 or digits >= 2 and len(shown) >= 5
    return digits >= 4 or digits >= 3 and (label.marked or len(shown) >= 5) or digits >= 2 and len(shown) >= 6


def _bare(document: Document, match: re.Match[str], label: Label | None) -> Span | None:
    """A value that no label explains, by its form."""
    text, shown = document.text, match[0]
    start, end = match.span()
    digits = _count(shown)
    if digits < 3 or unit_follows(text, end) or is_clinical_code(shown):
        return None
    if shown.isdecimal():
        if digits == 10 and checks.npi(shown) and label is not None:
            return Span(start, end, "NPI", 0.9, "rule:npi")
        hashed = text[start - 1 : start] == "#" or text[max(0, start - 2) : start] == "# "
        least = 6 if document.high else 9
        if (digits >= least or hashed and digits >= 5) and not _decimal(text, start, end):
            return Span(start, end, "ID", 0.7, "rule:long-number")
        return None
    prefix = _PREFIX.fullmatch(shown)
    if prefix is not None:
        return Span(start, end, _PREFIXES[prefix["of"].lower()], 0.95, "rule:prefixed")
    if checks.vin(shown) and digits > 4:
        return Span(start, end, "VEHICLE", 0.95, "rule:vin")
    if re.fullmatch(r"[ABFGMPRX][A-Z9]\d{7}", shown) and checks.dea(shown):
        return Span(start, end, "LICENSE", 0.95, "rule:dea")
    if _CODE.fullmatch(shown):
        return Span(start, end, "ID", 0.8, "rule:code")
    if document.high and (digits >= 5 or digits >= 4 and "-" in shown) and re.fullmatch(r"[\w-]+", shown) and not re.fullmatch(r"\d{1,4}-\d{1,4}", shown):
        return Span(start, end, "ID", 0.5, "rule:mixed")
    return None


def _decimal(text: str, start: int, end: int) -> bool:
    return text[max(0, start - 1) : start] in (".", ",") and text[max(0, start - 2) : start - 1].isdecimal() or bool(re.match(r"[.,]\d", text[end : end + 2]))


def _count(shown: str) -> int:
    return sum(letter.isdecimal() for letter in shown)


def _year(shown: str) -> bool:
    return len(shown) == 4 and shown.isdecimal() and shown[:2] in ("18", "19", "20")

"""Ways to reach somebody: telephone and fax, e-mail, web and network addresses.

Knows their forms. Refuses to resolve, look up or open anything: no socket, no list of domains fetched.
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address

from medcli.privacy.text.document import Document
from medcli.privacy.text.forms import unit_follows
from medcli.privacy.text.labels import label_before
from medcli.privacy.text.span import Span
from medcli.privacy.text.tables import rows

__all__ = ["find_contacts"]

_AT = re.compile(r"@(?P<domain>[^\W_](?:[\w-]{0,62}\.)+[^\W\d_][\w-]{1,23})", re.ASCII)
_AT_ANY = re.compile(r"@(?P<domain>[^\W_][\w-]{0,62}(?:\.[\w-]{1,63}){1,6})")
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+$")
_SPELT = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?:\s(?:dot|underscore|dash)\s[\w+-]{1,40}){0,3}\s?(?:\(at\)|\[at\]|\{at\}|<at>|\sat\s)\s?[\w-]{1,63}(?:\s?(?:\(dot\)|\[dot\]|\{dot\}|<dot>|\sdot\s|\.)\s?[\w-]{2,24}){1,3}(?!\w)",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(?:https?|ftps?|sftp|file)://[^\s<>\"'\u00bb\u201d]+|(?<![\w.@-])www\d?\.[^\s<>\"']+\.[^\s<>\"']+",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    r"(?<![\w.@/-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,5}"
    r"(?:com|org|net|edu|gov|mil|info|biz|io|ai|app|dev|health|clinic|hospital|care|me|us|uk|ca|de|fr|es|it|nl|be|ch|at|se|dk|no|fi|pl|eu|au|nz|in|jp|cn|br|mx|ie|pt|cz|hu|gr|ru|za)"
    r"(?::\d{2,5})?(?:/[^\s<>\"']*|(?![\w-]|\.\w))",
    re.IGNORECASE,
)
#: Two-letter endings read as words too; without a path they need a label or "www".
_WORDLIKE = frozenset(("me", "us", "no", "it", "in", "be", "at", "ch", "de", "es", "se"))
#: Where the literature, registries and reference works live; a path there names a paper and nobody.
_PUBLIC = re.compile(
    r"(?:https?://)?(?:[\w-]{1,40}\.)*(?:nih\.gov|cdc\.gov|fda\.gov|who\.int|doi\.org|clinicaltrials\.gov|radiopaedia\.org|uptodate\.com|arxiv\.org|medrxiv\.org|wikipedia\.org|acr\.org|rsna\.org|nejm\.org|thelancet\.com|jamanetwork\.com|bmj\.com|cochranelibrary\.com|nice\.org\.uk|huggingface\.co|github\.com)(?:[/:][^?=@]*)?$",
    re.IGNORECASE,
)
_IPV4 = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2})?(?![\w]|\.\d)"
)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?:%\w{1,15})?(?![\w:])")
_MAC = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z_]\w{2,29}(?![\w@]|\.\w)")

_EXT = r"(?:\s{0,2},?\s?(?:x|ext\.?|extension|\u0434\u043e\u0431\.)\s{0,2}\d{1,6}(?!\w))?"
_GAP = r"[-. /\u00a0\u2010\u2011\u2012\u2013]"
_US = re.compile(
    rf"(?<![\w.+/-])(?:\+?1{_GAP}{{0,2}})?(?:\(\s?\d{{3}}\s?\){_GAP}{{0,2}}|\d{{3}}{_GAP})\d{{3}}{_GAP}\d{{4}}(?!\d|[-.]\d){_EXT}",
    re.IGNORECASE,
)
_PLUS = re.compile(
    rf"(?<![\w+])(?:\+|00(?=[1-9]))\s?\d(?:[-. /()\u00a0]{{0,3}}\d){{6,15}}(?!\d){_EXT}", re.IGNORECASE
)
_ANY = re.compile(
    rf"(?<![\w.+/-])(?:\(\+?\d{{1,5}}\)|\d)(?:[-. /()\u00a0]{{0,2}}\d){{5,14}}(?![\w]|[.-]\d){_EXT}",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(?<![\w.,/-])\+?\d{1,4}[ -]$")
#: What a number is for, said behind it.
_FOR = re.compile(r"\s?[-(]?\s?(?P<of>office|mobile|cell|home|work|fax|desk|phone|tel)\b", re.IGNORECASE)
_SEVEN = re.compile(
    r"(?<![\w.+/-])\d{3}[-.\u2013]\d{4}(?![\w]|[-./]\d)(?:\s{0,2}(?:x|ext\.?)\s{0,2}\d{1,6})?", re.IGNORECASE
)
#: Round numbers are the ends of a range: 500-1000.
_RANGE = re.compile(r"\d\d[05]-\d\d[05]0|\d{3}[.\u2013]\d{4}")
_VANITY = re.compile(
    r"(?<![\w-])(?:1[-. ])?8(?:00|33|44|55|66|77|88)[-. ](?=[A-Z0-9-]{0,9}[A-Z])[A-Z0-9]{2,4}[-. ]?[A-Z0-9]{3,5}(?!\w)"
)


def find_contacts(document: Document) -> list[Span]:
    """Spans of PHONE, FAX, EMAIL, URL, IP, DEVICE (hardware addresses) and USER (handles)."""
    text = document.text
    spans: list[Span] = []
    if "@" in text:
        spans += _emails(text)
    if "dot" in document.lower or "(at)" in document.lower or "[at]" in document.lower:
        spans += [
            Span(*m.span(), "EMAIL", 0.9, "rule:email-spelt")
            for m in _SPELT.finditer(text)
            if "dot" in m[0].lower() or m[0].count("(") + m[0].count("[")
        ]
    if "." in text or "://" in text:
        spans += _addresses(document)
    if document.digits:
        spans += _networks(text)
        spans += _phones(document, spans)
    return spans


def _emails(text: str) -> list[Span]:
    """Addresses around each @; each looks back no further than the @ before it."""
    spans, before = [], 0
    for match in _AT_ANY.finditer(text):
        local = _LOCAL.search(text, max(before, match.start() - 254), match.start())
        before = match.end()
        if local is not None:
            lead = len(local[0]) - len(local[0].lstrip(".'`/=*#&|{(-"))
            if local.start() + lead < match.start():
                spans.append(Span(local.start() + lead, match.end(), "EMAIL", 0.99, "rule:email"))
    spans += [Span(*m.span(), "USER", 0.8, "rule:handle") for m in _HANDLE.finditer(text)]
    return spans


def _addresses(document: Document) -> list[Span]:
    text = document.text
    spans = [_trimmed(match) for match in _URL.finditer(text)]
    for match in _DOMAIN.finditer(text):
        ending = match[0].split("/")[0].split(":")[0].rsplit(".", 1)[-1]
        if "/" in match[0] or (ending.lower() not in _WORDLIKE and (ending.islower() or ending.isupper())):
            spans.append(_trimmed(match))
    return [span for span in spans if document.high or not _PUBLIC.match(text[span.start : span.end])]


def _trimmed(match: re.Match[str]) -> Span:
    """Without the punctuation of the sentence around it."""
    shown = match[0].rstrip(".,;:!?'\"*_")
    if shown.endswith(")") and "(" not in shown:
        shown = shown.rstrip(").,;")
    return Span(match.start(), match.start() + len(shown), "URL", 0.97, "rule:url")


def _networks(text: str) -> list[Span]:
    spans = (
        [Span(*m.span(), "IP", 0.95, "rule:ip") for m in _IPV4.finditer(text)] if text.count(".") > 2 else []
    )
    if text.count(":") > 1:
        spans += [Span(*m.span(), "IP", 0.95, "rule:ip") for m in _IPV6.finditer(text) if _is_ipv6(m[0])]
    if text.count(":") > 4 or text.count("-") > 4:
        spans += [Span(*m.span(), "DEVICE", 0.95, "rule:mac") for m in _MAC.finditer(text)]
    return spans


def _is_ipv6(found: str) -> bool:
    if found.count(":") < 3:
        return False
    try:
        return ip_address(found).version == 6
    except ValueError:
        return False


@cache
def _codes() -> dict[str, frozenset[int]]:
    """Calling codes, and how many digits may follow each."""
    return {code: frozenset(int(size) for size in sizes.split(",")) for code, sizes in rows("calling_codes")}


def _calls(digits: str) -> bool:
    """Whether digits behind a plus are a number of some country."""
    for length in (1, 2, 3):
        sizes = _codes().get(digits[:length])
        if sizes is not None:
            return any(size in sizes for size in (len(digits) - length, len(digits) - length - 1))
    return False


def _phones(document: Document, taken: list[Span]) -> list[Span]:
    text = document.text
    spans: list[Span] = []
    known = Document(text, found=list(taken))
    for pattern, source in ((_PLUS, "international"), (_US, "us"), (_ANY, "national"), (_SEVEN, "local")):
        for match in pattern.finditer(text):
            if known.covered(*match.span()):
                continue
            category = _phone_category(document, match, source)
            if category:
                spans.append(
                    Span(_head(document, match, source), match.end(), category, 0.9, f"rule:phone-{source}")
                )
                known.found.append(spans[-1])
    spans += [Span(*m.span(), "PHONE", 0.9, "rule:phone-words") for m in _VANITY.finditer(text)]
    return spans


def _head(document: Document, match: re.Match[str], source: str) -> int:
    """Where a number begins; digits before a North American form belong to it when their label says telephone."""
    lead = _LEAD.search(document.text, max(0, match.start() - 6), match.start()) if source == "us" else None
    if lead is None:
        return match.start()
    label = label_before(document.lower, lead.start())
    return lead.start() if label is not None and label.category in ("PHONE", "FAX") else match.start()


def _phone_category(document: Document, match: re.Match[str], source: str) -> str:
    """PHONE or FAX; empty where the digits are something else."""
    label = label_before(document.lower, match.start())
    category = label.category if label is not None and label.category in ("PHONE", "FAX") else ""
    if not category and (behind := _FOR.match(document.text, match.end())) is not None:
        category = "FAX" if behind["of"].lower() == "fax" else "PHONE"
    digits = "".join(letter for letter in re.split(r"[xe]", match[0].lower())[0] if letter.isdecimal())
    if source == "us":
        return category or (
            ""
            if label is not None
            and label.strong
            and label.words == 0
            and label.category in ("MRN", "SSN", "CARD", "-")
            else "PHONE"
        )
    if source == "international":
        return category or ("PHONE" if _calls(digits.lstrip("0")) or document.high else "")
    if source == "local":
        return category or (
            "PHONE"
            if label is None
            and (document.high or not _RANGE.fullmatch(match[0]))
            and not unit_follows(document.text, match.end())
            else ""
        )
    if not 7 <= len(digits) <= 15 or re.match(r"(?:19|20)\d\d[-/.]\d\d?[-/.]", match[0]):
        return category if category and 6 <= len(digits) <= 15 else ""
    if label is not None and not category:
        return ""
    return category or ("PHONE" if _grouped(match[0], digits) else "")


def _grouped(shown: str, digits: str) -> bool:
    """Whether digits stand in groups as outside North America: 0688 843 79 56, (99) 645-791, 71-33-52-22."""
    groups = re.findall(r"\d+", shown)
    if (
        not 8 <= len(digits) <= 12
        or len(groups) < 2
        or len(groups) > 6
        or ("." in shown and "(" not in shown and len(groups) < 4)
    ):
        return False
    if shown.startswith("("):
        return True
    if digits[0] == "0" and all(1 < len(group) < 6 for group in groups):
        return True
    return len(groups) >= 4 and all(len(group) == 2 for group in groups) and "/" not in shown

"""Postal codes that their form, or the state before them, gives away.

Knows the states and the forms of codes. Refuses to know towns, and what of a code may stay.
"""

from __future__ import annotations

import re

from medcli.privacy.text.document import Document
from medcli.privacy.text.span import Span

__all__ = ["find_codes"]

_STATE = (
    r"(?:A[LKZRSP]|C[AOT]|D[EC]|F[LM]|G[AU]|HI|I[DLNA]|K[SY]|LA|M[EDAINSOTHP]|N[EVHJMYCD]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT|V[TAI]|W[AVIY]|A[EA]|"
    r"Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|"
    r"Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New\s(?:Hampshire|Jersey|Mexico|York)|North\s(?:Carolina|Dakota)|Ohio|Oklahoma|Oregon|Pennsylvania|"
    r"Rhode\sIsland|South\s(?:Carolina|Dakota)|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West\sVirginia|Wisconsin|Wyoming|Puerto\sRico)"
)
_WITH_STATE = re.compile(rf"(?<!\w){_STATE}[.,]{{0,2}}\s{{1,2}}(?P<zip>\d{{5}}(?:-\d{{4}})?)(?![\w-]|[.,]\d)")
#: What all but the codes with letters have.
_FIVE = re.compile(r"(?<!\d)\d{5}(?!\d)")
_NINE = re.compile(r"(?<![\w./-])(?P<zip>\d{5}-\d{4})(?![\w/-]|\.\d)")
_AFTER_COMMA = re.compile(r"(?<=[^\W\d_]),\s{1,2}(?P<zip>\d{5})(?:(?=[.,;)\n])|$)(?![.,]\d)")
_UK = re.compile(r"(?<!\w)(?P<zip>(?:[A-Z]{1,2}\d[A-Z\d]?)\s\d[ABD-HJLNP-UW-Z]{2})(?!\w)")
#: A tumour's stage looks like a code of Alberta.
_STAGE = re.compile(r"T\dN\dM\d")
_CANADA = re.compile(
    r"(?<!\w)(?P<zip>[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d)(?!\w)"
)


def find_codes(document: Document) -> list[Span]:
    """Spans of the category ZIP that their form or a state's name gives away."""
    if not document.digits:
        return []
    five = _FIVE.search(document.text) is not None
    return [
        Span(*match.span("zip"), "ZIP", 0.9, "rule:zip")
        for pattern in ((_WITH_STATE, _NINE, _AFTER_COMMA, _UK, _CANADA) if five else (_UK, _CANADA))
        for match in pattern.finditer(document.text)
        if _STAGE.fullmatch(match[0]) is None
    ]

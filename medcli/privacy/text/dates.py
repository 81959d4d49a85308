"""Dates in every usual spelling but bare years, and times that stand with a date.

Knows the spellings. Refuses to know calendars: 31 February is as much of a date as any. Numbers in clinical use
(120/80, pain 8/10, T1/2) stay. Each pattern looks at a bounded stretch, so the search is linear in the text.
"""

from __future__ import annotations

import re
from functools import cache

from medcli.privacy.text.document import Document, Word
from medcli.privacy.text.partial import find_holidays, find_partial, find_seasons, ranged, tail
from medcli.privacy.text.span import Span
from medcli.privacy.text.tables import rows

__all__ = ["find_dates"]

_WORDED = (
    r"(?:(?:twenty|thirty)[\s-])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|"
    r"seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:18|19|20)\d\d"

#: 1956-03-04, 3/4/1956, 04.03.56 and the like. Letters may follow only as the time of an ISO date.
_NUMERIC = re.compile(
    rf"(?<![^\W_])(?<!\d[./])(?<!\d-)(?:{_YEAR}(?P<a>[-/.]){_MONTH}(?P=a){_DAY}"
    rf"|(?P<d>{_DAY})\s?(?P<b>[-/.\u2010\u2011\u2013])\s?(?P<m>{_DAY})\s?(?P=b)\s?(?P<y>{_YEAR}|'?\d\d))"
    r"(?=[Tt]\d|\W|_|$)(?![-/]\d|\.\d)"
)
#: 3/14/23-3/16/23
_BOTH_ENDS = re.compile(
    rf"(?<![\w/.-])(?P<from>{_DAY}/{_DAY}/(?:{_YEAR}|\d\d))\s?[-\u2013]\s?{_DAY}/{_DAY}/(?:{_YEAR}|\d\d)(?![\w/]|[.-]\d)"
)
#: DICOM DA and DT and ISO basic: 19560304, 20230513143022.123+0100.
_COMPACT = re.compile(
    r"(?<![\d.])(?:19[0-9]\d|20[0-4]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"(?:[Tt]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?(?:[+-]\d{4})?[Zz]?)?(?![\d.]\d|\d)"
)
_MONTH_YEAR = re.compile(rf"(?<![\w./-]){_MONTH}\s?/\s?(?:19|20)\d\d(?![\w/]|[.-]\d)")
_YEAR_MONTH = re.compile(r"(?<![\w./-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?![\w/]|[.-]\d)")

#: After a month's name: the day, then perhaps the year; or the year alone.
_THEN_DAY = re.compile(
    rf"\.?[\s\-/,_]{{0,3}}(?:the\s)?(?P<day>{_DAY})(?P<ord>(?:st|nd|rd|th)?)(?!\d|[^\W\d_]|[.,]\d|\s?[%/x\u00d7]|:\d|-[A-Za-z])"
)
_THEN_YEAR = re.compile(
    rf"\.?(?:[\s,./_-]{{0,3}}(?:(?:of|de|del|in)\s)?(?P<full>{_YEAR})|(?:,?\s?['\u2019]|[-/_.])(?P<short>\d\d))(?![\w/]|[.,-]\d)"
)
#: 12 VIII 1938, 12.VIII.1938
_ROMAN = re.compile(
    rf"(?<![\w./-]){_DAY}(?P<joint>[ ./-])(?:VII?I?|I[VX]|X?I{{1,3}}|[VX])(?P=joint)(?:{_YEAR})(?!\w|[.-]\d)"
)
#: Surname, day of birth and sex with strokes between: DRISCOLL/060744/M.
_STROKES = re.compile(r"(?<=[^\W\d_]/)(?:(?:19|20)?\d{6})(?=/[MFUmfu](?!\w))")
#: What points at the day that follows: next Tuesday 6/14, last Nov 12, the 3rd of May.
_POINTING = re.compile(
    r"(?<!\w)(?:(?:this )?(?:next|last|this|past|coming|following)(?: the)?|the) $", re.IGNORECASE
)
_DAY_BEFORE = re.compile(
    rf"(?<![\w/])(?<!\d[.,:-])(?P<day>(?:{_DAY}(?:st|nd|rd|th)?\s?[-\u2013]\s?)?{_DAY})(?P<ord>(?:st|nd|rd|th)?)[.\u00ba\u00aa]?(?:er)?[\s\-/.,_]{{0,3}}(?P<of>(?:(?:day\s)?of|de|del|d')\s?)?$"
    rf"|(?<!\w)(?P<worded>{_WORDED})\s(?:day\s)?of\s$",
    re.IGNORECASE,
)
_THEN_WORD = re.compile(rf"\s(?:the\s)?(?:{_WORDED})(?!\w|\s(?:of|time|day|week|year))", re.IGNORECASE)
_SHORT_YEAR = re.compile(r"[ ,]\s?\d\d(?![\w:/%-]|\.\d)")
_UNIT = re.compile(
    r"\s?(?:mg|mcg|\u00b5g|ug|g|kg|ml|mm|cm|cc|l|units?|iu|meq|mmol|tabs?|tablets?|pills?|doses?|times?|percent|weeks?|days?|months?|hours?|hrs?|min|minutes?|years?|patients|points?|mg/kg|x)\b",
    re.IGNORECASE,
)
#: Words that make a month's name, or a month and a day, a date where the name alone could mean something else.
_TEMPORAL = re.compile(
    r"(?:\b(?:on|since|in|from|until|till|thru|through|by|before|after|of|dated?|dob|d\.o\.b\.?|born|birthday|birthdate|last|this|past|next|"
    r"early|mid|late|around|between|le|el|am|den|vom|il|yesterday,?|today,?|tomorrow,?|geb\.?|geboren|d\u00eda|dia|to|and|seen|admitted|discharged|visit|surgery|starting|beginning|scheduled|is|was)"
    r"(?:\sthe)?[\s:,=-]{1,3}|^\s*|[:(\n]\s*)$",
    re.IGNORECASE,
)
_LONELY = re.compile(
    r"\b(?:in|since|last|this past|past|early|mid|late|early in|late in|until|back in|by|from|through|next|during|this|around|week of|weekend of|"
    r"between|end of|beginning of|start of|middle of)[\s-]$",
    re.IGNORECASE,
)
_WEEKDAY_BEFORE = re.compile(r"(?<!\w)(?P<day>[^\W\d_]{3,12}(?:-feira)?)[.,]{0,2}\s{0,2}(?:the\s|\(|den\s)?$")
_WEEKDAY_CONTEXT = re.compile(
    r"\b(?:on|last|since|this|next|by|until|this past|past|from|before|after|for|el|le|am|il|home|seen|here|er|ed|clinic|came|back|due|visit|appt|surgery|today|called|started|again|dose|stopped|discharged|admitted|scheduled|returning|returned|tomorrow)\s$",
    re.IGNORECASE,
)
#: A day of the month without its month, where nothing else is counted: "on the 15th."
_ON_THE = re.compile(
    rf"\b(?:on|since|until|by|from|before|after|till)\s(?P<date>the\s{_DAY}(?:st|nd|rd|th))(?=\s?(?:[.,;)!?\n]|$|(?:of\s(?:this|last|the|next)\smonth|s?he|they|i|we|and|with|for|at|but|due|after|before)\b))",
    re.IGNORECASE,
)

_ORDINAL = re.compile(r"\d(?:st|nd|rd|th)(?!\w)", re.IGNORECASE)
_OF_MONTH = re.compile(
    rf"\b(?P<date>the\s{_DAY}(?:st|nd|rd|th)\sof\s(?:this|last|next)\smonth)\b", re.IGNORECASE
)
#: The same without a word before it: scan is the 15th, missed my pill the 12th what now; not the 5th nerve or the 4th and 5th.
_THE_DAY = re.compile(
    rf"(?<!\bin )(?<!\bat )(?<!\bof )(?<!and )(?<!ween )(?P<date>\bthe\s{_DAY}(?:st|nd|rd|th))(?=\s?(?:[.;!?\n]|$|,(?!\s?(?:\d|the\s\d|and\s\d))|(?:(?:and|or)\s(?!\d|the\s\d)|(?:what|but|at|in|now|so|is|was|should|can|do|i|he|she|we|they|because|then|until)\b)))",
    re.IGNORECASE,
)
_WEEKDAY_ORDINAL = re.compile(
    rf"\b(?P<date>(?:mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)[.,]?\s(?:the\s)?{_DAY}(?:st|nd|rd|th))(?!\w)",
    re.IGNORECASE,
)

_CLOCK = r"(?:(?:[01]?\d|2[0-3])(?:[:.][0-5]\d){1,2}(?:\.\d{1,6})?(?:\s?[ap]\.?m\b\.?)?|(?:1[0-2]|0?[1-9])\s?[ap]\.?m\b\.?|(?:[01]\d|2[0-3])[0-5]\d(?=\s?h|[\s.,;)]|$))"
_ZONE = r"(?:\s?(?:Z\b|UTC|GMT|[ECMP][SD]?T\b|hrs?\b|hours\b|h\b|Uhr\b|o'clock|[+-]\d\d:?\d\d))?"
_TIME_AFTER = re.compile(
    rf"(?:T|,?\s{{0,2}}(?:(?:at|um|\u00e0|a las|@|-|\u00b7|\()\s?)?)(?P<time>{_CLOCK}{_ZONE})(?![\w:]|\.\d)",
    re.IGNORECASE,
)
_TIME_BEFORE = re.compile(
    rf"(?<![\w.:/-])(?P<time>{_CLOCK}{_ZONE})[\s,]{{0,2}}(?:on\s|of\s|hrs?\s)?(?:the\s)?$", re.IGNORECASE
)


_OF_YEAR = re.compile(
    r"\.?(?: of)? (?:last|this|next|that|the (?:same|previous|prior)) year\b", re.IGNORECASE
)

#: Without any of these a month or a weekday is nobody's: the flu season peaks in February.
_PERSONAL = re.compile(
    r"\b(?:i|i'm|i've|my|me|we|our|she|he|her|his|him|they|pt|pts?|patient|mr|mrs|ms|dr|mom|dad|mother|father|wife|husband|son|daughter|was|had|seen|did|last|since|been|began|got|went|came|saw"
    r"|[a-z]{3,12}ed|born|dx|dx'd|s/p|hx|mrn|dob|name|appointment|appt|visit|next|scan|surgery|\d{1,3}\s?(?:yo|y/o|[mf])|el|la|paciente|patiente?|herr|frau|seit|desde|depuis|mi|mon|ma|mein|meine)\b",
    re.IGNORECASE,
)
_PLURAL = re.compile(
    r"\s?(?:mornings|afternoons|evenings|nights|clinics|schedules?)\b|s\b|\s?(?:through|thru|to|-)\s?(?:Fri|Sat|Sun)",
    re.IGNORECASE,
)
_PART_OF_DAY = re.compile(r"\s(?:morning|afternoon|evening|night|noon|am|pm)\b", re.IGNORECASE)
#: Short forms that hardly mean anything else before a number.
_SHORT_MONTHS = frozenset(("jan", "jun", "sep", "oct", "dec"))
#: How far before a month's name its day may begin.
_BACK = 24


@cache
def _names(kind: str) -> dict[str, bool]:
    """Words of a kind, and whether each needs care."""
    return {word: careful == "yes" for word, of, _, careful in rows("months") if of == kind}


def find_dates(document: Document) -> list[Span]:
    """Dates, and the times beside them, as spans of the category DATE."""
    text = document.text
    found: list[tuple[int, int]] = []
    months, lower = _names("month"), document.lower
    for word in document.words:
        if "-" in word.text or lower[word.start : word.end] in months:
            found += [place for part in _parts(word) for place in _named(document, part)]
    found += find_holidays(document)
    if document.digits:
        found += [match.span() for match in _NUMERIC.finditer(text) if _possible(match)]
        for pattern in (_COMPACT, _MONTH_YEAR, _BOTH_ENDS, _ROMAN, _STROKES):
            found += [match.span() for match in pattern.finditer(text)]
        ordinal = _ORDINAL.search(text) is not None
        for pattern in (_ON_THE, _OF_MONTH, _WEEKDAY_ORDINAL) if ordinal else ():
            found += [m.span("date") for m in pattern.finditer(text)]
        found += [
            m.span()
            for m in _YEAR_MONTH.finditer(text)
            if document.high or _TEMPORAL.search(text[max(0, m.start() - 20) : m.start()])
        ]
        found += find_partial(document)
        if document.high or _PERSONAL.search(text):
            found += find_seasons(document)
            found += [m.span("date") for m in _THE_DAY.finditer(text)] if ordinal else []
    spans = [Span(start, end, "DATE", 0.8, "rule:weekday") for start, end in _weekdays(document)]
    for start, end in found:
        spans += _with_company(text, start, end)
    return spans


def _parts(word: Word) -> list[Word]:
    """A word, or what a hyphen joins: mid-June."""
    if "-" not in word.text:
        return [word]
    parts, start = [], word.start
    for part in word.text.split("-"):
        parts.append(Word(start, start + len(part), part))
        start += len(part) + 1
    return parts


def _possible(match: re.Match[str]) -> bool:
    """Whether day and month are one, and a short year or a dotted number is not some other count."""
    if match["d"] is None:
        return True
    day, month = int(match["d"]), int(match["m"])
    if min(day, month) > 12:
        return False
    if match["b"] == "." and len(match["y"]) == 2:  # 1.2.20 may be a version or a heading; 01.02.20 is a date
        return (
            len(match["d"] + match["m"]) == 4 or max(day, month) > 12 or _timely(match.string, match.start())
        )
    return True


def _named(document: Document, word: Word) -> list[tuple[int, int]]:
    """Dates around the name of a month."""
    months = _names("month")
    name = word.text.lower()
    if name not in months:
        return []
    text = document.text
    careful = months[name] or (len(name) == 3 and word.text.isupper() and not text.isupper())
    weak = careful and (word.text[0].islower() or (len(name) == 3 and word.text.isupper()))
    before = _DAY_BEFORE.search(text[max(0, word.start - _BACK) : word.start])
    year = _THEN_YEAR.match(text, word.end)
    if before is not None:
        start = max(0, word.start - _BACK) + before.start("worded" if before["worded"] else "day")
        if (
            year is None
            and (short := _SHORT_YEAR.match(text, word.end))
            and not _UNIT.match(text, short.end())
        ):
            year = short
        glued = before.end("ord") == before.end() or before.group(0)[-1] in "-/._"
        sure = bool(before["worded"] or before["ord"] or before["of"] or year or glued)
        if sure or not careful or (not weak and word.text[0].isupper()) or _timely(text, start):
            return [(start, year.end() if year else word.end)]
    day = _THEN_DAY.match(text, word.end)
    if day is not None and not _UNIT.match(text, day.end()):
        after = _THEN_YEAR.match(text, day.end())
        sure = bool(day["ord"] or (after and after["full"]))
        if sure or not weak or _timely(text, word.start) or _short_day(text, name):
            end = after.end() if after else day.end()
            return ranged([(word.start, end), *tail(text, end)], text)
    worded = _THEN_WORD.match(text, word.end)
    if worded is not None and not weak:
        return [(word.start, worded.end())]
    if year is not None and (year["full"] or not weak):
        return [(word.start, year.end())]
    return _alone(document, word, careful=careful)


def _short_day(text: str, name: str) -> bool:
    """Whether a short month written small is one, as it stands in a text about somebody: i was due dec 24."""
    return name in _SHORT_MONTHS and _PERSONAL.search(text) is not None


def _alone(document: Document, word: Word, *, careful: bool) -> list[tuple[int, int]]:
    """A month without day and year: a date only behind a word of time."""
    short = len(word.text) < 4 and word.text.lower() != "may"
    before = document.text[max(0, word.start - 14) : word.start]
    named = word.text[0].isupper()
    if _OF_YEAR.match(document.text, word.end):
        return [(word.start, word.end)]
    match = _LONELY.search(before)
    if match is None or (
        short
        and not match[0]
        .lower()
        .startswith(("last", "since", "week", "back", "mid", "late", "early", "until"))
    ):
        return []
    if not document.high and _PERSONAL.search(document.text) is None:
        return []
    if not (
        named
        or (document.high and not careful)
        or match[0].strip().lower() not in ("in", "by", "from", "through", "to", "this")
    ):
        return []
    return [(word.start, word.end)]


def _timely(text: str, start: int) -> bool:
    return _TEMPORAL.search(text[max(0, start - 16) : start]) is not None


def _weekdays(document: Document) -> list[tuple[int, int]]:
    """Weekdays that point at one day: "on Tuesday", "last Fri"."""
    days = _names("weekday")
    found = []
    for word in document.words:
        name = word.text.lower()
        if name not in days or len(name) < 3:
            continue
        before = document.text[max(0, word.start - 12) : word.start]
        if before.lower().endswith(("every ", "each ", "a ")) or _PLURAL.match(document.text, word.end):
            continue
        part = _PART_OF_DAY.match(document.text, word.end)
        end = part.end() if part else word.end
        near = _WEEKDAY_CONTEXT.search(before) is not None or part is not None
        if not document.high and _PERSONAL.search(document.text) is None and not document.looked.shouts:
            near = False
        if (near and (word.text[0].isupper() or len(name) > 5)) or (
            document.high and word.text[0].isupper() and not days[name]
        ):
            pointing = _POINTING.search(document.text, max(0, word.start - 18), word.start)
            found.append((pointing.start() if pointing else word.start, end))
    return found


def _with_company(text: str, start: int, end: int) -> list[Span]:
    """A date with the weekday before it, and the time on either side as a find of its own."""
    spans = []
    weekday = _WEEKDAY_BEFORE.search(text[max(0, start - 22) : start])
    if weekday is not None and weekday["day"].lower() in _names("weekday"):
        start = max(0, start - 22) + weekday.start("day")
    pointing = _POINTING.search(text, max(0, start - 18), start)
    start = pointing.start() if pointing is not None else start
    after = _TIME_AFTER.match(text, end)
    if after is None:
        spans.append(Span(start, end, "DATE", 0.97, "rule:date"))
    else:
        spans.append(Span(start, after.end("time"), "DATE", 0.97, "rule:date-time"))
    offset = max(0, start - 24)
    before = _TIME_BEFORE.search(text[offset:start])
    if before is not None:
        spans.append(
            Span(offset + before.start("time"), offset + before.end("time"), "DATE", 0.9, "rule:time")
        )
    return spans

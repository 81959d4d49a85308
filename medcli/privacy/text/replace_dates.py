"""A date moved by days in its own spelling: order, separators, names of months, ordinals, digits of the year.

Knows how dates are written. Refuses to guess: what it does not understand to the last letter it gives back as None, and
whoever asked writes a tag. An order that is not certain is month first with a slash or hyphen, day first with a dot,
unless a number says otherwise.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache

from medcli.privacy.text.tables import rows

__all__ = ["shifted"]

_YEAR_FIRST = re.compile(r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4}|\d{2})(?!\d)")
_DENSE = re.compile(r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)(?!\d)")
_PAIR = re.compile(r"(?<![\d/.-])(?P<a>\d{1,2})(?P<s>[/.-])(?P<b>\d{1,2})(?![\d/-])")
_MONTH_YEAR = re.compile(r"(?<![\d/.-])(?P<m>\d{1,2})(?P<s>[/.-])(?P<y>\d{4})(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+")
_TIME = re.compile(
    r"[T ,@]*(?:at |um )?(?:\d{1,2}[:h.]\d{2}(?::\d{2}(?:[.,]\d+)?)?|\d{1,2}(?=\s*[ap]\.?m))\s*(?:[ap]\.?m\.?|Z|Uhr|h|hrs?)?(?:\s*[+-]\d{2}:?\d{2})?\s*",
    re.IGNORECASE,
)
_SMALL = frozenset(
    ("st", "nd", "rd", "th", "of", "the", "de", "del", "do", "di", "den", "der", "am", "el", "le", "er")
)
#: A date without a year moves as in this one.
_ANY_YEAR = 2001


def shifted(text: str, days: int) -> str | None:
    """The date that `text` is, moved; None where it is not understood or leaves the calendar."""
    try:
        for form in (_numeric, _named):
            moved = form(text, days)
            if moved is not None:
                return moved
    except (ValueError, OverflowError):
        pass
    return None


def _numeric(text: str, days: int) -> str | None:
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _DENSE, _MONTH_YEAR, _PAIR):
        match = pattern.search(text)
        if match is None:
            continue
        before, after = text[: match.start()], text[match.end() :]
        new = date(*_parts(match)) + timedelta(days)
        lead = _weekday(before, new)
        return None if lead is None or not _is_time(after) else lead + _like(match, new) + after
    return None


def _parts(match: re.Match[str]) -> tuple[int, int, int]:
    """Year, month, day; a part that is missing is one that shifts least badly."""
    found = match.groupdict()
    if "a" in found:
        first, second = int(found["a"]), int(found["b"])
        month, day = (first, second) if _month_first(match) else (second, first)
        year = _full(found["y"]) if found.get("y") else _ANY_YEAR
        return (2000 if (month, day) == (2, 29) and not found.get("y") else year), month, day
    return int(found["y"]), int(found["m"]), int(found.get("d") or 15)


def _month_first(match: re.Match[str]) -> bool:
    """By the numbers where one can be no month, else by the separator."""
    first, second = int(match["a"]), int(match["b"])
    return second > 12 if (first > 12) != (second > 12) else match["s"] != "."


def _year(old: str, new: date) -> str:
    return f"{new.year:04d}" if len(old) == 4 else f"{new.year % 100:02d}"


def _full(year: str) -> int:
    number = int(year)
    return number if len(year) == 4 else 2000 + number if number < 50 else 1900 + number


def _like(match: re.Match[str], new: date) -> str:
    """The new date with the old one's separators, order and zeros."""
    found = match.groupdict()
    if "a" in found:
        first, second = (new.month, new.day) if _month_first(match) else (new.day, new.month)
        padded = len(found["a"]) == len(found["b"]) == 2
        parts = [f"{one:02d}" if padded else str(one) for one in (first, second)]
        if found.get("y"):
            parts.append(_year(found["y"], new))
        return found["s"].join(parts)
    month = _digits(found["m"], new.month)
    if "d" not in found:
        return f"{month}{found['s']}{new.year:04d}"
    separator = found.get("s") or ""
    return separator.join((f"{new.year:04d}", month, _digits(found["d"], new.day)))


def _digits(old: str, new: int) -> str:
    return f"{new:02d}" if len(old) == 2 else str(new)


def _is_time(text: str) -> bool:
    """Whether nothing stands behind a date but a time and punctuation."""
    return not any(map(str.isalnum, _TIME.sub("", text, count=1)))


def _weekday(text: str, new: date) -> str | None:
    """What stands before a date, its weekday made the new one's; None where there is anything else."""
    for match in reversed(list(_WORD.finditer(text))):
        word = match[0].lower()
        index = _names("weekday").get(word)
        if index is not None:
            text = (
                text[: match.start()]
                + _alike(match[0], "weekday", index, new.isoweekday())
                + text[match.end() :]
            )
        elif word not in _SMALL:
            return None
    return None if _NUMBER.search(text) else text


@cache
def _names(kind: str) -> dict[str, int]:
    return {name: number for row in _rows(kind) for number, name in enumerate(row, 1)}


@cache
def _rows(kind: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(names.split()) for what, names in rows("replace_months") if what == kind)


def _alike(old: str, kind: str, index: int, number: int) -> str:
    """The name of another month or weekday out of the same row: the same language, long or short."""
    if index == number:
        return old
    fitting = [row for row in _rows(kind) if row[index - 1] == old.lower()]
    new = fitting[0][number - 1]
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new


def _named(text: str, days: int) -> str | None:
    """A date with the name of its month."""
    words = [(match, match[0].lower()) for match in _WORD.finditer(text)]
    months = [match for match, word in words if word in _names("month")]
    if len(months) != 1:
        return None
    month = months[0]
    index = _names("month")[month[0].lower()]
    near = text[: _time_start(text)]
    numbers = list(_NUMBER.finditer(near))
    years = [
        one
        for one in numbers
        if len(one[0]) == 4 or near[max(0, one.start() - 1) : one.start()] in ("'", "\u2019")
    ]
    years = years or [one for one in numbers[1:] if len(one[0]) == 2 and one.start() > month.end()][-1:]
    day_of = [one for one in numbers if one not in years]
    if len(years) > 1 or len(day_of) > 1 or (not years and not day_of):
        return None
    others = {word for match, word in words if match is not month and match.start() < len(near)}
    if others - _SMALL - _names("weekday").keys():
        return None
    year = _full(years[0][0]) if years else _ANY_YEAR
    day = int(day_of[0][0]) if day_of else 15
    new = date(2000 if not years and (index, day) == (2, 29) else year, index, day) + timedelta(days)
    edits = [(month.start(), month.end(), _alike(month[0], "month", index, new.month))]
    if day_of:
        edits += _day(text, day_of[0], new.day)
    if years:
        edits.append((*years[0].span(), _year(years[0][0], new)))
    for match, word in words:
        if word in _names("weekday") and match.start() < len(near):
            edits.append(
                (*match.span(), _alike(match[0], "weekday", _names("weekday")[word], new.isoweekday()))
            )
    for start, end, piece in sorted(edits, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def _time_start(text: str) -> int:
    """Where a time of day begins that ends a text, or the text's length."""
    match = re.search(r"[T ,@]+(?:at )?\d{1,2}(?:[:h]\d{2}|\s*[ap]\.?m).*$", text, re.IGNORECASE | re.DOTALL)
    return match.start() if match else len(text)


def _day(text: str, match: re.Match[str], day: int) -> list[tuple[int, int, str]]:
    """The new day's digits, and its ordinal ending where the old one has one."""
    edits = [(*match.span(), f"{day:02d}" if match[0][0] == "0" else str(day))]
    ordinal = re.compile(r"(st|nd|rd|th)\b", re.IGNORECASE).match(text, match.end())
    if ordinal:
        ending = "th" if 10 < day % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        edits.append((*ordinal.span(), ending.upper() if ordinal[0].isupper() else ending))
    return edits

"""What a server says of its pace: how long to leave it alone, and what it grants a minute.

Knows header fields; refuses to wait.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_PREFIX = "x-ratelimit-"
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110 10.2.3; OpenAI also has milliseconds), or None.

    >>> retry_after({"Retry-After": "2"}), retry_after({"Retry-After": "soon"})
    (2.0, None)
    """
    milliseconds, after = headers.get("retry-after-ms", ""), headers.get("Retry-After", "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(milliseconds) / 1000)
    with contextlib.suppress(ValueError):
        return max(0.0, float(after))
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(after).timestamp() - time.time())
    return None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a server grants of one thing, requests or tokens.

    Attributes
    ----------
    limit : int
        A minute.
    remaining : int or None
        Of it, when the server answered.
    reset : float or None
        Seconds until all of it is there again.
    """

    limit: int
    remaining: int | None = None
    reset: float | None = None


def allowance(headers: Mapping[str, str], kind: str) -> Allowance | None:
    """Read ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, as OpenAI and those that follow it send them.

    Parameters
    ----------
    headers : mapping of str to str
        Of a response; any case of letters if the mapping does not mind.
    kind : {"requests", "tokens"}
        Which of the two.

    Returns
    -------
    Allowance or None
        None where the server says nothing, or no number above 0. A limit whose ``reset`` is longer than a minute by
        more than the missing part explains is one of a day; see :meth:`medcli.pacing.Pace.learn`.

    >>> allowance({"x-ratelimit-limit-tokens": "90000", "x-ratelimit-reset-tokens": "1m30s"}, "tokens")
    Allowance(limit=90000, remaining=None, reset=90.0)
    """
    limit = headers.get(f"{_PREFIX}limit-{kind}")
    if limit is None:
        return None
    granted = _whole(limit)
    if not granted:
        return None
    return Allowance(
        granted,
        _whole(headers.get(f"{_PREFIX}remaining-{kind}", "")),
        _seconds(headers.get(f"{_PREFIX}reset-{kind}", "")),
    )


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _seconds(text: str) -> float | None:
    """Read ``6m0s``, ``17ms`` or plain seconds."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    with contextlib.suppress(ValueError):
        return max(0.0, float(text))
    return None

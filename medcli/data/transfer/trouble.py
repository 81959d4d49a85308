"""What a server's trouble is called, and whether it helps to ask again.

Knows status codes and the HTTP library's errors; refuses to wait.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NoReturn

from medcli.errors import ItemFailed
from medcli.pacing import retry_after

GONE = "gone"
MISMATCH = "mismatch"
UNREACHABLE = "unreachable"
UNTRUSTED = "certificate-not-trusted"
SILENT = "timeout"
SLOW = "too-slow"
CUT = "broke-off"
FAILING = "server-error"
BUSY = "busy"
REFUSED = "refused"
TOO_LARGE = "too-large"

STOPPING = frozenset({UNREACHABLE, SILENT, FAILING, BUSY, REFUSED})
"""What would hit every request alike: where it repeats, the run stops."""

_BUSY = frozenset({429, 503, 509, 529})
_FAILING = frozenset({408, 425, 500, 502, 504, 520, 521, 522, 523, 524})
_GONE = frozenset({404, 410})


class Again(Exception):
    """Send it again.

    Parameters
    ----------
    kind : str
        Why.
    rest : float, optional
        Seconds that the server asks for.
    """

    def __init__(self, kind: str, *, rest: float | None = None) -> None:
        super().__init__(kind)
        self.kind, self.rest = kind, rest


def raise_for(status: int, headers: Mapping[str, str]) -> NoReturn:
    """Name the trouble of a status that is neither 200 nor 206.

    Raises
    ------
    Again, ItemFailed
        As it helps to ask again, or not.
    """
    if status in _GONE:
        raise ItemFailed(GONE)
    if status in _BUSY:
        raise Again(BUSY, rest=_asked(headers))
    if status in _FAILING:
        raise Again(FAILING, rest=_asked(headers))
    raise ItemFailed(REFUSED, stops=True)


def again(error: Exception) -> Again:
    """Turn an error of the way into a reason to ask again.

    Raises
    ------
    ItemFailed
        Where that does not help.
    Exception
        The error itself, where it has nothing to do with the way.
    """
    if isinstance(error, Again):
        return error
    import aiohttp

    if isinstance(error, aiohttp.ClientSSLError):
        raise ItemFailed(UNTRUSTED, stops=True) from None
    if isinstance(error, aiohttp.ClientConnectorError):
        return Again(UNREACHABLE)
    if isinstance(error, TimeoutError):
        return Again(SILENT)
    if isinstance(error, aiohttp.TooManyRedirects | aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        raise ItemFailed(REFUSED, stops=True) from None
    if isinstance(error, aiohttp.ClientError | ConnectionError):
        return Again(CUT)
    if type(error).__module__.startswith(("python_socks", "aiohttp_socks")):
        return Again(UNREACHABLE)
    raise error


def _asked(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait; a moment counts from the server's own Date, whatever our clock says."""
    with contextlib.suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(headers.get("Retry-After", ""))
        return max(0.0, (moment - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    seconds = retry_after(headers)
    return seconds if seconds is None or math.isfinite(seconds) else None

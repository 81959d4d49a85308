"""How long a server asks to be left alone. Knows header fields; refuses to wait."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


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

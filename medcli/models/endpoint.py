"""The backend that asks servers: any that speaks OpenAI's chat completions, over plain aiohttp.

Knows addresses, retries, and what a server may refuse; refuses to know files and ledgers. No request is lost to a
server that is busy, hangs, breaks off or goes away: it is sent again, elsewhere if there is another address, until
patience ends, and then its row says so. ``max_completion_tokens``, and parameters that a server does not take, are
learned from its first refusal. Only pixels leave: a picture is decoded and encoded anew, so that nothing of its
file's header goes along. The key is read from MEDCLI_API_KEY or OPENAI_API_KEY.

The SDK of OpenAI is not used: its own retry lost one request in three hundred, which hung until the read timeout.
"""

from __future__ import annotations

ATTEMPTS = 8
PATIENCE = 600.0
"""Seconds that a request may spend waiting because servers are busy (429, or Retry-After), beside its attempts."""
CONCURRENCY = 16

_PAUSE = 0.25
_LONGEST_PAUSE = 20.0
_CONNECT = 10.0
_KEPT_PICTURES = 32
_KEPT_WORDS = 2000
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_OPTIONAL = ("temperature", "top_p", "seed", "min_tokens", "stream_options")
_LIMITS = ("max_tokens", "max_completion_tokens")

"""The backend that asks servers: any that speaks OpenAI's chat completions, over plain aiohttp.

Knows how requests become messages, and who is told what went wrong; refuses to know files and ledgers. No request is
lost to a server that is busy, hangs, breaks off or goes away (:mod:`medcli.models.endpoint.client`). The SDK of
OpenAI is not used: its own retry loses a request in three hundred, which then hangs until the read timeout.
"""

from __future__ import annotations

from medcli.models.endpoint.access import is_remote
from medcli.models.endpoint.backend import Endpoint, load

__all__ = ["Endpoint", "is_remote", "load"]

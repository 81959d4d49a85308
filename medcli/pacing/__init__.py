"""How often servers may be asked: what their headers say of it, and a pace that many requests share.

Knows seconds, requests, tokens and header fields; refuses to know what is asked, and of whom.
"""

from __future__ import annotations

from medcli.pacing.headers import Allowance, allowance, retry_after
from medcli.pacing.pace import Pace, Turn
from medcli.pacing.window import PERIOD, Entry, Window

__all__ = ["PERIOD", "Allowance", "Entry", "Pace", "Turn", "Window", "allowance", "retry_after"]

"""Bytes over HTTP: paced, resumed, verified, and whole or not at all.

Knows servers and their moods; refuses to know what the bytes are.
"""

from __future__ import annotations

from medcli.data.transfer.settings import Transfer

__all__ = ["Transfer"]

"""Captions in every form that they come in: records, LLaVA-Med's object of domains, ROCO's and PMC-OA's files."""

from __future__ import annotations

from medcli.instruct.captions.reading import Read, read

__all__ = ["Read", "read"]

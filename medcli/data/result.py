"""What came of a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a command.

    Attributes
    ----------
    exit_code : int
        Of the command.
    facts : dict
        The one JSON document of ``--json``.
    text : str
        What is printed without it.
    """

    exit_code: int
    facts: dict[str, Any] = field(default_factory=dict)
    text: str = ""

"""The one door to a judge: every text that it sees goes through :meth:`Door.admit`.

Until texts can be cleaned here it changes nothing and refuses instead: captions, references and replies can name a
patient, so they go to no server on another machine unless ``--gate off`` is said. Knows which servers are remote.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType

from medcli.errors import SafetyRefused
from medcli.models.endpoint.client import is_remote
from medcli.models.protocol import Request

Admitted = NewType("Admitted", Request)
"""A request that a judge may see."""


@dataclass(frozen=True, slots=True)
class Door:
    """Decides what a judge may see."""

    @classmethod
    def of(cls, gate: str, urls: Iterable[str]) -> Door:
        """Decide by ``--gate`` and where the servers are.

        Raises
        ------
        SafetyRefused
            With ``on``, for every judge; with ``remote``, for one on another machine.
        """
        if gate == "on" or (gate == "remote" and any(is_remote(url) for url in urls)):
            raise SafetyRefused(
                "Texts are not de-identified before a judge sees them, so none is asked.",
                hint="Use a judge on this machine (http://127.0.0.1 ...), or say --gate off if the texts name nobody.",
            )
        return cls()

    def admit(self, request: Request) -> Admitted:
        """Return what a judge may see of a request."""
        return Admitted(request)

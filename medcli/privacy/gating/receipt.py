"""What the gate did, in counts and versions: nothing of any text, and no hash that somebody could try values against.

Knows numbers and names of rules. The request itself stands in it as an HMAC under a key that is the run's own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

__all__ = ["FORMAT", "Receipt", "keyed"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request's.

    Attributes
    ----------
    decision
        ``passed``, ``refused`` or ``not-gated``.
    reason
        Why it was refused: a reason code.
    gate, backend
        What the user chose, and whether the backend is ``local`` or ``remote``.
    policy
        Sensitivity, and the rule for pixels.
    versions
        What decided the finds.
    found
        Placeholders by category.
    known
        How much was known of the patient, by category.
    rounds
        How often the text was searched.
    turns, characters
        Of the request.
    images
        Kind and state of the pixels of each.
    request
        HMAC-SHA256 of what was let through, hexadecimal; empty for nothing.
    """

    decision: str
    reason: str = ""
    gate: str = "on"
    backend: str = "local"
    policy: str = ""
    versions: str = ""
    found: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)
    rounds: int = 0
    turns: int = 0
    characters: int = 0
    images: Sequence[str] = ()
    request: str = ""

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {"format": FORMAT, **values, "images": list(self.images)}


def keyed(key: bytes, content: object) -> str:
    """HMAC-SHA256 of a JSON value under a key."""
    return hmac.new(key, json.dumps(content).encode(), hashlib.sha256).hexdigest()

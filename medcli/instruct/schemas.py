"""What a reply must look like: one JSON schema a kind, in the subset that servers take (strict, no optional keys)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": "string"}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_PAIRS = _object(turns={"type": "array", "items": _object(question=_TEXT, answer=_TEXT)})
_ONE = _object(description=_TEXT)

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "conversation": _PAIRS,
    "vqa-open": _PAIRS,
    "vqa-choice": _object(question=_TEXT, answer=_TEXT, wrong={"type": "array", "items": _TEXT}),
    "description": _ONE,
    "alignment": _ONE,
}
"""By kind."""

"""What a user chose for texts: how much to find, what replaces it by category, which fields, which names.

Knows names and their contradictions, as :mod:`medcli.privacy.policy` does for DICOM. Refuses to know files and keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from medcli.privacy.text.categories import CATEGORIES

__all__ = ["ACTIONS", "TextPolicy", "allowed"]

#: What can take the place of a find, and what it is.
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "tag": "the category in brackets, as in [NAME]",
        "surrogate": "another value of the same kind, the same for the same original wherever it stands",
        "shift": "the date, moved by the patient's offset, in its own spelling",
        "mask": "a star for each letter and digit",
        "fixed": "four stars, whatever the length",
        "zip3": "the first three digits where more than 20,000 people live there, else 000",
        "pool": "90+ for an age over 89",
        "keep": "the find itself",
    }
)
_ONLY = {"shift": "DATE", "zip3": "ZIP", "pool": "AGE"}
_NO_SURROGATE = frozenset(("DATE", "AGE", "ZIP"))


def allowed(category: str, action: str) -> bool:
    """Whether an action makes sense for a category."""
    if action not in ACTIONS or category not in CATEGORIES:
        return False
    return _ONLY.get(action, category) == category and not (
        action == "surrogate" and category in _NO_SURROGATE
    )


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """One choice for texts; picklable and comparable.

    Parameters
    ----------
    sensitivity
        ``balanced`` or ``high``.
    actions
        (category, action) where it is not the default of ``categories.tsv``.
    fields
        Paths of the fields that are cleaned, names joined by dots; empty: all strings.
    known_fields
        (name of a field, category; empty for none): beside ``known_fields.tsv``.
    encoding
        What files are in that are neither UTF-8 nor marked; empty: they are withheld.
    keep_names
        Whether texts keep their names, where those say nothing of anybody.
    known
        (subject, or empty for everybody; category; value) of ``--known``: confidential.
    detectors, trusted
        What is asked beside rules and lists, as ``--detector`` names it; hosts that a hosted model may be at.
    recognisers
        Text of the user's recognisers, or empty.
    """

    sensitivity: str = "balanced"
    actions: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()
    known_fields: tuple[tuple[str, str], ...] = ()
    encoding: str = ""
    keep_names: bool = False
    known: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    recognisers: str = field(default="", repr=False)
    detectors: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.sensitivity not in ("balanced", "high"):
            raise ValueError("sensitivity must be balanced or high")
        for category, action in self.actions:
            if not allowed(category, action):
                raise ValueError(f"{category} can't be replaced by {action}")

    def action(self, category: str) -> str:
        """What replaces a category."""
        return dict(self.actions).get(category) or CATEGORIES[category].default

    def table(self) -> dict[str, str]:
        """All categories and what replaces them."""
        return {category: self.action(category) for category in CATEGORIES}

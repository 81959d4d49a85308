"""What is written where something was found: by category, as the policy has it.

Knows spans and what a record's other finds mean for them. Refuses to search, and to touch anything but the spans.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.text.formats.token import Edit
from medcli.privacy.text.replace_dates import shifted
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.privacy.text.span import Span
from medcli.privacy.text.surrogates import Surrogates
from medcli.privacy.text.tables import rows

__all__ = ["Context", "Replacer", "zip3"]

_OLDEST = 89


@dataclass(frozen=True, slots=True)
class Context:
    """What the replacements of one record have in common.

    Attributes
    ----------
    days
        The patient's date offset.
    people
        All names that were found in the record.
    avoid
        Everything that identifies somebody there, plainly spelt: no surrogate may be one of these.
    issuer
        Of the patient's record number, where known.
    """

    days: int = -1
    people: tuple[str, ...] = field(default=(), repr=False)
    avoid: frozenset[str] = field(default=frozenset(), repr=False)
    issuer: str = field(default="", repr=False)


class Replacer:
    """Makes edits of spans.

    Parameters
    ----------
    policy
        What replaces which category.
    names
        The run's pseudonyms: surrogates and offsets derive from them.
    """

    def __init__(self, policy: TextPolicy, names: Pseudonyms) -> None:
        self._actions = policy.table()
        self._surrogates = Surrogates(names)

    def action(self, category: str) -> str:
        """What replaces a category."""
        return self._actions[category]

    def edits(self, text: str, spans: Sequence[Span], context: Context) -> list[Edit]:
        """The edits of a text; nothing for what is kept.

        Parameters
        ----------
        text, spans
            Spans are sorted and do not overlap.
        context
            The record's.
        """
        return [
            Edit(span.start, span.end, self._instead(span.category, text[span.start : span.end], context))
            for span in spans
            if self._actions[span.category] != "keep"
        ]

    def _instead(self, category: str, text: str, context: Context) -> str:
        action = self._actions[category]
        if action == "mask":
            return re.sub(r"[^\W_]", "*", text)
        if action == "fixed":
            return "****"
        made = self._valued(action, category, text, context)
        return f"[{category}]" if made is None else made

    def _valued(self, action: str, category: str, text: str, context: Context) -> str | None:
        """What still says something; None where the find is not understood, so that a tag has to stand there."""
        if action == "surrogate":
            return self._surrogates.make(
                category, text, people=context.people, avoid=context.avoid, issuer=context.issuer
            )
        if action == "shift":
            return shifted(text, context.days)
        if action == "zip3":
            return zip3(text)
        return _pooled(text) if action == "pool" else None


def zip3(text: str) -> str | None:
    """The first three digits of a ZIP code, 000 for thinly peopled areas (``zip3.tsv``); None for other codes."""
    match = re.fullmatch(r"\s*(\d{3})\d{2}(?:[-\s]?\d{4})?\s*", text)
    if match is None:
        return None
    return "000" if match[1] in {prefix for prefix, *_ in rows("zip3")} else match[1]


def _pooled(text: str) -> str | None:
    """An age over 89 as 90+; None where there is no such number alone."""
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 1 or not _OLDEST < int(numbers[0]) < 200:
        return None
    return re.sub(r"\d+", "90+", text, count=1)

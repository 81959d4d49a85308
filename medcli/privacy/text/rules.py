"""The rules as one detector: whatever identifies by its form and by the words around it.

Knows the order of the recognisers. Refuses to know names, places and facilities, which need lists.
"""

from __future__ import annotations

from collections.abc import Sequence

from medcli.privacy.text.ages import find_ages
from medcli.privacy.text.contacts import find_contacts
from medcli.privacy.text.dates import find_dates
from medcli.privacy.text.document import Document, Sensitivity
from medcli.privacy.text.identifiers import find_identifiers
from medcli.privacy.text.postal import find_codes
from medcli.privacy.text.span import Span

__all__ = ["Rules"]


class Rules:
    """What form and context give away. Picklable; patterns are compiled once a process, on first use."""

    name = "rules"
    version = "1"

    def __init__(self, sensitivity: Sensitivity = "balanced") -> None:
        self.sensitivity = sensitivity

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """One list of spans a text, in the texts' order."""
        return [self.search(Document(text, self.sensitivity)) for text in texts]

    def search(self, document: Document) -> list[Span]:
        """All finds in a document; they may overlap."""
        spans = [*find_dates(document), *find_ages(document), *find_contacts(document), *find_codes(document)]
        return spans + find_identifiers(document, spans)

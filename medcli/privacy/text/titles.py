"""Names of fields, columns, elements and files: whether they say something of somebody.

Knows how programs and people call things. Refuses to change a name.
"""

from __future__ import annotations

import re
from functools import lru_cache

from medcli.privacy.text.finder import Finder
from medcli.privacy.text.search import outside
from medcli.privacy.text.span import Span

__all__ = ["Titles", "spaced"]

#: Names of fields are mostly two words in capitals, which alone would make a person of "Postal Code".
_SURE = 0.69


class Titles:
    """Judges names; each is searched once.

    Parameters
    ----------
    finder
        Finds.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self.speak = lru_cache(maxsize=4096)(self._speaks_of_somebody)

    def _speaks_of_somebody(self, name: str) -> bool:
        """Whether the name of a field or file is somebody's, whoever the record is about."""
        text = spaced(name)
        if not name.isidentifier() or name[0].isupper():
            return any(span.category != "NAME" or span.score >= _SURE for span in self._finder.find(text))
        # As programs call things, patientRole and body_mass: all words together have to be somebody.
        words = text.title()
        people = [
            (span.start, span.end)
            for span in self._finder.find(words)
            if span.category == "NAME" and span.score >= _SURE
        ]
        return len(words.split()) > 1 and not outside([Span(0, len(words), "NAME")], people, words)


def spaced(name: str) -> str:
    """A name that was written without blanks, with them."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_.+~^=]+|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", name)

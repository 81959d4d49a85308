"""Which strings of a record are cleaned, and which fields' values are known to identify.

Knows names of fields: those that the user gave, and ``known_fields.tsv``. Refuses to know syntax and values.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from medcli.privacy.text.known_fold import fold, plain
from medcli.privacy.text.known_header import keywords
from medcli.privacy.text.tables import rows

__all__ = ["Fields"]

#: Names of parts, which say what they are only together with the field around them: {"name": {"family": ...}}.
_PARTS = frozenset(
    "family given first last middle full prefix suffix value values text line number extension root".split()  # noqa: SIM905
)


class Fields:
    """What a user said about fields.

    Parameters
    ----------
    chosen
        Paths of fields to clean, names joined by dots; ``*`` stands for any one name, ``[]`` is passed over. Empty: all.
    known
        (name, category or empty) beside the table.

    Attributes
    ----------
    met
        Paths out of `chosen` that a file had.
    """

    def __init__(self, chosen: Iterable[str] = (), known: Iterable[tuple[str, str]] = ()) -> None:
        self._chosen = tuple(tuple(one.replace("[]", "").split(".")) for one in chosen)
        named = {_spelt(name): category for name, category in (*keywords().items(), *rows("known_fields"))}
        self._known = named | {_spelt(name): category for name, category in known}
        self.met: set[tuple[str, ...]] = set()
        self.category = lru_cache(maxsize=4096)(self._category)

    @property
    def missing(self) -> bool:
        """Whether a chosen field was not met."""
        return len(self.met) < len(set(self._chosen))

    def chosen(self, path: tuple[str, ...]) -> bool:
        """Whether the strings there are to be cleaned; a field's subfields go with it."""
        if not self._chosen or not path:
            return True
        for one in self._chosen:
            if len(one) <= len(path) and all(
                name in ("*", there) for name, there in zip(one, path, strict=False)
            ):
                self.met.add(one)
                return True
        return False

    def _category(self, path: tuple[str, ...]) -> str:
        """The category of what stands there, by the field's name, of a part by that around it; empty where unknown."""
        for place in range(len(path) - 1, -1, -1):
            spelt = _spelt(path[place])
            # An id inside of a patient is a patient's id.
            around = _spelt(path[place - 1]) if place else ""
            category = self._known.get(spelt, self._known.get(around + spelt) if around else None)
            if category is not None or spelt not in _PARTS:
                return category or ""
        return ""


@lru_cache(maxsize=4096)
def _spelt(name: str) -> str:
    """Without case, blanks and signs, and without an XML prefix."""
    return plain(fold(name.rpartition(":")[2]))

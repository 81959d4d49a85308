"""What each placeholder stands for, for one session.

Knows which values are one: the same letters whatever their case and spacing, and ``Lopez, Maria`` as ``Maria Lopez``.
Refuses to be shown, copied or pickled: its repr counts. Who wants to keep it has :mod:`medcli.privacy.gating.sealed`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NoReturn

from medcli.privacy.gating.tokens import LITERAL, found, held, label_of
from medcli.privacy.text.known_fold import fold

__all__ = ["Restorer", "Vault"]

_SPACES = re.compile(r"\s+")


class Vault:
    """Placeholders and values of one session."""

    __slots__ = ("_numbers", "_values")

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._values: dict[tuple[str, int], str] = {}

    def token(self, category: str, value: str) -> tuple[str, int]:
        """The label and number for a value: those it has already, or the next free ones."""
        label = label_of(category)
        key = (label, _same(category, value))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = 1 + sum(name == label for name, _ in self._numbers)
            self._values[label, number] = value
        return label, number

    def value(self, label: str, number: int) -> str | None:
        """What a placeholder stands for, as it was spelt first; None for one that was never given out."""
        return self._values.get((label, number))

    @property
    def labels(self) -> frozenset[str]:
        """The labels that have been given out."""
        return frozenset(label for label, _ in self._values)

    def counts(self) -> dict[str, int]:
        """How many values there are of each label."""
        return dict(sorted(Counter(label for label, _ in self._values).items()))

    def dump(self) -> bytes:
        """All of it, for a sealed file alone."""
        return json.dumps([[*key, value] for key, value in self._values.items()]).encode()

    @classmethod
    def loaded(cls, data: bytes) -> Vault:
        """A vault from what :meth:`dump` gave.

        Raises
        ------
        ValueError
            If it is nothing of the kind.
        """
        vault = cls()
        for label, number, value in json.loads(data):
            category = "AGE" if label == label_of("AGE") else str(label)
            if vault.token(category, str(value)) != (label, number):
                raise ValueError("not a vault")
        return vault

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Vault:
        """A vault of placeholders as they are spelt and their values, to restore with."""
        vault = cls()
        for text, value in values.items():
            for token in found(text):
                vault._values[token.label, token.number] = value
        return vault

    def restore(self, text: str) -> str:
        """A text with what its placeholders stand for; one that was never given out is left as it is."""
        restorer = Restorer(self)
        return restorer.feed(text) + restorer.finish()

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Vault({', '.join(f'{label}={count}' for label, count in self.counts().items())})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A vault is never pickled or copied.")


class Restorer:
    """Puts values in the place of placeholders while an answer comes in pieces.

    Only the end of what has come is held back, and only while it may be the beginning of a placeholder of this vault.

    Parameters
    ----------
    vault
        What they stand for.
    wrap
        Given each value that is put in; to escape it, for instance.

    Attributes
    ----------
    restored, unknown
        How many placeholders were replaced, and how many nobody had given out.
    """

    def __init__(self, vault: Vault, wrap: Callable[[str], str] = str) -> None:
        self._vault, self._wrap = vault, wrap
        self._text, self._at = "", 0  # one character of what was handed out stays: a word may go on behind it
        self.restored = self.unknown = 0

    def feed(self, piece: str) -> str:
        """Take a piece; hand out what can be handed out."""
        self._text += piece
        return self._upto(held(self._text, self._at, self._vault.labels))

    def finish(self) -> str:
        """Hand out the rest."""
        return self._upto(len(self._text))

    def _upto(self, stop: int) -> str:
        parts, at = [], self._at
        for token in found(self._text, self._at):
            if token.start >= stop:
                break
            value = self._vault.value(token.label, token.number)
            if value is None:
                self.unknown += 1
                continue
            parts += [self._text[at : token.start], self._wrap(value)]
            at, self.restored = token.end, self.restored + 1
        stop = max(stop, at)
        parts.append(self._text[at:stop])
        kept = max(stop - 1, 0)
        self._text, self._at = self._text[kept:], stop - kept
        return "".join(parts)

    def __repr__(self) -> str:
        return f"Restorer(restored={self.restored}, unknown={self.unknown})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A restorer is never pickled or copied.")


def _same(category: str, value: str) -> str:
    """What all spellings of one value share."""
    if category == LITERAL:
        return value
    if category == "NAME":
        last, comma, rest = value.replace("^", ",", 1).replace("^", " ").partition(",")
        value = f"{rest} {last}" if comma and rest.strip() else value
    return _SPACES.sub(" ", fold(value)).strip()

"""The one door to a judge: every text that it sees goes through :meth:`Door.admit`.

Only what it hands back may be asked. The gate of :mod:`medcli.privacy.gate` puts placeholders into question, options,
reference, answers and captions, the same ones in all parts of a case, so that what was equal stays equal. Our own
words around them are not searched. Knows which servers are remote; keeps counts and no text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NewType

from medcli.models.endpoint.client import is_remote
from medcli.privacy import gate as gates
from medcli.privacy.gate import Gate, Refused


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to be judged.

    Attributes
    ----------
    system : str
        What the judge is told first; our words.
    parts : tuple of (str, str)
        Heading and text of each; the headings are our words, the texts are not.
    known : tuple of (str, str)
        Categories and values that are known of the patient; no judge sees them.
    names : tuple of str
        What the pictures' files are called; no judge sees them either.
    """

    system: str
    parts: tuple[tuple[str, str], ...] = field(repr=False)
    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)

    @property
    def user(self) -> str:
        """What the judge is asked."""
        kept = [(name, text.strip()) for name, text in self.parts if text.strip()]
        return "\n\n".join(f"[{name}]\n{text}\n[End of {name}]" for name, text in kept)

    def key(self, model: str) -> str:
        """32 hexadecimal digits of all that the judge sees, and of its name."""
        content = json.dumps([model, self.system, self.user]).encode()
        return blake2b(content, digest_size=16).hexdigest()


_NOWHERE = (
    Path(__file__) / "picture"
)  # below a file there is nothing: no judge is shown pictures, their names count

Admitted = NewType("Admitted", Case)
"""A case that a judge may see."""


class Door:
    """Decides what a judge may see, and counts.

    Parameters
    ----------
    gate : Gate
        The settings.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._passed = 0
        self._found: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    @classmethod
    def of(
        cls, choice: str, urls: Iterable[str], detectors: Sequence[str] = (), trusted: Sequence[str] = ()
    ) -> Door:
        """Decide by the options and where the servers are.

        Raises
        ------
        UsageError
            If a detector's name cannot be meant, or its host is not trusted.
        MedcliError
            If a detector cannot be loaded.
        """
        gate = Gate(
            choice,  # type: ignore[arg-type]  # one of the choices
            remote=any(is_remote(url) for url in urls),
            detectors=detectors,
            trusted=trusted,
        )
        if gate.applies:
            gates.check(detectors, trusted)
            gate.load()
        return cls(gate)

    def admit(self, case: Case) -> Admitted:
        """Return what a judge may see of a case; it has a session of its own.

        Raises
        ------
        Refused
            If nothing of it must leave.
        """
        session = self.gate.session()
        images = [gates.Image(_NOWHERE, name) for name in case.names]
        try:
            safe = session.prepare([("user", text) for _, text in case.parts], images, case.known)
        except Refused as refused:
            self._refused[refused.kind] += 1
            raise
        self._passed += 1
        if session.receipt is not None:
            self._found.update(session.receipt.found)
        parts = tuple((name, text) for (name, _), (_, text) in zip(case.parts, safe.turns, strict=True))
        return Admitted(replace(case, parts=parts, known=(), names=()))

    def facts(self) -> dict[str, Any]:
        """What results say of the gate: choice, version and counts, no text."""
        gate = self.gate
        return {
            "choice": gate.choice,
            "applied": gate.applies,
            "backend": "remote" if gate.remote else "local",
            "detectors": [str(one).partition(":")[0] for one in gate.detectors] if gate.applies else [],
            "versions": gate.version if gate.applies else "",
            "passed": self._passed,
            "found": dict(sorted(self._found.items())),
            "refused": dict(sorted(self._refused.items())),
        }

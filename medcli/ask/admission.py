"""The one door to a model: every question, of a file or of the command line, goes through :meth:`Admission.admit`.

Only what it hands back may be asked: the type :data:`Admitted` says so, in this process and for a server. It lets the
gate of :mod:`medcli.privacy.gate` put placeholders into the texts and judge the pictures, and keeps what an answer is
read with. Knows which servers are remote, and which pictures are not there at all; refuses to know how texts are
searched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NewType, NoReturn

from medcli.models.endpoint.client import is_remote
from medcli.models.protocol import Reply, Request
from medcli.privacy import gate as gates
from medcli.privacy.gate import Gate, Refused, Safe, Session

if TYPE_CHECKING:
    from medcli.ask.spec import AskSpec

REFUSED = "gate-refused"
PLACES = "places"

Admitted = NewType("Admitted", Request)
"""A request that a model may see."""


@dataclass(slots=True)
class Passed:
    """A request that was let through, and what its answer is read with; stays in the process that asks.

    Attributes
    ----------
    request : Request
        What the model may see.
    session : Session
        Its placeholders.
    facts : dict
        For the answer's metadata: counts, no text.
    """

    request: Admitted
    session: Session = field(repr=False)
    safe: Safe = field(repr=False)
    facts: dict[str, Any]

    def __reduce__(self) -> NoReturn:
        raise TypeError("What was let through is asked in this process.")

    def gate_of(self, reply: Reply) -> dict[str, Any]:
        """Metadata of an answer as the model gave it: what the gate did, and where the placeholders' values stand."""
        if not self.session.gate.applies:
            return self.facts
        facts = dict(self.facts)
        said = f"{reply.text}\n{reply.reasoning}"
        found, _ = self.session.read(said)
        places = {token: list(place) for token, place in self.safe.places.items()}
        named = gates.named_in(said, places)
        facts |= {"answer": found} if found else {}
        return facts | ({PLACES: {token: places[token] for token in named}} if named else {})


class Admission:
    """Decides what a model may see. Picklable: what is loaded stays.

    Parameters
    ----------
    gate : Gate
        The settings.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def __repr__(self) -> str:
        return f"Admission({self.gate!r})"

    @classmethod
    def of(cls, spec: AskSpec, key: bytes = b"") -> Admission:
        """Decide by the options and where the servers are; the key is the run's, for receipts.

        Raises
        ------
        UsageError
            If a detector's name cannot be meant, or its host is not trusted.
        """
        gate = Gate(
            spec.gate,  # type: ignore[arg-type]  # one of the choices
            remote=any(is_remote(url) for url in spec.base_url),
            pixels=spec.gate_pixels,  # type: ignore[arg-type]  # as above
            detectors=spec.detector,
            trusted=spec.trust_host,
            key=key,
        )
        if gate.applies:
            gates.check(spec.detector, spec.trust_host)
        return cls(gate)

    @property
    def slow(self) -> bool:
        """Whether detectors are asked, which take their time: better while a model computes."""
        return self.gate.applies and bool(self.gate.detectors)

    def ready(self) -> None:
        """Load what is costly; raises as the detectors do."""
        if self.gate.applies:
            self.gate.load()

    def admit(
        self,
        request: Request,
        *,
        names: Sequence[str] = (),
        known: Iterable[tuple[str, str]] = (),
        session: Session | None = None,
    ) -> Passed:
        """Return what a model may see of a request.

        Parameters
        ----------
        request : Request
            As the person, or the file, has it.
        names : sequence of str
            What the pictures' files are called.
        known : iterable of (str, str)
            Categories and values that are known of the patient.
        session : Session, optional
            To go on with; a question of a file has one of its own.

        Raises
        ------
        Refused
            If nothing must leave.
        ItemFailed
            If a picture cannot be read.
        """
        session = session or self.gate.session()
        called = [*names, *[""] * len(request.pictures)]
        images = [
            gates.Image(one.source, name, one.frame, one.window)
            for one, name in zip(request.pictures, called, strict=False)
        ]
        safe = session.prepare(request.turns, images, known)
        pictures = tuple(
            one if shown is one.source else replace(one, source=shown, frame=1, window=None)
            for one, shown in zip(request.pictures, safe.images, strict=True)
        )
        admitted = Admitted(replace(request, turns=safe.turns, pictures=pictures))
        return Passed(admitted, session, safe, _facts(session))


def _facts(session: Session) -> dict[str, Any]:
    """What an answer's metadata says of the gate."""
    receipt, facts = session.receipt, {"choice": session.gate.choice}
    if receipt is None or receipt.decision != "passed":
        return facts
    more: dict[str, Any] = {"found": dict(receipt.found)} if receipt.found else {}
    states = Counter(one.rpartition(" ")[2] for one in receipt.images)
    return facts | more | ({"pixels": dict(sorted(states.items()))} if states else {})


def restored(text: str, places: Mapping[str, Sequence[int]], turns: Sequence[Sequence[str]]) -> str:
    """An answer with the values of its row in the place of their placeholders.

    Parameters
    ----------
    text
        As the model gave it.
    places
        Of each placeholder the number of the turn and the stretch of its text.
    turns
        Roles and texts of the row.
    """
    values = {token: turns[number][1][start:end] for token, (number, start, end) in places.items()}
    return gates.restored(text, values)


__all__ = ["PLACES", "REFUSED", "Admission", "Admitted", "Passed", "Refused", "restored"]

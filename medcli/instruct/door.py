"""The one door to a model: every caption, mention and picture that it sees goes through :meth:`Door.admit`.

The gate of :mod:`medcli.privacy.gate` puts placeholders into caption and mentions, the same ones in all parts of a
figure, and judges the picture. What comes back keeps them: training data holds no restored identity, so nothing is
ever put back in their place (rule ``identity`` of the checks drops what repeats one). Prompts of the user's own are
searched once, when they are read. Knows which servers are remote; keeps counts and no text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from medcli.models.endpoint import is_remote
from medcli.privacy import gate as gates
from medcli.privacy.gate import Gate, Refused, Session
from medcli.records import Caption

__all__ = ["Door", "Refused", "Shown"]

_NOWHERE = Path(__file__) / "picture"  # below a file there is nothing: no picture is shown, its name counts


@dataclass(slots=True)
class Shown:
    """What a model may see of one figure; stays in the process that asks.

    Attributes
    ----------
    caption : str
        Label and caption.
    mentions : tuple of str
        Sentences that mention it.
    picture : Path, bytes, PIL.Image.Image or None
        Decoded pixels of it may be sent.
    found : dict of str to int
        Placeholders by category.
    """

    caption: str = field(repr=False)
    mentions: tuple[str, ...] = field(repr=False)
    picture: Any = field(default=None, repr=False)
    found: dict[str, int] = field(default_factory=dict)
    _session: Session | None = field(default=None, repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("What was let through is asked in this process.")

    def without_identity(self, text: str) -> str:
        """A text of a model with tags in the place of identity that it came up with; placeholders stay."""
        if self._session is None or not self._session.gate.applies:
            return text
        return self._session.answer(text, restore=False).text

    def again(self, text: str) -> str:
        """A model's own reply, as it may be sent back to it."""
        return text if self._session is None else self._session.prepare([("assistant", text)]).turns[0][1]


class Door:
    """Decides what a model may see. Picklable: what is loaded stays.

    Parameters
    ----------
    gate : Gate
        The settings.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    @classmethod
    def of(
        cls,
        choice: str,
        urls: Iterable[str],
        pixels: str = "auto",
        detectors: Sequence[str] = (),
        trusted: Sequence[str] = (),
    ) -> Door:
        """Decide by the options and where the servers are; without an address they are elsewhere.

        Raises
        ------
        UsageError
            If a detector's name cannot be meant, or its host is not trusted.
        """
        addresses = list(urls)
        gate = Gate(
            choice,  # type: ignore[arg-type]  # one of the choices
            remote=not addresses or any(is_remote(url) for url in addresses),
            pixels=pixels,  # type: ignore[arg-type]  # as above
            detectors=detectors,
            trusted=trusted,
        )
        if gate.applies:
            gates.check(detectors, trusted)
        return cls(gate)

    def ready(self) -> None:
        """Load what is costly; raises as the detectors do."""
        if self.gate.applies:
            self.gate.load()

    def admit(
        self, caption: Caption, text: str, mentions: Sequence[str], picture: Path | None = None
    ) -> Shown:
        """Return what a model may see of a figure.

        Parameters
        ----------
        caption : Caption
            The record; the name of its picture's file counts for the search.
        text : str
            Label and caption in one.
        mentions : sequence of str
            Those that are told.
        picture : Path, optional
            The picture, where it is shown.

        Raises
        ------
        Refused
            If nothing must leave.
        ItemFailed
            If the picture's header cannot be read.
        """
        session = self.gate.session()
        image = gates.Image(_NOWHERE if picture is None else picture, caption.image)
        turns = [("user", text), *(("user", mention) for mention in mentions)]
        safe = session.prepare(turns, [image])
        told = tuple(said for _, said in safe.turns)
        found = dict(session.receipt.found) if session.receipt is not None else {}
        shown = safe.images[0] if picture is not None else None
        return Shown(told[0], told[1:], shown, found, session)

    def cleaner(self) -> Callable[[Sequence[str]], list[str]]:
        """What searches prompts of the user's own, once."""

        def clean(texts: Sequence[str]) -> list[str]:
            safe = self.gate.session().prepare([("user", text) for text in texts])
            return [text for _, text in safe.turns]

        return clean

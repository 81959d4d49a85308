"""How the gate says no: reason codes, their sentences, and the error that carries a receipt and no text.

Refuses to know why: who refuses names the code.
"""

from __future__ import annotations

from medcli.errors import SafetyRefused
from medcli.privacy.gating.receipt import Receipt

__all__ = ["CONTENT", "DETECTOR", "PIXELS", "RESIDUE", "Refused", "Stop"]

PIXELS = "gate-refused-pixels"
DETECTOR = "gate-refused-detector"
RESIDUE = "gate-refused-residue"
CONTENT = "gate-refused-content"

_SENTENCES = {
    PIXELS: (
        "The picture's pixels may show who the patient is, and were not cleaned, so it is not sent.",
        "Say --gate-pixels clean to have its text filled, or accept if you have looked at the picture.",
    ),
    DETECTOR: (
        "A detector failed or did not answer, so nothing is asked.",
        "Run the detector on a text of your own, or leave it out.",
    ),
    RESIDUE: ("Identity is still found after it was replaced, so nothing is asked.", "Reword the question."),
    CONTENT: (
        "A part of the question is of a kind that cannot be searched, so nothing is asked.",
        "Turns are texts of user, assistant and system; images are files or pictures.",
    ),
}


class Refused(SafetyRefused):
    """The gate lets nothing through.

    Parameters
    ----------
    kind : str
        Reason code.
    receipt : Receipt, optional
        What was counted until then.
    """

    def __init__(self, kind: str, receipt: Receipt | None = None) -> None:
        message, hint = _SENTENCES.get(kind, ("The question is kept back.", ""))
        super().__init__(message, hint=hint)
        self.kind, self.receipt = kind, receipt

    def __reduce__(self) -> tuple[type[Refused], tuple[str, Receipt | None]]:
        return Refused, (self.kind, self.receipt)


class Stop(Exception):
    """Nothing leaves; turned into :class:`Refused` where no text is at hand."""

    def __init__(self, kind: str, receipt: Receipt | None = None) -> None:
        super().__init__(kind)
        self.kind, self.receipt = kind, receipt

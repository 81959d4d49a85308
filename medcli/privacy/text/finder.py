"""Everything that identifies somebody in a text: known identity, rules, lists and detectors, as one list of spans.

Knows the order of the recognisers and which finds a clinical word may veto. Refuses to know any recogniser's ways.
Opens no socket and keeps no text. A detector that raises, or answers with anything else than spans inside the texts,
makes the call raise :class:`~medcli.errors.SafetyRefused`: nothing is ever found by half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

from medcli.errors import SafetyRefused
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.document import Document
from medcli.privacy.text.forms import clinical
from medcli.privacy.text.merge import joined, union
from medcli.privacy.text.rules import Rules
from medcli.privacy.text.span import Detector, Span

__all__ = ["Finder", "Known"]

#: Raised with every change of what is found.
VERSION = "3"


class Known(Protocol):
    """The identity that is known of a text's patient, ready to be searched for."""

    def find(self, text: str) -> Sequence[Span]:
        """All places where it stands, with the source ``known``."""
        ...


class Finder:
    """Finds what identifies somebody.

    Picklable and cheap to build; patterns and lists are loaded once a process, on first use.

    Parameters
    ----------
    sensitivity : {"balanced", "high"}
        ``high`` would rather take too much: wider contexts, long numbers that nothing explains, lone names.
    detectors : sequence of Detector
        Asked beside the rules and lists; all their finds count, unless they are clinical words.
    """

    def __init__(
        self, *, sensitivity: Literal["balanced", "high"] = "balanced", detectors: Sequence[Detector] = ()
    ) -> None:
        if sensitivity not in ("balanced", "high"):
            raise ValueError("sensitivity is balanced or high")
        self.sensitivity = sensitivity
        self.detectors = tuple(detectors)
        self.rules = Rules(sensitivity)

    @property
    def version(self) -> str:
        """What decides the finds: the recognisers' versions, the sensitivity and the detectors'."""
        parts = [f"medcli-text/{VERSION}", f"rules/{self.rules.version}", self.sensitivity]
        return " ".join(parts + [f"{detector.name}/{detector.version}" for detector in self.detectors])

    def find(self, text: str, known: Known | None = None) -> list[Span]:
        """All spans of one text, sorted and not overlapping.

        Raises
        ------
        SafetyRefused
            A detector failed.
        """
        return self.find_all([text], known)[0]

    def find_all(self, texts: Sequence[str], known: Known | None = None) -> list[list[Span]]:
        """The same for several texts of one patient; detectors get them together.

        Raises
        ------
        SafetyRefused
            A detector failed; no text's spans are given then.
        """
        answers = [_asked(detector, texts) for detector in self.detectors]
        return [self._one(text, known, [answer[i] for answer in answers]) for i, text in enumerate(texts)]

    def _one(self, text: str, known: Known | None, others: Sequence[Sequence[Span]]) -> list[Span]:
        document = Document(text, self.sensitivity)
        if known is not None:
            document.found += known.find(text)
        document.found += self.rules.search(document)
        for recognise in _lists():
            document.found += recognise(document)
        document.found += _unvetoed(document, [span for answer in others for span in answer])
        return joined(union(document.found, text), text)


def _asked(detector: Detector, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
    """A detector's answer, held against the texts; its own error's text may quote them and is dropped."""
    try:
        answer = detector.find(texts)
        sound = len(answer) == len(texts) and all(
            _sound(span, text) for spans, text in zip(answer, texts, strict=True) for span in spans
        )
    except Exception:  # noqa: BLE001  whatever went wrong: the texts were not searched
        sound, answer = False, ()
    if not sound:
        raise SafetyRefused(
            "A detector failed, so nothing is passed on.",
            hint="Run the detector on a text of your own, or leave it out.",
        ) from None
    return answer


def _sound(span: Span, text: str) -> bool:
    return 0 <= span.start < span.end <= len(text) and span.category in CATEGORIES


def _unvetoed(document: Document, spans: Sequence[Span]) -> list[Span]:
    """What detectors found, less what is clinical language: T1, 120/80, Parkinson disease."""
    if not spans:
        return []
    kept, forms = _keeper(), clinical(document)
    return [
        span
        for span in spans
        if not kept(document, span.start, span.end)
        and not any(start <= span.start and span.end <= end for start, end in forms)
    ]


def _lists() -> Iterable[Callable[[Document], Iterable[Span]]]:
    """Recognisers that need lists; places first, for a place may carry a name; and what names say of places last."""
    from medcli.privacy.text.names import find_names
    from medcli.privacy.text.places import find_places, find_places_again

    return (find_places, find_names, find_places_again)


def _keeper() -> Callable[[Document, int, int], bool]:
    """Whether a stretch is clinical language and no identity."""
    from medcli.privacy.text.safe import keeps

    return keeps

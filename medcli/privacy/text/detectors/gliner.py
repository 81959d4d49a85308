"""GLiNER, which looks for kinds of things that it is told in words, from a folder or a Hub id.

Knows which words to ask for. Refuses to choose a model; long texts are read in windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from medcli.errors import MissingExtra, SetupError
from medcli.privacy.text.detectors.windows import windows
from medcli.privacy.text.span import Span

__all__ = ["ASKED", "Gliner", "load"]

#: What is asked for, and the category of each.
ASKED = {
    "person": "NAME",
    "location": "PLACE",
    "street address": "PLACE",
    "hospital": "FACILITY",
    "organization": "FACILITY",
    "date": "DATE",
    "phone number": "PHONE",
    "email": "EMAIL",
    "medical record number": "MRN",
    "identification number": "ID",
}
_THRESHOLD = 0.4
_CHARACTERS, _OVERLAP = 1200, 120  # well within its 384 words
_BATCH = 8


class Gliner:
    """A GLiNER model.

    Parameters
    ----------
    model
        Has ``batch_predict_entities`` or ``predict_entities``, as :class:`gliner.GLiNER` does.
    version
        Of model and package.
    """

    name = "gliner"

    def __init__(self, model: Any, version: str) -> None:
        self._model, self.version = model, version

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """One list of spans a text, in the texts' order."""
        pieces = [
            (number, offset, piece)
            for number, text in enumerate(texts)
            for offset, piece in windows(text, _CHARACTERS, _OVERLAP)
        ]
        spans: list[list[Span]] = [[] for _ in texts]
        for begin in range(0, len(pieces), _BATCH):
            batch = pieces[begin : begin + _BATCH]
            answers = self._asked([piece for _, _, piece in batch])
            for (number, offset, _), found in zip(batch, answers, strict=True):
                for one in found:
                    start, end = offset + int(one["start"]), offset + int(one["end"])
                    category = ASKED.get(str(one["label"]).lower(), "ID")
                    spans[number].append(Span(start, end, category, float(one["score"]), self.name))
        return spans

    def _asked(self, texts: list[str]) -> Any:
        many = getattr(self._model, "batch_predict_entities", None)
        if many is not None:
            return many(texts, list(ASKED), threshold=_THRESHOLD)
        return [self._model.predict_entities(text, list(ASKED), threshold=_THRESHOLD) for text in texts]


def load(source: str, trusted: frozenset[str], timeout: float) -> Gliner:  # noqa: ARG001 - all loaders' shape
    """Load a model from a folder or a Hub id."""
    try:
        from gliner import GLiNER
    except ImportError:
        raise MissingExtra("gliner", "the detector gliner") from None
    model = None
    with suppress(Exception):  # loaders raise anything
        model = GLiNER.from_pretrained(source)
    if model is None:
        raise SetupError("The detector's model cannot be loaded.", hint="Check --detector gliner:FOLDER.")
    return Gliner(model, f"{Path(source).name}/{metadata.version('gliner')}")

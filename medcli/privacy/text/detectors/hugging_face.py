"""Token classification by a transformers model, from a folder or a Hub id.

Knows tokens, offsets and batches. Refuses to choose a model, and to cut a text off: a long one is read in windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medcli.errors import MissingExtra, SetupError
from medcli.privacy.text.detectors.labels import category_of
from medcli.privacy.text.span import Span

__all__ = ["TokenClassifier", "load"]

_BATCH = 16
_STRIDE = 32  # tokens that two windows share
_LONGEST = 512


class TokenClassifier:
    """A model that gives each token a label.

    Parameters
    ----------
    source
        Folder or Hub id.
    """

    name = "hf"

    def __init__(self, source: str) -> None:
        try:
            import torch
            from transformers import AutoModelForTokenClassification, AutoTokenizer
        except ImportError:
            raise MissingExtra("ner", "a detector of transformers") from None
        from medcli.models.loading import silence

        silence()
        try:
            self._tokens: Any = AutoTokenizer.from_pretrained(source, use_fast=True)
            self._model: Any = AutoModelForTokenClassification.from_pretrained(source)
        except Exception:  # noqa: BLE001 - loaders raise anything
            self._model = None
        if self._model is None:
            raise SetupError("The detector's model cannot be loaded.", hint="Check --detector hf:FOLDER.")
        if not getattr(self._tokens, "is_fast", False):
            raise SetupError(
                "The detector's tokenizer does not tell where tokens stand.",
                hint="Take a model with a tokenizer.json.",
            )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device).eval()
        self._names: dict[int, str] = {
            int(number): category_of(label) for number, label in self._model.config.id2label.items()
        }
        positions = getattr(self._model.config, "max_position_embeddings", _LONGEST)
        self._length = max(_STRIDE * 2, min(_LONGEST, int(positions), self._tokens.model_max_length))
        self.version = f"{Path(source).name}/{self._model.config.model_type}"

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """One list of spans a text, in the texts' order."""
        import torch

        spans: list[list[Span]] = [[] for _ in texts]
        laid = self._tokens(
            list(texts),
            truncation=True,
            max_length=self._length,
            stride=min(_STRIDE, self._length // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        owners = laid["overflow_to_sample_mapping"]
        order = sorted(range(len(owners)), key=lambda row: len(laid["input_ids"][row]))
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            batch = self._tokens.pad(
                {
                    "input_ids": [laid["input_ids"][row] for row in rows],
                    "attention_mask": [laid["attention_mask"][row] for row in rows],
                },
                return_tensors="pt",
            ).to(self._device)
            with torch.inference_mode():
                likely = self._model(**batch).logits.float().softmax(-1).max(-1)
            for place, row in enumerate(rows):
                offsets = laid["offset_mapping"][row]
                labels = likely.indices[place, : len(offsets)].tolist()
                scores = likely.values[place, : len(offsets)].tolist()
                text = texts[owners[row]]
                spans[owners[row]] += self._joined(text, offsets, labels, scores)
        return spans

    def _joined(
        self, text: str, offsets: Sequence[tuple[int, int]], labels: Sequence[int], scores: Sequence[float]
    ) -> list[Span]:
        """Tokens of one category that stand beside each other as one span; words whole."""
        found: list[Span] = []
        for place, label, score in zip(offsets, labels, scores, strict=True):
            category = self._names.get(label, "ID")
            if not category or place[0] >= place[1]:
                continue
            start, end = _word(text, *place)
            last = found[-1] if found else None
            if last and last.category == category and not text[last.end : start].strip():
                found[-1] = Span(last.start, max(last.end, end), category, min(last.score, score), self.name)
            else:
                found.append(Span(start, end, category, score, self.name))
        return found


def _word(text: str, start: int, end: int) -> tuple[int, int]:
    """The word that a piece of one belongs to; without blanks before it."""
    while start < end and text[start].isspace():
        start += 1
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return start, end


def load(source: str, trusted: frozenset[str], timeout: float) -> TokenClassifier:  # noqa: ARG001 - all loaders' shape
    """Load a model from a folder or a Hub id."""
    return TokenClassifier(source)

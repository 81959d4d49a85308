"""BERTScore: words of two texts matched by a language model's view of them.

Source: Zhang et al., "BERTScore: Evaluating Text Generation with BERT", ICLR 2020, section 3: greedy matching by
cosine; no weights by rarity, no rescaling. Any encoder of transformers will do, one of the clinic's language best.
Figures of different models, layers or versions do not compare. Needs the extra ``ask``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medcli.errors import MissingExtra, SetupError

_BATCH = 64


def bert_score(
    truths: Sequence[str], replies: Sequence[str], model: str, *, layer: int = -1
) -> Iterator[tuple[float, float, float]]:
    """Yield precision, recall and F1 of each pair.

    Parameters
    ----------
    truths, replies : sequence of str
        Pairs.
    model : str
        A Hub id or folder.
    layer : int
        Of the hidden states: the last one by default.

    Raises
    ------
    MissingExtra, SetupError
        If transformers or the model is not there.
    """
    encode = _encoder(model, layer)
    unique = sorted({text for text in (*truths, *replies) if text.strip()}, key=lambda one: (len(one), one))
    known: dict[str, Any] = {}
    for begin in range(0, len(unique), _BATCH):
        batch = unique[begin : begin + _BATCH]
        known.update(zip(batch, encode(batch), strict=True))
    for truth, reply in zip(truths, replies, strict=True):
        if truth not in known or reply not in known or not len(known[truth]) or not len(known[reply]):
            yield 0.0, 0.0, 0.0
            continue
        likeness = known[reply] @ known[truth].T
        precision, recall = float(likeness.max(1).values.mean()), float(likeness.max(0).values.mean())
        total = precision + recall
        yield precision, recall, 2 * precision * recall / total if total else 0.0


def _encoder(model: str, layer: int) -> Any:
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise MissingExtra("ask", "scoring by embeddings") from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        encoder = AutoModel.from_pretrained(model).eval()
    except (OSError, ValueError) as error:
        raise SetupError(
            "The model for embeddings cannot be loaded.",
            hint="--embedding takes a Hub id or a folder of transformers.",
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder.to(device)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token

    def encode(texts: list[str]) -> list[Any]:
        """Unit vectors of each text's tokens, special tokens left out: tensors (tokens, width)."""
        laid = tokenizer(
            texts, padding=True, truncation=True, return_tensors="pt", return_special_tokens_mask=True
        )
        wanted = (laid.pop("special_tokens_mask") == 0) & (laid["attention_mask"] == 1)
        with torch.inference_mode():
            states = encoder(**laid.to(device), output_hidden_states=True).hidden_states[layer]
        units = torch.nn.functional.normalize(states.float(), dim=-1).cpu()
        return [units[place][wanted[place]] for place in range(len(texts))]

    return encode

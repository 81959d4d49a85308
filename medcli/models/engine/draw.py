"""Logits to tokens, the same for a row whatever batch it is in.

Knows temperature, nucleus, end tokens and repetition penalty. The noise of a row comes from a generator of its own
(seed and key), as Gumbel noise added to its logits: the largest sum is an exact sample (Gumbel 1954; Maddison et al.,
"A* Sampling", NeurIPS 2014). Refuses to know models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from medcli.models.protocol import Sampling


class Draw:
    """Picks each row's next token.

    Parameters
    ----------
    keys : sequence of str
        Of the rows, in the batch's first order.
    settings : Sampling
        Temperature, top_p, seed and bounds.
    ends : frozenset of int
        End tokens; not drawn before the minimum length.
    vocabulary : int
        Ids from here on are never drawn.
    """

    def __init__(
        self, keys: Sequence[str], settings: Sampling, ends: frozenset[int], vocabulary: int
    ) -> None:
        self.settings, self.ends, self.vocabulary = settings, sorted(ends), vocabulary
        self.margins: list[float | None] = [None] * len(keys)
        self._noise = [_generator(settings.seed, key) for key in keys] if settings.temperature > 0 else []

    def __call__(self, logits: Tensor, rows: Sequence[int], step: int) -> Tensor:
        """Next tokens of the rows that are left.

        Parameters
        ----------
        logits : (len(rows), vocabulary) float tensor
            Changed in place.
        rows : sequence of int
            Numbers of these rows in the batch's first order.
        step : int
            How many tokens each row has already.
        """
        import torch

        logits[:, self.vocabulary :] = -torch.inf
        if step == 0:
            two = logits.topk(2, dim=-1).values
            for row, margin in zip(rows, (two[:, 0] - two[:, 1]).tolist(), strict=True):
                self.margins[row] = round(margin, 4)
        if step < self.settings.min_new_tokens:
            logits[:, self.ends] = -torch.inf
        if self.settings.temperature <= 0:
            return logits.argmax(-1)
        scaled = _nucleus(logits / self.settings.temperature, self.settings.top_p)
        noise = torch.stack([torch.rand(logits.shape[-1], generator=self._noise[row]) for row in rows])
        gumbel = -torch.log(-torch.log(noise.clamp(1e-20, 1 - 1e-7)))
        return (scaled + gumbel.to(scaled.device)).argmax(-1)


def _generator(seed: int, key: str) -> Any:
    import torch

    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def _nucleus(logits: Tensor, share: float) -> Tensor:
    """Forbid what lies outside the smallest set of tokens that holds ``share`` of the probability."""
    import torch

    if share >= 1:
        return logits
    ordered, places = logits.sort(dim=-1, descending=True)
    before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
    return logits.scatter(-1, places, ordered.masked_fill(before >= share, -torch.inf))


def processed(family: Any, logits: Tensor, so_far: Sequence[list[int]]) -> Tensor:
    """Apply what the model's generation config asks for (repetition penalty and the like), row by row."""
    import torch

    if not family.processors:
        return logits
    rows = []
    for row, ids in enumerate(so_far):
        scores = logits[row : row + 1]
        for processor in family.processors:
            scores = processor(torch.tensor([ids], device=logits.device), scores)
        rows.append(scores)
    return torch.cat(rows)


_PLAIN = [
    "begin_suppress_tokens",
    "bad_words_ids",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "sequence_bias",
    "encoder_repetition_penalty",
    "encoder_no_repeat_ngram_size",
    "guidance_scale",
    "watermarking_config",
    "exponential_decay_length_penalty",
    "constraints",
    "force_words_ids",
    "stop_strings",
    "max_time",
]
_NEUTRAL: tuple[object, ...] = (None, 0, 1, 1.0, (), [])


def processors_of(generation: Any) -> tuple[list[Any], bool]:
    """Logits processors that a generation config asks for.

    Returns
    -------
    list
        Processors of transformers.
    bool
        Whether that is all it asks for; if not, only ``generate`` itself will do.
    """
    from transformers import (
        NoRepeatNGramLogitsProcessor,
        RepetitionPenaltyLogitsProcessor,
        SuppressTokensLogitsProcessor,
    )

    found: list[Any] = []
    if (penalty := getattr(generation, "repetition_penalty", None)) not in _NEUTRAL:
        found.append(RepetitionPenaltyLogitsProcessor(penalty=penalty))
    if (size := getattr(generation, "no_repeat_ngram_size", None)) not in _NEUTRAL:
        found.append(NoRepeatNGramLogitsProcessor(size))
    if (tokens := getattr(generation, "suppress_tokens", None)) not in _NEUTRAL:
        found.append(SuppressTokensLogitsProcessor(tokens))
    return found, all(getattr(generation, name, None) in _NEUTRAL for name in _PLAIN)

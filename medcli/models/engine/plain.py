"""One batch by transformers' own ``generate``: slower, and what every model can do.

Knows how drawing and stopping are hung into ``generate``; refuses to know models.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from medcli.models.engine.draw import Draw
from medcli.models.engine.fast import Answer, ended

if TYPE_CHECKING:
    from medcli.models.engine.plan import Row
    from medcli.models.family import Family
    from medcli.models.protocol import Sampling


def run(
    family: Family,
    batch: Sequence[Row],
    settings: Sampling,
    counts: Counter[str],
    *,
    keep_logits: bool = False,
    watch: Callable[[list[int]], None] | None = None,
) -> list[Answer]:
    """Answer a batch; answers in the rows' order. ``watch`` is told the first row's ids after each step."""
    import torch

    with torch.inference_mode():
        inputs = family.plain_inputs([row.prompt for row in batch])
    draw = Draw([row.key for row in batch], settings, family.ends, family.vocabulary)
    start = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
    with torch.inference_mode():
        told = family.model.generate(
            **inputs,
            generation_config=_config(family, settings),
            logits_processor=[_chooser(draw, len(batch), settings)],
            stopping_criteria=[_stopper(family, start, watch)] if family.stop or watch else None,
            return_dict_in_generate=True,
            output_logits=keep_logits,
        )
    counts["images_encoded"] += sum(len(row.prompt.visuals) for row in batch)
    counts["suffix_tokens"] += sum(len(row.prompt.ids) for row in batch)
    counts["steps"] += told.sequences.shape[1] - start
    answers = []
    for at, ids in enumerate(told.sequences[:, start:].tolist()):
        answer = _cut(family, ids)
        answer.margin = draw.margins[at]
        if keep_logits:
            answer.logits = [step[at].float().cpu().numpy() for step in told.logits[: len(answer.ids)]]
        answers.append(answer)
    return answers


def _cut(family: Family, ids: list[int]) -> Answer:
    """The row's own tokens, without what was added while others went on."""
    for end in range(1, len(ids) + 1):
        if ended(family, ids[:end]):
            return Answer(ids[:end], "stop")
    return Answer(ids, "length")


def _config(family: Family, settings: Sampling) -> Any:
    config = copy.deepcopy(family.model.generation_config)
    config.do_sample = False
    config.temperature = config.top_p = config.top_k = config.min_p = config.typical_p = None
    config.num_beams = config.num_return_sequences = 1
    config.max_length = config.min_length = None
    config.max_new_tokens = settings.max_new_tokens
    config.min_new_tokens = None
    config.eos_token_id = sorted(family.ends)
    config.pad_token_id = family.pad
    config.use_cache = True
    config.cache_implementation = None
    return config


def _chooser(draw: Draw, rows: int, settings: Sampling) -> Any:
    import torch
    from transformers import LogitsProcessor

    class Chooser(LogitsProcessor):  # type: ignore[misc]
        """Lets :class:`Draw` choose, and ``generate`` take its choice for the largest."""

        step = 0

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            del input_ids
            scores = scores.float().clone()
            chosen = draw(scores, range(rows), self.step)
            self.step += 1
            if settings.temperature > 0:
                scores = torch.full_like(scores, -torch.inf)
                scores[torch.arange(rows, device=scores.device), chosen] = 0.0
            return scores

    return Chooser()


def _stopper(family: Family, start: int, watch: Callable[[list[int]], None] | None) -> Any:
    import torch
    from transformers import StoppingCriteria

    class Stopper(StoppingCriteria):  # type: ignore[misc]
        """Stops rows whose answer shows the stop text."""

        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
            del scores
            rows = input_ids[:, start:].tolist()
            if watch is not None:
                watch(rows[0])
            done = [ended(family, row) for row in rows]
            return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    return Stopper()

"""One batch, fast: prefixes with pictures prefilled once each, suffixes on top of their cache, rows retired when done.

Knows caches, masks and positions; refuses to know why a batch is what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medcli.models.engine import cache as caches
from medcli.models.engine.draw import Draw, processed
from medcli.models.family import left_padded

if TYPE_CHECKING:
    from torch import Tensor

    from medcli.models.engine.plan import Row
    from medcli.models.family import Family
    from medcli.models.protocol import Sampling

_STOP_TAIL = 16  # tokens in which a stop text is looked for at each step
_PREFILL = 1 << 13  # tokens prefilled at once; more gains nothing and costs memory


@dataclass(slots=True)
class Answer:
    """What came out for one row.

    Attributes
    ----------
    ids : list of int
        With the end token, if there was one.
    finish : {"stop", "length"}
        Why it ended.
    margin : float or None
        Of the first token.
    logits : list of array
        Raw ones of every step, if asked for.
    """

    ids: list[int] = field(default_factory=list)
    finish: str = "length"
    margin: float | None = None
    logits: list[Any] = field(default_factory=list)


def run(
    family: Family,
    batch: Sequence[Row],
    settings: Sampling,
    counts: Counter[str],
    *,
    memory: caches.Memory | None = None,
    keep_logits: bool = False,
) -> list[Answer]:
    """Answer a batch; answers in the rows' order. ``memory`` is what the batch before left."""
    import torch

    memory = memory or caches.Memory()
    with torch.inference_mode():
        start = _prefixed if batch[0].prefix else _whole
        state = start(family, batch, settings.max_new_tokens, counts, memory)
        answers = _decode(family, batch, settings, counts, state, keep_logits=keep_logits)
        memory.give_back(state[1])
    return answers


def encode(family: Family, batch: Sequence[Row], counts: Counter[str]) -> dict[str, Any]:
    """Features of a batch's pictures, each once."""
    visuals = {one.key: one for row in batch for one in row.prompt.visuals}
    counts["images_encoded"] += len(visuals)
    return dict(zip(visuals, family.encode(list(visuals.values())), strict=True))


def _whole(
    family: Family, batch: Sequence[Row], new: int, counts: Counter[str], memory: caches.Memory
) -> Any:
    """Run whole prompts, padded left, with features encoded once a picture."""
    import torch

    features = encode(family, batch, counts)
    growing = caches.fresh()
    prompts = [row.prompt for row in batch]
    logits, shift = family.prefill(prompts, features, growing, whole=True)
    lengths = torch.tensor([len(prompt.ids) for prompt in prompts], device=logits.device)
    counts["suffix_tokens"] += int(lengths.sum())
    seats = [(growing, number) for number in range(len(batch))]
    cache = caches.seated(seats, range(len(batch)), new, memory)
    longest = int(lengths.max())
    mask = torch.ones((len(batch), longest + new), dtype=torch.long, device=logits.device)
    mask[:, :longest] = torch.arange(longest, device=logits.device) >= (longest - lengths)[:, None]
    return logits, cache, mask, lengths + shift


def _prefixed(
    family: Family, batch: Sequence[Row], new: int, counts: Counter[str], memory: caches.Memory
) -> Any:
    """Prefill each prefix once, give every row its cache, and run the suffixes together."""
    import torch

    numbers: dict[tuple[object, ...], int] = {}
    for row in batch:
        numbers.setdefault(row.shared, len(numbers))
    first = {numbers[row.shared]: row for row in reversed(batch)}
    seats, shifts = _prefill(family, [first[number] for number in range(len(numbers))], counts)
    which = [numbers[row.shared] for row in batch]
    suffixes = [row.prompt.ids[row.prefix :] for row in batch]
    ids, suffix_mask = left_padded(suffixes, family.pad)
    longest, room = max(row.prefix for row in batch), ids.shape[1] + new
    cache = caches.seated(seats, which, room, memory)
    device = shifts.device
    prefix = torch.tensor([row.prefix for row in batch], device=device)
    shift = shifts[torch.tensor(which, device=device)]
    mask = torch.ones((len(batch), longest + room), dtype=torch.long, device=device)
    mask[:, :longest] = torch.arange(longest, device=device) >= (longest - prefix)[:, None]
    mask[:, longest : longest + ids.shape[1]] = suffix_mask.to(device)
    inside = (suffix_mask.cumsum(-1) - 1).clamp(min=0).to(device)
    positions = inside + (prefix + shift)[:, None]
    counts["suffix_tokens"] += int(suffix_mask.sum())
    logits = family.forward(ids.to(device), mask[:, : longest + ids.shape[1]], positions, cache)
    return logits, cache, mask, positions[:, -1] + 1


def _prefill(family: Family, rows: Sequence[Row], counts: Counter[str]) -> tuple[list[Any], Tensor]:
    """Prefill one row's prefix each, several of one length at once."""
    import torch

    features = encode(family, rows, counts)
    seats: list[Any] = [None] * len(rows)
    shifts: list[Any] = [None] * len(rows)
    lengths: dict[int, list[int]] = {}
    for number, row in enumerate(rows):
        lengths.setdefault(row.prefix, []).append(number)
    for length, members in lengths.items():
        each = max(1, _PREFILL // length)
        for at in range(0, len(members), each):
            some = members[at : at + each]
            growing = caches.fresh()
            _, shift = family.prefill([rows[n].prompt.head() for n in some], features, growing, whole=False)
            counts["prefix_tokens"] += length * len(some)
            for place, number in enumerate(some):
                seats[number], shifts[number] = (growing, place), shift[place]
    return seats, torch.stack(shifts)


def _decode(
    family: Family,
    batch: Sequence[Row],
    settings: Sampling,
    counts: Counter[str],
    state: tuple[Tensor, Any, Tensor, Tensor],
    *,
    keep_logits: bool,
) -> list[Answer]:
    """Draw tokens until all rows are done; rows that are done leave the batch a quarter at a time."""
    import torch

    logits, cache, mask, positions = state
    draw = Draw([row.key for row in batch], settings, family.ends, family.vocabulary)
    answers = [Answer() for _ in batch]
    live = list(range(len(batch)))
    used = cache.get_seq_length()
    for step in range(settings.max_new_tokens):
        if keep_logits:
            for place, number in enumerate(live):
                answers[number].logits.append(logits[place].float().cpu().numpy().copy())
        logits = processed(family, logits, [batch[n].prompt.ids + answers[n].ids for n in live])
        chosen = draw(logits, live, step)
        counts["steps"] += 1
        for number, token in zip(live, chosen.tolist(), strict=True):
            if answers[number].finish == "length":
                answers[number].ids.append(token)
                if ended(family, answers[number].ids):
                    answers[number].finish = "stop"
        going = [place for place, number in enumerate(live) if answers[number].finish == "length"]
        if not going or step + 1 == settings.max_new_tokens:
            break
        if len(going) <= len(live) * 3 // 4:
            places = torch.tensor(going, device=chosen.device)
            caches.keep(cache, going)
            chosen, mask, positions = chosen[places], mask[places], positions[places]
            live = [live[place] for place in going]
        used += 1
        logits = family.forward(chosen[:, None], mask[:, :used], positions[:, None], cache)
        positions = positions + 1
    for answer, margin in zip(answers, draw.margins, strict=True):
        answer.margin = margin
    return answers


def ended(family: Family, ids: Sequence[int]) -> bool:
    """Whether an answer is over: its last token is an end token, or the stop text shows.

    The first token alone is never searched for the stop text: the authors' criterion starts with the second.
    """
    if ids[-1] in family.ends:
        return True
    return bool(family.stop) and len(ids) > 1 and family.stop in family.text(ids[-_STOP_TAIL:])

"""Whether a faster path says what plain ``generate`` says, on this model, in these numbers, on this machine.

Batched arithmetic is not bit-equal to single rows in any dtype, so the yardstick is the spread that ``generate`` itself
shows between batch one and batch N. Refuses to know what is done about a failed check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from medcli.models.engine import fast, plain, plan

if TYPE_CHECKING:
    from medcli.models.engine.fast import Answer
    from medcli.models.engine.plan import Row
    from medcli.models.family import Family
    from medcli.models.protocol import Sampling

_STEPS = 4
_ROWS = 3
_FLOOR = {"float32": 1e-4, "float16": 4e-3, "bfloat16": 3e-2}  # of the largest logit


def sample(rows: Sequence[Row]) -> list[Row]:
    """A few rows to check with: of one picture if there is one, with the shortest and the longest suffix."""
    pictured = [row for row in rows if row.prefix] or list(rows)
    first = pictured[0].shared
    same = sorted((row for row in pictured if row.shared == first), key=lambda row: (row.suffix, row.at))
    other = [row for row in pictured if row.shared != first]
    chosen = [*same[:1], *(same[-1:] if len(same) > 1 else []), *other]
    return chosen[:_ROWS]


def agrees(family: Family, rows: Sequence[Row], settings: Sampling) -> bool:
    """Run rows by ``generate`` one by one and together, and by the fast path; compare.

    Returns
    -------
    bool
        Whether first logits stay within the spread, and tokens within what it leaves open.
    """
    few = replace(
        settings, max_new_tokens=min(_STEPS, settings.max_new_tokens), min_new_tokens=0, temperature=0.0
    )
    unseen: Counter[str] = Counter()
    single = [plain.run(family, [row], few, unseen, keep_logits=True)[0] for row in rows]
    quick = _fast(family, rows, few)
    spread = _spread(family, rows, few, single)
    largest = max(float(abs(one.logits[0]).max()) for one in single)
    allowed = max(4 * spread, _FLOOR.get(family.describe().dtype, 3e-2) * largest)
    return all(_alike(a, b, allowed) for a, b in zip(single, quick, strict=True))


def _fast(family: Family, rows: Sequence[Row], few: Sampling) -> list[Answer]:
    """Run rows by the fast path, dealt into batches as they would be; answers in the rows' order."""
    found: dict[int, Answer] = {}
    for batch in plan.batches(rows, few.max_new_tokens, 1 << 30, window=family.window):
        answers = fast.run(family, batch, few, Counter(), keep_logits=True)
        found |= {row.at: answer for row, answer in zip(batch, answers, strict=True)}
    return [found[row.at] for row in rows]


def _spread(family: Family, rows: Sequence[Row], few: Sampling, single: Sequence[Answer]) -> float:
    """How far ``generate`` itself is from batch one in batch N; 0 where it cannot take these rows together."""
    try:
        together = plain.run(family, rows, few, Counter(), keep_logits=True)
    except (RuntimeError, ValueError):  # pictures of different sizes have tensors that do not join
        return 0.0
    return max(_far(a, b) for a, b in zip(single, together, strict=True))


def _far(one: Answer, other: Answer) -> float:
    return float(abs(one.logits[0] - other.logits[0]).max())


def _alike(one: Answer, other: Answer, allowed: float) -> bool:
    if _far(one, other) > allowed:
        return False
    for step, (a, b) in enumerate(zip(one.ids, other.ids, strict=False)):
        if a != b:
            logits = one.logits[step]
            return float(logits[a] - logits[b]) <= 2 * allowed
    return True

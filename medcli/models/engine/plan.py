"""Which rows go together, from the rows alone, so that the same chunk always gives the same batches.

Knows lengths and picture keys; refuses to know tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medcli.models.family import Prompt


@dataclass(slots=True)
class Row:
    """One prompt on its way.

    Attributes
    ----------
    at : int
        Place in the chunk.
    key : str
        The request's.
    prompt : Prompt
        What is run.
    prefix : int
        Ids of the prompt that are prefilled with the pictures, apart from the rest; 0 to run it whole.
    """

    at: int
    key: str
    prompt: Prompt
    prefix: int = 0

    @property
    def suffix(self) -> int:
        """Ids behind the prefix; at least one, since the first token is drawn from the last of them."""
        return len(self.prompt.ids) - self.prefix

    @property
    def shared(self) -> tuple[object, ...]:
        """Equal for rows whose prefix is the same."""
        prompt = self.prompt
        return (tuple(prompt.ids[: self.prefix]), prompt.places, *(one.key for one in prompt.visuals))


def split(rows: Sequence[Row], *, reuse: bool) -> list[Row]:
    """Set each row's prefix: up to its last picture where there is text behind it, and reuse is wanted."""
    for row in rows:
        fits = reuse and 0 < row.prompt.prefix < len(row.prompt.ids)
        row.prefix = row.prompt.prefix if fits else 0
    return list(rows)


def batches(rows: Sequence[Row], new: int, budget: int, *, window: int = 0) -> list[list[Row]]:
    """Deal rows into batches.

    Rows with one prefix stay side by side; prefixes of like length share a batch; a batch's rows times its longest
    row, with room for the answer, stay within the budget, but for a single row.

    Parameters
    ----------
    new : int
        Tokens of the longest answer.
    budget : int
        Tokens a batch may hold.
    window : int
        A sliding window of the model: rows whose prompts reach beyond it are not padded between prefix and suffix,
        so only equal lengths meet. Answers may reach beyond it. 0 for none.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.shared if row.prefix else ("whole",), []).append(row)
    ordered = sorted(groups.values(), key=lambda group: (group[0].prefix, group[0].at))
    made: list[list[Row]] = []
    for group in ordered:
        for row in sorted(group, key=lambda one: (one.suffix, one.at)):
            if not made or not _joins(row, made[-1], new, budget, window):
                made.append([])
            made[-1].append(row)
    return made


def _joins(row: Row, batch: Sequence[Row], new: int, budget: int, window: int) -> bool:
    both = [*batch, row]
    prefix, suffix = max(one.prefix for one in both), max(one.suffix for one in both)
    if (prefix + suffix + new) * len(both) > budget:
        return False
    if (min(one.prefix for one in both) == 0) != (prefix == 0) or 2 * min(
        one.prefix for one in both
    ) < prefix:
        return False
    beyond = window and prefix and prefix + suffix > window
    return not beyond or all(one.suffix == row.suffix for one in batch)

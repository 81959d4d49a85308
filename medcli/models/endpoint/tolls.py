"""What a request counts as: towards the pace in tokens, towards the budget in money; first at most, then as it was.

Each attempt is let go by :class:`Gate` alone, and ends in one of three ways: answered, refused (the server did nothing
for it), or lost (nobody knows what the server did). Knows ``usage``; refuses to know how requests are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medcli.models.prices import Price, Usage
from medcli.models.spending import Budget, Claim
from medcli.pacing import Pace, Turn


@dataclass(frozen=True, slots=True)
class Toll:
    """What one request counts as at most.

    Attributes
    ----------
    tokens : int
        Towards tokens a minute.
    amount : int
        Towards the budget, in 10⁻¹² USD.
    price : Price or None
        What its reply is priced by; None where it costs nothing that is known.
    """

    tokens: int = 0
    amount: int = 0
    price: Price | None = None


FREE = Toll()


@dataclass(slots=True)
class Passage:
    """One attempt on its way.

    Attributes
    ----------
    cost : int or None
        What it came to, in 10⁻¹² USD; None while or where that is not known.
    """

    toll: Toll
    turns: tuple[Turn, ...]
    claim: Claim | None = None
    cost: int | None = field(default=None)

    def sent(self) -> None:
        """Say that it is on its way only now: it had to wait for a connection, or for another pace."""
        for turn in self.turns:
            turn.sent()

    def answered(self, completion: Mapping[str, Any]) -> None:
        """Count what the reply says; where it says nothing, the most that it can be."""
        usage = usage_of(completion)
        for turn in self.turns:
            turn.answered(None if usage is None else usage.prompt_tokens + usage.completion_tokens)
        if self.toll.price is not None:
            self.cost = self.toll.amount if usage is None else self.toll.price.of(usage)
        if self.claim is not None:
            self.claim.settle(self.cost or 0)

    def refused(self) -> None:
        """Count it as a request without tokens, which is what servers count that refuse one."""
        for turn in self.turns:
            turn.answered(0)
        if self.claim is not None:
            self.claim.release()

    def lost(self) -> None:
        """Count it in full."""
        for turn in self.turns:
            turn.answered()
        if self.claim is not None:
            self.claim.lose()


class Gate:
    """Lets attempts go when the pace and the budget allow it.

    Parameters
    ----------
    pace : Pace
        Of all servers together; each server may have one of its own beside it.
    budget : Budget or None
        What may be spent.
    """

    def __init__(self, pace: Pace | None = None, budget: Budget | None = None) -> None:
        self.pace, self.budget = pace or Pace(), budget

    async def let(self, toll: Toll, own: Pace) -> Passage:
        """Wait until an attempt may be sent.

        Raises
        ------
        BudgetSpent
            If the budget may not be enough for it.
        """
        claim = None
        if self.budget is not None and toll.amount:
            claim = await self.budget.reserve(toll.amount)
        try:
            shared = await self.pace.turn(toll.tokens)
            turn = await own.turn(toll.tokens)
        except BaseException:
            if claim is not None:
                claim.release()
            raise
        return Passage(toll, (shared, turn), claim)


def usage_of(completion: Mapping[str, Any]) -> Usage | None:
    """Read ``usage``; None where there is none that can be one."""
    usage = completion.get("usage")
    if not isinstance(usage, Mapping):
        return None
    read, written = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if read is None or written is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
    return Usage(read, written, cached or 0)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None

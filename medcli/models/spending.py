"""A budget that is never exceeded: the most that a request can cost is set aside before it is sent.

Afterwards what it did cost is counted instead. What nobody knows the cost of, because the answer was lost on its way,
counts as spent in full. So at every moment spent + set aside <= the budget, whatever the order in which things happen.

**Across runs** the caller hands in what was spent before. Rows that a killed process had not yet written down were paid
for all the same: :meth:`Budget.kept` writes down, before anything is sent, up to which amount may be spent, a hundredth
of the budget at a time, so that a run after ``kill -9`` counts at most that much too much, and never too little.

Knows amounts; refuses to know requests. Tokens are bounded in :mod:`medcli.models.tokens`, prices stand in
:mod:`medcli.models.prices`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

from medcli import files
from medcli.errors import InputError, SetupError, UsageError
from medcli.models.prices import PICO, Price, Prices, Usage, load
from medcli.models.tokens import Estimate, Size, bound, measure

__all__ = [
    "Budget", "BudgetSpent", "Claim", "Estimate", "Price", "Prices", "Size", "Usage", "bound", "load", "measure", "price_for",
]  # fmt: skip

_TRANCHES = 100


class BudgetSpent(SetupError):
    """The next request might exceed the budget, so it was not sent; the same command with a larger one goes on."""


def price_for(model: str, prices: Prices, *, needed: bool) -> Price | None:
    """Return a model's price, or None.

    Raises
    ------
    UsageError
        If there is none though it is needed.
    """
    price = prices.get(model)
    if price is None and needed:
        raise UsageError(
            f"--max-cost needs a price, and there is none for the model '{model}'.",
            hint=f'Give one: --prices FILE with [models."{model}"], input = and output = in USD for a million tokens.',
        )
    return price


@dataclass(slots=True, eq=False)
class Claim:
    """An amount set aside for one request; the first of its three ends counts, later ones do nothing."""

    _budget: Budget
    amount: int
    recorded: bool = True
    open: bool = field(default=True)

    def settle(self, amount: int) -> None:
        """Count what it did cost."""
        self._end(amount)

    def release(self) -> None:
        """Give all of it back: nothing was, or will be, charged."""
        self._end(0)

    def lose(self) -> None:
        """Count all of it as spent: what was charged is not known."""
        if self.open:
            self._budget.lost += self.amount
        self._end(self.amount)

    def _end(self, amount: int) -> None:
        if self.open:
            self.open = False
            self._budget._settled(self, amount)  # noqa: SLF001 - the two are one


class Budget:
    """What may be spent, by one event loop.

    Parameters
    ----------
    max_cost : float or None
        USD; None for no limit, so that only sums are kept.
    spent : float
        USD that were spent before.
    record : callable, optional
        Called with an amount in USD before more than the last recorded one may be spent; returns when that is on disk.

    Attributes
    ----------
    lost : int
        Of what is spent, 10⁻¹² USD that were only counted because answers were lost.
    """

    def __init__(
        self,
        max_cost: float | None = None,
        *,
        spent: float = 0.0,
        record: Callable[[float], None] | None = None,
    ) -> None:
        if max_cost is not None and not 0 < max_cost < 1e9:
            raise UsageError("--max-cost is an amount above 0, in USD.")
        self._most = None if max_cost is None else _pico(max_cost, ROUND_FLOOR)
        self._spent = self._recorded = _pico(spent, ROUND_CEILING)
        self._aside = self._unrecorded = self.lost = 0
        self._record = record
        self._close: Callable[[float], None] | None = None
        self._changed: asyncio.Event | None = None

    @classmethod
    def kept(cls, path: Path, max_cost: float | None, *, known: float = 0.0) -> Budget:
        """Keep what is spent in a file, which also outlives a killed process; see above.

        Parameters
        ----------
        path : Path
            In a folder that exists; readable by its owner alone.
        max_cost : float or None
            USD.
        known : float
            USD that other records say were spent; the larger of both counts.

        Raises
        ------
        InputError
            If the file is there and holds no amount.
        """

        def write(amount: float) -> None:
            files.write(path, json.dumps({"usd": amount}) + "\n", mode=0o600)

        budget = cls(max_cost, spent=max(known, _amount_in(path)), record=write)
        budget._close = write
        return budget

    @property
    def spent(self) -> float:
        """USD, counted upwards where it is not known."""
        return self._spent / PICO

    @property
    def reserved(self) -> float:
        """USD set aside for what is on its way."""
        return self._aside / PICO

    @property
    def left(self) -> float | None:
        """USD that may still be set aside; None where there is no limit."""
        return None if self._most is None else max(0, self._most - self._spent - self._aside) / PICO

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._most is not None

    def try_reserve(self, amount: int, *, recorded: bool = True) -> Claim | None:
        """Set aside an amount (10⁻¹² USD), or return None if it does not fit now.

        What the caller itself writes down as being out, as batches are, is not ``recorded`` here too.
        """
        if self._most is not None and self._spent + self._aside + amount > self._most:
            return None
        return self.hold(amount, recorded=recorded)

    def hold(self, amount: int, *, recorded: bool = True) -> Claim:
        """Set aside an amount whether it fits or not: an earlier process had done so, and it is still out."""
        self._aside += amount
        self._unrecorded += 0 if recorded else amount
        self._note()
        return Claim(self, amount, recorded)

    async def reserve(self, amount: int) -> Claim:
        """Set aside an amount, when what is on its way has left room for it.

        Raises
        ------
        BudgetSpent
            If it does not fit and nothing but batches is on its way.
        """
        while (claim := self.try_reserve(amount)) is None:
            if self._aside == self._unrecorded:  # batches take days, and nobody waits for them
                raise self.over(amount)
            self._changed = self._changed or asyncio.Event()
            self._changed.clear()
            await self._changed.wait()
        return claim

    def close(self) -> None:
        """Write down what was spent, now that it is known; what is on its way counts in full."""
        if self._close is not None:
            self._recorded = self._spent + self._aside - self._unrecorded
            self._close(self._recorded / PICO)

    def _settled(self, claim: Claim, amount: int) -> None:
        self._aside -= claim.amount
        self._unrecorded -= 0 if claim.recorded else claim.amount
        self._spent += amount
        self._note()
        if self._changed is not None:
            self._changed.set()

    def _note(self) -> None:
        at_most = self._spent + self._aside - self._unrecorded
        if self._record is None or at_most <= self._recorded:
            return
        if self._most is not None:
            at_most = max(at_most, min(self._most, at_most + self._most // _TRANCHES))
        else:
            at_most += max(at_most // _TRANCHES, PICO // _TRANCHES)
        self._record(at_most / PICO)
        self._recorded = at_most

    def over(self, amount: int) -> BudgetSpent:
        """Say that an amount does not fit."""
        most = self._spent if self._most is None else self._most
        return BudgetSpent(
            f"--max-cost is reached: {_usd(self._spent)} of {_usd(most)} USD are spent, and the next request could"
            f" cost {_usd(amount)}.",
            hint="Nothing is lost: the same command with a larger --max-cost goes on from here.",
        )


def _amount_in(path: Path) -> float:
    try:
        amount = json.loads(path.read_bytes())["usd"]
    except FileNotFoundError:
        return 0.0
    except (ValueError, KeyError, TypeError):
        amount = None
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < 1e12:
        raise InputError("The record of what was spent cannot be read.", hint=f"Look at {path}")
    return float(amount)


def _pico(usd: float, rounding: str) -> int:
    return int((Decimal(repr(usd)) * PICO).to_integral_value(rounding))


def _usd(pico: int) -> str:
    return f"{Decimal(pico) / PICO:.4f}"

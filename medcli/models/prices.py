"""What models cost: a dated table, and the user's own over it. Whole numbers of 10⁻¹² USD, so that no sum is ever off.

Knows names and prices; refuses to guess: a model that no table has, has no price.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from medcli.errors import UsageError
from medcli.models.tokens import IMAGE, Size

PICO = 10**12  # our unit in one USD
_MILLION = 10**6
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_KNOWN = frozenset({"input", "output", "cached_input", "cache_write", "batch", "image_tokens"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a reply says it took.

    Attributes
    ----------
    prompt_tokens, completion_tokens : int
        Read and written; what a model thinks counts as written.
    cached_tokens : int
        Of those read, how many the server still had from before.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs.

    Attributes
    ----------
    input, output, cached_input : int
        10⁻¹² USD a token; ``input`` is that of writing a server's cache where that costs more.
    batch : Decimal
        Factor of the Batch API.
    image_tokens : int
        Tokens that a picture takes at most.
    """

    input: int
    output: int
    cached_input: int
    batch: Decimal = Decimal("0.5")
    image_tokens: int = IMAGE

    def worst(self, size: Size, max_tokens: int, *, batch: bool = False) -> int:
        """Most that a request can cost, in 10⁻¹² USD."""
        return self._due(size.most(self.image_tokens) * self.input + max_tokens * self.output, batch)

    def of(self, usage: Usage, *, batch: bool = False) -> int:
        """What a reply cost, in 10⁻¹² USD."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        read = (usage.prompt_tokens - cached) * self.input + cached * self.cached_input
        return self._due(read + usage.completion_tokens * self.output, batch)

    def _due(self, amount: int, batch: bool) -> int:
        return int((amount * self.batch).to_integral_value(ROUND_CEILING)) if batch else amount


@dataclass(frozen=True, slots=True)
class Prices:
    """A table of prices.

    Attributes
    ----------
    models : mapping of str to Price
        By the model's name.
    source : str
        Where the prices are from, and of what day; for estimates that a person reads.
    """

    models: Mapping[str, Price]
    source: str = ""

    def get(self, model: str) -> Price | None:
        """Return a model's price, or None; a dated snapshot without a line of its own costs what its model costs."""
        return self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))


@cache
def shipped() -> Prices:
    """Return the table that comes with medcli."""
    return _read((resources.files("medcli.models") / "prices.toml").read_text(encoding="utf-8"))


def load(path: Path | None = None) -> Prices:
    """Return the shipped table, with the user's file over it.

    Raises
    ------
    UsageError
        If the file cannot be read or holds something other than prices.
    """
    if path is None:
        return shipped()
    try:
        own = _read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The file of prices cannot be read: {error.strerror}.", hint=f"Look at {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError("The file of prices is not UTF-8.", hint=f"Look at {path}") from error
    known = shipped()
    return Prices({**known.models, **own.models}, f"{own.source or 'your own prices'}; else {known.source}")


def _read(text: str) -> Prices:
    import tomllib

    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The file of prices is not valid TOML ({error}).") from error
    models = content.get("models", {})
    if not isinstance(models, dict):
        raise UsageError("The file of prices has no table 'models'.", hint=_EXAMPLE)
    source = " ".join(str(content[name]) for name in ("source", "date") if name in content)
    return Prices({name: _price(name, entry) for name, entry in models.items()}, source)


_EXAMPLE = 'As: [models."my-model"] with input = 0.15 and output = 0.60, in USD for a million tokens'


def _price(name: str, given: object) -> Price:
    entry: dict[str, Any] = given if isinstance(given, dict) else {}
    if not {"input", "output"} <= entry.keys() or not entry.keys() <= _KNOWN:
        raise UsageError(f"The price of '{name}' is not whole.", hint=_EXAMPLE)
    if any(
        isinstance(one, bool)
        or not isinstance(one, int | Decimal)
        or not Decimal(one).is_finite()
        or not 0 <= one < _MILLION
        for one in entry.values()
    ):
        raise UsageError(f"A price of '{name}' is not a number from 0 to {_MILLION}.", hint=_EXAMPLE)
    return Price(
        _pico(max(entry["input"], entry.get("cache_write", 0))),
        _pico(entry["output"]),
        _pico(entry.get("cached_input", entry["input"])),
        Decimal(entry.get("batch", "0.5")),
        int(entry.get("image_tokens", IMAGE)),
    )


def _pico(usd_a_million: int | Decimal) -> int:
    return int((Decimal(usd_a_million) * PICO / _MILLION).to_integral_value(ROUND_CEILING))

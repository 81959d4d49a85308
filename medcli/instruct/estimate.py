"""What a run would take, before anything is sent: samples, tokens, price, time.

Tokens of prompts are counted by the bytes of what would be sent, those of replies by what the worked examples of each
kind come to; how many of the samples will be rejected nobody knows before, so the price is that of the requests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from medcli import console
from medcli.instruct.prompts.book import caption_text
from medcli.instruct.result import Result
from medcli.instruct.schemas import SCHEMAS
from medcli.instruct.selection import Chosen, Selection, unpack
from medcli.instruct.spec import InstructSpec
from medcli.instruct.worker import Setting
from medcli.models.prices import PICO, Price, Usage
from medcli.models.spending import load, price_for
from medcli.models.tokens import Estimate, Size, measure

_PACE = 50.0  # tokens a second that one request's reply is taken to come at, where nothing else limits


@dataclass(slots=True)
class Plan:
    """Sums over the samples that would be asked for first."""

    samples: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usual: int = 0
    worst: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)


def estimate(spec: InstructSpec, selection: Selection, setting: Setting) -> Result:
    """Say what a run would take.

    Raises
    ------
    UsageError
        If there is a limit of cost and no price to hold it by.
    """
    prices = load(spec.prices)
    price = price_for(spec.model, prices, needed=spec.max_cost is not None)
    plan = Plan()
    for size, one, domain in _sizes(selection, setting, spec.max_samples):
        _add(plan, size, one.kind, domain, setting, price, batch=spec.batch)
    facts: dict[str, Any] = {
        "samples": plan.samples,
        "wanted": spec.max_samples,
        "captions": selection.read,
        "left_out": selection.left_out,
        "kinds": dict(plan.kinds.most_common()),
        "domains": dict(plan.domains.most_common()),
        "prompt_tokens": plan.prompt_tokens,
        "completion_tokens": plan.completion_tokens,
        "cost": None if price is None else round(plan.usual / PICO, 6),
        "cost_at_most": None if price is None else round(plan.worst / PICO, 6),
        "prices": prices.source,
        "minutes": None if spec.batch else round(_minutes(spec, plan), 1),
        "exit_code": 0,
    }
    return Result(0, facts, _words(spec, facts))


def _sizes(selection: Selection, setting: Setting, stop: int | None) -> Iterator[tuple[Size, Chosen, str]]:
    """The size of each request, its constant part measured once."""
    heads: dict[tuple[str, str], Size] = {}
    for one in selection.figures(stop):
        caption = unpack(one.record)
        prompt = setting.book.prompt(one.kind, caption.domain)
        head = heads.get((one.kind, caption.domain))
        if head is None:
            turns = [{"content": text} for _, text in prompt.turns]
            head = heads[one.kind, caption.domain] = measure(
                turns, SCHEMAS[one.kind] if setting.structured else None
            )
        asked = prompt.ask(caption_text(caption), caption.mentions if setting.mentions else ())
        own = measure([{"content": asked}]).tokens - measure([]).tokens
        yield Size(head.tokens + own, int(setting.images is not None)), one, caption.domain


def _add(  # noqa: PLR0917 - one request's facts
    plan: Plan, size: Size, kind: str, domain: str, setting: Setting, price: Price | None, *, batch: bool
) -> None:
    guess = Estimate()
    read, written = guess.prompt(size), min(setting.max_tokens, _written(setting, kind))
    plan.samples += 1
    plan.prompt_tokens += read
    plan.completion_tokens += written
    plan.kinds[kind] += 1
    plan.domains[domain] += 1
    if price is not None:
        plan.usual += price.of(Usage(read, written), batch=batch)
        plan.worst += price.worst(size, setting.max_tokens, batch=batch)


def _written(setting: Setting, kind: str) -> int:
    return max(1, Estimate().prompt(Size(setting.book.usual(kind))))


def _minutes(spec: InstructSpec, plan: Plan) -> float:
    """The slowest of what limits: requests a minute, tokens a minute, requests in flight."""
    reply = plan.completion_tokens / max(1, plan.samples)
    ways = [math.ceil(plan.samples / spec.concurrency) * reply / _PACE / 60]
    if spec.rpm:
        ways.append(plan.samples / spec.rpm)
    if spec.tpm:
        ways.append((plan.prompt_tokens + plan.completion_tokens) / spec.tpm)
    return max(ways)


def _words(spec: InstructSpec, facts: dict[str, Any]) -> str:
    rows = [("captions read", f"{facts['captions']:,}")]
    rows += [(f"  left out: {name}", f"{count:,}") for name, count in facts["left_out"].items()]
    rows.append(("samples to ask for", f"{facts['samples']:,}"))
    rows += [(f"  {name}", f"{count:,}") for name, count in facts["kinds"].items()]
    rows += [(f"  {name or 'no domain'}", f"{count:,}") for name, count in facts["domains"].items()]
    rows.append(("tokens read", f"{facts['prompt_tokens']:,}"))
    rows.append(("tokens written", f"{facts['completion_tokens']:,}"))
    if facts["cost"] is not None:
        rows.append(("price in USD", f"{facts['cost']:.2f}"))
        rows.append(("  at most", f"{facts['cost_at_most']:.2f}"))
    if facts["minutes"] is not None:
        rows.append(("minutes", f"{facts['minutes']:,.1f}"))
    lines = [
        console.table(rows),
        "",
        "Nothing was asked. Tokens are estimated; rejected samples are replaced by further ones.",
    ]
    if facts["cost"] is None:
        lines.append(f"No price is known of {spec.model}: --prices FILE gives one.")
    else:
        lines.append(f"Prices: {facts['prices']}.")
    if facts["minutes"] is None:
        lines.append("The server answers batches within a day.")
    else:
        lines.append(
            f"Minutes: replies at {_PACE:.0f} tokens a second, {spec.concurrency} at a time, within the rates given."
        )
    return "\n".join(lines)

"""What a run came to, for a person and as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medcli import console
from medcli.instruct.writing import Written


@dataclass(frozen=True, slots=True)
class Result:
    """Exit code, facts for ``--json``, and the same in words.

    Attributes
    ----------
    exit_code : int
        See ``docs/generate-instruct.md``.
    facts : mapping
        Counts, tokens, cost, and where the files are.
    text : str
        For the terminal.
    warnings : tuple of str
        What the person should know beside that.
    """

    exit_code: int
    facts: Mapping[str, Any]
    text: str
    warnings: tuple[str, ...] = field(default=())


def facts_of(written: Written) -> dict[str, Any]:
    """Counts as JSON; the most frequent first."""
    return {
        "accepted": written.accepted,
        "rejected": written.rejected,
        "failed": written.failed,
        "rules": dict(written.rules.most_common()),
        "reasons": dict(written.reasons.most_common()),
        "mended": dict(written.mended.most_common()),
        "kinds": dict(written.kinds.most_common()),
        "domains": dict(written.domains.most_common()),
        "requests": written.requests,
        "prompt_tokens": written.prompt_tokens,
        "completion_tokens": written.completion_tokens,
        "cost": None if written.cost is None else round(written.cost, 6),
    }


def words(facts: Mapping[str, Any]) -> str:
    """A short table of a run's facts."""
    rows: list[tuple[str, str]] = []
    for name, under in (("accepted", ("kinds",)), ("rejected", ("rules",)), ("failed", ("reasons",))):
        rows.append((name, f"{facts[name]:,}"))
        rows += [(f"  {one}", f"{count:,}") for group in under for one, count in facts[group].items()]
    rows += [(f"  mended: {one}", f"{count:,}") for one, count in facts["mended"].items()]
    if facts["left_out"]:
        rows.append(("captions left out", f"{sum(facts['left_out'].values()):,}"))
        rows += [(f"  {one}", f"{count:,}") for one, count in facts["left_out"].items()]
    rows.append(("requests", f"{facts['requests']:,}"))
    rows.append(("tokens read", f"{facts['prompt_tokens']:,}"))
    rows.append(("tokens written", f"{facts['completion_tokens']:,}"))
    if facts["cost"] is not None:
        rows.append(("cost in USD", f"{facts['cost']:.4f}"))
    if facts["resumed"]:
        rows.append(("from earlier runs", f"{facts['resumed']:,}"))
    rows.append(("seconds", f"{facts['seconds']:.1f}"))
    return "\n".join([console.table(rows), f"Written: {facts['output']}"])

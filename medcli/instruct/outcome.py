"""What became of one figure, as the ledger holds it: a sample with where it comes from, or why there is none.

Knows JSON. What is packed holds placeholders in the place of identity, and no identity that a model came up with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medcli.instruct.sample import Sample
from medcli.jobs import Row
from medcli.jobs.model import State


@dataclass(slots=True)
class Account:
    """What one figure took, over all that was asked for it.

    Attributes
    ----------
    facts : dict
        Who was asked, with which prompt, and of what figure.
    requests, prompt_tokens, completion_tokens : int
        Sums; replies that came from the cache count too.
    cost : float or None
        USD; None where no price is known.
    cached : int
        Replies that came from the cache.
    """

    facts: dict[str, Any]
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    cached: int = 0
    request_ids: list[str] = field(default_factory=list)

    def add(self, completion: Any) -> None:
        """Count one reply (:class:`medcli.models.endpoint.chat.Completion`)."""
        self.requests += 1
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.cached += completion.cached
        if completion.request_id:
            self.request_ids.append(completion.request_id)
        if completion.cost is not None:
            self.cost = (self.cost or 0.0) + completion.cost

    def to_json(self) -> dict[str, Any]:
        """A row of provenance, but for what the sample itself says."""
        return self.facts | {
            "request_id": self.request_ids[0] if len(self.request_ids) == 1 else self.request_ids,
            "requests": self.requests,
            "cached": self.cached,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": None if self.cost is None else round(self.cost, 12),
        }


def accepted(key: str, sample: Sample, about: Mapping[str, Any]) -> Row:
    """A row of a sample that is kept."""
    return _row(key, "done", "", {"sample": packed(sample), "about": about})


def rejected(
    key: str, sample: Sample, rules: Sequence[str], about: Mapping[str, Any], reply: str = ""
) -> Row:
    """A row of a sample that is not, with the first rule that it breaks as the reason."""
    value = {"sample": packed(sample), "rules": list(dict.fromkeys(rules)), "about": about}
    return _row(key, "skipped", rules[0], value | ({"reply": reply} if reply else {}))


def failed(key: str, sample: Sample, reason: str, about: Mapping[str, Any]) -> Row:
    """A row of a figure for which nothing came back."""
    return _row(key, "failed", reason, {"sample": packed(sample), "about": about})


def packed(sample: Sample) -> dict[str, Any]:
    """A sample as JSON."""
    value: dict[str, Any] = {
        "id": sample.sample_id,
        "kind": sample.kind,
        "turns": [list(turn) for turn in sample.turns],
    }
    rest = {"image": sample.image, "domain": sample.domain, "choices": list(sample.choices)}
    return (
        value
        | {name: one for name, one in rest.items() if one}
        | ({"key": sample.key} if sample.key >= 0 else {})
    )


def unpacked(value: Mapping[str, Any]) -> Sample:
    """Read what :func:`packed` gave."""
    return Sample(
        value["id"],
        value["kind"],
        tuple((role, text) for role, text in value["turns"]),
        value.get("image", ""),
        value.get("domain", ""),
        tuple(value.get("choices", ())),
        value.get("key", -1),
    )


def _row(key: str, state: State, kind: str, value: Mapping[str, Any]) -> Row:
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return Row(key, state, kind, content, len(content))

"""What the page counts, gathered in one pass over each kind of row; memory does not grow with their number.

Knows samples, rows of provenance and of rejection. Refuses to know HTML and pictures.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medcli.instruct.report.asking import OTHER, asked
from medcli.instruct.sample import Sample

SHOWN = 20
LENGTHS = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 200)
"""Where bins of words start; the last one has no end."""

_VERBS, _NOUNS, _PAIRS, _NAMES, _RULES = 24, 30, 200, 40, 500
_MOST_PAIRS = 200_000
_LONGEST, _MOST_TURNS = 3000, 24
_SUMS = ("prompt_tokens", "completion_tokens", "cost", "seconds")


@dataclass(slots=True)
class Samples:
    """Counts over accepted samples.

    Attributes
    ----------
    seed : int
        Of the samples that are shown.
    total : int
        How many there are.
    kinds : Counter of (str, str)
        By kind and domain.
    lengths : dict of str to Counter of (str, int)
        Words of questions, words of answers, and turns, by kind and bin.
    pairs : Counter of (str, str, str)
        By kind, verb and noun of each question.
    """

    seed: int
    total: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: dict[str, Counter[tuple[str, int]]] = field(
        default_factory=lambda: {"question": Counter(), "answer": Counter(), "turns": Counter()}
    )
    pairs: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _shown: list[tuple[int, int, Sample]] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """Count one."""
        self.total += 1
        self.kinds[sample.kind, sample.domain] += 1
        self.lengths["turns"][sample.kind, len(sample.turns)] += 1
        for role, text in sample.turns:
            name = "question" if role == "user" else "answer"
            self.lengths[name][sample.kind, binned(len(text.split()))] += 1
            if name == "question":
                pair = (sample.kind, *asked(text))
                if pair in self.pairs or len(self.pairs) < _MOST_PAIRS:
                    self.pairs[pair] += 1
                else:
                    self.pairs[sample.kind, OTHER, OTHER] += 1
        self._draw(sample)

    def _draw(self, sample: Sample) -> None:
        """Keep the samples with the smallest keyed hashes: the same ones in whatever order they come."""
        told = f"{sample.sample_id}\n{sample.kind}\n{len(sample.turns)}".encode("utf-8", "surrogatepass")
        rank = int.from_bytes(hmac.digest(str(self.seed).encode(), told, hashlib.sha256)[:8], "big")
        heapq.heappush(self._shown, (-rank, -self.total, sample))
        if len(self._shown) > SHOWN:
            heapq.heappop(self._shown)

    @property
    def shown(self) -> list[Sample]:
        """At most twenty samples, drawn by the seed."""
        return [sample for *_, sample in sorted(self._shown, key=lambda one: (-one[0], -one[1]))]

    def facts(self) -> dict[str, Any]:
        """For the page: tables in lists."""
        domains = self._domains()
        table = Counter[tuple[str, str]]()
        for (kind, domain), count in self.kinds.items():
            table[kind, domain if domain in domains else OTHER] += count
        return {
            "total": self.total,
            "counts": [[kind, domain, count] for (kind, domain), count in sorted(table.items())],
            "bins": list(LENGTHS),
            "lengths": {
                name: [[kind, at, count] for (kind, at), count in sorted(counter.items())]
                for name, counter in self.lengths.items()
            },
            "asked": self._asked(),
        }

    def _domains(self) -> set[str]:
        """The commonest domains."""
        counts = Counter[str]()
        for (_, domain), count in self.kinds.items():
            counts[domain] += count
        return {domain for domain, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_NAMES]}

    def _asked(self) -> list[list[Any]]:
        """Kind, verb, noun, count: of each kind and of all, the commonest, the rest as "other"."""
        verbs = Counter[str]()
        for (_, verb, _), count in self.pairs.items():
            verbs[verb] += count
        kept = {verb for verb, _ in sorted(verbs.items(), key=lambda one: (-one[1], one[0]))[:_VERBS]}
        pairs = Counter[tuple[str, str]]()
        for (_, verb, noun), count in self.pairs.items():
            if verb in kept:
                pairs[verb, noun] += count
        common: set[tuple[str, str]] = set()
        nouns = Counter[str]()
        for verb, noun in sorted(pairs, key=lambda one: (-pairs[one], one)):
            nouns[verb] += 1
            if nouns[verb] <= _NOUNS and len(common) < _PAIRS:
                common.add((verb, noun))
        table = Counter[tuple[str, str, str]]()
        for (kind, verb, noun), count in self.pairs.items():
            told = verb if verb in kept else OTHER
            table[kind, told, noun if (told, noun) in common else OTHER] += count
        return [[*names, count] for names, count in sorted(table.items())]


def binned(words: int) -> int:
    """The bin of a number of words."""
    return max((place for place, low in enumerate(LENGTHS) if low <= words), default=0)


def rejections(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How many rows were rejected, and ``rules``: rule, kind, count; each of a row's rules counts once.

    A row tells them under ``rules``, ``rule`` or ``reason``.
    """
    counts, total = Counter[tuple[str, str]](), 0
    for row in rows:
        total += 1
        told = row.get("rules") or row.get("rule") or row.get("reason") or "unknown"
        for rule in {str(one) for one in ([told] if isinstance(told, str) else told)}:
            counts[rule[:80], str(row.get("kind") or "")] += 1
    common = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_RULES]
    return {"total": total, "rules": [[rule, kind, count] for (rule, kind), count in sorted(common)]}


def spending(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Requests, tokens, cost and seconds over rows of provenance, by model."""
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = str(row.get("model") or "")[:120]
        own = sums.setdefault(name if name in sums or len(sums) < _NAMES else OTHER, {"samples": 0})
        own["samples"] += 1
        for key in _SUMS:
            value = row.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                own[key] = round(own.get(key, 0) + value, 9)
    return [{"model": name, **own} for name, own in sorted(sums.items())]


def told(sample: Sample, picture: str) -> dict[str, Any]:
    """A sample as the page shows it; texts are cut where they would fill it."""
    turns = [[role, _cut(text)] for role, text in sample.turns[:_MOST_TURNS]]
    return {
        "id": _cut(str(sample.sample_id)),
        "kind": sample.kind,
        "domain": sample.domain[:80],
        "image": _cut(sample.image),
        "picture": picture,
        "turns": turns,
        "more": len(sample.turns) - len(turns),
        "choices": [_cut(one) for one in sample.choices[:26]],
        "key": sample.key,
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."

"""Samples as files: conversations in three forms, rows of provenance, and what was rejected and why.

The picture token is put in here, once, in the first human turn; right options get their places here, each place as
often as the others; both are drawn by the seed. All three files come from one pass over rows in the order of
selection, and take their names when they are whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from medcli import files
from medcli.instruct import outcome
from medcli.instruct.kinds import drawn
from medcli.instruct.sample import Sample
from medcli.jobs import Row
from medcli.records import PICTURE, Conversation, Turn, render_choices

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class Written:
    """What went into the files.

    Attributes
    ----------
    accepted, rejected, failed : int
        Samples by what became of them.
    spare : int
        Accepted beyond the number that was wanted, and left out.
    rules, reasons : Counter
        Rejected samples by rule (one may break several); failed ones by reason.
    kinds, domains : Counter
        Accepted samples.
    mended : Counter
        Rules that accepted samples broke before they were mended.
    prompt_tokens, completion_tokens, requests : int
        Over all rows.
    cost : float or None
        USD; None where nothing is known of it.
    """

    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    spare: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    cost: float | None = None

    def count(self, row: Row, value: Mapping[str, Any]) -> None:
        """Add one row."""
        about = value.get("about", {})
        self.prompt_tokens += about.get("prompt_tokens", 0)
        self.completion_tokens += about.get("completion_tokens", 0)
        self.requests += about.get("requests", 0)
        if about.get("cost") is not None:
            self.cost = (self.cost or 0.0) + about["cost"]
        if row.state == "done":
            self.accepted += 1
            sample = value["sample"]
            self.kinds[sample["kind"]] += 1
            self.domains[sample.get("domain", "")] += 1
            self.mended.update(about.get("checks", {}).get("mended", ()))
        elif row.state == "skipped":
            self.rejected += 1
            self.rules.update(value["rules"])
        else:
            self.failed += 1
            self.reasons[row.kind] += 1


class Places:
    """Deals out places for right options: in each block of as many questions as there are options, each place once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._blocks: dict[int, tuple[int, list[int]]] = {}

    def next(self, options: int) -> int:
        """The place for the next question with so many options."""
        number, left = self._blocks.get(options, (0, []))
        if not left:
            left = sorted(
                range(options), key=lambda place: drawn(self._seed, f"place {options}", f"{number} {place}")
            )
            number += 1
        self._blocks[options] = number, left
        return left.pop()

    def settle(self, sample: Sample) -> Sample:
        """A multiple-choice sample with its options in their order; any other as it is."""
        if not sample.choices or sample.key < 0:
            return sample
        right = sample.choices[sample.key]
        wrong = [one for place, one in enumerate(sample.choices) if place != sample.key]
        wrong.sort(key=lambda one: drawn(self._seed, "wrong", f"{sample.sample_id}\0{one}"))
        place = self.next(len(sample.choices))
        return replace(sample, choices=(*wrong[:place], right, *wrong[place:]), key=place)


def turns_of(sample: Sample) -> tuple[Turn, ...]:
    """A sample's turns as they are trained on, options written out, without picture tokens."""
    if not sample.choices:
        return sample.turns
    (_, asked), *_ = sample.turns
    return ("user", f"{asked}\n{render_choices(sample.choices)}"), ("assistant", LETTERS[sample.key])


def llava(sample: Sample, seed: int) -> dict[str, object]:
    """One item in LLaVA's form; the token before or behind the first question, as the seed draws."""
    (_, first), *rest = turns_of(sample)
    if sample.image:
        behind = drawn(seed, "token", sample.sample_id) & 1
        first = f"{first}\n{PICTURE}" if behind else f"{PICTURE}\n{first}"
    turns: tuple[Turn, ...] = (("user", first), *rest)
    return Conversation(sample.sample_id, turns, sample.image, sample.domain).to_json()


def messages(sample: Sample, seed: int) -> dict[str, object]:  # noqa: ARG001 - the forms' signature
    """One item as chat messages: parts of typed content, the picture before the first question."""
    laid: list[dict[str, object]] = []
    for role, text in turns_of(sample):
        parts: list[dict[str, str]] = [{"type": "text", "text": text}]
        if not laid and sample.image:
            parts.insert(0, {"type": "image"})
        laid.append({"role": role, "content": parts})
    about = {"id": sample.sample_id, "domain": sample.domain}
    return {"messages": laid, "images": [sample.image] if sample.image else []} | about


FORMS: Mapping[str, Callable[[Sample, int], dict[str, object]]] = {
    "llava": llava,
    "jsonl": llava,
    "messages": messages,
}


def write(  # noqa: PLR0917 - three files, then how they are written
    rows: Iterable[Row],
    output: Path,
    provenance: Path,
    rejected: Path,
    form: str,
    seed: int,
    most: int | None = None,
) -> Written:
    """Write the three files.

    Parameters
    ----------
    rows : iterable of Row
        In the order of selection.
    output, provenance, rejected : Path
        In folders that exist.
    form : str
        One of :data:`FORMS`.
    seed : int
        Draws places of options and tokens.
    most : int, optional
        Samples at most; further ones are spare.
    """
    told, places, lay = Written(), Places(seed), FORMS[form]
    with ExitStack() as stack:
        samples, origins, losses = (
            stack.enter_context(files.atomic(path)) for path in (output, provenance, rejected)
        )
        array = _Array(samples) if form == "llava" else None
        for row in rows:
            value = json.loads(row.value) if row.value else {}
            if row.state == "done" and most is not None and told.accepted >= most:
                told.spare += 1
                continue
            told.count(row, value)
            if row.state == "done":
                sample = places.settle(outcome.unpacked(value["sample"]))
                line = _line(lay(sample, seed))
                array.add(line) if array is not None else samples.write(line + b"\n")
                origins.write(_line(_provenance(sample, value["about"])) + b"\n")
            elif row.state == "skipped":
                losses.write(_line(_loss(value)) + b"\n")
        if array is not None:
            array.end()
    return told


def samples_of(rows: Iterable[Row], seed: int, most: int | None = None) -> Iterator[Sample]:
    """The accepted samples as they were written."""
    places, count = Places(seed), 0
    for row in rows:
        if row.state == "done" and (most is None or count < most):
            count += 1
            yield places.settle(outcome.unpacked(json.loads(row.value)["sample"]))


def _provenance(sample: Sample, about: Mapping[str, Any]) -> dict[str, Any]:
    own = {"id": sample.sample_id, "image": sample.image, "kind": sample.kind, "domain": sample.domain}
    return own | dict(about)


def _loss(value: Mapping[str, Any]) -> dict[str, Any]:
    """A rejected sample: its rules first, then whatever was said."""
    sample = outcome.unpacked(value["sample"])
    row: dict[str, Any] = {
        "id": sample.sample_id,
        "image": sample.image,
        "kind": sample.kind,
        "domain": sample.domain,
        "rule": value["rules"][0],
        "rules": value["rules"],
    }
    if sample.turns:
        row["turns"] = [{"role": role, "text": text} for role, text in sample.turns]
    if sample.choices:
        row |= {"choices": list(sample.choices), "key": sample.key}
    if "reply" in value:
        row["reply"] = value["reply"]
    return row | {"about": value["about"]}


def _line(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")


class _Array:
    """A JSON array with an item a line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._begun = stream, False

    def add(self, line: bytes) -> None:
        self._stream.write((b",\n" if self._begun else b"[\n") + line)
        self._begun = True

    def end(self) -> None:
        self._stream.write(b"\n]\n" if self._begun else b"[]\n")

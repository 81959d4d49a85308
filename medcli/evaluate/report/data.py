"""What the page is handed: figures, confusion of closed answers, length, and the answers in columns.

Knows scores. Refuses to know HTML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medcli.evaluate.metrics.replies import yes_or_no
from medcli.evaluate.metrics.wording import normalized
from medcli.evaluate.scoring import Scores
from medcli.evaluate.truths import GROUPS, Truths

VERDICTS = {"strict": "strict_hit", "judge": "judge_hit", "choice": "choice_hit", "logic": "logic_hit"}
LENGTHS = (0, 1, 2, 3, 5, 9, 17, 33, 65)
_LONGEST = 4000


@dataclass(slots=True)
class Content:
    """What stands in the page.

    Attributes
    ----------
    facts : dict
        All but the answers.
    columns : dict of str to list
        The answers' columns, of one length.
    places : list of int
        Their rows in the file of questions.
    wrong : list of bool
        Whether a model has it wrong.
    """

    facts: dict[str, Any]
    columns: dict[str, list[Any]]
    places: list[int]
    wrong: list[bool]

    def keep(self, rows: Sequence[int]) -> None:
        """Keep some answers only."""
        self.columns = {name: [column[row] for row in rows] for name, column in self.columns.items()}
        self.places, self.wrong = [self.places[row] for row in rows], [self.wrong[row] for row in rows]


def gather(facts: Mapping[str, Any], truths: Truths, scored: Mapping[str, Scores]) -> Content:
    """Make the page's content of an evaluation."""
    places = [
        place
        for place in range(len(truths))
        if any(scores.replies[place] is not None for scores in scored.values())
    ]
    verdicts = _verdicts(truths, scored, places)
    columns: dict[str, list[Any]] = {
        "id": [truths.ids[place] for place in places],
        "question": [_cut(truths.texts[place]) for place in places],
        "truth": [_cut(truths.truths[place] or "") for place in places],
        "kind": [truths.kind(place) for place in places],
        "choices": [list(truths.choices[place]) or 0 for place in places],
        "image": [truths.images[place].split("\n")[0] for place in places],
    }
    for name, told in truths.groups.items():
        if any(told):
            columns[name] = [told[place] for place in places]
    for number, scores in enumerate(scored.values()):
        columns[f"reply{number}"] = [_cut(scores.replies[place]) for place in places]
        for name, hits in verdicts.items():
            columns[f"{name}{number}"] = hits[number]
        for name in ("recall", "strict_f1"):
            if name in scores.columns:
                columns[f"{name}{number}"] = [_rounded(scores.columns[name][place]) for place in places]
        if "judge_reason" in scores.notes:
            columns[f"reason{number}"] = [_cut(scores.notes["judge_reason"][place]) for place in places]
    wrong = [
        any(hits[number][row] == 0 for hits in verdicts.values() for number in range(len(scored)))
        for row in range(len(places))
    ]
    rest = dict(facts) | {
        "verdicts": list(verdicts),
        "groups": [name for name in GROUPS if name in columns],
        "confusion": [confusion(truths, scores) for scores in scored.values()],
        "lengths": [lengths(scores) for scores in scored.values()],
    }
    return Content(rest, columns, places, wrong)


def _verdicts(
    truths: Truths, scored: Mapping[str, Scores], places: Sequence[int]
) -> dict[str, list[list[int | None]]]:
    """By set and model: 1, 0 or None for each answer. LLaVA-Med's: the closed hit, or a recall of 1."""
    made = {
        name: [[_whole(scores.columns[column][place]) for place in places] for scores in scored.values()]
        for name, column in VERDICTS.items()
        if all(column in scores.columns for scores in scored.values())
    }
    if all("recall" in scores.columns for scores in scored.values()):
        made["llava-med"] = [
            [
                _whole(
                    scores.columns["closed_hit_run_eval_batch"][place]
                    if truths.answer_types[place] == "CLOSED"
                    else scores.columns["recall"][place]
                )
                for place in places
            ]
            for scores in scored.values()
        ]
    return made


def confusion(truths: Truths, scores: Scores) -> dict[str, Any]:
    """Closed questions whose truth is yes or no: how often each was answered by yes, no, or neither.

    Returns
    -------
    dict
        ``rows`` (yes, no), ``columns`` (yes, no, neither) and ``counts``.
    """
    rows, columns = ["yes", "no"], ["yes", "no", "neither"]
    counts = [[0] * 3 for _ in rows]
    for reply, truth, part in zip(scores.replies, truths.truths, scores.parts, strict=True):
        if reply is None or truth is None or part != "CLOSED":
            continue
        if (wanted := normalized(truth)) in rows:
            counts[rows.index(wanted)][columns.index(yes_or_no(reply) or "neither")] += 1
    return {"rows": rows, "columns": columns, "counts": counts}


def lengths(scores: Scores) -> list[dict[str, Any]]:
    """By length of the reply in words: how many there are, how many are right, and their recall.

    Returns
    -------
    list of dict
        ``from`` and ``to`` (None for no end) in words, ``n``, and means ``hit`` and ``recall`` or None.
    """
    ends = [*(low - 1 for low in LENGTHS[1:]), None]
    bins: list[dict[str, Any]] = [
        {"from": low, "to": end, "n": 0} for low, end in zip(LENGTHS, ends, strict=True)
    ]
    sums: list[dict[str, list[float]]] = [{"hit": [], "recall": []} for _ in bins]
    for place, reply in enumerate(scores.replies):
        if reply is None:
            continue
        words = len(reply.split())
        at = max(number for number, low in enumerate(LENGTHS) if low <= words)
        bins[at]["n"] += 1
        for name, column in (("hit", "strict_hit"), ("recall", "recall")):
            if column in scores.columns and not math.isnan(value := scores.columns[column][place]):
                sums[at][name].append(value)
    return [
        {**one, **{name: sum(values) / len(values) if values else None for name, values in mine.items()}}
        for one, mine in zip(bins, sums, strict=True)
    ]


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else int(value >= 1)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _cut(text: str | None) -> str | None:
    """A text, cut where it would fill the page."""
    return text if text is None or len(text) <= _LONGEST else text[:_LONGEST] + " ..."

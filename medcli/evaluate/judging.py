"""The set ``judge``: whether a reply says what the reference says, by an LLM judge.

Knows which replies need no judge: an empty one is no match. Refuses to know servers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medcli import jobs
from medcli.errors import ItemFailed
from medcli.evaluate.judge import asking, prompts
from medcli.evaluate.judge.verdicts import match_of
from medcli.evaluate.scoring import Scores
from medcli.evaluate.spec import VqaSpec
from medcli.evaluate.truths import Truths
from medcli.privacy.gate import facts_of
from medcli.reading import values
from medcli.records import question_of

COLUMN = "judge_hit"


def judge(
    spec: VqaSpec, truths: Truths, scores: Scores, path: Path, progress: jobs.Progress | None = None
) -> dict[str, Any]:
    """Fill the column ``judge_hit`` and the reasons; a reply that was not judged has neither.

    Parameters
    ----------
    spec : VqaSpec
        Who judges.
    truths, scores : Truths, Scores
        What is judged, and where the verdicts go.
    path : Path
        The file of answers; beside it lies what the judge said.
    progress : Progress, optional
        Told of every judgement.

    Returns
    -------
    dict
        What the results say of the gate.

    Raises
    ------
    UsageError, SetupError
        As :func:`medcli.evaluate.judge.asking.ask`.
    """
    column = scores.column(COLUMN)
    reasons: list[str] = [""] * len(scores.replies)
    known = _known(spec)
    places, cases = [], []
    for place, (truth, reply) in enumerate(zip(truths.truths, scores.replies, strict=True)):
        if reply is None or truth is None:
            continue
        if not reply.strip():
            column[place], reasons[place] = 0.0, "empty"
            continue
        places.append(place)
        texts = (truths.texts[place], truth, reply)
        of_the_patient = (known.get(truths.ids[place], ()), truths.images[place].splitlines())
        cases.append(prompts.match(*texts, truths.choices[place], *of_the_patient))
    judged = asking.ask(setting_of(spec, path), cases, match_of, progress)
    errors = [""] * len(scores.replies)
    for place, verdict, errors[place] in zip(places, judged.verdicts, judged.refused, strict=True):
        if verdict is not None:
            column[place], reasons[place] = float(verdict["match"]), str(verdict["reason"])
    scores.notes["judge_reason"] = reasons
    scores.notes["judge_error"] = errors
    return judged.gate


def _known(spec: VqaSpec) -> dict[int | str, tuple[tuple[str, str], ...]]:
    """What the rows of the file of questions say of their patients, by the rows' ids."""
    if spec.questions is None or spec.gate == "off":
        return {}
    found: dict[int | str, tuple[tuple[str, str], ...]] = {}
    for value in values(spec.questions):
        if value.error or not isinstance(value.value, dict):
            continue
        try:
            number = question_of(value.value).question_id
        except ItemFailed:
            continue
        if facts := facts_of(value.value):
            found.setdefault(number, facts)
    return found


def setting_of(spec: VqaSpec, path: Path) -> asking.Setting:
    """Who judges, and where what was said lies: with several files of answers, a folder each."""
    state = path.with_name(f"{path.name}.judge")
    if spec.state is not None:
        state = spec.state if len(spec.answers) == 1 else spec.state / path.name
    return asking.Setting(
        spec.judge,
        spec.base_url,
        spec.gate,
        state,
        spec.concurrency,
        spec.timeout,
        spec.retry_failed,
        spec.restart,
        spec.detector,
        spec.trust_host,
    )

"""`medcli evaluate vqa`: answers to questions with references, scored, compared, told.

Knows the order of things. What a figure is stands in :mod:`medcli.evaluate.scoring`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli import __version__, jobs
from medcli.errors import InputError, ItemsFailed, SafetyRefused, UsageError
from medcli.evaluate import answers, comparing, figures, joining, scoring, truths, writing
from medcli.evaluate.metrics.llava_med import Candidates
from medcli.evaluate.metrics.wording import Synonyms, synonyms_of
from medcli.evaluate.spec import VqaSpec
from medcli.evaluate.truths import Truths


@dataclass(frozen=True, slots=True)
class Result:
    """What an evaluation came to.

    Attributes
    ----------
    exit_code : int
        0, 5 where rows have no score, or 6 where the gate kept rows from the judge.
    facts : dict
        What ``--json`` prints and scores.json holds.
    text : str
        For a terminal.
    warnings : list of str
        Sentences for the person at the terminal.
    """

    exit_code: int
    facts: dict[str, Any]
    text: str
    warnings: list[str] = field(default_factory=list)


def evaluate_vqa(spec: VqaSpec, progress: jobs.Progress | None = None) -> Result:
    """Do what a Spec asks for.

    Raises
    ------
    InputError
        If files cannot be read or do not fit together.
    UsageError
        If a folder to be written is in the way.
    """
    inputs = (*spec.answers, spec.questions, spec.candidates, spec.synonyms, spec.logic)
    writing.insist_apart(inputs, spec.output, spec.report)
    held = (
        truths.read(spec.questions) if spec.questions else truths.gather(answers.own_truths(spec.answers[0]))
    )
    candidates = candidates_of(spec.candidates) if spec.candidates else None
    synonyms = synonyms_of(_json(spec.synonyms, "file of synonyms")) if spec.synonyms else Synonyms()
    scored: dict[str, scoring.Scores] = {}
    joins: dict[str, joining.Joined] = {}
    gates: dict[str, dict[str, Any]] = {}
    for name, path in _named(spec.answers).items():
        joined = joining.join(held, answers.read(path))
        joining.insist(joined, partial=spec.partial)
        joins[name] = joined
        scored[name] = scoring.score(
            held, joined.replies, spec.sets, candidates=candidates, synonyms=synonyms
        )
        gates[name] = _further(spec, held, scored[name], path, progress)
    return _told(spec, held, scored, joins, gates)


def _further(
    spec: VqaSpec, held: Truths, scores: scoring.Scores, path: Path, progress: jobs.Progress | None
) -> dict[str, Any]:
    """Score by what needs more than strings; return what is to be said of a judge's gate."""
    gate: dict[str, Any] = {}
    if "judge" in spec.sets:
        from medcli.evaluate.judging import judge

        gate = judge(spec, held, scores, path, progress)
    if "logic" in spec.sets:
        from medcli.evaluate.states import score_logic

        score_logic(spec.logic, held, scores)
    if "embedding" in spec.sets:
        from medcli.evaluate.metrics.embedding import bert_score

        scoring.fill_embedding(scores, held, lambda wanted, given: bert_score(wanted, given, spec.embedding))
    return gate


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Short names of files of answers, all different."""
    stems = [path.stem for path in paths]
    named = {
        stem if stems.count(stem) == 1 else path.as_posix(): path
        for stem, path in zip(stems, paths, strict=True)
    }
    if len(named) < len(paths):
        raise UsageError("A file of answers is given twice.", hint="Name each once.")
    return named


def _told(
    spec: VqaSpec,
    held: Truths,
    scored: dict[str, scoring.Scores],
    joins: Mapping[str, joining.Joined],
    gates: Mapping[str, dict[str, Any]],
) -> Result:
    options = {"resamples": spec.resamples, "seed": spec.seed}
    lines = {name: figures.lines(held, one, spec.sets, **options) for name, one in scored.items()}
    first, *others = scored
    differences = {
        other: comparing.compare(held, scored[first], scored[other], spec.sets, **options) for other in others
    }
    benchmark = spec.published or comparing.benchmark_of(held)
    beside = comparing.beside(benchmark, lines[first]) if benchmark and "llava-med" in spec.sets else []
    facts: dict[str, Any] = {
        "format": writing.FORMAT,
        "tool": f"medcli {__version__}",
        "metrics": list(spec.sets),
        "questions": len(held),
        "bootstrap": {"unit": "image", "interval": "percentile 95 %", **options},
        **_judge(spec, gates),
        "models": [_model(name, joins[name], lines[name]) for name in scored],
        "differences": [
            {"first": first, "second": other, "figures": [one.to_json() for one in found]}
            for other, found in differences.items()
        ],
        "published": beside,
    }
    if spec.output:
        with writing.reaching_the_disk("--output"):
            writing.write(spec.output, facts, held, scored)
    if spec.report:
        from medcli.evaluate.report import write_report

        with writing.reaching_the_disk("--report"):
            write_report(spec.report, facts, held, scored, _images(spec))
    texts = [f"{name}\n{writing.table(found)}" for name, found in lines.items()]
    texts += [writing.differences_table(first, other, found) for other, found in differences.items()]
    if beside:
        texts.append(writing.published_table(beside))
    refused = any(gate.get("refused") for gate in gates.values())
    failed = any(joined.problems for joined in joins.values()) or _unscored(spec, scored)
    return Result(
        SafetyRefused.exit_code if refused else ItemsFailed.exit_code if failed else 0,
        facts,
        "\n\n".join(texts),
        _warnings(spec, held, joins, scored),
    )


def _judge(spec: VqaSpec, gates: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Who judged, and what the gate did on the way to it."""
    if "judge" not in spec.sets:
        return {}
    from medcli.evaluate.judge import prompts

    return {"judge": {"model": spec.judge, "prompt": prompts.version("match"), "gate": dict(gates)}}


def _model(name: str, joined: joining.Joined, lines: Sequence[figures.Line]) -> dict[str, Any]:
    return {
        "name": name,
        "answers": joined.scored,
        "problems": {kind: [str(one) for one in ids] for kind, ids in joined.problems.items()},
        "figures": [line.to_json() for line in lines],
    }


def _unscored(spec: VqaSpec, scored: Mapping[str, scoring.Scores]) -> bool:
    """Whether the judge left answers without a score."""
    if "judge" not in spec.sets:
        return False
    return any(
        reply is not None and hit != hit  # noqa: PLR0124 - NaN
        for one in scored.values()
        for reply, hit in zip(one.replies, one.columns["judge_hit"], strict=True)
    )


def _warnings(
    spec: VqaSpec,
    held: Truths,
    joins: Mapping[str, joining.Joined],
    scored: Mapping[str, scoring.Scores],
) -> list[str]:
    said = [
        f"{name}: {joining.describe(joined.problems)}. Figures are of the other answers."
        for name, joined in joins.items()
        if joined.problems
    ]
    uncounted = sum(told not in ("OPEN", "CLOSED") for told in held.answer_types)
    if "llava-med" in spec.sets and uncounted:
        said.append(
            f"{uncounted:,} questions say neither OPEN nor CLOSED as answer_type; llava-med does not count them."
        )
    if spec.resamples and not figures.Pictures(held).known:
        said.append("The questions name no pictures: the intervals take each question for itself.")
    for name, one in scored.items():
        empty = sum(reply is not None and not reply.strip() for reply in one.replies)
        if empty:
            told = (
                "1 answer is empty; it counts" if empty == 1 else f"{empty:,} answers are empty; they count"
            )
            said.append(f"{name}: {told} as wrong.")
        kinds = Counter(filter(None, one.notes.get("judge_error", ())))
        if kinds:
            named = ", ".join(f"{count} {reason}" for reason, count in sorted(kinds.items()))
            said.append(f"{name}: the gate kept answers from the judge: {named}.")
    return said


def _images(spec: VqaSpec) -> Path:
    return spec.images or (spec.questions or spec.answers[0]).parent


def candidates_of(path: Path) -> Candidates:
    """Read candidates: LLaVA-Med's ``{"0": [...]}``, a list of answers, or a training set, whose answers are taken once.

    Raises
    ------
    InputError
        If it is none of these.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        content = None
    if isinstance(content, dict) and isinstance(content.get("0"), list):
        content = content["0"]
    if isinstance(content, list) and content and all(isinstance(one, str | int | float) for one in content):
        return Candidates(content)
    try:
        known = [truth for truth in truths.read(path).truths if truth is not None]
    except InputError:
        raise InputError(
            "The file of candidates holds no answers.",
            hint='It is a list of answers, {"0": [...]}, or a training set with references.',
        ) from None
    return Candidates(dict.fromkeys(known))


def _json(path: Path, what: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        raise InputError(f"The {what} cannot be read as JSON.", hint="Check its path and its form.") from None
